"""The same questions to a model in any format: which token comes next, how probable each answer is.

The source reads the prompts once and says which token ids they are; every export is asked with these ids, and its own
tokenizer is asked apart whether it would have read the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from afya.errors import EngineError
from afya.models.hf import HfModel
from afya.models.prefix_trees import Query
from afya.models.rendering import encode_options, render
from afya.models.scoring import OptionScorer
from afya.training.exporting.probes import ProbeText

if TYPE_CHECKING:
    import torch

# Of each step the source tells this many of the most probable tokens; less probable ones are "less than all of these".
_KEPT = 64


@dataclass(frozen=True)
class Question:
    """A probe as the source reads it: its rendered text, token ids, and the ids of its options behind it.

    `plain` is what the source's tokenizer alone makes of the text, `decomposed` what it makes of the text in NFD.
    """

    lang: str
    text: str
    question: str
    plain: tuple[int, ...]
    decomposed: tuple[int, ...]
    options: tuple[str, ...]
    ids: tuple[int, ...]
    option_ids: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Step:
    """One greedy step of the source: its token, and the log-probabilities (nats) of the most probable tokens."""

    token: int
    logprobs: dict[int, float]

    def gap(self, other: int | None, ends: frozenset[int]) -> tuple[float, bool]:
        """How much less probable another token is (None: the end of the reply), and whether that is a lower bound."""
        best = self.logprobs[self.token]
        candidates = ends if other is None else {other}
        known = [self.logprobs[token] for token in candidates if token in self.logprobs]
        return (best - max(known), False) if known else (best - min(self.logprobs.values()), True)


@dataclass(frozen=True)
class Expected:
    """What the source says to each question: its greedy steps, and each option's log-probability (nats, a sum)."""

    questions: tuple[Question, ...]
    steps: tuple[tuple[Step, ...], ...]
    options: tuple[tuple[float, ...], ...]
    ends: frozenset[int]


class Checked(Protocol):
    """An export that is loaded."""

    def greedy(self, ids: Sequence[int], count: int, ends: frozenset[int]) -> list[int | None]:
        """Up to `count` most probable tokens behind the prompt; a reply that ends has an end token, or None, last."""
        ...

    def option_logprobs(self, question: Question) -> list[float]:
        """Each option's log-probability (nats), the sum over its tokens."""
        ...

    def reads(self, text: str) -> list[int]:
        """The token ids of a text, as the export's own tokenizer says, without any that it puts before it."""
        ...

    def close(self) -> None:
        """Let go of the model."""
        ...


def ask_source(engine: HfModel, texts: Sequence[ProbeText], count: int) -> Expected:
    """The source's answers.

    Raises EngineError when a probe cannot be asked at all (logits that are not numbers, a template that fails).
    """
    requests = [probe.request() for probe in texts]
    rendered = [render(request.prompt, engine.tokenizer) for request in requests]
    ids, option_ids = encode_options(rendered, [request.options for request in requests], engine.tokenizer)
    questions = tuple(
        Question(
            lang=probe.lang,
            text=text,
            question=probe.question,
            options=probe.options,
            plain=tuple(plain_ids(engine.tokenizer, text)),
            decomposed=tuple(plain_ids(engine.tokenizer, unicodedata.normalize("NFD", text))),
            ids=tuple(row),
            option_ids=tuple(tuple(one) for one in options),
        )
        for probe, text, row, options in zip(texts, rendered, ids, option_ids, strict=True)
    )
    scored = engine.score_options(requests)
    for question, scores in zip(questions, scored, strict=True):
        if scores.logprobs is None:
            raise EngineError(f"The source cannot answer the parity prompt in '{question.lang}': {scores.error}.")
    steps = tuple(tuple(_greedy(engine.model, question.ids, count, engine.end_ids)) for question in questions)
    return Expected(questions, steps, tuple(scores.logprobs or () for scores in scored), engine.end_ids)


def _greedy(model: Any, ids: Sequence[int], count: int, ends: frozenset[int]) -> list[Step]:
    import torch

    steps: list[Step] = []
    cache: Any = None
    given = torch.tensor([list(ids)], device=model.device)
    with torch.inference_mode():
        while len(steps) < count:
            out = model(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            steps.append(_step(out.logits[0, -1]))
            if steps[-1].token in ends:
                break
            given = torch.tensor([[steps[-1].token]], device=model.device)
    return steps


def _step(logits: torch.Tensor) -> Step:
    import torch

    logprobs = torch.log_softmax(logits.float(), -1)
    values, tokens = torch.topk(logprobs, min(_KEPT, logprobs.shape[-1]))
    if not bool(torch.isfinite(values[0])):
        raise EngineError("The source's logits are not numbers (NaN or infinite).")
    return Step(int(tokens[0]), dict(zip(tokens.tolist(), values.tolist(), strict=True)))


class SafetensorsChecked:
    """An export in the Hugging Face layout, loaded as afya loads it (the hf engine), in float32."""

    def __init__(self, folder: Path) -> None:
        from afya.models.hf import HfOptions

        self._engine = HfModel.load(str(folder), HfOptions(dtype="float32", device="cpu"))
        self._scorer = OptionScorer(self._engine.model, 1_536)

    def greedy(self, ids: Sequence[int], count: int, ends: frozenset[int]) -> list[int | None]:
        return [step.token for step in _greedy(self._engine.model, ids, count, ends)]

    def option_logprobs(self, question: Question) -> list[float]:
        found = self._scorer.score([Query(list(question.ids), [list(one) for one in question.option_ids])])[0]
        if found.error is not None:
            raise EngineError(f"The export cannot score the parity prompt in '{question.lang}': {found.error}.")
        return [float(option.sum()) for option in found.options]

    def reads(self, text: str) -> list[int]:
        return plain_ids(self._engine.tokenizer, text)

    def close(self) -> None:
        del self._scorer, self._engine


def plain_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text without the tokens that a tokenizer puts around it."""
    return list(tokenizer(text, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"])
