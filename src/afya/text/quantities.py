"""Numbers with their units, as people write them: "8 months", "miezi 8", "52/min", "11,5 cm", "八个月", "fifty-two".

Which words are units is the caller's (a pack's) knowledge, which words are numbers the language's (lang/{code}.yaml);
symbols that all languages share stand in symbols.yaml and always follow their number. A word may stand on either side:
the language's own order is taken (`unit_first`: Swahili "miezi 8"), unless the other one finds a unit for more numbers
of the text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import regex

from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.languages import language
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks
from afya.text.words import Match, Phrases, clause_ends, words

_HALVES = {"½": 0.5, "¼": 0.25, "¾": 0.75}
_DIGITS = regex.compile(
    # Not inside another number, nor after a single letter (B12, H1N1).
    r"(?<![\d.,/]|\d\s?/|(?<![\p{L}\p{M}])\p{Latin})"
    r"(?P<value>\d{1,3}(?:,\d{3})+(?![\d,])|\d+(?:[.,]\d+)?)(?P<half>[½¼¾])?"
    r"(?:\s?[-–~至到]\s?(?P<upper>\d+(?:[.,]\d+)?))?(?!\s?/\s?\d)(?![.,]?\d)"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in a text: its value (and upper bound when it is a range), unit, place, and whether words spelled it.

    `unit` is the caller's key ("month", "mm", "per_minute") or None. `start` and `end` are character offsets of number
    and unit together.
    """

    value: float
    upper: float | None
    unit: str | None
    start: int
    end: int
    spelled: bool


@cache
def lasting_words(lang: str) -> frozenset[str]:
    """What stands between a sign and how long it has lasted ("for", "tangu"), without marks and blanks."""
    return frozenset(fold_marks("".join(word.split())) for word in text_literals(lang).duration)


class Units:
    """The unit words of one language, ready to be looked for. Keys are the caller's; shared symbols are added."""

    def __init__(self, lang: str, units: Mapping[str, Sequence[str]]) -> None:
        self.lang = lang
        # In Korean the particle is written onto the unit ("8개월이에요").
        ending = "*" if language(lang).script == "Hang" else ""
        listed = [
            (key, " ".join(part if part.endswith("*") else part + ending for part in word.split()))
            for key, names in units.items()
            for word in names
            if regex.search(r"\p{L}", word)
        ]
        self.phrases = Phrases(lang, listed)


def quantities(text: str, units: Units) -> list[Quantity]:
    """The numbers of `text` (normalised), in order, each with the unit beside it when there is one.

    Fractions such as 1/2 are left out. A spelled number without a unit may be no number at all ("one of them").

    Raises:
        ConfigError: the language has no text literals.
    """
    numbers = _numbers(text, units.lang)
    if not numbers:
        return []
    marks, symbols = _units(text, units)
    ends = clause_ends(text)
    # A symbol stands right behind its number, whatever the language's order.
    chosen = {place: symbols[number.end] for place, number in enumerate(numbers) if number.end in symbols}
    open_marks = [mark for mark in marks if mark not in symbols.values()]
    before = _pair(text, numbers, open_marks, ends, units.lang, chosen, before=True)
    after = _pair(text, numbers, open_marks, ends, units.lang, chosen, before=False)
    own, other = (before, after) if text_literals(units.lang).unit_first else (after, before)
    # What the chosen order leaves without a unit may still have one on the other side.
    taken: set[Mark] = set()
    for pairs in (other, own) if len(other) > len(own) else (own, other):
        for place, mark in pairs.items():
            if place not in chosen and mark not in taken:
                chosen[place] = mark
                taken.add(mark)
    found = []
    for place, number in enumerate(numbers):
        unit = chosen.get(place)
        start = number.start if unit is None else min(number.start, unit[0])
        end = number.end if unit is None else max(number.end, unit[1])
        found.append(
            Quantity(number.value, number.upper, None if unit is None else unit[2], start, end, number.spelled)
        )
    return found


Mark = tuple[int, int, str]


def _pair(
    text: str,
    numbers: list[Quantity],
    marks: list[Mark],
    ends: list[int],
    lang: str,
    done: Mapping[int, Mark],
    *,
    before: bool,
) -> dict[int, Mark]:
    """For each number that is not done, by its place in the list, the unit beside it on one side."""
    pairs: dict[int, Mark] = {}
    taken: set[Mark] = set()
    starts = [mark[0] for mark in marks]
    others = [number.start for number in numbers]
    order = [entry for entry in enumerate(numbers) if entry[0] not in done]
    for place, number in order if not before else reversed(order):
        nearest: tuple[int, Mark] | None = None
        following = bisect_left(starts, number.end)
        # Units do not lie within one another, so only the next one on a side can stand beside the number.
        beside = marks[following - 1 : following] if before else marks[following : following + 1]
        for mark in beside:
            low, high = (mark[1], number.start) if before else (number.end, mark[0])
            if low > high or mark in taken or _any_in(ends, low, high) or _any_in(others, low, high):
                continue
            distance = _distance(text[low:high], lang)
            if distance <= 1 and (nearest is None or distance < nearest[0]):
                nearest = (distance, mark)
        if nearest is not None:
            pairs[place] = nearest[1]
            taken.add(nearest[1])
    return pairs


def _any_in(places: list[int], low: int, high: int) -> bool:
    """Whether one of the ascending `places` lies in [low, high)."""
    at = bisect_left(places, low)
    return at < len(places) and places[at] < high


def _distance(between: str, lang: str) -> int:
    """Words between number and unit; in scripts without spaces, one for each character but blanks."""
    if language(lang).spaced:
        return len(words(between))
    return len("".join(between.split()))


