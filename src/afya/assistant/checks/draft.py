"""What a model has written for a question: sentences, each with the passages it rests on; or why there is nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class SourcePassage(Protocol):
    """What the checks need of a passage of the knowledge: its id, text and language."""

    @property
    def passage_id(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def lang(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence, and the numbers of the passages it cites: 1 is the first that the model was given."""

    text: str
    cites: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """The sentences of an answer, in order. `repaired`: they are the second try, after named checks had failed."""

    sentences: tuple[Sentence, ...]
    repaired: bool = False

    @property
    def text(self) -> str:
        """The sentences alone, one a line."""
        return "\n".join(sentence.text for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no draft, in a sentence. `code`: engine, empty, not_json, shape, length, instructions, no_answer."""

    reason: str
    code: str = "engine"
