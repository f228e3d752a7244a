"""Option scoring on a local model: every prompt is read once, and each option's tokens once behind it.

A query's prompt and options are one row of tokens with a block mask and positions that start again with each option;
neighbouring queries that begin alike (rotations of an item, few-shot prompts) may share a row. See prefix_trees.py.
Rows of like length go through the model together, the output layer at the scored positions only (output_layer.py).

Not every model can take such rows. There are three ways to read, and the first that a model shows to be true on a few
made-up queries is its way:

    packed    rows as above; a mask of four dimensions is needed
    cached    prompts first, then options behind copies of their key-value cache (cached_reading.py)
    apart     each option in a row with its prompt: works with any model, and is what the others are compared with
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.models.batching import batches, halving
from afya.models.cached_reading import read_cached, takes_cache
from afya.models.output_layer import OutputLayer
from afya.models.prefix_trees import Costs, Query, Tree, grouped, grow, size

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

_LONGEST_SHARED = 4096
# Attention reaches about a quarter of the speed of matrix products, on the CPUs and GPUs that were measured.
_PAIR_WEIGHT = 4.0
_MASKS = frozenset({"full_attention", "sliding_attention"})
# How far a way may be from reading apart: the root mean square, in parts of the spread of tokens' log-probabilities.
# A token that sees what it should not is off by half the spread and more; rounding to eight bits by some hundredths.
_TRUE = {4: 2e-3, 8: 2e-3}
_TRUE_IN_HALF = 0.2


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-probabilities (nats) of every token of each option; none with the error. `seconds` is its share of a batch's.

    They are not finite where the model's logits are not.
    """

    options: list[NDArray[np.float64]]
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    """Queries that are read in one row, and about how many tokens that has."""

    queries: tuple[int, ...]
    tokens: int


class OptionScorer:
    """Scores options on one model. Results are the same for any batch and order but for rounding."""

    def __init__(self, model: PreTrainedModel, budget: int) -> None:
        self._model: Any = model
        self._layer = OutputLayer(model)
        self._budget = budget
        config = model.config.get_text_config()
        self._window = int(getattr(config, "sliding_window", None) or 0)
        told = getattr(config, "layer_types", None)
        self._kinds = set(told or ["sliding_attention" if self._window else "full_attention"])
        self._costs = _costs(model)
        self._vocabulary = int(config.vocab_size)
        self._ways: dict[bool, str] = {}

    def score(self, queries: Sequence[Query]) -> list[Scored]:
        """Each query's options, in order. Queries that share a beginning should stand next to each other."""
        import torch

        scored: list[Scored | None] = [None] * len(queries)
        with torch.inference_mode():
            way = self.way(self._beyond_window(queries)) if queries else "apart"
            rows = self._rows(queries, way)
            for chosen in batches([row.tokens for row in rows], self._budget):
                self._score_batch([rows[index] for index in chosen], queries, way, scored)
            # In a shared row what is no number in one query spreads to its neighbours.
            for row in rows:
                if len(row.queries) > 1 and not all(_sound(scored[index]) for index in row.queries):
                    for index in row.queries:
                        self._score_batch([_Row((index,), row.tokens)], queries, way, scored)
        return [entry for entry in scored if entry is not None]

    def _score_batch(self, rows: list[_Row], queries: Sequence[Query], way: str, scored: list[Scored | None]) -> None:
        def read(part: list[_Row]) -> list[list[list[NDArray[np.float64]]]]:
            asked = [[queries[index] for index in row.queries] for row in part]
            flat = iter(self._read([query for row in asked for query in row], [len(row) for row in asked], way))
            return [[next(flat) for _ in row] for row in asked]

        started = time.perf_counter()
        results = halving(rows, read)
        share = (time.perf_counter() - started) / sum(len(row.queries) for row in rows)
        for row, result in zip(rows, results, strict=True):
            for place, index in enumerate(row.queries):
                failed = isinstance(result, str)
                scored[index] = Scored([], share, result) if failed else Scored(result[place], share)

    def way(self, beyond_window: bool = False) -> str:
        """How this model reads: "packed", "cached" or "apart"; sequences longer than its window are tried apart."""
        if beyond_window not in self._ways:
            import torch

            with torch.inference_mode():
                self._ways[beyond_window] = self._try(self._window if beyond_window else 0)
        return self._ways[beyond_window]

    # Rows ------------------------------------------------------------------------------------------------------------

    def _beyond_window(self, queries: Sequence[Query]) -> bool:
        if not self._window:
            return False
        return any(len(q.prompt) + max(len(option) for option in q.options) > self._window for q in queries)

    def _rows(self, queries: Sequence[Query], way: str) -> list[_Row]:
        if way == "packed":
            return [_Row(tuple(group), tokens) for group, tokens in grouped(queries, self._costs)]
        # Without packing, a query has as many rows as options.
        return [_Row((index,), size(query) * len(query.options)) for index, query in enumerate(queries)]

    def _read(self, queries: list[Query], groups: list[int], way: str) -> list[list[NDArray[np.float64]]]:
        """Log-probabilities by query and option; `groups` counts the queries that share each row."""
        import numpy as np

        if way == "cached":
            return read_cached(queries, self._model, self._layer, self._budget)
        trees = list(_packed(queries, groups) if way == "packed" else _apart(queries))
        width = max(len(tree) for tree in trees)
        outputs = self._layer.outputs(**self._inputs(trees, width))
        places = np.concatenate([np.asarray(tree.places) + row * width for row, tree in enumerate(trees)])
        targets = np.concatenate([tree.targets for tree in trees])
        found = self._layer.logprobs(outputs, places, targets)
        counts = [len(option) for query in queries for option in query.options]
        slots = np.concatenate([tree.slots for tree in trees])
        # Sorted by option; a stable sort keeps an option's tokens in order.
        options = iter(np.split(found[np.argsort(slots, kind="stable")], np.cumsum(counts)[:-1]))
        return [[next(options) for _ in query.options] for query in queries]

    def _inputs(self, trees: Sequence[Tree], width: int) -> dict[str, Any]:
        """The model's inputs for rows padded on the right. A pad sees what is before it; nothing else sees a pad."""
        import numpy as np
        import torch

        device = self._model.device
        ids = np.zeros((len(trees), width), dtype=np.int64)
        for row, tree in enumerate(trees):
            ids[row, : len(tree)] = tree.tokens
        inputs: dict[str, Any] = {"input_ids": torch.from_numpy(ids).to(device)}
        if not any(tree.branches for tree in trees):
            return inputs
        depths = np.zeros((len(trees), width), dtype=np.int64)
        ends = np.full((len(trees), width), width, dtype=np.int64)
        for row, tree in enumerate(trees):
            depths[row, : len(tree)] = tree.depths
            ends[row, : len(tree)] = tree.ends
        positions = torch.from_numpy(depths).to(device)
        step = torch.arange(width, device=device)
        seen = (step[None, :] <= step[:, None]) & (step[None, :, None] < torch.from_numpy(ends).to(device)[:, None])
        masks = {"full_attention": seen}
        if "sliding_attention" in self._kinds:
            near = positions[:, :, None] - positions[:, None] < self._window if self._window else True
            masks["sliding_attention"] = seen & near
        ready = {kind: self._additive(masks[kind]) for kind in sorted(self._kinds)}
        mask = ready if len(ready) > 1 else next(iter(ready.values()))
        return inputs | {"attention_mask": mask, "position_ids": positions}

    def _additive(self, seen: torch.Tensor) -> torch.Tensor:
        """(rows, 1, tokens, tokens): 0 where a token is seen, else the lowest number; every attention takes that."""
        import torch

        dtype = self._model.dtype
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, torch.finfo(dtype).min)[
            :, None
        ]

    # Ways ------------------------------------------------------------------------------------------------------------

    def _try(self, window: int) -> str:
        import numpy as np
        import torch

        queries = _probe(self._vocabulary, window)
        truth = _tokens(self._read(queries, [1] * len(queries), "apart"))
        sound = np.isfinite(truth)
        # NaN everywhere says nothing about the way; it is reported when options are scored.
        near = _TRUE.get(self._model.dtype.itemsize, _TRUE_IN_HALF) * (truth[sound].std() if sound.any() else 0.0)
        for way in ("packed", "cached"):
            if not (self._kinds <= _MASKS if way == "packed" else takes_cache(self._model, window)):
                continue
            try:
                found = _tokens(self._read(queries, [len(queries)], way))
            except torch.OutOfMemoryError:
                raise
            except Exception:  # a model's code raises whatever it raises when it cannot take an input
                continue
            far = np.sqrt(np.square(found[sound] - truth[sound]).mean()) if sound.any() else 0.0
            if np.array_equal(np.isfinite(found), sound) and far <= near:
                return way
        return "apart"


