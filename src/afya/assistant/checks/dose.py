"""Whether the doses of a sentence are the formulary's for this person, and nothing in it must not be given to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from afya.assistant.checks.medicine_names import Mention, mentions, without_strengths
from afya.assistant.checks.stated_doses import Reading, stated_doses, tells_to_give
from afya.protocols.doses import objections
from afya.protocols.dosing import DoseVerdict, Subject, check_dose, named
from afya.protocols.model import Formulary, Medicine
from afya.protocols.model import Protocol as Table
from afya.text.normalise import normalise

_MASSES = {"mg": 1.0, "g": 1000.0, "microgram": 0.001}


class HasMedicines(Protocol):
    """A formulary, or a protocol with the medicines that it gives."""

    @property
    def medicines(self) -> Mapping[str, Medicine]: ...


@dataclass(frozen=True, slots=True)
class Doses:
    """What the dose check found in one sentence: a fault or None, and the places of doses that are right."""

    fault: str | None
    right: tuple[tuple[int, int], ...] = ()


def doses(text: str, lang: str, subject: Subject, formulary: Table | Formulary, before: Sequence[Mention]) -> Doses:
    """The doses that a sentence states, judged. Raises ConfigError where doses of the language cannot be read."""
    faults: list[str] = []
    right: list[tuple[int, int]] = []
    for reading in stated_doses(normalise(text), lang, formulary.medicines, before=before):
        verdict = judge(reading, subject, formulary)
        if verdict.passed:
            right.append((reading.stated.start, reading.stated.end))
        else:
            faults.append(f"'{reading.stated.text}': {verdict.code} ({verdict.detail})")
    return Doses("; ".join(dict.fromkeys(faults)) or None, tuple(right))


def judge(reading: Reading, subject: Subject, formulary: Table | Formulary) -> DoseVerdict:
    """The verdict on one dose as stated.

    An amount for each kilogram is worked out with the weight; without a weight it is not passed. A mass beside tablets
    or millilitres must be right as the strength of one or as what all of them hold.
    """
    stated = reading.stated
    if reading.per_kg:
        if subject.weight_kg is None or stated.amount is None:
            return DoseVerdict(False, "unknown_subject", "an amount for each kilogram, and the weight is not known.")
        upper = None if stated.upper is None else stated.upper * subject.weight_kg
        stated = replace(stated, amount=stated.amount * subject.weight_kg, upper=upper)
    verdict = check_dose(stated, subject, formulary)
    if reading.mg_beside is None:
        return verdict
    as_strength = check_dose(replace(stated, strength_mg=reading.mg_beside), subject, formulary)
    as_sum = check_dose(replace(stated, amount=reading.mg_beside, upper=None, unit="mg"), subject, formulary)
    if verdict.passed:
        return verdict if as_strength.passed or as_sum.passed else as_strength
    # Tablets of another strength than the formulary's: so many of them hold the right amount.
    return as_strength if as_strength.passed else verdict


def contraindication(text: str, lang: str, subject: Subject, formulary: Table | Formulary) -> str | None:
    """The medicine that a sentence tells to give and that this person must not have, or may not as far as is known."""
    shown = without_strengths(normalise(text), formulary.medicines)
    if not tells_to_give(shown, lang) and not stated_doses(shown, lang, formulary.medicines):
        return None
    for mention in mentions(shown, lang, formulary.medicines):
        meant = named(mention.name, formulary)
        if not meant:
            return f"'{shown[mention.start : mention.end]}' is not in the formulary, so nothing is known against it."
        for medicine in meant:
            if medicine.refer:
                return f"{medicine.name} is given by a health facility only."
            against = objections(medicine, subject)
            if against.stops:
                entry = (*against.never, *against.unknown)[0]
                known = "must not be given" if against.never else "may not be safe, which is not known"
                return f"{medicine.name} {known} ({entry.text}: {entry.citation.source.title}, {entry.citation.page})."
    return None
