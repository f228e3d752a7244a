"""Option scoring on a local model: each prompt is read once, its options over the same key-value cache.

A batch goes through the model twice. First the prompts, padded on the right; the output at each prompt's end predicts
every option's first token. Then the options' own tokens, but for the last of each (it is predicted, never read), over
the prompt's cache; options that begin alike share what they read, so single letters need no second pass. The output
layer runs at scored positions only, and log-softmax is in fp32.

A model that keeps no plain key-value cache, or whose attention window is shorter than the sequences, reads prompt and
option together in one row each, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

# Logits are made in slices of about this many numbers, so that a large vocabulary does not need gigabytes.
_LOGITS_AT_ONCE = 1 << 25
_CACHED = frozenset({"full_attention", "sliding_attention"})


@dataclass(frozen=True, slots=True)
class Query:
    """A prompt and its options as token ids; neither the prompt nor an option is empty."""

    prompt: Sequence[int]
    options: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class _Read:
    """A run of tokens that one or more options begin with: behind the query's prompt."""

    query: int
    tokens: tuple[int, ...]


class OptionScorer:
    """Scores options on one model. Sums are the same for any batch but for rounding."""

    def __init__(self, model: PreTrainedModel, budget: int) -> None:
        self._model: Any = model
        self._budget = budget
        config = model.config.get_text_config()
        self._vocabulary = int(config.vocab_size)
        self.shares_prompts = set(getattr(config, "layer_types", None) or _CACHED) <= _CACHED
        self._window = int(getattr(config, "sliding_window", None) or 0)
        self._split_head: bool | None = None

    def sums(self, queries: Sequence[Query]) -> list[list[float]]:
        """The sum of log-probabilities (nats) of each option of each query; not finite where the logits are not."""
        import torch

        with torch.inference_mode():
            return self._shared(queries) if self._may_share(queries) else self._together(queries)

    def _may_share(self, queries: Sequence[Query]) -> bool:
        # A sliding window counts places, and in a batch pads lie between a prompt and its options: a sequence that
        # reaches beyond the window would lose real tokens to them.
        reach = max(len(query.prompt) for query in queries) + max(len(o) for query in queries for o in query.options)
        return self.shares_prompts and (not self._window or reach <= self._window)

    def _shared(self, queries: Sequence[Query]) -> list[list[float]]:
        import torch
        from transformers import DynamicCache

        width = max(len(query.prompt) for query in queries)
        reads = list(
            dict.fromkeys(
                _Read(index, tuple(option[:-1]))
                for index, query in enumerate(queries)
                for option in query.options
                if len(option) > 1
            )
        )
        # A cache of plain layers, whatever the model would choose: it can be copied row by row.
        cache: Any = DynamicCache() if reads else None
        ids = self._padded([query.prompt for query in queries])
        out, project = self._run(input_ids=ids, past_key_values=cache, use_cache=cache is not None)
        ends = torch.tensor([len(query.prompt) - 1 for query in queries], device=out.device)
        hidden = out[torch.arange(len(queries), device=out.device), ends]
        owners, firsts = _firsts(queries)
        totals = self._picked(hidden, owners, firsts, project)
        if reads:
            # Of like length together, so that padding stays small.
            reads.sort(key=lambda read: (-len(read.tokens), read.query, read.tokens))
            step = max(1, 2 * self._budget // (width + len(reads[0].tokens)))
            for low in range(0, len(reads), step):
                self._continue(queries, reads[low : low + step], cache, width, totals)
        flat = iter(totals.tolist())
        return [[next(flat) for _ in query.options] for query in queries]

    def _continue(
        self, queries: Sequence[Query], reads: list[_Read], cache: Any, width: int, totals: NDArray[np.float64]
    ) -> None:
        """Read what options begin with behind their prompts, and add the rest of each option to `totals`."""
        import numpy as np
        import torch
        from transformers import DynamicCache

        device = self._model.device
        rows = torch.tensor([read.query for read in reads], device=device)
        copied = DynamicCache(
            [(layer.keys.index_select(0, rows), layer.values.index_select(0, rows)) for layer in cache.layers]
        )
        ids = self._padded([read.tokens for read in reads])
        length = ids.shape[1]
        starts = torch.tensor([len(queries[read.query].prompt) for read in reads], device=device)
        steps = torch.arange(length, device=device)
        seen = torch.arange(width, device=device)[None] < starts[:, None]
        own = steps[None] < torch.tensor([len(read.tokens) for read in reads], device=device)[:, None]
        out, project = self._run(
            input_ids=ids,
            attention_mask=torch.cat([seen, own], dim=1).long(),
            position_ids=starts[:, None] + steps[None],
            past_key_values=copied,
            use_cache=True,
        )
        places: list[int] = []
        targets: list[int] = []
        slots: list[int] = []
        row_of = {read: row for row, read in enumerate(reads)}
        for slot, (index, option) in enumerate(
            (i, option) for i, query in enumerate(queries) for option in query.options
        ):
            row = row_of.get(_Read(index, tuple(option[:-1])))
            if row is not None:
                places += range(row * length, row * length + len(option) - 1)
                targets += option[1:]
                slots += [slot] * (len(option) - 1)
        hidden = out.reshape(-1, out.shape[-1])
        wanted, inverse = np.unique(np.asarray(places), return_inverse=True)
        picked = self._picked(hidden[torch.from_numpy(wanted).to(device)], inverse, np.asarray(targets), project)
        np.add.at(totals, np.asarray(slots), picked)

    def _together(self, queries: Sequence[Query]) -> list[list[float]]:
        """As `_shared`, each option in a row with its prompt. Right padding: no real token sees a pad."""
        import numpy as np
        import torch

        rows = [(query.prompt, option) for query in queries for option in query.options]
        ids = self._padded([[*prompt, *option[:-1]] for prompt, option in rows])
        out, project = self._run(input_ids=ids, use_cache=False)
        width = ids.shape[1]
        places = np.concatenate(
            [row * width + len(prompt) - 1 + np.arange(len(option)) for row, (prompt, option) in enumerate(rows)]
        )
        targets = np.concatenate([option for _, option in rows])
        hidden = out.reshape(-1, out.shape[-1])[torch.from_numpy(places).to(out.device)]
        picked = self._picked(hidden, np.arange(len(places)), targets, project)
        starts = np.cumsum([0, *(len(option) for _, option in rows)])[:-1]
        flat = iter(np.add.reduceat(picked, starts).tolist())
        return [[next(flat) for _ in query.options] for query in queries]

    def _picked(
        self,
        hidden: torch.Tensor,
        places: NDArray[np.int64],
        targets: NDArray[np.int64],
        project: Callable[[torch.Tensor], torch.Tensor],
    ) -> NDArray[np.float64]:
        """log p(target) at each place: (positions, width) outputs, indices into them, token ids -> nats."""
        import numpy as np
        import torch

        picked = np.empty(len(targets), dtype=np.float64)
        step = max(1, _LOGITS_AT_ONCE // self._vocabulary)
        for low in range(0, len(hidden), step):
            logits = project(hidden[low : low + step]).float()
            here = np.flatnonzero((places >= low) & (places < low + step))
            at = torch.from_numpy(places[here] - low).to(logits.device)
            of = torch.from_numpy(targets[here]).to(logits.device)
            values = logits[at, of] - torch.logsumexp(logits, dim=-1)[at]
            picked[here] = values.double().cpu().numpy()
        return picked

    def _padded(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        import numpy as np
        import torch

        table = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
        for index, row in enumerate(rows):
            table[index, : len(row)] = row
        return torch.from_numpy(table).to(self._model.device)

    def _run(self, **inputs: Any) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
        """(rows, tokens, width) outputs of the model's body, and the layer that makes logits of them.

        Some models do more between the two (scaling, capping). The first call compares with the model's own logits, and
        where they differ the model's own are used from then on.
        """
        head, body = self._model.get_output_embeddings(), self._model.base_model
        if self._split_head is None:
            self._split_head = self._splits(head, body, inputs["input_ids"])
        if self._split_head:
            return body(**inputs).last_hidden_state, head
        return self._model(**inputs).logits, lambda logits: logits

    def _splits(self, head: Any, body: Any, ids: torch.Tensor) -> bool:
        if head is None or body is self._model:
            return False
        probe = ids[:1, : min(8, ids.shape[1])]
        whole = self._model(input_ids=probe, use_cache=False).logits.float()
        parts = head(body(input_ids=probe, use_cache=False).last_hidden_state).float()
        if whole.shape != parts.shape:
            return False
        # Logits that are no numbers are found again, and reported, when options are scored.
        apart = (parts - whole).abs().nan_to_num().max()
        return bool(apart <= 1e-3 * whole.abs().nan_to_num().max().clamp(min=1e-6))


def _firsts(queries: Sequence[Query]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every option in order: the index of its query, and its first token."""
    import numpy as np

    owners = [index for index, query in enumerate(queries) for _ in query.options]
    tokens = [option[0] for query in queries for option in query.options]
    return np.asarray(owners, dtype=np.int64), np.asarray(tokens, dtype=np.int64)
