"""Proving a protocol sound: no gap, no overlap, no row that never counts, no milder row before a more severe one.

The proof is by enumeration: between two neighbouring thresholds a table cannot change, so trying every combination of
the values on both sides of each threshold, of each choice and of each earlier result, tries everything there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from afya.protocols.conditions import Value, names, thresholds, truth
from afya.protocols.model import NOT_APPLICABLE, SEVERITY, Band, Medicine, Protocol, Row, Table


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a protocol. `example` holds the values that show it."""

    code: str
    where: str
    message: str
    example: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f" For example: {self.example}." if self.example else "")


def check(protocol: Protocol) -> list[Finding]:
    """Every fault found. Codes: gap, overlap, unreachable, milder_first, no_section, no_dose_text, dose_gap,
    dose_overlap."""
    found: list[Finding] = []
    for table in protocol.tables.values():
        found += _check_table(protocol, table)
        for name in names(table.applies):
            if name not in protocol.inputs and name not in protocol.tables:
                found.append(Finding("unknown_name", table.name, f"reads '{name}', which is not there"))
    sections = set(protocol.sections)
    for entry in protocol.inputs.values():
        if entry.section is not None and entry.section not in sections:
            found.append(Finding("no_section", entry.name, f"stands in section '{entry.section}', which has no table"))
    for medicine in protocol.medicines.values():
        found += _check_medicine(protocol, medicine)
    return found


def boundary_values(protocol: Protocol, name: str, conditions: tuple[object, ...] | None = None) -> tuple[Value, ...]:
    """The values of an input that matter: its choices, or for a number both sides of every threshold and both ends.

    `conditions` limits the thresholds to those conditions; default all tables' rows.
    """
    if name in protocol.tables:
        return (*protocol.tables[name].results(), NOT_APPLICABLE)
    entry = protocol.inputs[name]
    if entry.low is None or entry.high is None:
        return entry.domain()
    rows = [row for table in protocol.tables.values() for row in table.rows]
    every = conditions or (*(row.when for row in rows), *(table.applies for table in protocol.tables.values()))
    points = {entry.low, entry.high - entry.step}
    for condition in every:
        for edge in thresholds(condition, name):  # type: ignore[arg-type]
            points |= {edge, edge - entry.step}
    inside = sorted(point for point in points if entry.low <= point < entry.high)
    return tuple(int(p) if entry.kind == "int" else round(p, 6) for p in inside)


def combinations(protocol: Protocol, table: Table) -> Iterator[dict[str, Value | None]]:
    """Every combination of the values that matter to the table, for the children it is asked for."""
    conditions = (table.applies, *(row.when for row in table.rows))
    read = tuple(dict.fromkeys(name for condition in conditions for name in names(condition)))
    for values in product(*(boundary_values(protocol, name, conditions) for name in read)):
        case: dict[str, Value | None] = dict(zip(read, values, strict=True))
        if truth(table.applies, case):
            yield case


def _check_table(protocol: Protocol, table: Table) -> list[Finding]:
    found: dict[tuple[str, str], Finding] = {}
    counted: set[int] = set()
    for case in combinations(protocol, table):
        true = [row for row in table.rows if truth(row.when, case)]
        if not true:
            found.setdefault(("gap", ""), Finding("gap", table.name, "no row is true.", _show(case)))
            continue
        counted.add(true[0].number)
        if table.semantics == "unique":
            counted |= {row.number for row in true}
            if len(true) > 1:
                pair = f"rows {true[0].number} and {true[1].number} are both true."
                found.setdefault(("overlap", pair), Finding("overlap", table.name, pair, _show(case)))
        else:
            for finding in _milder_first(table, true, case):
                found.setdefault((finding.code, finding.message), finding)
    for row in table.rows:
        if row.number not in counted:
            found[("unreachable", row.name)] = Finding("unreachable", table.name, f"row {row.number} never counts.")
    return list(found.values())


def _milder_first(table: Table, true: list[Row], case: dict[str, Value | None]) -> Iterator[Finding]:
    first = true[0]
    for row in true[1:]:
        if SEVERITY[row.colour or "green"] > SEVERITY[first.colour or "green"]:
            message = f"row {first.number} ({first.colour}) hides row {row.number} ({row.colour})."
            yield Finding("milder_first", table.name, message, _show(case))


def _show(case: dict[str, Value | None]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in case.items())


def _check_medicine(protocol: Protocol, medicine: Medicine) -> list[Finding]:
    """The bands follow one another without gap or overlap, and by age cover the protocol's whole range."""
    found: list[Finding] = []
    by_age = sorted(medicine.bands, key=lambda band: band.months)
    age = protocol.inputs["age_months"]
    if (by_age[0].months[0], by_age[-1].months[1]) != (age.low, age.high):
        found.append(Finding("dose_gap", medicine.name, f"the bands do not cover {age.low:g} to {age.high:g} months."))
    found += _chain(medicine, [(band.months, "months") for band in by_age])
    weighed = [band.kg for band in medicine.bands if band.kg is not None]
    if weighed and len(weighed) < len(medicine.bands):
        found.append(Finding("dose_gap", medicine.name, "some bands have kg and some have not."))
    found += _chain(medicine, [(kg, "kg") for kg in sorted(weighed)])
    for earlier, later in pairwise(by_age):
        if _size(later) < _size(earlier):
            found.append(
                Finding("dose_order", medicine.name, f"from {later.months[0]:g} months the dose gets smaller.")
            )
    return found


def _chain(medicine: Medicine, intervals: list[tuple[tuple[float, float], str]]) -> list[Finding]:
    found: list[Finding] = []
    for (earlier, unit), (later, _) in pairwise(intervals):
        if earlier[1] != later[0]:
            code = "dose_gap" if earlier[1] < later[0] else "dose_overlap"
            place = f"between {earlier[1]:g} and {later[0]:g} {unit}"
            found.append(Finding(code, medicine.name, f"{code.removeprefix('dose_')} {place}."))
    return found


def _size(band: Band) -> float:
    """The dose as a number that can be compared: its first amount, fractions such as 1/4 included."""
    amount = next(iter(band.amount.values()))
    if isinstance(amount, str):
        top, _, bottom = amount.partition("/")
        return float(top) / float(bottom or 1)
    return amount
