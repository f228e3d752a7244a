"""What the two neural engines share: options, batching by tokens, limits that are never silent, scores.

An engine brings a `Decoder`; everything a caller sees is made here, so that ct2: and hf: answer alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from afya.errors import EngineError
from afya.models.batching import batches
from afya.runs import canonical, sha256_text
from afya.translation.base import EngineIdentity, Hint, Translation
from afya.translation.checkpoint import Checkpoint
from afya.translation.codes import unsupported
from afya.translation.families import Layout, find_family, find_languages, find_pairs
from afya.translation.licensing import licence_of
from afya.translation.pieces import Pieces


class NeuralOptions(BaseModel):
    """Settings of both neural engines.

    `source` and `target` name the languages of a model that does not say (codes, with commas between several).
    `max_length` bounds a text and its translation in tokens (None: the model's positions, or 1,024 where it has no such
    bound); `max_ratio` bounds the translation's tokens by the text's, with 32 tokens to spare. What exceeds either is
    an error of that text, never cut. `beam_size` 1 is greedy. `revision` chooses a version of a hub repository.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: str = "auto"
    beam_size: int = Field(default=1, ge=1, le=64)
    batch_tokens: int | None = Field(default=None, ge=1)
    max_length: int | None = Field(default=None, ge=2)
    max_ratio: float = Field(default=4.0, gt=0)
    threads: int = Field(default=0, ge=0)
    source: str | None = None
    target: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One text as the decoder gets it: the encoder's tokens, and those the decoder must begin with."""

    source: list[str]
    prefix: list[str]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The tokens a decoder wrote, without prefix and end.

    `score` is the mean log-probability of these tokens and the end (nats); `ended` whether it wrote the end.
    """

    tokens: list[str]
    score: float
    ended: bool


class Decoder(Protocol):
    """Runs batches. `begin` starts one and returns a call that waits for it, so that an engine may run several."""

    def begin(self, rows: Sequence[Row], limit: int) -> Callable[[], list[Decoded]]: ...

    def close(self) -> None: ...


_DEFAULT_LENGTH = 1024
_SPARE = 32


def read_layout(pieces: Pieces, options: NeuralOptions, name: str, *, source_eos: bool = True) -> Layout:
    """A model's layout from its vocabulary and the user's word. Raises ConfigError for languages it does not have."""
    family = find_family(pieces.vocabulary)
    languages = find_languages(family, pieces.vocabulary)
    pairs = find_pairs(family, languages, source=options.source, target=options.target, told=pieces.told, name=name)
    return Layout(
        family=family,
        languages=languages,
        pairs=pairs,
        eos=pieces.eos if source_eos else "",
        last=pieces.last,
        lead={code: pieces.lead(token) for code, token in languages.items()} if family.told == "target" else {},
    )


def identify(engine: str, checkpoint: Checkpoint, layout: Layout, shaping: dict[str, Any]) -> EngineIdentity:
    """The identity of a loaded engine: its hash covers the model's files and every setting that shapes an answer."""
    licence, non_commercial = licence_of(checkpoint.folder, layout.family.name, checkpoint.name)
    key = canonical({"engine": engine, "model": checkpoint.sha256, "family": layout.family.name, **shaping})
    return EngineIdentity(f"{engine}:{checkpoint.name}", engine, sha256_text(key), licence, non_commercial)


