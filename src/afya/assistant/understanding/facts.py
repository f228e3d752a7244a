"""The facts in a message: signs, choices and numbers, by the inputs of the protocol.

Nothing is guessed. A number that could be two things, or lies outside what can be, is left out, and the person is
asked. A sign that is both stated and denied counts as present when it is a danger sign, else as not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from afya.assistant.context import Facts, Sign, Triage
from afya.assistant.limits import Limits
from afya.assistant.understanding.amounts import DAYS, TO_UNIT, in_unit, whole, within
from afya.assistant.understanding.close import AGE_DAYS, PREGNANCY, SINCE_BIRTH, UNITS, claimed, pressure_pairs, weeks
from afya.packs import Pack
from afya.protocols import Input, Protocol
from afya.protocols.conditions import Value
from afya.text.negation import Span, judged
from afya.text.normalise import fold_marks
from afya.text.quantities import Quantity, Units, lasting_words, quantities
from afya.text.words import Match, Phrases, clause_ends, words

# The key under which packs list the words beside an age, whatever a protocol calls the input that holds it.
_AGE = "age_months"
# The key of phrases that deny all general danger signs at once.
_NO_DANGER_SIGN = "no_danger_sign"
# How many words may stand between a number and the word that says what it is.
_NEAR_WORDS = 4
_NEAR_CHARACTERS = 8
# Characters between the sign's word and the number of a form line.
_FORM_LINE = 8


@dataclass(frozen=True)
class Vocabulary:
    """A pack's words for facts, compiled once."""

    lang: str
    units: Units
    signs: Phrases
    values: Phrases
    numbers: Phrases
    infants: Phrases
    spaced: bool

    @classmethod
    def of(cls, pack: Pack, lang: str, spaced: bool) -> Vocabulary:
        """The vocabulary of a pack. Raises ConfigError when a phrase holds no word."""
        return cls(
            lang,
            Units(lang, pack.topics.units),
            _phrases(lang, pack.topics.signs),
            _phrases(lang, pack.topics.values),
            _phrases(lang, _number_words(pack)),
            _phrases(lang, {"infant": pack.topics.people.get("infant", ())}),
            spaced,
        )


def _number_words(pack: Pack) -> Mapping[str, Sequence[str]]:
    """The words beside which a number is an input's value; how long a sign lasts stands beside the sign's words too."""
    return {
        name: (*listed, *pack.topics.signs.get(name.removesuffix("_days"), ())) if name.endswith("_days") else listed
        for name, listed in pack.topics.numbers.items()
    }


def _phrases(lang: str, group: Mapping[str, Sequence[str]]) -> Phrases:
    return Phrases(lang, [(key, phrase) for key, listed in group.items() for phrase in listed])


@dataclass
class _Found:
    values: dict[str, Value] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)


def facts(
    text: str, vocabulary: Vocabulary, protocol: Protocol, triage: Triage, limits: Limits, *, seen_in: str = "message"
) -> Facts:
    """What `text` (normalised) says, as values of the protocol's inputs; no number when there are too many.

    `seen_in` tells which text this is, the message or its copy with spellings put right: the signs found in it keep
    their words from denying others.
    """
    found = _Found()
    _signs(text, vocabulary, protocol, triage, [sign for sign in triage.signs if sign.seen_in == seen_in], found)
    _choices(text, vocabulary, protocol, found)
    _numbers(text, vocabulary, protocol, found, limits)
    said = Facts(found.values, tuple(found.left_out), tuple(dict.fromkeys(found.unsure)))
    return implied(said, protocol)


def _signs(
    text: str, vocabulary: Vocabulary, protocol: Protocol, triage: Triage, here: Sequence[Sign], found: _Found
) -> None:
    danger: list[Span] = [(sign.start, sign.end) for sign in here]
    stated: dict[str, set[bool]] = {}
    for match, no in judged(text, vocabulary.signs.find(text), vocabulary.lang, danger):
        stated.setdefault(match.key, set()).add(not no)
    for sign in triage.signs:
        stated.setdefault(sign.rule, set()).add(not sign.denied)
    for rule in triage.standing:
        stated[rule] = {True}
    if _NO_DANGER_SIGN in stated:
        # "No danger signs" answers for each of them, unless the message names one.
        for name, entry in protocol.inputs.items():
            if entry.danger:
                stated.setdefault(name, {False})
    for name, said in stated.items():
        stands = protocol.inputs.get(name)
        if stands is None or stands.kind != "bool":
            continue
        if len(said) == 1:
            found.values[name] = said.pop()
        elif stands.danger:
            found.values[name] = True
        else:
            found.unsure.append(name)


