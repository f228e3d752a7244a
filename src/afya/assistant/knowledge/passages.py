"""What knowledge is made of: a passage with where it is from, a hit with why it was found."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Literal

from afya.runs import sha256_text

Origin = Literal["pack", "added", "expert"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that can be quoted and cited.

    `source` is the file or address it is from, `section` the headings above it joined by " > ", `page` as the document
    counts it ("12", "12-13"); `expires` an ISO date from which it is no longer used. `flagged`: it speaks to a language
    model rather than about health. Unknown values are None.
    """

    passage_id: str
    text: str
    lang: str
    title: str
    section: str | None
    page: str | None
    source: str
    publisher: str | None
    licence: str
    version: str | None
    reviewed: bool
    expires: str | None
    authors: tuple[str, ...]
    origin: Origin = "added"
    flagged: bool = False

    def as_dict(self) -> dict[str, object]:
        """The passage as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in _fields(self)}

    def expired(self, today: date) -> bool:
        """Whether it must no longer be used on this day."""
        return self.expires is not None and self.expires <= today.isoformat()


def _fields(passage: Passage) -> list[tuple[str, object]]:
    return [(name, getattr(passage, name)) for name in Passage.__slots__]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found.

    `score` is in [0, 1] and means the same in every language and collection: how much of what the question asks about
    stands in the passage, weighted by how rare each word is. `matched` and `missing` are the question's content words
    that do and do not stand there. `by`: whether the question as written or its pivot text found it. `coverage` is the
    weight of the matched words, `focus` that of those within a few words of each other, `headed` that of those in the
    heading, all as shares of the whole question; `rarest` how well the question's most telling word is met, `asked` how
    many telling words it has. `dense_score` is the cosine to the pivot text, or None where no encoder was asked.
    """

    passage: Passage
    score: float
    dense_score: float | None
    matched: tuple[str, ...]
    missing: tuple[str, ...] = ()
    coverage: float = 0.0
    focus: float = 0.0
    headed: float = 0.0
    rarest: float = 0.0
    asked: int = 0
    by: Literal["source", "pivot"] = "source"


def passage_id(text: str, lang: str) -> str:
    """The name of a passage: the same words in the same language are the same passage, wherever they stand."""
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    return sha256_text(f"{lang}\n{plain}")[:16]
