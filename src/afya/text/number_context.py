"""What stands beside the numbers of a text: units, what makes a date of them, and what links them to ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from afya.text.number_lexicon import DOSES, Lexicon
from afya.text.number_marks import Placed
from afya.text.number_pieces import Mark

Kind = Literal["figure", "word", "article", "power", "month", "name", "label"]
MONTH, DAY, YEAR = "month_of_year", "day_of_month", "year_of_era"
_NOT_OF_YEARS = frozenset({"hour", "minute", "second", "day", "week", "month", "percent"})
_DAYS = frozenset(float(day) for day in range(1, 32))
_LINKS = frozenset({"and", "range", "stop"})
DATED = frozenset({MONTH, "century"})
_CENTURY, _DECADE = "century", "decade"


@dataclass(slots=True)
class Measure:
    """A number in a text.

    `unit` is a key of numbers/units.yaml or None. `sure`: it is a number for certain, and so must have its like in a
    translation; what is not sure ("one", the 19 of COVID-19) only may. `raw` are its figures as written, in ASCII,
    or "". `other` is a second reading ("mia tano" is 500, or 100 and 5). `start` and `end` count tokens, or characters
    where a language has no blanks; `span` and `unit_span` are character offsets of the figures and of the unit's word,
    where they were asked for. `linked`: it ends a range ("2-3 days"). `power` is what words multiply its figures by
    ("3 million"), `only_power`: it is such a word alone.
    """

    value: float
    kind: Kind
    sure: bool
    raw: str
    start: int
    end: int
    span: tuple[int, int]
    other: float | None = None
    unit: str | None = None
    unit_span: tuple[int, int] | None = None
    linked: bool = False
    only_power: bool = False
    power: float = 1.0


@dataclass(slots=True)
class UnitWord:
    key: str
    start: int
    end: int
    span: tuple[int, int]
    leads: bool = False
    taken: bool = False


Part = Measure | UnitWord | Mark


def gap(words: Lexicon, before: Placed | Measure | UnitWord, after: Placed | Measure | UnitWord) -> int:
    """How much stands between two, in tokens; where there are no blanks one blank or sign does not count."""
    between = after.start - before.end
    return between if words.spaced else between - 1


def attach(parts: list[Part], words: Lexicon) -> None:
    """Gives each number the unit beside it: symbols first, then the language's side, then the other."""
    places: list[int] = []
    links: set[str] = set()
    units = False
    for place, part in enumerate(parts):
        if type(part) is Measure:
            places.append(place)
        elif type(part) is UnitWord:
            units = True
        elif type(part) is Mark:
            links.add(part.kind)
    if units:
        last = len(parts) - 1
        for place in places:
            # Written together, or a sign: "10mg", "20 %".
            number, after = parts[place], parts[place + 1] if place < last else None
            if type(number) is Measure and type(after) is UnitWord and after.start < number.end:
                _give(number, after)
    if "clock" in links:
        _clocks(parts)
    if units:
        own = -1 if words.data.unit_first else 1
        for side in (own, -own):
            for place in places:
                number = parts[place]
                if type(number) is Measure and number.unit is None:
                    _reach_unit(parts, place, number, side, own, words)
    if len(places) > 1 and not links.isdisjoint(_LINKS):
        _share(parts, words)


def _reach_unit(parts: list[Part], place: int, number: Measure, side: int, own: int, words: Lexicon) -> None:
    """Gives the number at `place`, which has none yet, the unit on one side of it, if one is near enough."""
    if number.kind in ("name", "label"):
        return
    near = place + side
    while 0 <= near < len(parts) and _seen_through(parts[near], side):
        near += side
    unit = parts[near] if 0 <= near < len(parts) else None
    if type(unit) is not UnitWord or unit.taken:
        return
    # Where units follow, only some words stand before: "aged 40".
    if (side < 0 and not (unit.leads or words.data.unit_first)) or (side > 0 and unit.leads):
        return
    if is_year(number) and unit.key in _NOT_OF_YEARS:
        return
    between = gap(words, number, unit) if side > 0 else gap(words, unit, number)
    if between <= (1 if unit.leads or (words.spaced and side == own) else 0):
        _give(number, unit)


def _is_day(number: Measure) -> bool:
    return number.kind == "figure" and number.unit in (None, "day") and number.value in _DAYS


def is_year(number: Measure) -> bool:
    return number.kind == "figure" and 1700 <= number.value <= 2100 and len(number.raw) == 4