def _choices(text: str, vocabulary: Vocabulary, protocol: Protocol, found: _Found) -> None:
    chosen: dict[str, list[tuple[Match, str]]] = {}
    for match, no in judged(text, vocabulary.values.find(text), vocabulary.lang):
        name, _, value = match.key.partition(".")
        entry = protocol.inputs.get(name)
        if entry is None or value not in entry.values:
            continue
        if no:
            # "not positive" may mean negative or not done.
            found.unsure.append(name)
        else:
            chosen.setdefault(name, []).append((match, value))
    for name, listed in chosen.items():
        # "very slowly" holds "slowly": the longest reading of a place counts.
        kept = {
            value
            for match, value in listed
            if not any(
                other.start <= match.start and match.end <= other.end and len(other.phrase) > len(match.phrase)
                for other, _ in listed
            )
        }
        if len(kept) == 1:
            found.values[name] = kept.pop()
        else:
            found.unsure.append(name)


def implied(said: Facts, protocol: Protocol) -> Facts:
    """The facts with the answers that follow from them by the protocol; what the message says itself counts first."""
    values = dict(said.findings)
    for name, value in said.findings.items():
        for target, answer in protocol.inputs[name].implies.get(str(value), {}).items():
            if target not in said.unsure:
                values.setdefault(target, answer)
    return replace(said, findings=values)


def _numbers(text: str, vocabulary: Vocabulary, protocol: Protocol, found: _Found, limits: Limits) -> None:
    cues = vocabulary.numbers.find(text)
    listed = [quantity for quantity in quantities(text, vocabulary.units) if not _of_cue(quantity, cues)]
    if len(listed) > limits.numbers:
        found.unsure += [name for name, entry in protocol.inputs.items() if entry.kind in ("int", "number")]
        return
    ends = clause_ends(text)
    by_input: dict[str, list[Quantity]] = {}
    durations = [q for q in listed if q.unit in DAYS]
    pairs = _pressure(text, protocol, found, vocabulary.lang)
    for quantity in listed:
        if any(start <= quantity.start < end for start, end in pairs):
            continue
        if quantity.unit not in DAYS:
            name = _plain_input(text, quantity, cues, ends, vocabulary, protocol, listed)
            if name is not None:
                by_input.setdefault(name, []).append(quantity)
    for name, quantity in _times(text, durations, cues, ends, vocabulary, protocol):
        by_input.setdefault(name, []).append(quantity)
    if protocol.age is not None and _AGE in by_input:
        by_input[protocol.age.input] = by_input.pop(_AGE)
    for name, several in by_input.items():
        entry = protocol.inputs.get(name)
        if entry is not None and name == PREGNANCY:
            told = weeks(several, protocol)
            if told is None:
                found.unsure.append(name)
            else:
                _put(name, told, entry, text, found, limits, is_age=False)
        elif entry is not None:
            is_age = protocol.age is not None and name == protocol.age.input
            _put(name, several, entry, text, found, limits, is_age)


def pressures(text: str, protocol: Protocol, lang: str | None = None) -> dict[Span, tuple[int, int]]:
    """The blood pressures in a message, by their place: 130/85 in any language, with `lang` also "130 over 85"."""
    upper, lower = protocol.inputs.get("systolic"), protocol.inputs.get("diastolic")
    if upper is None or lower is None:
        return {}
    return {
        (start, end): (high, low)
        for high, low, start, end in pressure_pairs(text, lang)
        if high > low and within(high, upper) and within(low, lower)
    }


