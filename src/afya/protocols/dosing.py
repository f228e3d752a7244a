"""Checking a dose that somebody states against the formulary: right for this person, or why not.

Fail closed: an unknown medicine, an unknown age, a unit that cannot be compared or a dose without a row is not passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Literal

from afya.protocols.doses import HOURS, amounts, exact, find_dose, objections, over_maximum
from afya.protocols.model import Band, Citation, Formulary, Medicine, Protocol
from afya.protocols.subject import Subject
from afya.text.normalise import fold_marks
from afya.text.words import words

__all__ = ["Code", "DoseVerdict", "Stated", "Subject", "check_dose", "named"]

Code = Literal[
    "right",
    "contraindicated",
    "unknown_medicine",
    "unknown_subject",
    "unknown_unit",
    "refer_only",
    "no_row",
    "too_much",
    "too_little",
    "wrong_frequency",
    "wrong_days",
    "nothing_stated",
]

_IN: Mapping[str, tuple[str, Fraction]] = {
    "g": ("mg", Fraction(1000)),
    "microgram": ("mg", Fraction(1, 1000)),
    "microlitre": ("ml", Fraction(1, 1000)),
    "l": ("ml", Fraction(1000)),
    "litre": ("ml", Fraction(1000)),
}
# Which fault is told when several rows were meant: the gravest, and then the one that is nearest to right.
_GRAVITY: tuple[Code, ...] = (
    "contraindicated",
    "unknown_subject",
    "refer_only",
    "too_much",
    "too_little",
    "wrong_frequency",
    "wrong_days",
    "unknown_unit",
    "nothing_stated",
    "no_row",
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a text says to give. None: the text does not say it.

    `amount` to `upper` each time, in `unit` (mg, g, microgram, ml, tablet, capsule, drop, sachet, iu, application);
    `text` is the piece that says it, at [start, end). `strength_mg`: milligrams in one tablet, or in one ml.
    """

    medicine: str | None
    amount: float | None = None
    upper: float | None = None
    unit: str | None = None
    times_a_day: float | None = None
    every_hours: float | None = None
    days: float | None = None
    text: str = ""
    start: int = 0
    end: int = 0
    strength_mg: float | None = None


@dataclass(frozen=True, slots=True)
class DoseVerdict:
    """Whether the stated dose is the formulary's for this person.

    `citation` is the place the verdict rests on (empty where there is none); `say` the keys of the texts that belong
    to a dose that passes (an allergy to ask about); `medicine` the formulary's entry that was meant.
    """

    passed: bool
    code: Code
    detail: str
    citation: str = ""
    say: tuple[str, ...] = ()
    medicine: str | None = None


def named(text: str, known: Protocol | Formulary) -> tuple[Medicine, ...]:
    """The medicines that `text` names as a whole: by key, or by one of their names; capitals and accents aside."""
    key = _plain(text)
    if not key:
        return ()
    return tuple(
        medicine
        for medicine in known.medicines.values()
        if key in {_plain(name) for name in (medicine.name.replace("_", " "), *medicine.names)}
    )


def check_dose(stated: Stated, subject: Subject, known: Protocol | Formulary) -> DoseVerdict:
    """The verdict on a stated dose.

    A name that several rows of the formulary answer to (ORS by plan A and plan B) passes when one of them is met; what
    one of them forbids is forbidden. What the text leaves out is not held against it, but it must state something.
    """
    meant = named(stated.medicine or "", known)
    if not meant:
        return DoseVerdict(False, "unknown_medicine", f"The formulary has no medicine '{stated.medicine or ''}'.")
    verdicts = [_verdict(stated, subject, medicine) for medicine in meant]
    forbidden = [verdict for verdict in verdicts if verdict.code == "contraindicated"]
    passed = [verdict for verdict in verdicts if verdict.passed]
    if forbidden or not passed:
        return min(forbidden or verdicts, key=lambda verdict: _GRAVITY.index(verdict.code))
    return passed[0]


