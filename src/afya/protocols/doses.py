"""Finding a dose: the band of a medicine for a person's weight or age, and what speaks against giving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from afya.protocols.conditions import ALWAYS
from afya.protocols.model import Band, Contraindication, Medicine
from afya.protocols.subject import Subject, holds

HOURS = 24

# The unit of each kind of amount in a band, and how many of it a stated unit is.
_AMOUNTS: Mapping[str, str] = {
    "mg": "mg",
    "tablets": "tablet",
    "ml": "ml",
    "ml_from": "ml",
    "ml_to": "ml",
    "iu": "iu",
    "capsules": "capsule",
    "applications": "application",
    "drops": "drop",
    "sachets": "sachet",
}


@dataclass(frozen=True, slots=True)
class Dose:
    """The band that fits, and by what it was found. `disagrees` when the age alone would have given another band."""

    medicine: Medicine
    band: Band
    by: Literal["weight", "age", "person"]
    disagrees: bool = False

    def values(self) -> dict[str, object]:
        """What fills the dose card's placeholders, except the medicine's name in the reader's language."""
        band = self.band
        return {
            **band.amount,
            "strength": self.medicine.strength,
            "times": band.times_a_day,
            "hours": band.every_hours,
            "days": band.days,
        }


@dataclass(frozen=True, slots=True)
class Objections:
    """What speaks against a medicine for a person.

    `never`: it must not be given. `unknown`: nobody knows whether it must not, so it is not. `care`: it may be given,
    and these texts are said (a caution that holds or may hold, an allergy nobody asked about).
    """

    never: tuple[Contraindication, ...] = ()
    unknown: tuple[Contraindication, ...] = ()
    care: tuple[Contraindication, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether the medicine is not given."""
        return bool(self.never or self.unknown)


NO_OBJECTION = Objections()


def find_dose(
    medicine: Medicine, age_months: float | None, weight_kg: float | None = None, subject: Subject | None = None
) -> Dose | None:
    """The dose by weight where it is known and the medicine has weight bands, else by age.

    None when no band fits: a weight outside every band gives no dose, whatever the age says, and neither does an
    unknown age. `subject` decides bands that are for some people only (`only`); without it nobody is one of them. A
    dose that would be more in a day than may be given to somebody of this weight is none either.
    """
    found = _band(medicine, age_months, weight_kg, subject)
    if found is None or _over(medicine, found.band, weight_kg) is not None:
        return None
    return found


def over_maximum(medicine: Medicine, subject: Subject) -> float | None:
    """The most milligrams a day, where the dose by age or weight would be more than that; None where it is not."""
    found = _band(medicine, subject.age_months, subject.weight_kg, subject)
    return None if found is None else _over(medicine, found.band, subject.weight_kg)


def _over(medicine: Medicine, band: Band, weight_kg: float | None) -> float | None:
    most, daily = medicine.maximum, daily_mg(medicine, band)
    if most is None or daily is None or most.mg_per_kg_per_day is None or weight_kg is None:
        return None
    limit = most.mg_per_kg_per_day * weight_kg
    return limit if daily > limit else None


def _band(
    medicine: Medicine, age_months: float | None, weight_kg: float | None, subject: Subject | None
) -> Dose | None:
    who = subject or Subject(age_months, weight_kg)
    bands = [band for band in medicine.bands if band.only == ALWAYS or holds(band.only, who) is True]
    by_age = None
    if age_months is not None:
        by_age = next(
            (band for band in bands if band.months is not None and band.months[0] <= age_months < band.months[1]), None
        )
    if weight_kg is not None and any(band.kg is not None for band in bands):
        for band in bands:
            if band.kg is not None and band.kg[0] <= weight_kg < band.kg[1]:
                return Dose(medicine, band, "weight", disagrees=by_age is not None and by_age is not band)
        return None
    if by_age is not None:
        return Dose(medicine, by_age, "age")
    open_to_all = next((band for band in bands if band.months is None and band.kg is None), None)
    return None if open_to_all is None else Dose(medicine, open_to_all, "person")


def objections(medicine: Medicine, subject: Subject) -> Objections:
    """The medicine's contraindications that hold or may hold for the person."""
    never: list[Contraindication] = []
    unknown: list[Contraindication] = []
    care: list[Contraindication] = []
    for entry in medicine.contraindications:
        held = holds(entry.when, subject)
        if held is False:
            continue
        if entry.level == "caution":
            care.append(entry)
        elif held:
            never.append(entry)
        else:
            (unknown if entry.if_unknown == "stop" else care).append(entry)
    return Objections(tuple(never), tuple(unknown), tuple(care))


def amounts(medicine: Medicine, band: Band) -> dict[str, tuple[Fraction, Fraction]]:
    """What a band gives each time, from and to, by unit; milligrams from tablets where the strength is one number."""
    found: dict[str, tuple[Fraction, Fraction]] = {}
    for key, value in band.amount.items():
        unit = _AMOUNTS.get(key)
        if unit is not None:
            number = exact(value)
            low, high = found.get(unit, (number, number))
            found[unit] = (min(low, number), max(high, number))
    for unit, strength in (("tablet", medicine.mg_per_tablet), ("ml", medicine.mg_per_ml)):
        if strength is not None and unit in found and "mg" not in found:
            low, high = found[unit]
            found["mg"] = (low * exact(strength), high * exact(strength))
    return found


def daily_mg(medicine: Medicine, band: Band) -> float | None:
    """The most milligrams a band gives in a day; None where it cannot be said in milligrams."""
    allowed = amounts(medicine, band).get("mg")
    times = band.times_a_day or (HOURS / band.every_hours if band.every_hours else None)
    return None if allowed is None or times is None else float(allowed[1]) * times


def exact(value: float | str) -> Fraction:
    """A number, or a text such as 1/4, without rounding."""
    return Fraction(value) if isinstance(value, str) else Fraction(str(value))
