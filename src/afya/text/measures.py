"""The quantities of a text: values with their units, whether figures or words tell them, in the order they stand.

Made for comparing a sentence with its translation, so it reads widely: every figure, every number word of the
language, months as numbers, and the units beside them. `afya.text.quantities` reads narrowly, for what a person says
of a patient. What a token says is the `Lexicon`'s; this module puts tokens together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import regex

from afya.text.number_lexicon import DOSES, Lexicon, Mark, lexicon
from afya.text.number_marks import Placed, place_runs, place_tokens
from afya.text.spelled_numbers import compose, continues, ends_number, is_power

MONTH, DAY, YEAR = "month_of_year", "day_of_month", "year_of_era"
_NOT_OF_YEARS = frozenset({"hour", "minute", "second", "day", "week", "month", "percent"})
_DAYS = frozenset(float(day) for day in range(1, 32))
_LINKS = frozenset({"and", "range", "stop"})
_DATED = frozenset({MONTH, "century"})
_CENTURY, _DECADE = "century", "decade"
Kind = Literal["figure", "word", "article", "power", "month", "name", "label"]


class Measure(NamedTuple):
    """A number in a text.

    `unit` is a key of numbers/units.yaml or None. `sure`: it is a number for certain, and so must have its like in a
    translation; what is not sure ("one", the 19 of COVID-19) only may. `raw` are its figures as written, in ASCII,
    or "". `other` is a second reading ("mia tano" is 500, or 100 and 5). `span` and `unit_span` are character offsets
    of the figures and of the unit's word, where they were asked for. `linked`: it ends a range ("2-3 days").
    `power` is what words multiply its figures by ("3 million").
    """

    value: float
    unit: str | None
    sure: bool
    kind: Kind
    raw: str = ""
    other: float | None = None
    span: tuple[int, int] = (0, 0)
    unit_span: tuple[int, int] | None = None
    linked: bool = False
    power: float = 1.0


@dataclass(slots=True)
class _Number:
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
class _Unit:
    key: str
    start: int
    end: int
    span: tuple[int, int]
    leads: bool = False
    taken: bool = False


_Part = _Number | _Unit | Mark


def measures(text: str, lang: str, *, spans: bool = False) -> list[Measure]:
    """The quantities of `text`, in order; character offsets are given where `spans` asks for them.

    Raises:
        ConfigError: the language has no numbers/{code}.yaml.
    """
    return read_measures(text, lexicon(lang), spans=spans)


def read_measures(
    text: str, words: Lexicon, *, tokens: Sequence[str] | None = None, spans: bool = False
) -> list[Measure]:
    """As `measures`, with the lexicon, and perhaps the text cut at blanks, at hand."""
    if words.spaced:
        tokens = text.split() if tokens is None else tokens
        placed = place_tokens(text, tokens, words, spans)
    else:
        tokens = []
        placed = place_runs(text, words)
    if not placed:
        return []
    parts = _parts(placed, words, tokens)
    numbers = [part for part in parts if type(part) is _Number]
    if not numbers:
        return []
    if len(parts) > len(numbers):
        _attach(parts, words)
    if any(number.unit in _DATED or _is_year(number) for number in numbers):
        parts = _dates(parts, words, tokens)
    return [
        Measure(
            part.value,
            part.unit,
            part.sure,
            part.kind,
            part.raw,
            part.other,
            part.span,
            part.unit_span,
            part.linked,
            part.power,
        )
        for part in parts
        if type(part) is _Number
    ]


def _gap(words: Lexicon, before: Placed | _Number | _Unit, after: Placed | _Number | _Unit) -> int:
    """How much stands between two, in tokens; where there are no blanks one blank or sign does not count."""
    between = after.start - before.end
    return between if words.spaced else between - 1


def _parts(placed: list[Placed], words: Lexicon, tokens: Sequence[str]) -> list[_Part]:
    """Marks put together to numbers, units and what links or parts them."""
    parts: list[_Part] = []
    place, count = 0, len(placed)
    while place < count:
        here = placed[place]
        kind = here.mark.kind
        if kind == "digits":
            number, place = _figure(placed, place, words, parts)
            parts.append(number)
        elif kind in ("word", "power"):
            numbers, place = _spelled(placed, place, words)
            parts.extend(numbers)
        elif kind in ("unit", "before"):
            parts.append(_Unit(str(here.mark.key), here.start, here.end, _span(here), leads=kind == "before"))
            place += 1
        elif kind == "month":
            parts.append(_month(placed, place, words, tokens))
            place += 1
        elif kind in ("name", "label"):
            mark = here.mark
            parts.append(
                _Number(
                    mark.value,
                    "name" if kind == "name" else "label",
                    False,
                    mark.raw,
                    here.start,
                    here.end,
                    _span(here),
                )
            )
            place += 1
        else:
            parts.append(here.mark)
            place += 1
    return parts


def _span(here: Placed) -> tuple[int, int]:
    begin, mark = here.begin, here.mark
    return begin + mark.start, begin + mark.end


def _figure(placed: list[Placed], place: int, words: Lexicon, parts: list[_Part]) -> tuple[_Number, int]:
    here = placed[place]
    raw, value, last = here.mark.raw, here.mark.value, here
    place += 1
    if " " in words.data.thousands and raw.isdigit() and len(raw) <= 3 and raw[0] != "0":
        while place < len(placed):
            after = placed[place]
            digits = after.mark.raw
            if (
                after.mark.kind != "digits"
                or after.start != last.end
                or after.mark.start != 0
                or regex.fullmatch(r"\d{3}(?:[.,]\d+)?", digits) is None
                or placed[place - 1] is not last
            ):
                break
            raw, last = raw + digits, after
            value = value * 1000 + float(digits.replace(",", "."))
            place += 1
            if not digits.isdigit():
                break
    number = _Number(value, "figure", True, raw, here.start, last.end, (_span(here)[0], _span(last)[1]))
    if raw[-4:-3] in (".", ",") and raw.endswith("00") and value < 1000:
        # "42.000 participants" in an English text are hardly 42.
        number.other = round(value * 1000, 6)
    total = 0.0
    end: Placed = last
    powered = False
    while True:
        if place + 1 < len(placed) and placed[place].mark.kind == "filler" and is_power(placed[place + 1].mark):
            end = placed[place]
            place += 1
        if place == len(placed) or not is_power(placed[place].mark) or _gap(words, end, placed[place]) > 0:
            break
        number.value *= placed[place].mark.value
        number.power *= placed[place].mark.value
        end = placed[place]
        place += 1
        powered = True
        # 1亿2000万: the lower part is added to the higher one.
        if (
            place + 1 < len(placed)
            and placed[place].mark.kind == "digits"
            and is_power(placed[place + 1].mark)
            and placed[place].start == end.end
            and placed[place + 1].mark.value < end.mark.value
        ):
            total += number.value
            number.value = placed[place].mark.value
            end = placed[place]
            place += 1
    number.value = round(number.value + total, 6)
    number.end = end.end
    if words.data.power_first and not powered and parts:
        before = parts[-1]
        if isinstance(before, _Number) and before.only_power and _gap(words, before, here) <= 1:
            number.other = number.value
            number.value = round(number.value * before.value, 6)
            number.power = before.value
            number.start = before.start
            parts.pop()
            # "izinkulungwane zezigidi ezingu-1.7": thousands of millions.
            if parts and isinstance(parts[-1], _Number) and parts[-1].only_power and parts[-1].end == before.start:
                number.value = round(number.value * parts[-1].value, 6)
                number.start = parts[-1].start
                parts.pop()
    return number, place


def _month(placed: list[Placed], place: int, words: Lexicon, tokens: Sequence[str]) -> _Number:
    here = placed[place]
    sure = here.mark.sure
    if not sure and words.data.months_of_capital and words.data.months_sure and words.spaced and here.start:
        # A capital inside a sentence makes "March" and "May" months.
        sure = tokens[here.start - 1][-1] not in ".!?:"
    for step in (-1, 1):
        if 0 <= place + step < len(placed):
            other = placed[place + step]
            pair = (other, here) if step < 0 else (here, other)
            if other.mark.kind == "digits" and _gap(words, *pair) <= 1:
                sure = True
    return _Number(here.mark.value, "month", sure, "", here.start, here.end, _span(here), unit=MONTH)


def _spelled(placed: list[Placed], place: int, words: Lexicon) -> tuple[list[_Number], int]:
    """Neighbouring number words made into numbers, from `place` on; and the place after them."""
    first = place
    run = [placed[place]]
    joined = [False]
    place += 1
    while place < len(placed):
        link = placed[place].mark.kind == "and" and place + 1 < len(placed)
        after = placed[place + 1] if link else placed[place]
        if after.mark.kind not in ("word", "power") or ends_number(after.mark) or ends_number(run[-1].mark):
            break
        if placed[place].start > run[-1].end or (link and _gap(words, placed[place], after) > 0):
            break
        if not continues([one.mark for one in run], after.mark, link, words.data):
            break
        run.append(after)
        joined.append(link)
        place += 2 if link else 1
    value, other = compose([one.mark for one in run], joined, words.data)
    head = placed[first]
    only_power = len(run) == 1 and is_power(head.mark)
    sure = (
        not all(is_power(one.mark) for one in run)
        and not any(ends_number(one.mark) for one in run)
        and (len(run) > 1 or head.mark.sure)
        and value >= words.data.sure_from
    ) or head.mark.key == "roman"
    span = (_span(head)[0], _span(run[-1])[1])
    kind: Kind = "power" if only_power else "article" if len(run) == 1 and head.mark.key == "article" else "word"
    if kind == "power" and words.data.bare_power:
        kind = "word"
    number = _Number(value, kind, sure, "", head.start, run[-1].end, span, other, only_power=only_power)
    return [number], place


def _attach(parts: list[_Part], words: Lexicon) -> None:
    """Gives each number the unit beside it: symbols first, then the language's side, then the other."""
    places = [place for place, part in enumerate(parts) if type(part) is _Number]
    links = {part.kind for part in parts if type(part) is Mark}
    units = len(places) + sum(type(part) is Mark for part in parts) < len(parts)
    if units:
        for place in places:
            # Written together, or a sign: "10mg", "20 %".
            number, after = parts[place], parts[place + 1] if place + 1 < len(parts) else None
            if type(number) is _Number and type(after) is _Unit and after.start < number.end:
                _give(number, after)
    if "clock" in links:
        _clocks(parts)
    if units:
        own = -1 if words.data.unit_first else 1
        for side in (own, -own):
            for place in places:
                _reach_unit(parts, place, side, own, words)
    if len(places) > 1 and not links.isdisjoint(_LINKS):
        _share(parts, words)


