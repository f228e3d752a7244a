"""Doses: every row of the formulary said right, and wrong in each way, in the words of the pack's own dose cards."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from afya.assistant.checks import Draft, Sentence, suite
from afya.assistant.evaluation.casefiles import Cases
from afya.assistant.evaluation.probes import Outcome, Probe, Tally
from afya.assistant.evaluation.subject import passage
from afya.errors import ConfigError
from afya.packs import Pack, load_pack
from afya.protocols import find_dose, load_formulary, load_protocol
from afya.protocols.doses import Dose, exact, objections
from afya.protocols.model import Band, Medicine
from afya.protocols.subject import Subject as Person
from afya.translation.checks.corrupt import CHANGE_UNIT, corrupt

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

SET = "doses"
NAMES = (SET,)
RIGHT, NO_ROW, FORBIDDEN = "right", "no_row", "contraindicated"
_TIMES: Mapping[str, Fraction] = {"double": Fraction(2), "tenfold": Fraction(10), "half": Fraction(1, 2)}
# Ages and weights at which people are tried, beside the middle of the row's own band.
_AGES: tuple[float, ...] = (0.5, 4.0, 9.0, 24.0, 48.0, 150.0, 360.0)
_ALLERGIES: tuple[str, ...] = ("penicillin", "sulfonamide", "sulfa")


@dataclass(frozen=True)
class _Said:
    kind: str
    text: str
    person: Person


def probes(lang: str, cases: Cases, seed: int) -> list[Probe]:
    """Right and wrong doses of every medicine whose name and card the pack has, a cluster a medicine."""
    made = []
    for view, medicine in _medicines(load_pack(lang)):
        rng = random.Random(f"doses:{lang}:{medicine.name}:{seed}")
        for number, said in enumerate(_said(view, medicine, rng)):
            payload = {"text": said.text, "person": _as_json(said.person)}
            name = f"{lang}-dose-{medicine.name}-{number:03d}"
            made.append(Probe(name, lang, SET, said.kind, payload, cluster=medicine.name))
    return made


def measure(probe: Probe, subject: Subject) -> Outcome:
    """What the checks make of a sentence that stands in the passage it cites: only the dose can be wrong."""
    text = str(probe.payload["text"])
    told = probe.payload["person"]
    assert isinstance(told, dict)
    verdicts = suite.verify(
        Draft((Sentence(text, (1,)),)),
        [passage(text, subject.code)],
        question="",
        subject=_person(told),
        formulary=load_formulary(),
        lang=subject.code,
    )
    failed = [f"{verdict.name}: {verdict.detail}" for verdict in verdicts if not verdict.passed]
    tally = Tally()
    if probe.kind == RIGHT:
        tally.say("right_dose_passed", not failed, "; ".join(failed))
    elif probe.kind == NO_ROW:
        tally.say("dose_without_row", bool(failed), "" if failed else f"passed: {text}")
    else:
        meant = "contraindication" if probe.kind == FORBIDDEN else "dose"
        seen = any(verdict.name == meant and not verdict.passed for verdict in verdicts)
        tally.say("fault_seen_by_its_check", seen, "" if seen else f"{meant} has not seen: {text}")
        tally.say("wrong_dose_blocked", bool(failed), "" if failed else f"passed: {text}")
    return tally.outcome()


def _medicines(pack: Pack) -> Iterator[tuple[Pack, Medicine]]:
    """Each medicine once, with the view of the pack that has its texts."""
    seen = set()
    for name in pack.protocols:
        view = pack.for_protocol(name)
        for medicine in load_protocol(name).medicines.values():
            wanted = {f"medicine.{medicine.name}", f"dose.{medicine.card}"}
            if medicine.name not in seen and wanted <= set(view.messages):
                seen.add(medicine.name)
                yield view, medicine


def _said(pack: Pack, medicine: Medicine, rng: random.Random) -> Iterator[_Said]:
    for band in medicine.bands:
        person = _person_for(medicine, band)
        if person is None:
            continue
        dose = find_dose(medicine, person.age_months, person.weight_kg, person)
        if dose is None:
            continue
        right = _text(pack, medicine, dose.values())
        if right is None:
            continue
        yield _Said(RIGHT, right, person)
        yield from _wrong(pack, medicine, dose, right, person, rng)
    some = next((band for band in medicine.bands), None)
    for kind, person in _others(medicine):
        text = _text(pack, medicine, Dose(medicine, some, "age").values()) if some is not None else None
        if text is not None:
            yield _Said(kind, text, person)


def _wrong(
    pack: Pack, medicine: Medicine, dose: Dose, right: str, person: Person, rng: random.Random
) -> Iterator[_Said]:
    values = dose.values()
    for kind, factor in _TIMES.items():
        changed = {**values, **{key: _times(value, factor) for key, value in dose.band.amount.items()}}
        text = _text(pack, medicine, changed)
        if text is not None and text != right:
            yield _Said(kind, text, person)
    often = dict(values)
    if dose.band.times_a_day is not None:
        often["times"] = dose.band.times_a_day * 2
    if dose.band.every_hours is not None:
        often["hours"] = _times(dose.band.every_hours, Fraction(1, 2))
    text = _text(pack, medicine, often)
    if text is not None and text != right:
        yield _Said("frequency", text, person)
    text = corrupt(right, pack.code, CHANGE_UNIT, rng)
    if text is not None and text != right:
        yield _Said("unit", text, person)


def _person_for(medicine: Medicine, band: Band) -> Person | None:
    """Somebody for whom this row is right: in the middle of its age and weight, with nothing against the medicine."""
    age = sum(band.months) / 2 if band.months is not None else 360.0
    weight = sum(band.kg) / 2 if band.kg is not None else None
    for pregnant, trimester in ((False, None), (True, 2), (True, 3)):
        person = Person(age, weight, pregnant, trimester, False, frozenset())
        dose = find_dose(medicine, age, weight, person)
        if dose is not None and dose.band is band and not objections(medicine, person).stops:
            return person
    return None


def _others(medicine: Medicine) -> Iterator[tuple[str, Person]]:
    """People who must not have the medicine, and people for whom there is no row."""
    for age in _AGES:
        for pregnant, trimester in ((False, None), (True, 1)) if age >= 150 else ((False, None),):
            for allergies in (frozenset[str](), *(frozenset({name}) for name in _ALLERGIES)):
                person = Person(age, None, pregnant, trimester, False, allergies)
                if objections(medicine, person).never:
                    yield FORBIDDEN, person
                elif not allergies and find_dose(medicine, age, None, person) is None:
                    yield NO_ROW, person


def _text(pack: Pack, medicine: Medicine, values: Mapping[str, object]) -> str | None:
    """The pack's dose card filled, or None where it asks for what the row has not."""
    try:
        told = pack.text(f"dose.{medicine.card}", medicine=pack.text(f"medicine.{medicine.name}"), **values)
    except ConfigError:
        return None
    return None if "None" in told else told


def _times(value: object, factor: Fraction) -> object:
    """An amount changed by a factor, written as amounts are: 1/2, 1, 1.5."""
    if not isinstance(value, (int, float, str)):
        return value
    made = exact(value) * factor
    if made.denominator == 1:
        return made.numerator
    return str(made) if made < 1 else float(made)


def _as_json(person: Person) -> dict[str, object]:
    told = asdict(person)
    told["allergies"] = None if person.allergies is None else sorted(person.allergies)
    told["conditions"] = sorted(person.conditions)
    return told


def _person(told: Mapping[str, object]) -> Person:
    listed = {key: told[key] for key in ("age_months", "weight_kg", "pregnant", "trimester", "breastfeeding")}
    allergies, conditions = told["allergies"], told["conditions"]
    assert isinstance(conditions, list)
    return Person(
        **listed,  # type: ignore[arg-type]
        allergies=frozenset(allergies) if isinstance(allergies, list) else None,
        conditions=frozenset(conditions),
    )
