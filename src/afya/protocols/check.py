"""Proving a protocol sound: no gap, no overlap, no row that never counts, no milder row before a more severe one.

The proof is by enumeration: between two neighbouring thresholds a table cannot change, so trying every combination of
the values on both sides of each threshold, of each choice and of each earlier result, tries everything there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, prod

from afya.protocols.conditions import Value, thresholds, truth
from afya.protocols.doses import amounts, daily_mg, exact, find_dose
from afya.protocols.evaluate import evaluate_tables
from afya.protocols.model import NOT_APPLICABLE, SEVERITY, Band, Medicine, Protocol, Row, Table
from afya.protocols.subject import subject_of

MOST_COMBINATIONS = 200_000
"""More of them in one table would take too long to try at every check."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a protocol. `example` holds the values that show it."""

    code: str
    where: str
    message: str
    example: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f" For example: {self.example}." if self.example else "")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a check found, and how many combinations of answers it tried."""

    findings: tuple[Finding, ...]
    tried: int


def check(protocol: Protocol) -> list[Finding]:
    """Every fault found; see `prove`."""
    return list(prove(protocol).findings)


def prove(protocol: Protocol) -> Proof:
    """Every fault of the tables and of the doses their rows give.

    Codes: gap, overlap, unreachable, milder_first, too_many, no_section, unused_input, dose_gap, dose_overlap,
    dose_order, dose_maximum.
    """
    found: list[Finding] = []
    tried = 0
    for table in protocol.tables.values():
        size = table_size(protocol, table)
        if size > MOST_COMBINATIONS:
            found.append(
                Finding(
                    "too_many",
                    table.name,
                    f"{size:,} combinations cannot all be tried ({MOST_COMBINATIONS:,} can): split the table.",
                )
            )
            continue
        tried += size
        found += _check_table(protocol, table)
    sections = set(protocol.sections)
    for entry in protocol.inputs.values():
        if entry.section is not None and entry.section not in sections:
            found.append(Finding("no_section", entry.name, f"stands in section '{entry.section}', which has no table"))
    found += _unused(protocol)
    for medicine in protocol.medicines.values():
        found += check_bands(medicine)
    found += _doses_there(protocol)
    return Proof(tuple(found), tried)


def _unused(protocol: Protocol) -> Iterator[Finding]:
    """A question whose answer changes nothing must not be asked."""
    read = {name for table in protocol.tables.values() for name in table.reads()}
    read |= {value for value in protocol.person.values() if isinstance(value, str)}
    for name, entry in protocol.inputs.items():
        age = protocol.age is not None and protocol.age.input == name
        if name not in read and not entry.dosing_only and not age:
            yield Finding("unused_input", name, "no table reads this question's answer.")


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


def table_size(protocol: Protocol, table: Table) -> int:
    """How many combinations of values matter to the table."""
    return prod(len(values) for values in _dimensions(protocol, table).values())


def combinations(protocol: Protocol, table: Table) -> Iterator[dict[str, Value | None]]:
    """Every combination of the values that matter to the table, for the people it is asked for."""
    dimensions = _dimensions(protocol, table)
    for values in product(*dimensions.values()):
        case: dict[str, Value | None] = dict(zip(dimensions, values, strict=True))
        if truth(table.applies, case):
            yield case


def _dimensions(protocol: Protocol, table: Table) -> dict[str, tuple[Value, ...]]:
    conditions = (table.applies, *(row.when for row in table.rows))
    return {name: boundary_values(protocol, name, conditions) for name in table.reads()}


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


def check_bands(medicine: Medicine) -> list[Finding]:
    """The bands for the same people follow one another without gap or overlap, and no later one gives less."""
    found: list[Finding] = []
    for only in dict.fromkeys(band.only for band in medicine.bands):
        bands = [band for band in medicine.bands if band.only == only]
        for unit, intervals in (
            ("months", [(band.months, band) for band in bands]),
            ("kg", [(band.kg, band) for band in bands]),
        ):
            known = sorted(((interval, band) for interval, band in intervals if interval), key=lambda pair: pair[0])
            if known and len(known) < len(bands):
                found.append(Finding("dose_gap", medicine.name, f"some bands have {unit} and some have not."))
            found += _chain(medicine, [(interval, unit) for interval, _ in known])
            for (_, earlier), ((start, _), later) in pairwise(known):
                if _size(later) < _size(earlier):
                    found.append(Finding("dose_order", medicine.name, f"from {start:g} {unit} the dose gets smaller."))
    found += _over_maximum(medicine)
    return found


def _over_maximum(medicine: Medicine) -> Iterator[Finding]:
    """A band that gives more in a day than the medicine's own maximum."""
    most = medicine.maximum
    for number, band in enumerate(medicine.bands, 1):
        mg, tablets = daily_mg(medicine, band), amounts(medicine, band).get("tablet")
        if most is None:
            continue
        times = band.times_a_day or 1
        if most.mg_per_day is not None and (mg is None or mg > most.mg_per_day):
            yield Finding("dose_maximum", medicine.name, f"band {number} gives more than {most.mg_per_day:g} mg a day.")
        if most.tablets_per_day is not None and (tablets is None or tablets[1] * times > most.tablets_per_day):
            message = f"band {number} gives more than {most.tablets_per_day:g} tablets a day."
            yield Finding("dose_maximum", medicine.name, message)


