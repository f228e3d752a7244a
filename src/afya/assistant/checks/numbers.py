"""Whether every number of a sentence stands, with its unit, in a passage it cites or is the formulary's own dose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

import regex

from afya.assistant.checks.draft import Sentence, SourcePassage
from afya.assistant.checks.stated_doses import frequencies, tells_to_give
from afya.text.measures import measures
from afya.text.normalise import fold_marks, normalise
from afya.text.number_context import Measure
from afya.text.numerals import shared_data
from afya.text.sentences import sentences
from afya.text.words import words

Span = tuple[int, int]
_FRACTION = regex.compile(r"(?<![\d/])\d\s?/\s?\d(?![\d/])")
_DIGITS = regex.compile(r"\d+")
_STEM = 5
# How much of a sentence may differ from one of the passage that is still the same sentence.
_NEARLY = 0.1
_TIMES = frozenset({"hour", "day", "week", "month", "year"})
_RETOLD = frozenset({"month", "year", "kg"})


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A number in the smallest unit of its dimension, whether it opens or ends a range, and the words beside it."""

    value: float
    dimension: str | None
    partner: float | None
    beside: frozenset[str]
    shown: str
    span: Span
    unit: str | None = None
    rate: str | None = None


def fault(
    sentence: Sentence, cited: Sequence[SourcePassage], lang: str, right: Sequence[Span] = (), question: str = ""
) -> str | None:
    """The numbers of the sentence that nothing supports; None where all are.

    `right`: places of doses that the formulary allows; their numbers need no passage. `question`: its ages and weights
    may be said again, but not where the sentence tells to give something. Raises ConfigError where the numbers of a
    language cannot be read.
    """
    text = normalise(sentence.text)
    asked = [
        one
        for one in _quantities(text, lang)
        if not any(low <= one.span[0] and one.span[1] <= high for low, high in right)
    ]
    given: list[_Quantity] = []
    often: set[tuple[str, float]] = set()
    figures: set[str] = set()
    for passage in cited:
        shown = normalise(passage.text)
        code = passage.lang.partition("-")[0]
        given += _quantities(shown, code)
        often |= {(role, value) for role, value, *_ in frequencies(shown, code)}
        figures |= set(_DIGITS.findall(shown))
    if question and not tells_to_give(text, lang):
        given += [one for one in _quantities(normalise(question), lang) if one.unit in _RETOLD]
    same = {passage.lang.partition("-")[0] for passage in cited} == {lang}
    missing = [one.shown for one in asked if not any(_same(one, other, words_too=same) for other in given)]
    for role, value, start, end in frequencies(text, lang):
        if (role, value) not in often and not any(low <= start and end <= high for low, high in right):
            missing.append(text[start:end])
    for match in _DIGITS.finditer(text):
        # What is read as no number (digits inside words, fractions) must stand in the passage by its digits.
        covered = any(one.span[0] <= match.start() < one.span[1] for one in asked)
        formulary = any(low <= match.start() < high for low, high in right)
        if not covered and not formulary and match[0] not in figures:
            missing.append(match[0])
    if missing:
        return f"not in the passages: {', '.join(dict.fromkeys(missing))}."
    lost = _lost(text, cited)
    return f"the passage's sentence has {', '.join(lost)}, which is left out here." if lost else None


def _lost(text: str, cited: Sequence[SourcePassage]) -> list[str]:
    """The figures that the same sentence of a passage has and this one has not: "for days" of "for 6 days"."""
    mine = Counter(_DIGITS.findall(text))
    bare = _DIGITS.sub("", text)
    for passage in cited:
        for piece in sentences(normalise(passage.text), passage.lang.partition("-")[0]):
            left_out = Counter(_DIGITS.findall(piece)) - mine
            other = _DIGITS.sub("", piece)
            alike = abs(len(other) - len(bare)) <= _NEARLY * len(bare)
            if left_out and alike and SequenceMatcher(None, bare, other, autojunk=False).ratio() >= 1 - _NEARLY / 2:
                return list(left_out)
    return []


def _quantities(text: str, lang: str) -> list[_Quantity]:
    found: list[_Quantity] = []
    read = measures(text, lang, spans=True)
    fractions = [match.span() for match in _FRACTION.finditer(text)]
    for place, measure in enumerate(read):
        if any(low <= measure.span[0] < high for low, high in fractions):
            continue
        if not measure.sure and measure.unit is None and measure.kind in ("article", "word", "name", "label", "month"):
            continue
        partner = None
        if measure.linked and place:
            partner = read[place - 1].value
        elif place + 1 < len(read) and read[place + 1].linked:
            partner = read[place + 1].value
        found.append(_quantity(text, measure, partner, lang))
    for low, high in fractions:
        top, below = (int(figure) for figure in _DIGITS.findall(text[low:high]))
        value = top / below if below else float(top)
        found.append(_Quantity(value, None, None, _beside(text, low, high), text[low:high], (low, high)))
    return found


def _quantity(text: str, measure: Measure, partner: float | None, lang: str) -> _Quantity:
    units = shared_data().units
    unit = units.get(measure.unit) if measure.unit is not None else None
    size = float(unit.size) if unit is not None else 1.0
    # An age or a time in weeks may be told in days; "calendar" units and shares keep their own names.
    dimension = None if measure.unit is None else unit.dimension if unit is not None else measure.unit
    if dimension == "other":
        dimension = measure.unit
    start, end = measure.span
    if measure.unit_span is not None:
        start, end = min(start, measure.unit_span[0]), max(end, measure.unit_span[1])
    return _Quantity(
        round(measure.value * size, 6),
        dimension,
        None if partner is None else round(partner * size, 6),
        _beside(text, *measure.span),
        text[start:end],
        measure.span,
        measure.unit,
        _rate(text, measure.span[1], lang),
    )


def _rate(text: str, end: int, lang: str) -> str | None:
    """The time behind a count ("4 times a year"), by its unit; None where the next words name none."""
    following = [word.plain for word in words(text[end : end + 40])][:3]
    return next((unit for word in following if (unit := _time(word, lang)) is not None), None)


@lru_cache(maxsize=4096)
def _time(word: str, lang: str) -> str | None:
    found = [measure.unit for measure in measures(f"2 {word}", lang) if measure.unit in _TIMES]
    return found[0] if found else None


def _beside(text: str, start: int, end: int) -> frozenset[str]:
    """The beginnings of the words next to a number: of those without a unit they say what is counted."""
    before = [word.plain for word in words(text[max(0, start - 40) : start])][-2:]
    after = [word.plain for word in words(text[end : end + 40])][:2]
    return frozenset(fold_marks(word)[:_STEM] for word in (*before, *after) if len(word) > 2)


def _same(asked: _Quantity, given: _Quantity, *, words_too: bool) -> bool:
    if asked.value != given.value or asked.dimension != given.dimension or asked.partner != given.partner:
        return False
    if asked.dimension is not None or not words_too:
        return True
    if asked.rate != given.rate:
        return False
    return bool(asked.beside & given.beside) or not asked.beside