def _pressure(text: str, protocol: Protocol, found: _Found, lang: str) -> list[Span]:
    """The blood pressure, and where it stands; two different ones are asked about."""
    places = pressures(text, protocol, lang)
    read = set(places.values())
    if len(read) == 1:
        found.values["systolic"], found.values["diastolic"] = read.pop()
    elif read:
        found.unsure += ["systolic", "diastolic"]
    return list(places)


def _put(
    name: str, several: list[Quantity], entry: Input, text: str, found: _Found, limits: Limits, is_age: bool
) -> None:
    converted = [in_unit(quantity, entry, limits) for quantity in several]
    if is_age and len(several) == 2 and several[0].unit == "year" and several[1].unit == "month":
        # "1 year and 3 months" is one age, when nothing but a joiner stands between.
        if len(words(text[several[0].end : several[1].start])) > 1:
            found.unsure.append(name)
            return
        converted = [None if None in converted else sum(value for value in converted if value is not None)]
        several = several[:1]
    values = set(converted)
    if None in values or len(values) != 1 or any(quantity.upper is not None for quantity in several):
        found.unsure.append(name)
        return
    value = converted[0]
    assert value is not None
    number = whole(value, entry)
    assert isinstance(number, (int, float))
    if not within(number, entry) and not entry.required:
        found.left_out.append(text[several[0].start : several[0].end])
    else:
        found.values[name] = number


def _plain_input(
    text: str,
    quantity: Quantity,
    cues: list[Match],
    ends: list[int],
    vocabulary: Vocabulary,
    protocol: Protocol,
    listed: list[Quantity],
) -> str | None:
    """Which input a number that is no time belongs to: by its unit alone, or by the word beside it."""
    if quantity.unit == "per_minute":
        return "breaths_per_minute"
    if quantity.unit == "kg":
        return "weight_kg"
    if quantity.unit == "celsius":
        return None
    if quantity.unit in ("mm", "cm"):
        entry = protocol.inputs.get("muac_mm")
        near = _nearest(text, quantity, [cue for cue in cues if cue.key == "muac_mm"], ends, vocabulary)
        if entry is None or near is not None:
            return "muac_mm"
        fits = (entry.low or 0) <= quantity.value * TO_UNIT["mm"][quantity.unit] < (entry.high or 0)
        return "muac_mm" if fits else None
    if quantity.spelled and quantity.value < 2:
        # "un", "ein", "one" without a unit is an article.
        return None
    lasting = _counted(text, quantity, cues, vocabulary)
    if lasting is not None:
        return lasting
    timeless = [
        cue
        for cue in cues
        if cue.key not in (_AGE, *UNITS) and not _lasts(cue.key, protocol) and not _overlap(quantity, cue)
    ]
    # A spelled number far from its word is no number ("one of the children ... breathes").
    nearest = _nearest(text, quantity, timeless, ends, vocabulary, at_most=0 if quantity.spelled else None)
    if nearest is None:
        return None
    # The word belongs to the number next to it: in "52 breaths, 8" the 8 is not a count of breaths.
    rivals = [other for other in listed if other is not quantity and other.unit is None]
    if any(_gap(text, other, nearest[1], vocabulary) < nearest[0] for other in rivals):
        return None
    return nearest[1].key


def _counted(text: str, quantity: Quantity, cues: list[Match], vocabulary: Vocabulary) -> str | None:
    """The input of a form line such as "Days with cough: 16": a bare number after a colon after the sign's word."""
    for cue in cues:
        between = text[cue.end : quantity.start]
        if cue.key.endswith("_days") and len(between) <= _FORM_LINE and between.rstrip().endswith((":", "：")):
            return cue.key
    return None


def _lasts(key: str, protocol: Protocol) -> bool:
    """Whether a number beside this input's words is a time, and not the age."""
    if key in (_AGE, *UNITS) or (protocol.age is not None and key == protocol.age.input):
        return False
    entry = protocol.inputs.get(key)
    return key.endswith("_days") or (entry is not None and entry.unit in DAYS)