def _reach_unit(parts: list[_Part], place: int, side: int, own: int, words: Lexicon) -> None:
    """Gives the number at `place` the unit on one side of it, if it has none yet and one is near enough."""
    number = parts[place]
    if type(number) is not _Number or number.unit is not None or number.kind in ("name", "label"):
        return
    near = place + side
    while 0 <= near < len(parts) and _seen_through(parts[near], side):
        near += side
    unit = parts[near] if 0 <= near < len(parts) else None
    if type(unit) is not _Unit or unit.taken:
        return
    # Where units follow, only some words stand before: "aged 40".
    if (side < 0 and not (unit.leads or words.data.unit_first)) or (side > 0 and unit.leads):
        return
    if _is_year(number) and unit.key in _NOT_OF_YEARS:
        return
    gap = _gap(words, number, unit) if side > 0 else _gap(words, unit, number)
    if gap <= (1 if unit.leads or (words.spaced and side == own) else 0):
        _give(number, unit)


def _is_day(number: _Number) -> bool:
    return number.kind == "figure" and number.unit in (None, "day") and number.value in _DAYS


def _is_year(number: _Number) -> bool:
    return number.kind == "figure" and 1700 <= number.value <= 2100 and len(number.raw) == 4


def _among_years(number: _Number, words: Lexicon, tokens: Sequence[str]) -> bool:
    """Whether the words around a figure are those that stand with years ("in 2003", "2003 में")."""
    data = words.data
    if not (data.before_years or data.after_years) or not words.spaced:
        return False
    first, last = number.start, number.end
    return (first > 0 and words.plain(tokens[first - 1]) in words.before_years) or (
        last < len(tokens) and words.plain(tokens[last]) in words.after_years
    )


