"""The pieces of a token with figures in it, and what can be told of them in any language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import regex

from afya.text.literals import Words
from afya.text.numerals import figure, roman

Kind = Literal[
    "digits",
    "word",
    "power",
    "unit",
    "before",
    "month",
    "and",
    "range",
    "name",
    "label",
    "phrase",
    "clock",
    "filler",
    "stop",
]


class Mark(NamedTuple):
    """One piece of a token that bears on quantities.

    `value` is a number's, a power's or a month's; `key` a unit's; `raw` the digits as written (ASCII). `start` and
    `end` are offsets in the token. `sure` is False where the word is often no number ("one", "second").
    """

    kind: Kind
    value: float = 0.0
    key: str | None = None
    raw: str = ""
    start: int = 0
    end: int = 0
    sure: bool = False


# Ideographs and the like are written without blanks; a run of them is read as a whole.
_PIECE = regex.compile(
    r"(?P<eth>[\u1369-\u137C]+)|(?P<half>[½¼¾])|(?P<num>\d+(?:[.,·٫٬'’]\d+)*|(?<![\p{L}\p{N}])\.\d+)|(?P<let>\p{L}[\p{L}\p{M}]*)|(?P<other>[^\d\p{L}\s])",
    regex.VERSION1,
)

Piece = tuple[str | None, str, int, int]
"""A piece's group ("num", "let", "half", "eth", "other"), its text, start and end."""


def pieces_of(token: str) -> list[Piece]:
    """`token` cut into figures, letters and signs."""
    return [(match.lastgroup, match[0], match.start(), match.end()) for match in _PIECE.finditer(token)]


HALVES = {"½": 0.5, "¼": 0.25, "¾": 0.75}
# Ethiopic numerals: ones, tens, hundred and ten thousand.
ETHIOPIC = {
    **{chr(0x1369 + place): place + 1.0 for place in range(9)},
    **{chr(0x1372 + place): (place + 1) * 10.0 for place in range(9)},
    "\u137b": 100.0,
    "\u137c": 10_000.0,
}


def like_name(letters: str) -> bool:
    """Whether letters right before figures make a name with them: H1N1, ACE2, pp1; "Table33" is a slip of the pen."""
    tail = letters[-1]
    return tail.isupper() or (tail.isascii() and (len(letters) <= 3 or letters[1:] != letters[1:].lower()))


def numbers_of_name(kind: Kind, text: str, start: int) -> Iterator[Mark]:
    """Each run of digits in a name, as a mark of that kind."""
    for number in regex.finditer(r"\d+", text):
        kind = kind if float(number[0]) else "label"  # R0
        yield Mark(kind, float(number[0]), None, number[0], start + number.start(), start + number.end())


def between_figures(pieces: list[Piece], place: int) -> bool:
    """Whether a dash links two figures ("2-3", "20%-30%") or opens or ends a token that does ("5- 10")."""
    if place == 0 or place + 1 == len(pieces):
        return True
    before = pieces[place - 1]
    return pieces[place + 1][0] == "num" and (before[0] == "num" or before[1] in "%٪°C")


def figures(text: str, start: int, decimal: Words, thousands: Words) -> Iterator[Mark]:
    """The number that digits and their marks are, or, as in 11.03.2020, the several."""
    value = figure(text, decimal, thousands)
    if value is not None:
        yield Mark("digits", value, None, text, start, start + len(text), True)
        return
    for number in regex.finditer(r"\d+", text):
        yield Mark("digits", float(number[0]), None, number[0], start + number.start(), start + number.end(), True)


def roman_mark(letters: str) -> Mark:
    """I, V and X alone are often no numbers."""
    return Mark("word", float(roman(letters)), key="roman" if len(letters) > 1 else "ordinal", sure=len(letters) > 1)