def _doses_there(protocol: Protocol) -> list[Finding]:
    """Whoever a row can be true of finds a dose of what it gives by age alone: a weight is not always known."""
    found: dict[tuple[str, str], Finding] = {}
    if protocol.age is None:
        return []
    ages = _ages(protocol)
    for age in ages:
        values: dict[str, Value | None] = {**dict.fromkeys(protocol.inputs), protocol.age.input: age}
        results = evaluate_tables(protocol, values, protocol.sections)
        for result in results.values():
            for row in (result.row,) if result.row else result.possible:
                for name in row.doses:
                    person = subject_of(protocol, values)
                    if find_dose(protocol.medicines[name], person.age_months, None, person) is None:
                        finding = Finding(
                            "dose_gap",
                            name,
                            f"{row.name} gives it, but no band is for every age it can be true of.",
                            f"{protocol.age.input} = {age}",
                        )
                        found.setdefault((name, row.name), finding)
    return list(found.values())


def _ages(protocol: Protocol) -> tuple[float, ...]:
    """The ages at which anything changes: the tables' thresholds and the bands' edges, and one step below each."""
    assert protocol.age is not None
    entry = protocol.inputs[protocol.age.input]
    values = {value for value in boundary_values(protocol, entry.name) if isinstance(value, (int, float))}
    edges = {
        edge
        for medicine in protocol.medicines.values()
        for band in medicine.bands
        if band.months is not None
        for edge in band.months
    }
    assert entry.low is not None
    assert entry.high is not None
    per_unit = protocol.age.months(1)
    for edge in edges:
        first = entry.low + ceil((edge / per_unit - entry.low) / entry.step) * entry.step
        values |= {value for value in (first, first - entry.step) if entry.low <= value < entry.high}
    return tuple(sorted(values))


def _chain(medicine: Medicine, intervals: list[tuple[tuple[float, float], str]]) -> list[Finding]:
    found: list[Finding] = []
    for (earlier, unit), (later, _) in pairwise(intervals):
        if earlier[1] != later[0]:
            code = "dose_gap" if earlier[1] < later[0] else "dose_overlap"
            place = f"between {earlier[1]:g} and {later[0]:g} {unit}"
            found.append(Finding(code, medicine.name, f"{code.removeprefix('dose_')} {place}."))
    return found


def _size(band: Band) -> Fraction:
    """The dose as a number that can be compared: its first amount, fractions such as 1/4 included."""
    return exact(next(iter(band.amount.values())))
