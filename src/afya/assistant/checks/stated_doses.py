"""The doses that a text states: which medicine, how much, how often, how long; each with the piece that says it.

Read with the numbers of afya.text.measures and the sayings of doses/<code>.yaml. Reading is wide on purpose: what looks
like a dose and has no medicine is one of an unknown medicine, which no formulary allows. Not read: what stands in
another sentence than its medicine, unless that sentence names none and the one before named exactly one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import regex

from afya.assistant.checks.dose_words import CLOSE, OPEN, DoseWords, dose_words
from afya.assistant.checks.medicine_names import Known, Mention, mentions, without_strengths
from afya.protocols.dosing import Stated
from afya.text.measures import measures
from afya.text.normalise import fold_marks
from afya.text.number_context import Measure

_MASS = {"ug": "microgram", "mg": "mg", "g": "g", "ml": "ml", "ul": "microlitre", "l": "l", "iu": "iu"}
_FRACTION = regex.compile(r"(?<![\d/.,])(?:(?P<whole>\d{1,2})\s+)?(?P<top>\d)\s?/\s?(?P<below>[2348])(?![\d/.,]*\d)")
_GLYPH = regex.compile(r"(?P<whole>\d{1,2})?\s?(?P<sign>[½¼¾⅛⅓⅔])")
_GLYPHS = {"½": 0.5, "¼": 0.25, "¾": 0.75, "⅛": 0.125, "⅓": 1 / 3, "⅔": 2 / 3}
# What follows a mass that is no dose: concentrations in blood, an amount of food.
_CONCENTRATION = regex.compile(r"\s*(?:/|per|par|por|pro)\s*(?:dl|decilit\p{L}*|l\b|lit\p{L}*|mmol|µl|ul)")
_TOKEN = regex.compile(rf"{OPEN}(\d+){CLOSE}")
_FOOD_REACH = 24
_HOURS = 24
_HEAVIEST_KG = 200
_SMALL_UNITS = regex.compile(r"\s*(?:µ|μ|mc)(g|l)(?!\p{Latin})")
_OTHER_TIMES = {"day": ("days", 1.0), "week": ("days", 7.0), "minute": ("every", 1 / 60)}
_MEDICINE_REACH = 28


@dataclass(slots=True)
class _Number:
    value: float
    start: int
    end: int
    unit: str | None = None
    unit_end: int = 0
    upper: float | None = None
    linked: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A dose as stated. `mg_beside`: a mass that stands beside an amount in tablets or millilitres.

    Such a mass is the strength of one, or what all of them hold; `per_kg`: the amount is for each kilogram.
    """

    stated: Stated
    mg_beside: float | None = None
    per_kg: bool = False


@dataclass(slots=True)
class _Amount:
    value: float
    upper: float | None
    unit: str
    start: int
    end: int
    per_kg: bool = False


@dataclass(frozen=True, slots=True)
class _How:
    role: str
    value: float
    start: int
    end: int


def stated_doses(
    text: str, lang: str, known: Mapping[str, Known], *, before: Sequence[Mention] = ()
) -> tuple[Reading, ...]:
    """The doses that `text` (one sentence, normalised) states, in order.

    `before`: the medicines that the sentence before it names; where this one names none and that one exactly one, a
    dose is of that. Amounts stand as written; "mg" beside tablets is their strength or their sum (`mg_beside`).

    Raises:
        ConfigError: the language's doses or numbers cannot be read.
    """
    sayings = dose_words(lang)
    text = without_strengths(text, known)
    numbers = _numbers(text, lang, sayings)
    named = mentions(text, lang, known)
    marked, places = _marked(text, numbers)
    told = _how(marked, places, numbers, sayings)
    how = [one for one in told if one.role != "tablets"]
    amounts, strength = _amounts(text, marked, places, numbers, sayings, bool(named or before), bool(how))
    amounts += [_Amount(one.value, None, "tablet", one.start, one.end) for one in told if one.role == "tablets"]
    amounts += _weights_given(text, numbers, named, sayings)
    if named:
        amounts += _unread(text, numbers)
    if named and amounts:
        how += _other_times(numbers)
    amounts.sort(key=lambda amount: amount.start)
    inherited = before[0] if not named and len({one.name for one in before}) == 1 else None
    return _joined(text, named, inherited, amounts, how, strength)


def _weights_given(text: str, numbers: list[_Number], named: list[Mention], sayings: DoseWords) -> list[_Amount]:
    """Kilograms that are told as an amount, right behind a medicine or a word such as tablet: never a dose."""
    found = []
    for number in numbers:
        if number.unit != "kg" or number.taken:
            continue
        before = max((one.end for one in named if one.end <= number.start), default=None)
        close = before is not None and not any(sign.isalnum() for sign in text[before : number.start])
        counted = any(pattern.search(fold_marks(text[: number.start])) for _, pattern in sayings.unit_ends)
        if close or counted or number.value > _HEAVIEST_KG:
            found.append(_Amount(number.value, number.upper, "kg", number.start, number.unit_end))
            number.taken = True
    return found


