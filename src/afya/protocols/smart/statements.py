"""Reading a condition as the workbooks write it: "Systolic blood pressure" ≥ 140 mmHg, "HIV status" = "HIV positive".

The reader is strict: what it does not understand wholly it refuses with the reason, since half a condition is a wrong
one. It understands comparisons of a label with TRUE or FALSE, with quoted values ("A" OR "B"), with a number and its
unit, a label between two numbers, and whole comparisons joined by AND or OR or by line breaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from afya.errors import DataError

Sign = Literal["=", "!=", ">", ">=", "<", "<="]
_FLIPPED: dict[Sign, Sign] = {"=": "=", "!=": "!=", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
_SAME = str.maketrans({"“": '"', "”": '"', "„": '"', "″": '"', "\u00a0": " "})
_SIGNS = re.compile(r'("[^"]*")|(>=|<=|!=|≥|≤|≠|=|>|<)')
_SIGN: dict[str, Sign] = {"≥": ">=", "≤": "<=", "≠": "!="}
_NUMBER = re.compile(r"(\d{1,3}(?: \d{3})+(?!\d)|\d+(?:\.\d+)?)\s*(.*)")
_JOIN = re.compile(r'("[^"]*")|\b(AND|OR)\b')
_LOST_QUOTE = re.compile(r'^([^"=<>≥≤≠!]+)"\s*(?=[=<>≥≤≠!])')
_LONGEST_LABEL = 120
_LONGEST_UNIT = 30


class Unreadable(DataError):
    """A condition that cannot be read; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Is:
    """The label is one of the values, or none of them."""

    label: str
    values: tuple[str | bool, ...]
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """The label's number compared with a number in a unit."""

    label: str
    sign: Sign
    number: float
    unit: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Comparisons that must all be true, or of which one must be."""

    how: Literal["all", "any"]
    parts: tuple[Statement, ...]


Statement = Is | Compared | Joined


def read_statement(text: str) -> Statement:
    """The condition that a cell states. Raises Unreadable with the reason."""
    whole = " ".join(text.split())
    try:
        return _read(whole)
    except Unreadable:
        lines = text.split("\n")
        if len(lines) < 2:
            raise
        # Several conditions in one cell, a line each, are true together as those of several cells are.
        return Joined("all", tuple(_read(line) for line in lines))


def _read(text: str) -> Statement:
    plain = re.sub(r"^IF\s+", "", text.translate(_SAME).strip())
    plain = _LOST_QUOTE.sub(r'"\1" ', plain).replace('""', '"')
    if "#REF" in plain:
        raise Unreadable("It holds a broken cell reference.")
    if plain.count('"') % 2:
        raise Unreadable("Its quotation marks do not pair.")
    alternatives = _apart(plain, "OR")
    if len(alternatives) > 1 and all(_compares(part) for part in alternatives):
        return Joined("any", tuple(_conjunction(part) for part in alternatives))
    return _conjunction(plain)


def _conjunction(text: str) -> Statement:
    parts = _apart(text, "AND")
    if len(parts) == 1:
        return _comparison(text)
    return Joined("all", tuple(_comparison(part) for part in parts))


def _apart(text: str, word: str) -> list[str]:
    parts, start = [], 0
    for match in _JOIN.finditer(text):
        if match[2] == word:
            parts.append(text[start : match.start()].strip())
            start = match.end()
    return [*parts, text[start:].strip()]


def _compares(text: str) -> bool:
    return any(match[2] for match in _SIGNS.finditer(text))


def _comparison(text: str) -> Statement:
    pieces: list[str] = []
    signs: list[Sign] = []
    start = 0
    for match in _SIGNS.finditer(text):
        if match[2]:
            pieces.append(text[start : match.start()].strip())
            signs.append(_SIGN.get(match[2]) or match[2])  # type: ignore[arg-type]
            start = match.end()
    pieces.append(text[start:].strip())
    if not signs:
        raise Unreadable("It compares nothing (no =, ≥, ≤, >, < or ≠).")
    if len(signs) == 1:
        return _simple(pieces[0], signs[0], pieces[1])
    if len(signs) == 2:
        return _between(pieces, signs)
    raise Unreadable("It holds more than two signs of comparison.")


def _simple(left: str, sign: Sign, right: str) -> Statement:
    label = _label(left)
    truth = {"TRUE": True, "FALSE": False}.get(right.strip('"').upper())
    if sign in ("=", "!="):
        if truth is not None:
            return Is(label, (truth,), denied=sign == "!=")
        quoted = re.fullmatch(r'"([^"]+)"(?:\s+OR\s+"([^"]+)")*', right)
        if quoted:
            return Is(label, tuple(re.findall(r'"([^"]+)"', right)), denied=sign == "!=")
    number, unit = _number(right)
    if sign == "!=":
        raise Unreadable("It says which number the answer is not, which leaves all others.")
    return Compared(label, sign, number, unit)


def _between(pieces: list[str], signs: list[Sign]) -> Statement:
    low, unit = _number(pieces[0])
    high, other = _number(pieces[2])
    if unit and other and unit != other:
        raise Unreadable(f"It compares with two units, {unit} and {other}.")
    label = _label(pieces[1])
    first = Compared(label, _FLIPPED[signs[0]], low, unit or other)
    second = Compared(label, signs[1], high, other or unit)
    floor = max((part.number for part in (first, second) if part.sign in (">", ">=")), default=None)
    ceiling = min((part.number for part in (first, second) if part.sign in ("<", "<=")), default=None)
    if floor is None or ceiling is None or "=" in signs or floor >= ceiling:
        raise Unreadable("No number fits it as it is written; perhaps it means under the one or over the other.")
    return Joined("all", (first, second))


def _label(text: str) -> str:
    quoted = re.fullmatch(r'"([^"]+)"', text)
    label = " ".join((quoted[1] if quoted else text).split())
    if not label or '"' in label:
        raise Unreadable("What is compared has no clear name.")
    if not re.search(r"[^\W\d_]", label) or len(label) > _LONGEST_LABEL:
        raise Unreadable("What is compared has no clear name.")
    return label


def _number(text: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise Unreadable("It compares with something that is neither a number, TRUE, FALSE nor in quotation marks.")
    unit = match[2].strip()
    if len(unit) > _LONGEST_UNIT or '"' in unit or re.search(r"\b(ON|WHEN|IF|MORE)\b", unit):
        raise Unreadable("Words follow the number that are no unit.")
    return float(match[1].replace(" ", "")), unit
