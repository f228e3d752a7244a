"""What a translator is asked, and what it answers: plain records and one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Which engine: a readable name ("ct2:nllb-200-distilled-600M"), its kind, and a hash of what shapes its output.

    `licence` is the SPDX identifier of the model or data the engine runs on, None where it is not known;
    `non_commercial` says whether rows it made may not be used commercially (None: not known).
    """

    name: str
    engine: str
    sha256: str
    licence: str | None = None
    non_commercial: bool | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """A glossary entry found in a text: the source term as it stands there, and how it is said in the target language.

    `target` None: the term is kept as it is (do not translate).
    """

    source: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Translation:
    """A text's translation, or why there is none (`error`; the text is then "").

    `score` is the engine's own, on its own scale (mean log-probability of a token for neural engines, similarity 0 to 1
    for a translation memory), None where it has none. `note` tells a person what the text rests on, such as the match
    of a translation memory.
    """

    text: str
    engine: str
    score: float | None = None
    error: str | None = None
    note: str | None = None


class Translator(Protocol):
    """An engine that translates. Language codes are afya's own everywhere.

    `translate` answers in the order of the texts, one answer a text. What goes wrong with one text is the `error` of
    its answer; what makes every answer impossible is an EngineError; a pair it does not have is a ConfigError that
    lists what it has.
    """

    @property
    def identity(self) -> EngineIdentity: ...

    @property
    def uses_hints(self) -> bool:
        """Whether `hints` changes anything; most engines take none."""
        ...

    def pairs(self) -> frozenset[tuple[str, str]]:
        """The (source, target) pairs of afya codes that the engine declares."""
        ...

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]: ...

    def close(self) -> None:
        """Let go of processes, connections and memory."""
        ...