def _units(text: str, units: Units) -> tuple[list[Mark], dict[int, Mark]]:
    """The units in `text`, and those of them that are symbols, by the end of the number before them."""
    found: list[Match] = units.phrases.find(text)
    marks = [(match.start, match.end, match.key) for match in found]
    symbols: dict[int, Mark] = {}
    for key, pattern in _symbols().items():
        for hit in pattern.finditer(text):
            symbols[hit.start()] = (hit.start("unit"), hit.end("unit"), key)
    marks += symbols.values()
    # The longest of those that lie on one another: "days" is not also "day", "°C" not also "C".
    marks.sort(key=lambda mark: (mark[0] - mark[1], mark[0]))
    kept: list[Mark] = []
    covered: set[int] = set()
    for mark in marks:
        places = range(mark[0], mark[1])
        if covered.isdisjoint(places):
            kept.append(mark)
            covered.update(places)
    return sorted(kept), {end: mark for end, mark in symbols.items() if mark in kept}


@cache
def _symbols() -> dict[str, regex.Pattern[str]]:
    path = Path(str(files("afya.text"))) / "symbols.yaml"
    rows = read_yaml(path)
    if not isinstance(rows, dict) or not all(isinstance(names, list) for names in rows.values()):
        raise ConfigError(f"{path}: expected units, each with a list of symbols.")
    return {
        str(key): regex.compile(
            rf"(?<=\d)\s?(?P<unit>{'|'.join(regex.escape(str(n)) for n in names)})(?![\p{{L}}\p{{M}}])",
            regex.IGNORECASE,
        )
        for key, names in rows.items()
    }


def _numbers(text: str, lang: str) -> list[Quantity]:
    found = []
    for hit in _DIGITS.finditer(text):
        value = _value(hit["value"]) + _HALVES.get(hit["half"] or "", 0.0)
        upper = _value(hit["upper"]) if hit["upper"] else None
        if upper is not None and upper <= value:
            upper = None
        found.append(Quantity(value, upper, None, hit.start(), hit.end(), False))
    spelled = _spelled(text, lang) if language(lang).spaced else _han(text, lang)
    busy = {place for number in found for place in range(number.start, number.end)}
    found += [number for number in spelled if busy.isdisjoint(range(number.start, number.end))]
    return sorted(found, key=lambda number: number.start)


def _value(digits: str) -> float:
    if regex.fullmatch(r"\d{1,3}(,\d{3})+", digits):
        return float(digits.replace(",", ""))
    return float(digits.replace(",", "."))


def _spelled(text: str, lang: str) -> list[Quantity]:
    """Number words; neighbours make one number ("fifty two", "hamsini na mbili": a joiner may stand between)."""
    table, joiners = _number_words(lang)
    listed = words(text)
    found: list[Quantity] = []
    place = 0
    while place < len(listed):
        read = _read_number(table, [word.plain for word in listed[place : place + 4]])
        if read is None:
            place += 1
            continue
        value, used = read
        first, last = place, place + used - 1
        place += used
        while place < len(listed):
            skip = 1 if listed[place].plain in joiners else 0
            read = _read_number(table, [word.plain for word in listed[place + skip : place + skip + 4]])
            if (
                read is None
                or not _may_follow(value, read[0])
                or _ends_between(text, listed[last].end, listed[place].start)
            ):
                break
            value = value * read[0] if read[0] >= 100 else value + read[0]
            last = place + skip + read[1] - 1
            place = last + 1
        found.append(Quantity(float(value), None, None, listed[first].start, listed[last].end, True))
    return found


def _may_follow(value: int, following: int) -> bool:
    """Whether the second number word goes on with the first: "fifty two", "two hundred", "hundred five"."""
    if following >= 100:
        return 1 < value < 10
    return (value % 100 == 0 and value > 0) or (value % 10 == 0 and value >= 20 and following < 20 and following > 0)


def _ends_between(text: str, low: int, high: int) -> bool:
    return bool(clause_ends(text[low:high]))


def _read_number(table: dict[tuple[str, ...], int], following: list[str]) -> tuple[int, int] | None:
    for length in range(len(following), 0, -1):
        value = table.get(tuple(following[:length]))
        if value is not None:
            return value, length
    return None


@cache
def _number_words(lang: str) -> tuple[dict[tuple[str, ...], int], frozenset[str]]:
    literals = text_literals(lang)
    table = {tuple(word.plain for word in words(name)): value for name, value in literals.numbers.items()}
    table.pop((), None)
    return table, frozenset(fold_marks(word) for word in literals.joiners.both)


def _han(text: str, lang: str) -> list[Quantity]:
    """Ideographic numerals: 八, 十二, 五十二, 一百零五, 二〇. Their values come from the language's number words."""
    values = {name: value for name, value in text_literals(lang).numbers.items() if len(name) == 1}
    if not values:
        return []
    pattern = regex.compile("[" + "".join(map(regex.escape, values)) + "]+")
    found = []
    for hit in pattern.finditer(text):
        value = _han_value([values[sign] for sign in hit[0]])
        if value is not None:
            found.append(Quantity(float(value), None, None, hit.start(), hit.end(), True))
    return found


def _han_value(signs: list[int]) -> int | None:
    if len(signs) > 1 and all(sign < 10 for sign in signs):
        # 二〇 is 20; 三四 is "three or four", no number.
        return int("".join(map(str, signs))) if 0 in signs else None
    total, digit = 0, 0
    for sign in signs:
        if sign < 10:
            digit = sign
        else:
            total += (digit or 1) * sign
            digit = 0
    return total + digit