def _dates(parts: list[_Part], words: Lexicon, tokens: Sequence[str]) -> list[_Part]:
    """Days and years of dates told from counts; "2010-11" and "20世纪60年代" read in full."""
    kept: list[_Part] = []
    before: _Number | None = None
    adjacent = filled = False
    for part in parts:
        if type(part) is not _Number:
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
                and _is_year(before)
                and before.value % 100 < part.value
                and part.unit in (None, "year")
            ):
                part.value += before.value - before.value % 100
                part.unit = before.unit
        if _is_year(part) and part.unit in (None, "year", _DECADE):
            told = part.unit is not None or _among_years(part, words, tokens)
            part.unit, part.unit_span = YEAR if told else None, None
        if before is not None and _gap(words, before, part) <= (2 if filled else 1):
            for one, other in ((before, part), (part, before)):
                if one.unit not in (MONTH, DAY):
                    continue
                if one.unit == MONTH and _is_day(other):
                    other.unit, other.unit_span = DAY, None
                elif other.unit is None and _is_year(other):
                    other.unit = YEAR
                elif other.unit is None and other.kind == "figure" and _gap(words, before, part) <= 1 and adjacent:
                    other.unit = DAY
        before, adjacent, filled = part, True, False
        kept.append(part)
    # "3 and 4 February": both are days.
    for place in range(len(kept) - 2, 0, -1):
        last, link, first = kept[place + 1], kept[place], kept[place - 1]
        if not (type(last) is _Number and last.unit == DAY and type(first) is _Number and isinstance(link, Mark)):
            continue
        if link.kind in ("and", "range") and _is_day(first) and _gap(words, first, last) <= 1:
            first.unit = DAY
    return kept


