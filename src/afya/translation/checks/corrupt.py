"""Seeded faults in translations, and how many of them a check finds: what docs/translation-checks.md counts.

Each corruption changes what a text says: a figure is lost, two change places, one grows tenfold, a unit is another.
Names with digits (COVID-19) are left alone. `corruption` is how other checks add kinds of their own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from afya.statistics.intervals import wilson
from afya.text.measures import measures
from afya.text.number_context import DAY, YEAR, Measure
from afya.text.numerals import number_file, shared_data
from afya.translation.checks.verdict import PairCheck

Corruption = Callable[[str, str, random.Random], str | None]

_MARKS = frozenset(".,·٫٬'’ \u00a0\u2009\u202f")
_CORRUPTIONS: dict[str, Corruption] = {}

DROP_NUMBER, SWAP_NUMBERS, TIMES_TEN, CHANGE_UNIT = "drop_number", "swap_numbers", "times_ten", "change_unit"
KINDS: tuple[str, ...] = (DROP_NUMBER, SWAP_NUMBERS, TIMES_TEN, CHANGE_UNIT)
"""The kinds of quantity faults. `kinds()` also has those that other modules registered."""


def corruption(kind: str) -> Callable[[Corruption], Corruption]:
    """Registers a function (text, language, randomness) -> corrupted text, or None where it cannot be done."""

    def register(function: Corruption) -> Corruption:
        if kind in _CORRUPTIONS and _CORRUPTIONS[kind] is not function:
            raise ValueError(f"The corruption '{kind}' is registered twice.")
        _CORRUPTIONS[kind] = function
        return function

    return register


def kinds() -> tuple[str, ...]:
    """All kinds registered so far, the quantity faults first."""
    return tuple(_CORRUPTIONS)


def corrupt(text: str, lang: str, kind: str, rng: random.Random) -> str | None:
    """`text` with one fault of the kind in it, or None where it has nothing such a fault could be made of.

    Raises:
        ValueError: the kind is unknown.
        ConfigError: the language has no number words.
    """
    if kind not in _CORRUPTIONS:
        raise ValueError(f"Unknown corruption '{kind}'; there are: {', '.join(_CORRUPTIONS)}.")
    return _CORRUPTIONS[kind](text, lang, rng)


def _figures(text: str, lang: str) -> list[Measure]:
    found = [one for one in measures(text, lang, spans=True) if one.kind == "figure" and one.raw]
    # Ethiopic numerals and fractions are figures too, but have no places to move or swap.
    return [one for one in found if all(char.isdecimal() or char in _MARKS for char in text[slice(*one.span)])]


@corruption(DROP_NUMBER)
def _drop_number(text: str, lang: str, rng: random.Random) -> str | None:
    # "1 million" without its 1 is a million still.
    found = [one for one in _figures(text, lang) if one.raw != "1" or one.value == 1]
    if not found:
        return None
    start, end = rng.choice(found).span
    return text[:start] + text[end:]


@corruption(SWAP_NUMBERS)
def _swap_numbers(text: str, lang: str, rng: random.Random) -> str | None:
    found = _figures(text, lang)
    pairs = [(one, two) for place, one in enumerate(found) for two in found[place + 1 :] if one.value != two.value]
    # "2020 March 11" is the 11 March 2020 still.
    pairs = [(one, two) for one, two in pairs if {one.unit, two.unit} != {DAY, YEAR}]
    if not pairs:
        return None
    (start, end), (start_two, end_two) = (one.span for one in rng.choice(pairs))
    return text[:start] + text[start_two:end_two] + text[end:start_two] + text[start:end] + text[end_two:]


@corruption(TIMES_TEN)
def _times_ten(text: str, lang: str, rng: random.Random) -> str | None:
    found = [one for one in _figures(text, lang) if one.value]
    if not found:
        return None
    start, end = rng.choice(found).span
    return text[:start] + tenfold(text[start:end]) + text[end:]


def tenfold(figure: str) -> str:
    """Ten times what written figures say, in the same digits and marks: 15 -> 150, 1,500 -> 15,000, 0.25 -> 2.5."""
    digits = "".join(char for char in figure if char.isdigit())
    marks = [char for char in figure if not char.isdigit()]
    zero = chr(ord(digits[-1]) - int(digits[-1]))
    tail = len(figure) - 1 - max((place for place, char in enumerate(figure) if not char.isdigit()), default=-1)
    if marks and (tail != 3 or digits[0] == zero):
        # A decimal mark: it moves by one place.
        whole = digits[: len(digits) - tail + 1].lstrip(zero) or zero
        rest = digits[len(digits) - tail + 1 :]
        return whole + (marks[-1] + rest if rest else "")
    grown = digits + zero
    if not marks:
        return grown
    first = len(grown) % 3 or 3
    groups = [grown[:first], *(grown[place : place + 3] for place in range(first, len(grown), 3))]
    return marks[0].join(groups)


@corruption(CHANGE_UNIT)
def _change_unit(text: str, lang: str, rng: random.Random) -> str | None:
    words = number_file(lang).units
    units = shared_data().units
    found = []
    for one in _figures(text, lang):
        if one.unit_span is None or one.unit is None:
            continue
        start, end = one.unit_span
        symbol = text[start:end] in units[one.unit].symbols
        for other in units[one.unit].mistaken_for:
            names = units[other].symbols if symbol else words.get(other, ())
            if names and names[0] != text[start:end]:
                found.append((start, end, names[0]))
    if not found:
        return None
    start, end, name = rng.choice(found)
    return text[:start] + name + text[end:]


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of `n`, with the 95% interval of Wilson."""

    count: int
    n: int

    @property
    def share(self) -> float:
        return self.count / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.share, self.n) if self.n else (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Measured:
    """A check on pairs of one direction: alarms on the pairs as they are, and faults found, by kind.

    Faults are seeded only in pairs that passed, so that no false alarm counts as a find.
    """

    source: str
    target: str
    alarms: Rate
    caught: Mapping[str, Rate]

    @property
    def caught_in_all(self) -> Rate:
        return Rate(sum(rate.count for rate in self.caught.values()), sum(rate.n for rate in self.caught.values()))


def measure(
    pairs: Iterable[tuple[str, str]],
    source: str,
    target: str,
    seed: int,
    *,
    check: PairCheck | None = None,
    seeded: Sequence[str] = KINDS,
) -> Measured:
    """Alarms and finds of `check` (None: the quantities) on (source text, translation) pairs; the same for one seed.

    Each kind is seeded once in each pair that allows it.

    Raises:
        ConfigError: the language of the translations has no number words.
        ValueError: a kind is unknown.
    """
    from afya.translation.checks import quantities

    judge = check if check is not None else quantities.make(source, target)
    read = alarms = 0
    found = dict.fromkeys(seeded, 0)
    made = dict.fromkeys(seeded, 0)
    for place, (text, translation) in enumerate(pairs):
        read += 1
        if not judge(text, translation).passed:
            alarms += 1
            continue
        for kind in seeded:
            fault = corrupt(translation, target, kind, random.Random(f"{seed}/{kind}/{place}"))
            if fault is not None and fault != translation:
                made[kind] += 1
                found[kind] += not judge(text, fault).passed
    return Measured(source, target, Rate(alarms, read), {kind: Rate(found[kind], made[kind]) for kind in seeded})