class NeuralTranslator:
    """A sequence-to-sequence model behind the `Translator` protocol.

    Args:
        positions: how many tokens the model can number on each side, None where it has no such bound.
        batch_tokens: source tokens of a batch, padding included, where the options do not say.
    """

    uses_hints = False

    def __init__(
        self,
        identity: EngineIdentity,
        pieces: Pieces,
        layout: Layout,
        decoder: Decoder,
        options: NeuralOptions,
        *,
        positions: int | None,
        batch_tokens: int,
    ) -> None:
        self._identity = identity
        self.pieces = pieces
        self.layout = layout
        self.decoder = decoder
        self._length = min(value for value in (options.max_length, positions, 10**9) if value is not None)
        if options.max_length is None and positions is None:
            self._length = _DEFAULT_LENGTH
        self._ratio = options.max_ratio
        self._budget = options.batch_tokens or batch_tokens

    @property
    def identity(self) -> EngineIdentity:
        return self._identity

    def pairs(self) -> frozenset[tuple[str, str]]:
        return self.layout.pairs

    def close(self) -> None:
        self.decoder.close()

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        """One answer a text, in order; `hints` change nothing. Raises ConfigError for a pair it does not have."""
        if (source, target) not in self.layout.pairs:
            raise unsupported(self._identity.name, source, target, self.layout.pairs)
        rows = self.rows(texts, source, target)
        answers: list[Translation | None] = [self._refusal(text, row) for text, row in zip(texts, rows, strict=True)]
        waiting = [index for index, answer in enumerate(answers) if answer is None]
        results = self._run([rows[index] for index in waiting])
        for index, result in zip(waiting, results, strict=True):
            answers[index] = self._answer(rows[index], result)
        return [answer for answer in answers if answer is not None]

    def rows(self, texts: Sequence[str], source: str, target: str) -> list[Row]:
        """The tokens of each text as the model is given them."""
        prefix = self.layout.prefix(target)
        return [Row(self.layout.source(pieces, source, target), prefix) for pieces in self.pieces.encode(texts)]

    def _refusal(self, text: str, row: Row) -> Translation | None:
        if not text.strip():
            return Translation("", self._identity.name, note="The text is blank.")
        if len(row.source) > self._length:
            return self._failed(
                f"the text has {len(row.source)} tokens and the model takes {self._length}: split it into sentences"
            )
        # A bare "▁" is only the space that sentencepiece puts before a text.
        bare = {self.layout.eos, self.pieces.unk, "▁", *self.layout.languages.values()}
        if bare.issuperset(row.source):
            return self._failed("the model knows no piece of the text, which may be in another language or script")
        return None

    def _failed(self, error: str) -> Translation:
        return Translation("", self._identity.name, error=error)

    def limit(self, row: Row) -> int:
        """The most tokens a row's translation may have, its end included."""
        return max(1, min(self._length - 1 - len(row.prefix), math.ceil(self._ratio * len(row.source)) + _SPARE))

    def _run(self, rows: list[Row]) -> list[Decoded | str]:
        """Each row's result, or why there is none, whatever batches they were run in."""
        results: list[Decoded | str] = [""] * len(rows)
        begun = []
        for part in batches([len(row.source) for row in rows], self._budget):
            chosen = [rows[index] for index in part]
            begun.append((part, self._begin(chosen)))
        for part, wait in begun:
            for index, result in zip(part, wait(), strict=True):
                results[index] = result
        return results

    def _begin(self, rows: list[Row]) -> Callable[[], list[Decoded | str]]:
        limit = max(self.limit(row) for row in rows)

        def failed(error: Exception) -> list[Decoded | str]:
            if len(rows) > 1:
                middle = len(rows) // 2
                halves = self._begin(rows[:middle])(), self._begin(rows[middle:])()
                return [*halves[0], *halves[1]]
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return [f"the engine failed on this text: {first}"]

        try:
            wait = self.decoder.begin(rows, limit)
        except (RuntimeError, ValueError, MemoryError) as error:
            problem = error
            return lambda: failed(problem)

        def finish() -> list[Decoded | str]:
            try:
                return list(wait())
            except (RuntimeError, ValueError, MemoryError) as error:
                # What did not fit in a batch may fit in halves; what fails alone is that text's error.
                problem = error
            return failed(problem)

        return finish

    def _answer(self, row: Row, result: Decoded | str) -> Translation:
        if isinstance(result, str):
            return self._failed(result)
        if not math.isfinite(result.score):
            return self._failed("the model's scores are not numbers")
        # The batch's limit may be above the text's own: an answer must not depend on its neighbours.
        if not result.ended or len(result.tokens) + 1 > self.limit(row):
            return self._failed(f"the translation did not end within {self.limit(row)} tokens")
        text = self.pieces.decode(result.tokens)
        if not text:
            return self._failed("the model wrote an empty translation")
        unknown = sum(piece == self.pieces.unk for piece in row.source)
        note = f"{unknown} of {len(row.source)} pieces of the text are unknown to the model." if unknown else None
        return Translation(text, self._identity.name, score=result.score, note=note)


def refuse_device(device: str, error: Exception) -> EngineError:
    """The error for a device that a library does not have."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return EngineError(f"The device '{device}' cannot be used ({first}).", hint="Use device=cpu or device=auto.")
