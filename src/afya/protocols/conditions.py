"""Conditions of a table's rows, and their truth when some answers are not known.

Truth is three-valued (Kleene): True, False, or None when it depends on an answer that is missing. None is never taken
for False: a sign nobody looked for is not an absent sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = bool | int | float | str
Values = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class OneOf:
    """The input equals one of the values."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """The number lies in the closed-open interval [low, high); None leaves that side open."""

    name: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class AtLeast:
    """At least `count` of the parts are true: all of them, any one of them, or two signs out of four."""

    count: int
    parts: tuple[Condition, ...]


Condition = OneOf | Within | AtLeast

ALWAYS = AtLeast(0, ())


def all_of(parts: tuple[Condition, ...]) -> Condition:
    """Every part is true."""
    return parts[0] if len(parts) == 1 else AtLeast(len(parts), parts)


def truth(condition: Condition, values: Values) -> bool | None:
    """Whether the condition holds for `values`; None when a missing value decides."""
    if isinstance(condition, OneOf):
        value = values.get(condition.name)
        return None if value is None else value in condition.values
    if isinstance(condition, Within):
        number = values.get(condition.name)
        if number is None:
            return None
        if isinstance(number, str):  # a table that is not asked has a word for a value
            return False
        return (condition.low is None or number >= condition.low) and (
            condition.high is None or number < condition.high
        )
    true = unknown = 0
    for part in condition.parts:
        held = truth(part, values)
        if held is None:
            unknown += 1
        elif held:
            true += 1
    if true >= condition.count:
        return True
    return None if true + unknown >= condition.count else False


def undecided(condition: Condition, values: Values) -> Iterator[str]:
    """The names whose missing values keep the condition from being decided."""
    if truth(condition, values) is not None:
        return
    if isinstance(condition, AtLeast):
        for part in condition.parts:
            yield from undecided(part, values)
    else:
        yield condition.name


def names(condition: Condition) -> Iterator[str]:
    """Every input or table the condition reads."""
    if isinstance(condition, AtLeast):
        for part in condition.parts:
            yield from names(part)
    else:
        yield condition.name


def thresholds(condition: Condition, name: str) -> Iterator[float]:
    """The numbers at which the condition changes with the input `name`."""
    if isinstance(condition, AtLeast):
        for part in condition.parts:
            yield from thresholds(part, name)
    elif isinstance(condition, Within) and condition.name == name:
        yield from (edge for edge in (condition.low, condition.high) if edge is not None)
