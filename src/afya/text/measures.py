"""The quantities of a text: values with their units, whether figures or words tell them, in the order they stand.

Made for comparing a sentence with its translation, so it reads widely: every figure, every number word of the
language, months as numbers, and the units beside them. `afya.text.quantities` reads narrowly, for what a person says
of a patient. What a token says is the `Lexicon`'s; this module puts tokens together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from afya.text.number_context import DATED, MONTH, Kind, Measure, Part, UnitWord, attach, date_parts, gap, is_year
from afya.text.number_lexicon import Lexicon, lexicon
from afya.text.number_marks import Placed, place_runs, place_tokens
from afya.text.spelled_numbers import compose, continues, ends_number, is_power

# What links or parts numbers, and most of what stands beside them.
_BETWEEN = frozenset({"stop", "range", "and", "clock", "filler"})
_THREE = re.compile(r"\d{3}(?:[.,]\d+)?")


def measures(text: str, lang: str, *, spans: bool = False) -> list[Measure]:
    """The quantities of `text`, in order; character offsets are given where `spans` asks for them.

    Raises:
        ConfigError: the language has no numbers/{code}.yaml.
    """
    return read_measures(text, lexicon(lang), spans=spans)


def read_measures(text: str, words: Lexicon, *, spans: bool = False) -> list[Measure]:
    """As `measures`, with the lexicon at hand."""
    tokens: Sequence[str]
    if words.spaced:
        tokens = text.split()
        placed = place_tokens(text, tokens, words, spans)
    else:
        tokens = []
        placed = place_runs(text, words)
    if not placed:
        return []
    parts = _parts(placed, words, tokens)
    numbers = [part for part in parts if type(part) is Measure]
    if not numbers:
        return []
    if len(parts) > len(numbers):
        attach(parts, words)
    for number in numbers:
        if number.unit in DATED or is_year(number):
            parts = date_parts(parts, words, tokens)
            return [part for part in parts if type(part) is Measure]
    return numbers


def _parts(placed: list[Placed], words: Lexicon, tokens: Sequence[str]) -> list[Part]:
    """Marks put together to numbers, units and what links or parts them."""
    parts: list[Part] = []
    place, count = 0, len(placed)
    while place < count:
        here = placed[place]
        kind = here.mark.kind
        if kind == "digits":
            number, place = _figure(placed, place, words, parts)
            parts.append(number)
        elif kind in _BETWEEN:
            parts.append(here.mark)
            place += 1
        elif kind in ("word", "power"):
            numbers, place = _spelled(placed, place, words)
            parts.extend(numbers)
        elif kind in ("unit", "before"):
            parts.append(UnitWord(str(here.mark.key), here.start, here.end, _span(here), leads=kind == "before"))
            place += 1
        elif kind == "month":
            parts.append(_month(placed, place, words, tokens))
            place += 1
        elif kind in ("name", "label"):
            mark = here.mark
            parts.append(
                Measure(
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


def _figure(placed: list[Placed], place: int, words: Lexicon, parts: list[Part]) -> tuple[Measure, int]:
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
                or _THREE.fullmatch(digits) is None
                or placed[place - 1] is not last
            ):
                break
            raw, last = raw + digits, after
            value = value * 1000 + float(digits.replace(",", "."))
            place += 1
            if not digits.isdigit():
                break
    number = Measure(value, "figure", True, raw, here.start, last.end, (_span(here)[0], _span(last)[1]))
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
        if place == len(placed) or not is_power(placed[place].mark) or gap(words, end, placed[place]) > 0:
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
        if isinstance(before, Measure) and before.only_power and gap(words, before, here) <= 1:
            number.other = number.value
            number.value = round(number.value * before.value, 6)
            number.power = before.value
            number.start = before.start
            parts.pop()
            # "izinkulungwane zezigidi ezingu-1.7": thousands of millions.
            if parts and isinstance(parts[-1], Measure) and parts[-1].only_power and parts[-1].end == before.start:
                number.value = round(number.value * parts[-1].value, 6)
                number.start = parts[-1].start
                parts.pop()
    return number, place


def _month(placed: list[Placed], place: int, words: Lexicon, tokens: Sequence[str]) -> Measure:
    here = placed[place]
    sure = here.mark.sure
    if not sure and words.data.months_of_capital and words.data.months_sure and words.spaced and here.start:
        # A capital inside a sentence makes "March" and "May" months.
        sure = tokens[here.start - 1][-1] not in ".!?:"
    for step in (-1, 1):
        if 0 <= place + step < len(placed):
            other = placed[place + step]
            pair = (other, here) if step < 0 else (here, other)
            if other.mark.kind == "digits" and gap(words, *pair) <= 1:
                sure = True
    return Measure(here.mark.value, "month", sure, "", here.start, here.end, _span(here), unit=MONTH)


def _spelled(placed: list[Placed], place: int, words: Lexicon) -> tuple[list[Measure], int]:
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
        if placed[place].start > run[-1].end or (link and gap(words, placed[place], after) > 0):
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
    number = Measure(value, kind, sure, "", head.start, run[-1].end, span, other, only_power=only_power)
    return [number], place