def _unread(text: str, numbers: list[_Number]) -> list[_Amount]:
    """Numbers of form lines (behind a colon) beside a medicine that nothing has read: amounts of no known unit."""
    found = []
    for number in numbers:
        if not number.taken and number.unit is None and text[: number.start].rstrip().endswith((":", "：")):
            found.append(_Amount(number.value, number.upper, "", number.start, number.end))
            number.taken = True
    return found


def _other_times(numbers: list[_Number]) -> list[_How]:
    """Times beside an amount that no saying has read: days count as how long, minutes as how often."""
    found = []
    for number in numbers:
        if number.taken or number.unit not in _OTHER_TIMES:
            continue
        role, factor = _OTHER_TIMES[number.unit]
        found.append(_How(role, number.value * factor, number.start, number.unit_end))
        number.taken = True
    return found


def frequencies(text: str, lang: str) -> list[tuple[str, float, int, int]]:
    """How often and how long a text says: (times, every or days, value, start, end). Raises as `stated_doses`.

    "Every 12 hours" is told as times a day where it divides the day.
    """
    sayings = dose_words(lang)
    numbers = _numbers(text, lang, sayings)
    marked, places = _marked(text, numbers)
    found = []
    for how in _how(marked, places, numbers, sayings):
        if how.role == "tablets":
            continue
        divides = how.role == "every" and how.value > 0 and (_HOURS / how.value).is_integer()
        role, value = ("times", _HOURS / how.value) if divides else (how.role, how.value)
        found.append((role, value, how.start, how.end))
    return found


def tells_to_give(text: str, lang: str) -> bool:
    """Whether a sentence tells to give or take something, and does not forbid it. Raises as `stated_doses`."""
    words = dose_words(lang)
    folded = fold_marks(text)
    return words.give.search(folded) is not None and words.never.search(folded) is None


def _numbers(text: str, lang: str, sayings: DoseWords) -> list[_Number]:
    found: list[_Number] = []
    for match in _FRACTION.finditer(text):
        top, below = int(match["top"]), int(match["below"])
        if 0 < top < below:
            found.append(_Number(int(match["whole"] or 0) + top / below, match.start(), match.end()))
    found += [
        _Number(int(match["whole"] or 0) + _GLYPHS[match["sign"]], match.start(), match.end())
        for match in _GLYPH.finditer(text)
    ]
    folded, places = _folded(text)
    for match in sayings.fractions.finditer(folded):
        span = (places[match.start()], places[match.end() - 1] + 1)
        if not _overlap(span, found):
            found.append(_Number(sayings.fraction_values[regex.sub(r"\s+", " ", match[0])], *span))
    for measure in measures(text, lang, spans=True):
        within = next((one for one in found if one.start < measure.span[1] and measure.span[0] < one.end), None)
        if within is None and measure.kind not in ("month", "name", "label"):
            found.append(_of_measure(measure))
        elif within is not None and measure.unit is not None and measure.unit_span is not None:
            # "1/8 mg": the unit stands with the last figure of the fraction.
            within.unit, within.unit_end = measure.unit, measure.unit_span[1]
    found.sort(key=lambda number: number.start)
    for number in found:
        # Behind a sign of another script the units of measures() are not seen.
        if number.unit is None and (small := _SMALL_UNITS.match(text, number.end)) is not None:
            number.unit, number.unit_end = ("ug" if small[1] == "g" else "ul"), small.end()
    return _ranges(text, _halves(text, found, sayings), sayings)


def _of_measure(measure: Measure) -> _Number:
    end = measure.unit_span[1] if measure.unit_span else measure.span[1]
    return _Number(measure.value, *measure.span, unit=measure.unit, unit_end=end)


def _halves(text: str, numbers: list[_Number], sayings: DoseWords) -> list[_Number]:
    """ "One and a half": a number and a fraction behind it are one number."""
    kept: list[_Number] = []
    for number in numbers:
        last = kept[-1] if kept else None
        if last is not None and 0 < number.value < 1 <= last.value:
            between = fold_marks(text[last.end : number.start]).strip()
            if between in sayings.joins and last.value == int(last.value):
                kept[-1] = replace(number, value=last.value + number.value, start=last.start)
                continue
        kept.append(number)
    return kept


