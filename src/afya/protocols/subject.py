"""The person a medicine is for, and the truth of what the formulary asks about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from afya.protocols.conditions import Condition, Value, names, truth
from afya.protocols.model import Protocol

ALLERGY, CONDITION = "allergy:", "condition:"
TRIMESTERS: Mapping[str, int] = {"first": 1, "second": 2, "third": 3}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the person. None is not known; `allergies` None: nobody asked; empty: none are known of.

    `conditions` are those that are known to be there; one that is not among them is not known to be absent.
    """

    age_months: float | None = None
    weight_kg: float | None = None
    pregnant: bool | None = None
    trimester: int | None = None
    breastfeeding: bool | None = None
    allergies: frozenset[str] | None = None
    conditions: frozenset[str] = frozenset()


def holds(condition: Condition, subject: Subject) -> bool | None:
    """Whether a formulary's condition is true of the person; None when an answer that decides is not known."""
    values: dict[str, Value | None] = {
        "age_months": subject.age_months,
        "weight_kg": subject.weight_kg,
        "pregnant": subject.pregnant,
        "breastfeeding": subject.breastfeeding,
        # Whoever is not pregnant is in no trimester.
        "trimester": 0 if subject.pregnant is False else subject.trimester,
    }
    for name in names(condition):
        if name.startswith(ALLERGY):
            known = subject.allergies
            values[name] = None if known is None else name.removeprefix(ALLERGY) in known
        elif name.startswith(CONDITION):
            values[name] = True if name.removeprefix(CONDITION) in subject.conditions else None
    return truth(condition, values)


def subject_of(protocol: Protocol, values: Mapping[str, Value | None]) -> Subject:
    """The person of an assessment: age by the protocol's own input, weight, and what the protocol says of everyone.

    `values`: the findings, and the results of tables by their names.
    """
    age = _number(values.get(protocol.age.input)) if protocol.age else None
    said: dict[str, Value | None] = {
        key: values.get(value) if isinstance(value, str) else value for key, value in protocol.person.items()
    }
    pregnant, breastfeeding, trimester = (said.get(key) for key in ("pregnant", "breastfeeding", "trimester"))
    return Subject(
        age_months=None if age is None or protocol.age is None else protocol.age.months(age),
        weight_kg=_number(values.get("weight_kg")),
        pregnant=pregnant if isinstance(pregnant, bool) else None,
        trimester=TRIMESTERS.get(trimester) if isinstance(trimester, str) else None,
        breastfeeding=breastfeeding if isinstance(breastfeeding, bool) else None,
    )


def _number(value: Value | None) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
