"""A number with its unit as the value of a protocol's input."""

from __future__ import annotations

from afya.assistant.limits import Limits
from afya.protocols import Input
from afya.protocols.conditions import Value
from afya.text.quantities import Quantity

# Days in one of the unit; a month is a twelfth of 365.25 days.
DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
TO_UNIT = {"mm": {"mm": 1.0, "cm": 10.0}, "kg": {"kg": 1.0}}


def in_unit(quantity: Quantity, entry: Input, limits: Limits) -> float | None:
    """The value in the input's unit, or None when it cannot be told."""
    if entry.unit in DAYS:
        if quantity.unit is None:
            # Only a form line ("Days with cough: 16") brings a bare number here.
            return quantity.value if entry.unit == "day" else None
        if quantity.unit not in DAYS:
            return None
        if quantity.unit == entry.unit:
            return quantity.value
        if {quantity.unit, entry.unit} == {"year", "month"}:
            return quantity.value * 12 if entry.unit == "month" else quantity.value / 12
        return quantity.value * DAYS[quantity.unit] / DAYS[entry.unit]
    factors = TO_UNIT.get(entry.unit or "")
    if factors is None:
        return quantity.value
    if quantity.unit is None:
        bare_centimetres = entry.unit == "mm" and quantity.value < limits.bare_centimetres
        return quantity.value * 10 if bare_centimetres else quantity.value
    factor = factors.get(quantity.unit)
    return None if factor is None else round(quantity.value * factor, 3)


def whole(value: float, entry: Input) -> Value:
    """A number as the input takes it."""
    return int(value + 1e-6) if entry.kind == "int" else value


def within(value: float, entry: Input) -> bool:
    """Whether a number lies in the input's range."""
    return (entry.low is None or value >= entry.low) and (entry.high is None or value < entry.high)