def _ranges(text: str, numbers: list[_Number], sayings: DoseWords) -> list[_Number]:
    """ "1-2", "50 to 100": one number with an upper end."""
    kept: list[_Number] = []
    for number in numbers:
        last = kept[-1] if kept else None
        if last is not None and last.upper is None and last.value < number.value:
            between = fold_marks(text[max(last.end, last.unit_end if last.unit == number.unit else 0) : number.start])
            if between.strip() in sayings.range and last.unit in (None, number.unit):
                kept[-1] = replace(number, value=last.value, upper=number.value, start=last.start)
                continue
        kept.append(number)
    return kept


def _marked(text: str, numbers: list[_Number]) -> tuple[str, list[int]]:
    """The text without case and marks, a sign in the place of each number; and the places its characters had."""
    characters: list[str] = []
    places: list[int] = []
    at = 0

    def put(piece: str, offset: int) -> None:
        folded, inner = _folded(piece)
        characters.append(folded)
        places.extend(offset + place for place in inner)

    for index, number in enumerate(numbers):
        put(text[at : number.start], at)
        token = f"{OPEN}{index}{CLOSE}"
        characters.append(token)
        places.extend([number.start] * len(token))
        at = number.end
    put(text[at:], at)
    places.append(len(text))
    return "".join(characters), places


def _how(marked: str, places: list[int], numbers: list[_Number], sayings: DoseWords) -> list[_How]:
    """How often and how long, the longest saying at each place."""
    found: list[tuple[int, int, _How, list[int]]] = []
    for saying in sayings.sayings:
        for match in saying.pattern.finditer(marked):
            used = [int(group) for group in match.groups()]
            value = saying.value
            fits = True
            for index, expected in zip(used, saying.expected, strict=True):
                if expected is None:
                    value = numbers[index].value if value is None else value
                elif numbers[index].value != expected:
                    fits = False
            if fits and value is not None:
                role = "times" if saying.role == "fixed" else saying.role
                days = value * 7 if role == "weeks" else value
                end = places[match.end()] if match.end() < len(places) else places[-1]
                how = _How("days" if role == "weeks" else role, days, places[match.start()], end)
                found.append((match.start(), match.end(), how, used))
    kept: list[tuple[int, int, _How, list[int]]] = []
    for entry in sorted(found, key=lambda one: one[0] - one[1]):
        if not any(entry[0] < end and start < entry[1] for start, end, *_ in kept):
            kept.append(entry)
    for *_, used in kept:
        for index in used:
            numbers[index].taken = True
    return sorted((how for _, _, how, _ in kept), key=lambda how: how.start)


def _amounts(
    text: str,
    marked: str,
    places: list[int],
    numbers: list[_Number],
    sayings: DoseWords,
    medicine: bool,
    often: bool,
) -> tuple[list[_Amount], float | None]:
    """What is given each time; and milligrams in one millilitre, where a concentration is told."""
    found: list[_Amount] = []
    strength = None
    for position, number in enumerate(numbers):
        unit = _MASS.get(number.unit or "")
        if unit is None or number.taken:
            continue
        after = fold_marks(text[number.unit_end :])
        if _CONCENTRATION.match(after) and unit != "ml":
            number.taken = True
            continue
        per = sayings.per.match(after)
        if per is not None and unit in ("mg", "microgram", "g"):
            following = numbers[position + 1] if position + 1 < len(numbers) else None
            begins = number.unit_end + per.end()
            if following is not None and following.unit == "ml" and abs(following.start - begins) <= 1:
                strength = number.value / following.value * {"mg": 1, "g": 1000, "microgram": 0.001}[unit]
                number.taken = following.taken = True
                continue
            if regex.match(r"\s*ml(?!\p{L})", after[per.end() :]):
                strength = number.value
                number.taken = True
                continue
            if sayings.kg.match(after[per.end() :].lstrip()):
                found.append(_Amount(number.value, number.upper, unit, number.start, number.unit_end, per_kg=True))
                number.taken = True
                continue
        if unit in ("ml", "l", "g") and (not medicine and not often):
            continue
        if unit in ("ml", "l", "g") and _is_food(after, sayings):
            continue
        found.append(_Amount(number.value, number.upper, unit, number.start, number.unit_end))
        number.taken = True
    for order in ((1, 2), (2, 1)) if not sayings.unit_first else ((2, 1), (1, 2)):
        for entry in sayings.units:
            unit, pattern = entry[0], entry[order[0]]
            for match in pattern.finditer(marked, overlapped=True):
                number = numbers[int(match[1])]
                if number.taken or number.unit is not None:
                    continue
                start, end = places[match.start()], places[match.end()] if match.end() < len(places) else len(text)
                if unit in ("spoon", "drop", "sachet") and not medicine and not often:
                    continue
                if unit == "spoon" and _is_food(fold_marks(text[end:]), sayings):
                    continue
                found.append(_Amount(number.value, number.upper, unit, min(start, number.start), max(end, number.end)))
                number.taken = True
    return sorted(found, key=lambda amount: amount.start), strength