def _verdict(stated: Stated, subject: Subject, medicine: Medicine) -> DoseVerdict:
    def no(code: Code, detail: str, citation: Citation | None = None) -> DoseVerdict:
        return DoseVerdict(False, code, f"{medicine.name}: {detail}", _place(citation), medicine=medicine.name)

    against = objections(medicine, subject)
    if against.never:
        entry = against.never[0]
        return no("contraindicated", f"must not be given ({entry.text}).", entry.citation)
    if medicine.refer:
        return no("refer_only", "is given by a health facility only.")
    if against.unknown:
        entry = against.unknown[0]
        return no("unknown_subject", f"it is not known whether it may be given ({entry.text}).", entry.citation)
    dose = find_dose(medicine, subject.age_months, subject.weight_kg, subject)
    if dose is None:
        if (most := over_maximum(medicine, subject)) is not None:
            return no("too_much", f"the usual dose is more than {most:g} mg a day, the most for this weight.")
        if subject.age_months is None and subject.weight_kg is None:
            return no("unknown_subject", "neither age nor weight is known.")
        return no("no_row", "the formulary has no row for this person.")
    if all(value is None for value in (stated.amount, stated.times_a_day, stated.every_hours, stated.days)):
        return no("nothing_stated", "neither amount nor how often nor how long is stated.")
    band = dose.band
    for fault in (
        _amount_fault(stated, medicine, band),
        _frequency_fault(stated, band),
        _days_fault(stated, band),
    ):
        if fault is not None:
            return no(*fault, band.citation)
    return DoseVerdict(
        True,
        "right",
        f"{medicine.name}: as the formulary says.",
        _place(band.citation),
        tuple(entry.text for entry in against.care),
        medicine.name,
    )


Fault = tuple[Code, str] | None


def _amount_fault(stated: Stated, medicine: Medicine, band: Band) -> Fault:
    if stated.amount is None:
        return None
    measured = _measured(stated, medicine, band)
    if measured is None:
        return "unknown_unit", f"{stated.amount:g} {stated.unit or '(no unit)'} cannot be compared with {_said(band)}."
    low, high, least, most = measured
    if low > high or low <= 0:
        return "unknown_unit", f"{stated.amount:g} to {stated.upper} is no amount."
    if high > most:
        return "too_much", f"{float(high):g} is more than {_said(band)}."
    if low < least:
        return "too_little", f"{float(low):g} is less than {_said(band)}."
    return None


def _measured(stated: Stated, medicine: Medicine, band: Band) -> tuple[Fraction, Fraction, Fraction, Fraction] | None:
    """What is stated (from, to) and what the band allows (from, to), in one unit; None when there is none."""
    if not all(isfinite(value) for value in (stated.amount, stated.upper, stated.strength_mg) if value is not None):
        return None
    unit, factor = _IN.get(stated.unit or "", (stated.unit or "", Fraction(1)))
    low, high = (exact(value) * factor for value in (stated.amount or 0, stated.upper or stated.amount or 0))
    allowed = amounts(medicine, band)
    # A tablet of another strength than the formulary's is so many milligrams.
    per_unit = {"tablet": medicine.mg_per_tablet, "ml": medicine.mg_per_ml}.get(unit)
    if stated.strength_mg is not None and unit in ("tablet", "ml") and stated.strength_mg != per_unit:
        low, high = (value * exact(stated.strength_mg) for value in (low, high))
        unit = "mg"
    if unit not in allowed:
        return None
    return low, high, *allowed[unit]


def _frequency_fault(stated: Stated, band: Band) -> Fault:
    times = stated.times_a_day
    hours = stated.every_hours
    if times is None and hours is None:
        return None
    expected = band.times_a_day or (HOURS / band.every_hours if band.every_hours else None)
    if expected is None:
        return "wrong_frequency", "the formulary gives no number of times a day."
    if times is not None and times != expected:
        return "wrong_frequency", f"{times:g} times a day, where the formulary says {expected:g}."
    if hours is not None and (hours <= 0 or HOURS / hours != expected):
        return "wrong_frequency", f"every {hours:g} hours, where the formulary says {expected:g} times a day."
    return None


def _days_fault(stated: Stated, band: Band) -> Fault:
    if stated.days is None or stated.days == band.days:
        return None
    expected = f"{band.days} days" if band.days is not None else f"until {(band.until or '').replace('_', ' ')}"
    return "wrong_days", f"{stated.days:g} days, where the formulary says {expected}."


def _said(band: Band) -> str:
    return ", ".join(f"{key} {value}" for key, value in band.amount.items())


def _place(citation: Citation | None) -> str:
    return "" if citation is None else f"{citation.source.title}, {citation.page}"


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return " ".join(word.plain for word in words(fold_marks(text)))