def _packed(queries: Sequence[Query], groups: Sequence[int]) -> Iterator[Tree]:
    slots = _first_slots(queries)
    start = 0
    for count in groups:
        yield grow(queries[start : start + count], slots[start : start + count])
        start += count


def _apart(queries: Sequence[Query]) -> Iterator[Tree]:
    slot = 0
    for query in queries:
        for option in query.options:
            yield grow([Query(query.prompt, [option])], [slot])
            slot += 1


def _first_slots(queries: Sequence[Query]) -> list[int]:
    slots, slot = [], 0
    for query in queries:
        slots.append(slot)
        slot += len(query.options)
    return slots


def _sound(entry: Scored | None) -> bool:
    import numpy as np

    return entry is not None and entry.error is None and all(np.isfinite(option).all() for option in entry.options)


def _tokens(scores: list[list[NDArray[np.float64]]]) -> NDArray[np.float64]:
    import numpy as np

    return np.concatenate([option for query in scores for option in query])


def _probe(vocabulary: int, window: int) -> list[Query]:
    """Made-up queries that share a beginning and have options of unlike lengths; or one that reaches over a window."""
    from random import Random

    draw = Random(0)
    ids = [draw.randrange(vocabulary) for _ in range(window + 12)]
    options = [[draw.randrange(vocabulary) for _ in range(length)] for length in (3, 1, 4, 2, 4)]
    if window:
        # As few tokens as will do: a window may hold thousands.
        return [Query(ids[: window + 4], options[:4:2])]
    return [Query(ids, options), Query([*ids[:8], *ids[2:7]], options[::-1]), Query(ids[:6], options[:3])]


def _costs(model: PreTrainedModel) -> Costs:
    """What a token and a pair of tokens cost, in operations."""
    config: Any = model.config.get_text_config()
    embeddings = model.get_input_embeddings()
    weights = sum(p.numel() for p in model.base_model.parameters()) - sum(p.numel() for p in embeddings.parameters())
    layers = int(getattr(config, "num_hidden_layers", 1) or 1)
    return Costs(2.0 * weights, _PAIR_WEIGHT * 4.0 * layers * int(config.hidden_size), _LONGEST_SHARED)
