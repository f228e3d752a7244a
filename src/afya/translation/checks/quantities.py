"""Whether a translation keeps the quantities: every value with its unit, in the role it has in the source.

Figures must have their like on the other side, whether figures or words tell it there ("14 days", "quatorze jours",
"two weeks"); spelled numbers only where they are sure to be numbers (numbers/{code}.yaml: `sure_from`). Two values that
changed places are found by their units and, where these say nothing, by their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from afya.errors import ConfigError
from afya.text.measures import read_measures
from afya.text.number_context import DAY, YEAR, Measure
from afya.text.number_lexicon import lexicon
from afya.text.numerals import shared_data
from afya.translation.checks.lexicon import LOUD
from afya.translation.checks.lexicon import lexicon as token_lexicon
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "quantities"


def make(source: str, target: str) -> PairCheck:
    """The check for one direction. A language without number words is not judged where figures alone do not agree."""
    try:
        read_source, read_target = lexicon(source), lexicon(target)
    except ConfigError as error:
        fault = str(error)
        return lambda source_text, translation: _figures_only(source_text, translation, fault)

    marks_here, marks_there = token_lexicon(source).marks, token_lexicon(target).marks

    def check(source_text: str, translation: str) -> Verdict:
        # Two texts in three have no quantity on either side.
        if not (marks_here(source_text) | marks_there(translation)) & LOUD:
            return _PASSED
        fault = compare(read_measures(source_text, read_source), read_measures(translation, read_target))
        return _PASSED if fault is None else Verdict(NAME, False, fault)

    return check


_ROLE = {DAY: "date", YEAR: "date", "year": "date", "day": "date"}
_PLAIN = {DAY: "day", YEAR: "year"}
_MEASURED = frozenset({"mass", "volume", "length", "time", "calendar"})
_PASSED = Verdict(NAME, True)


def _figures_only(source_text: str, translation: str, fault: str) -> Verdict:
    def figures(text: str) -> list[str]:
        return sorted("".join(char for char in token if char.isdigit()) for token in text.split())

    if list(filter(None, figures(source_text))) == list(filter(None, figures(translation))):
        return _PASSED
    return Verdict(NAME, False, f"the figures differ, and could not be judged: {fault}", judged=False)


def compare(source: Sequence[Measure], target: Sequence[Measure]) -> str | None:
    """What differs between the quantities of a source and its translation, in a sentence; None where nothing does."""
    if len(source) == len(target) and all(map(_same, source, target)):
        return None
    pairs = match(source, target)
    matched_source = {ours for ours, _ in pairs}
    matched_target = {theirs for _, theirs in pairs}
    missing = [
        place for place, one in enumerate(source) if (one.sure or one.kind == "name") and place not in matched_source
    ]
    added = [place for place, one in enumerate(target) if one.sure and place not in matched_target]
    faults = []
    for ours in list(missing):
        for theirs in added:
            if source[ours].value == target[theirs].value or _scaled(source[ours], target[theirs]):
                faults.append(f"{show(source[ours])} in the source, {show(target[theirs])} in the translation")
                missing.remove(ours)
                added.remove(theirs)
                break
    if missing:
        faults.append("missing: " + ", ".join(show(source[place]) for place in missing))
    if added:
        faults.append("added: " + ", ".join(show(target[place]) for place in added))
    for ours, theirs in pairs:
        if _unit_added(source[ours], target[theirs]):
            faults.append(f"{show(source[ours])} in the source, {show(target[theirs])} in the translation")
    if not faults:
        swapped = swaps(source, target, pairs)
        if swapped is not None:
            faults.append(swapped)
    return "; ".join(faults) or None


def _unit_added(ours: Measure, theirs: Measure) -> bool:
    """Whether only the translation tells a unit of measure. Years are often told so, with ages ("people over 60")."""
    if ours.unit is not None or theirs.unit is None or ours.kind != "figure" or ours.kind != theirs.kind:
        return False
    return theirs.unit != "year" and shared_data().units[theirs.unit].dimension in _MEASURED


def _same(ours: Measure, theirs: Measure) -> bool:
    return ours.value == theirs.value and ours.unit == theirs.unit


def match(source: Sequence[Measure], target: Sequence[Measure]) -> list[tuple[int, int]]:
    """Places of quantities that say the same, each used once: the same unit before an open one, sure before unsure."""
    pairs: list[tuple[int, int]] = []
    left = list(range(len(source)))
    right = list(range(len(target)))
    for same in _PASSES:
        if not left or not right:
            break
        still = []
        for ours in left:
            one = source[ours]
            for theirs in right:
                if same(one, target[theirs]):
                    pairs.append((ours, theirs))
                    right.remove(theirs)
                    break
            else:
                still.append(ours)
        left = still
    pairs.sort()
    return pairs


def _unsure_alike(ours: Measure, theirs: Measure) -> bool:
    """Names, ordinals and small words that are on both sides are taken out first, so that they excuse nothing."""
    return not ours.sure and not theirs.sure and ours.kind == theirs.kind and ours.value == theirs.value


def _equal_sure(ours: Measure, theirs: Measure) -> bool:
    return ours.sure and theirs.sure and ours.value == theirs.value and ours.unit == theirs.unit


def _agree_sure(ours: Measure, theirs: Measure) -> bool:
    return ours.sure and theirs.sure and ours.value == theirs.value and compatible(ours.unit, theirs.unit)


def _agree(ours: Measure, theirs: Measure) -> bool:
    if ours.value != theirs.value or not (ours.sure or theirs.sure) or not compatible(ours.unit, theirs.unit):
        return False
    if "power" in (ours.kind, theirs.kind):
        return False
    # An article is a one only with the unit: "un jour" is 1 day, "une différence" is not 1.
    return "article" not in (ours.kind, theirs.kind) or (ours.unit is not None and ours.unit == theirs.unit)


def _alike(ours: Measure, theirs: Measure) -> bool:
    """The same after conversion, by another reading, or written with the very same figures."""
    if not (ours.sure or theirs.sure):
        return False
    if ours.unit is not None and theirs.unit is not None and ours.unit != theirs.unit:
        units = shared_data().units
        one, other = units[ours.unit], units[theirs.unit]
        return (
            one.dimension == other.dimension
            and one.dimension != "other"
            and (ours.value * one.size == theirs.value * other.size)
        )
    if ours.other is not None and ours.other == theirs.value:
        return True
    if theirs.other is not None and theirs.other == ours.value:
        return True
    return len(ours.raw) > 3 and ours.raw == theirs.raw and not ours.raw.isdigit()


_PASSES = (_unsure_alike, _equal_sure, _agree_sure, _agree, _alike)


def compatible(ours: str | None, theirs: str | None) -> bool:
    """Whether two units may stand for the same: one that is not told says nothing."""
    return ours is None or theirs is None or _PLAIN.get(ours, ours) == _PLAIN.get(theirs, theirs)


def _scaled(ours: Measure, theirs: Measure) -> bool:
    """Whether one is the other by a power of ten: a slipped mark, the fault that matters most in doses."""
    if not ours.value or not theirs.value or ours.unit != theirs.unit:
        return False
    ratio = max(ours.value, theirs.value) / min(ours.value, theirs.value)
    return any(abs(ratio - power) < 1e-9 * power for power in (10.0, 100.0, 1000.0))


def swaps(source: Sequence[Measure], target: Sequence[Measure], pairs: Sequence[tuple[int, int]]) -> str | None:
    """Two figures that stand in each other's place: their order is turned round and no unit tells them apart.

    Languages order clauses differently, so that figures whose units both sides tell, and dates, may stand anywhere.
    """
    crossed = _crossed(source, target, pairs)
    if crossed is not None:
        return crossed
    ordered = [
        (ours, theirs)
        for ours, theirs in pairs
        if target[theirs].kind == "figure"
        and (
            source[ours].kind in ("figure", "month", "name") or (source[ours].kind == "word" and source[ours].value > 1)
        )
    ]
    ordered = _in_order(source, ordered)
    if all(one[1] < two[1] for one, two in pairwise(ordered)):
        return None
    for place, (ours, theirs) in enumerate(ordered):
        for ours_next, theirs_next in ordered[place + 1 :]:
            if theirs < theirs_next or source[ours].value == source[ours_next].value:
                continue
            if _told_apart(source[ours], source[ours_next], target[theirs], target[theirs_next]):
                continue
            return (
                f"{show(source[ours])} stands before {show(source[ours_next])} in the source, "
                "after it in the translation"
            )
    return None


def _crossed(source: Sequence[Measure], target: Sequence[Measure], pairs: Sequence[tuple[int, int]]) -> str | None:
    """Two values of which one lost the unit that the other gained: 10 samples and 99.98% against 99.98 and 10%."""
    lost = {
        _ROLE.get(unit, unit): ours
        for ours, theirs in pairs
        if (unit := source[ours].unit) is not None and target[theirs].unit is None
    }
    if not lost:
        return None
    for ours, theirs in pairs:
        told = target[theirs].unit
        unit = _ROLE.get(told, told) if told is not None else None
        if unit in lost and source[ours].unit is None and source[ours].value != source[lost[unit]].value:
            return f"{show(source[lost[unit]])} in the source, {show(target[theirs])} in the translation"
    return None


def _in_order(source: Sequence[Measure], pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pairs with equal values paired in the order in which they stand, since nothing tells them apart."""
    places: dict[float, list[int]] = {}
    for ours, theirs in pairs:
        places.setdefault(source[ours].value, []).append(theirs)
    for listed in places.values():
        listed.sort(reverse=True)
    return [(ours, places[source[ours].value].pop()) for ours, _ in pairs]


def _told_apart(ours: Measure, ours_next: Measure, theirs: Measure, theirs_next: Measure) -> bool:
    """Whether two figures whose order changed each kept its role, by their units or powers ("161 万" and "210")."""
    if theirs.power != theirs_next.power:
        return True
    if ours.unit == ours_next.unit or theirs.unit == theirs_next.unit:
        return False
    return (ours.unit == theirs.unit) and (ours_next.unit == theirs_next.unit)


def show(measure: Measure) -> str:
    """A quantity as a reviewer reads it: "38.5 celsius"."""
    value = f"{measure.value:,.6f}".rstrip("0").rstrip(".").replace(",", "")
    return value if measure.unit is None else f"{value} {measure.unit.replace('_', ' ')}"