def _seen_through(part: _Part, side: int) -> bool:
    """Whether a unit may stand beyond: after "and", and after the bracket in "5 (2-9) days"."""
    return isinstance(part, Mark) and (part.kind == "and" or (side > 0 and part.raw == ")"))


def _clocks(parts: list[_Part]) -> None:
    """8:00 is a time of day, whatever word stands beside it."""
    for place in range(1, len(parts) - 1):
        mark = parts[place]
        if isinstance(mark, Mark) and mark.kind == "clock":
            hour, minute = parts[place - 1], parts[place + 1]
            if type(hour) is _Number and type(minute) is _Number and hour.value < 25 and minute.value < 60:
                hour.unit = hour.unit or "hour"
                minute.unit = minute.unit or "minute"


def _give(number: _Number, unit: _Unit) -> None:
    number.unit, number.unit_span = unit.key, unit.span
    unit.taken = True
    if number.kind == "word" and (unit.key in DOSES or number.value == 2):
        number.sure = True
    elif number.kind == "word" and unit.key == _CENTURY:
        number.sure = False


def _share(parts: list[_Part], words: Lexicon) -> None:
    """Both ends of a range have the unit that stands once: "2 to 3 weeks", "siku 2 hadi 14"."""
    numbers: list[tuple[_Number, bool, bool]] = []
    ranged = joined = False
    for part in parts:
        if type(part) is _Number:
            numbers.append((part, ranged, joined))
            ranged = joined = False
        elif isinstance(part, Mark):
            if part.kind == "range":
                ranged = True
            elif part.kind == "and" or part.raw == "(":
                joined = True
            elif part.raw == ")":
                continue
            else:
                ranged = joined = False
    for place in range(len(numbers) - 1, 0, -1):
        number, by_range, by_and = numbers[place]
        before = numbers[place - 1][0]
        if (
            not (by_range or by_and)
            or _gap(words, before, number) > (2 if by_range else 1)
            or "name" in (before.kind, number.kind)
        ):
            continue
        number.linked = by_range
        if before.unit is None and number.unit not in (None, MONTH) and (by_range or number.unit != "percent"):
            before.unit = number.unit
    for place in range(1, len(numbers)):
        number, by_range, by_and = numbers[place]
        before = numbers[place - 1][0]
        if (
            not (by_range or by_and)
            or _gap(words, before, number) > (2 if by_range else 1)
            or "name" in (before.kind, number.kind)
        ):
            continue
        if by_range and number.unit is None and before.unit not in (None, MONTH) and words.data.unit_first:
            number.unit = before.unit