def _is_food(after: str, sayings: DoseWords) -> bool:
    reach = regex.split(r"[.,;。，；、]", after[:_FOOD_REACH])[0]
    return sayings.foods.search(reach) is not None


def _joined(
    text: str,
    named: list[Mention],
    inherited: Mention | None,
    amounts: list[_Amount],
    how: list[_How],
    strength: float | None,
) -> tuple[Reading, ...]:
    """Amounts and sayings given to the medicines they stand with."""
    if not amounts and not (how and (named or inherited)):
        return ()
    groups: dict[int | None, tuple[list[_Amount], list[_How]]] = {}
    for amount in amounts:
        groups.setdefault(_owner(text, amount.start, amount.end, named, is_amount=True), ([], []))[0].append(amount)
    for one in how:
        groups.setdefault(_owner(text, one.start, one.end, named, is_amount=False), ([], []))[1].append(one)
    found: list[Reading] = []
    for place, (given, often) in sorted(groups.items(), key=lambda group: -1 if group[0] is None else group[0]):
        mention = inherited if place is None else named[place]
        if not given and mention is None:
            continue
        found += _readings(text, mention, given, often, strength)
    return tuple(found)


def _owner(text: str, start: int, end: int, named: list[Mention], *, is_amount: bool) -> int | None:
    """The medicine that stands with a piece: right behind an amount ("2 tablets of ..."), else the last before it."""
    if not named:
        return None
    if is_amount:
        for place, mention in enumerate(named):
            between = text[end : mention.start]
            if (
                mention.start >= end
                and len(between) <= _MEDICINE_REACH
                and not regex.search(r"[.;:,。，；、]", between)
            ):
                if not _TOKEN.search(between) and not regex.search(r"\d", between) and len(between.split()) <= 3:
                    return place
                break
    earlier = [place for place, mention in enumerate(named) if mention.start <= start]
    return earlier[-1] if earlier else 0


def _readings(
    text: str, mention: Mention | None, given: list[_Amount], often: list[_How], strength: float | None
) -> list[Reading]:
    times = list(dict.fromkeys(one.value for one in often if one.role == "times"))
    # "Every day, twice a day": the vaguer saying adds nothing.
    if len(times) > 1 and 1.0 in times:
        times.remove(1.0)
    every = list(dict.fromkeys(one.value for one in often if one.role == "every"))
    days = list(dict.fromkeys(one.value for one in often if one.role == "days"))
    counted = [amount for amount in given if amount.unit not in ("mg", "g", "microgram")]
    masses = [amount for amount in given if amount.unit in ("mg", "g", "microgram")]
    beside = None
    if counted and masses and not any(mass.per_kg for mass in masses):
        # One mass beside amounts in tablets is their strength or sum; a second one would be a dose of its own.
        factor = {"mg": 1.0, "g": 1000.0, "microgram": 0.001}[masses[0].unit]
        beside = masses[0].value * factor
        masses = masses[1:]
    spans = [(amount.start, amount.end) for amount in given] + [(one.start, one.end) for one in often]
    if mention is not None:
        spans.append((mention.start, mention.end))
    start, end = min((one[0] for one in spans), default=0), max((one[1] for one in spans), default=len(text))
    amounts: list[_Amount | None] = [*counted, *masses] or [None]
    found = []
    # What contradicts itself ("twice a day ... three times a day") is as many doses, and all must be right.
    for amount, one, gap, length in product(amounts, _or_none(times), _or_none(every), _or_none(days)):
        stated = Stated(
            medicine=None if mention is None else mention.name,
            amount=None if amount is None else amount.value,
            upper=None if amount is None else amount.upper,
            unit=None if amount is None else amount.unit,
            times_a_day=one,
            every_hours=gap,
            days=length,
            text=text[start:end],
            start=start,
            end=end,
            strength_mg=strength if amount is not None and amount.unit == "ml" else None,
        )
        mass = amount is not None and amount.unit in ("tablet", "capsule", "ml")
        found.append(Reading(stated, beside if mass else None, amount is not None and amount.per_kg))
    return found


def _or_none(values: list[float]) -> list[float | None]:
    return [*values] or [None]


def _overlap(span: tuple[int, int], numbers: Sequence[_Number]) -> bool:
    return any(span[0] < number.end and number.start < span[1] for number in numbers)


def _folded(text: str) -> tuple[str, list[int]]:
    characters: list[str] = []
    places: list[int] = []
    for cluster in regex.finditer(r"\X", text):
        for sign in fold_marks(cluster[0]):
            characters.append(sign)
            places.append(cluster.start())
    return "".join(characters), places
