"""Finding a dose: the band of a medicine for a child's weight or age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from afya.protocols.model import Band, Medicine


@dataclass(frozen=True, slots=True)
class Dose:
    """The band that fits, and by what it was found. `disagrees` when the age alone would have given another band."""

    medicine: Medicine
    band: Band
    by: Literal["weight", "age"]
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


def find_dose(medicine: Medicine, age_months: float | None, weight_kg: float | None = None) -> Dose | None:
    """The dose by weight where it is known and the medicine has weight bands, else by age.

    None when no band fits: a weight outside every band gives no dose, whatever the age says, and neither does an
    unknown age.
    """
    by_age = None
    if age_months is not None:
        by_age = next((band for band in medicine.bands if band.months[0] <= age_months < band.months[1]), None)
    if weight_kg is not None and any(band.kg is not None for band in medicine.bands):
        for band in medicine.bands:
            if band.kg is not None and band.kg[0] <= weight_kg < band.kg[1]:
                return Dose(medicine, band, "weight", disagrees=by_age is not None and by_age is not band)
        return None
    return None if by_age is None else Dose(medicine, by_age, "age")