def _times(
    text: str,
    durations: list[Quantity],
    cues: list[Match],
    ends: list[int],
    vocabulary: Vocabulary,
    protocol: Protocol,
) -> list[tuple[str, Quantity]]:
    """Ages and how long a sign has lasted. Days and weeks last; months and years are an age unless a sign claims it."""
    lasting = [cue for cue in cues if _lasts(cue.key, protocol)]
    ages = [cue for cue in cues if cue.key == _AGE]
    found: list[tuple[str, Quantity]] = []
    open_ages: list[Quantity] = []
    taken: set[str] = set()
    close = claimed(text, durations, cues, vocabulary.infants.find(text), vocabulary.lang)
    for quantity in durations:
        if quantity in close:
            key = close[quantity]
            if key == AGE_DAYS and protocol.age is None and SINCE_BIRTH in protocol.inputs:
                # The age of a newborn is the time since the birth.
                key = SINCE_BIRTH
            found.append((_AGE if key == AGE_DAYS else key, quantity))
            continue
        age = _nearest(text, quantity, ages, ends, vocabulary)
        sign = _nearest(text, quantity, lasting, ends, vocabulary)
        if quantity.unit in ("day", "week"):
            elsewhere = any(other.unit in ("month", "year") for other in durations)
            if sign is not None and (elsewhere or age is None or sign[0] <= age[0]):
                if elsewhere or ages or sign[0] == 0 or sign[1].end <= quantity.start:
                    found.append((sign[1].key, quantity))
                    taken.add(sign[1].key)
                # "a baby of 3 weeks with fever" and "3 weeks of fever" look alike: the age is asked for.
            elif age is not None and not elsewhere:
                found.append((_AGE, quantity))
        elif age is not None and (sign is None or age[0] <= sign[0]):
            found.append((_AGE, quantity))
        else:
            open_ages.append(quantity)
    several = len(open_ages) > 1 or any(name == _AGE for name, _ in found)
    for quantity in open_ages:
        sign = _nearest(text, quantity, [c for c in lasting if c.end <= quantity.start], ends, vocabulary, at_most=3)
        between = "" if sign is None else "".join(fold_marks(text[sign[1].end : quantity.start]).split())
        lasts = between in lasting_words(vocabulary.lang)
        if sign is None or sign[1].key in taken or (between and not lasts):
            found.append((_AGE, quantity))
        elif several or lasts:
            # "cough for 2 months" is how long; "8 months, cough" is an age.
            found.append((sign[1].key, quantity))
            taken.add(sign[1].key)
        # "child with cough 8 months" may be either: nothing is taken from it, and the age is asked for.
    return found


def _nearest(
    text: str,
    quantity: Quantity,
    cues: list[Match],
    ends: list[int],
    vocabulary: Vocabulary,
    at_most: int | None = None,
) -> tuple[int, Match] | None:
    limit = at_most if at_most is not None else (_NEAR_WORDS if vocabulary.spaced else _NEAR_CHARACTERS)
    best: tuple[int, Match] | None = None
    for cue in cues:
        low, high = min(quantity.end, cue.end), max(quantity.start, cue.start)
        if any(low <= end < high for end in ends if text[end] not in ":："):
            continue
        gap = _gap(text, quantity, cue, vocabulary)
        if gap <= limit and (best is None or gap < best[0]):
            best = (gap, cue)
    return best


def _of_cue(quantity: Quantity, cues: list[Match]) -> bool:
    """Whether a number is part of the words beside which numbers stand.

    "natt" (measure) is no "ñatt" (three), and the 1 of "breaths in 1 minute" counts nothing.
    """
    if quantity.unit is not None:
        return False
    if quantity.spelled:
        return any(_overlap(quantity, cue) for cue in cues)
    return any(cue.start <= quantity.start and quantity.end <= cue.end for cue in cues)


def _overlap(quantity: Quantity, cue: Match) -> bool:
    return cue.start < quantity.end and quantity.start < cue.end


def _gap(text: str, quantity: Quantity, cue: Match, vocabulary: Vocabulary) -> int:
    between = text[cue.end : quantity.start] if cue.end <= quantity.start else text[quantity.end : cue.start]
    return len(words(between)) if vocabulary.spaced else len("".join(between.split()))