def _among_years(number: Measure, words: Lexicon, tokens: Sequence[str]) -> bool:
    """Whether the words around a figure are those that stand with years ("in 2003", "2003 में")."""
    data = words.data
    if not (data.before_years or data.after_years) or not words.spaced:
        return False
    first, last = number.start, number.end
    return (first > 0 and words.plain(tokens[first - 1]) in words.before_years) or (
        last < len(tokens) and words.plain(tokens[last]) in words.after_years
    )


def date_parts(parts: list[Part], words: Lexicon, tokens: Sequence[str]) -> list[Part]:
    """Days and years of dates told from counts; "2010-11" and "20世纪60年代" read in full."""
    kept: list[Part] = []
    before: Measure | None = None
    adjacent = filled = False
    for part in parts:
        if type(part) is not Measure:
            kept.append(part)
            adjacent = False
            filled = isinstance(part, Mark) and part.kind == "filler"
            continue
        if before is not None:
            if part.unit == _DECADE and before.unit == _CENTURY and part.value < 100:
                part.value += (before.value - 1) * 100
                part.unit, part.raw = YEAR, ""
                kept.remove(before)
            elif (
                part.linked
                and len(part.raw) == 2
                and is_year(before)
                and before.value % 100 < part.value
                and part.unit in (None, "year")
            ):
                part.value += before.value - before.value % 100
                part.unit = before.unit
        if is_year(part) and part.unit in (None, "year", _DECADE):
            told = part.unit is not None or _among_years(part, words, tokens)
            part.unit, part.unit_span = YEAR if told else None, None
        if before is not None and gap(words, before, part) <= (2 if filled else 1):
            for one, other in ((before, part), (part, before)):
                if one.unit not in (MONTH, DAY):
                    continue
                if one.unit == MONTH and _is_day(other):
                    other.unit, other.unit_span = DAY, None
                elif other.unit is None and is_year(other):
                    other.unit = YEAR
                elif other.unit is None and other.kind == "figure" and gap(words, before, part) <= 1 and adjacent:
                    other.unit = DAY
        before, adjacent, filled = part, True, False
        kept.append(part)
    # "3 and 4 February": both are days.
    for place in range(len(kept) - 2, 0, -1):
        last, link, first = kept[place + 1], kept[place], kept[place - 1]
        if not (type(last) is Measure and last.unit == DAY and type(first) is Measure and isinstance(link, Mark)):
            continue
        if link.kind in ("and", "range") and _is_day(first) and gap(words, first, last) <= 1:
            first.unit = DAY
    return kept


def _seen_through(part: Part, side: int) -> bool:
    """Whether a unit may stand beyond: after "and", and after the bracket in "5 (2-9) days"."""
    return isinstance(part, Mark) and (part.kind == "and" or (side > 0 and part.raw == ")"))


def _clocks(parts: list[Part]) -> None:
    """8:00 is a time of day, whatever word stands beside it."""
    for place in range(1, len(parts) - 1):
        mark = parts[place]
        if isinstance(mark, Mark) and mark.kind == "clock":
            hour, minute = parts[place - 1], parts[place + 1]
            if type(hour) is Measure and type(minute) is Measure and hour.value < 25 and minute.value < 60:
                hour.unit = hour.unit or "hour"
                minute.unit = minute.unit or "minute"


def _give(number: Measure, unit: UnitWord) -> None:
    number.unit, number.unit_span = unit.key, unit.span
    unit.taken = True
    if number.kind == "word" and (unit.key in DOSES or number.value == 2):
        number.sure = True
    elif number.kind == "word" and unit.key == _CENTURY:
        number.sure = False


def _share(parts: list[Part], words: Lexicon) -> None:
    """Both ends of a range have the unit that stands once: "2 to 3 weeks", "siku 2 hadi 14"."""
    near: list[tuple[Measure, Measure, bool]] = []
    before: Measure | None = None
    ranged = joined = False
    for part in parts:
        if type(part) is Measure:
            if (
                before is not None
                and (ranged or joined)
                and gap(words, before, part) <= (2 if ranged else 1)
                and before.kind != "name" != part.kind
            ):
                near.append((before, part, ranged))
            before = part
            ranged = joined = False
        elif type(part) is Mark:
            if part.kind == "range":
                ranged = True
            elif part.kind == "and" or part.raw == "(":
                joined = True
            elif part.raw != ")":
                ranged = joined = False
    for first, number, by_range in reversed(near):
        number.linked = by_range
        if first.unit is None and number.unit not in (None, MONTH) and (by_range or number.unit != "percent"):
            first.unit = number.unit
    if not words.data.unit_first:
        return
    for first, number, by_range in near:
        if by_range and number.unit is None and first.unit not in (None, MONTH):
            number.unit = first.unit
