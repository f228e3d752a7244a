"""Evaluating a protocol: from what was found on a child to classifications, actions and doses, with their sources.

Fail closed: an answer that is missing is unknown, not "no". A table with an undecided row before the first true one
has no classification, and the missing answers are named. Green is said only when no missing answer could change it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from afya.errors import DataError
from afya.protocols.conditions import Value, Values, truth, undecided
from afya.protocols.doses import NO_OBJECTION, Dose, Objections, find_dose, objections
from afya.protocols.model import (
    DANGER_SECTION as DANGER_SECTION,
)
from afya.protocols.model import (
    NOT_APPLICABLE,
    SEVERITY,
    Action,
    Citation,
    Input,
    Protocol,
    Row,
    Table,
)
from afya.protocols.subject import Subject, subject_of

Findings = Mapping[str, Value | None]


@dataclass(frozen=True, slots=True)
class TableResult:
    """What one table says of a person.

    `row` is set when the table is decided. When it is not, `possible` holds the rows that could still count, severe
    first, and `missing` the answers that would decide. `asked` is None when it is not known whether the table is for
    this child at all.
    """

    table: Table
    status: Literal["decided", "undecided", "not_applicable"]
    asked: bool | None
    row: Row | None = None
    possible: tuple[Row, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def value(self) -> str | None:
        """The table's value for later tables; None when undecided."""
        if self.status == "not_applicable":
            return NOT_APPLICABLE
        return None if self.row is None else self.row.result

    @property
    def at_least(self) -> Row | None:
        """The mildest classification that could still come out; None when the table may say nothing of this child."""
        if self.row is not None:
            return self.row if self.row.colour else None
        if not self.asked or not self.possible or any(row.colour is None for row in self.possible):
            return None
        return min(self.possible, key=lambda row: SEVERITY[row.colour or "green"])


@dataclass(frozen=True, slots=True)
class DoseResult:
    """A medicine that a row asks for.

    `dose` is None when no band of the formulary fits the person, or when something speaks against it (`objections`).
    """

    medicine: str
    dose: Dose | None
    objections: Objections = NO_OBJECTION


@dataclass(frozen=True, slots=True)
class Assessment:
    """The outcome for one child.

    `colour` is red when any table says red, unknown when something that could matter is missing, else the worst colour.
    `outside` names required inputs whose values the protocol does not cover (a child of 61 months): then nothing is
    classified. When anything is red, only the red rows' actions and doses are given: the child is on the way.
    """

    protocol: str
    findings: Mapping[str, Value | None]
    colour: Literal["red", "yellow", "green", "unknown"]
    results: tuple[TableResult, ...]
    rows: tuple[Row, ...]
    actions: tuple[Action, ...]
    doses: tuple[DoseResult, ...]
    missing: tuple[str, ...]
    outside: tuple[str, ...] = ()

    @property
    def classifications(self) -> tuple[Row, ...]:
        """The decided classifications, severe first."""
        return self.rows

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The places of the rows used, each once."""
        return tuple(dict.fromkeys(citation for row in self.rows for citation in (row.citation, *row.also)))

    @property
    def reviewed(self) -> bool:
        """Whether a clinician has signed every row that was used."""
        return bool(self.rows) and all(row.reviewed for row in self.rows)

    def result(self, table: str) -> TableResult:
        """What the table says. Raises KeyError for a table that was not evaluated."""
        for result in self.results:
            if result.table.name == table:
                return result
        raise KeyError(table)


def evaluate(protocol: Protocol, findings: Findings, *, sections: Iterable[str] | None = None) -> Assessment:
    """The assessment of a child for what was found.

    `findings` maps input names to values; absent or None means not known. `sections` limits the assessment to parts
    of the protocol (danger signs are always looked at); default all.

    Raises:
        DataError: an input the protocol does not know, or a value of the wrong type or outside what can be.
    """
    values, outside = check_findings(protocol, findings)
    wanted = set(protocol.sections if sections is None else sections) | {DANGER_SECTION}
    unknown = wanted - set(protocol.sections) - {DANGER_SECTION}
    if unknown:
        raise DataError(f"The protocol {protocol.name} has no section '{min(unknown)}'.")
    required = [name for name, entry in protocol.inputs.items() if entry.required and values.get(name) is None]
    if outside:
        return Assessment(protocol.name, values, "unknown", (), (), (), (), (), tuple(outside))
    results = tuple(evaluate_tables(protocol, values, wanted).values())
    missing = tuple(dict.fromkeys([*required, *(name for result in results for name in result.missing)]))
    rows = [r.row for r in results if r.row is not None and r.row.colour is not None]
    rows.sort(key=lambda row: -SEVERITY[row.colour or "green"])
    colour = _colour(results, rows, bool(missing))
    acting = rows
    if colour == "red":
        # Where it is only sure that it is one of several red rows, the least of them says what to do.
        sure = [row for result in results if (row := result.at_least) is not None and row.colour == "red"]
        acting = [row for row in rows if row.colour == "red"] or sure
    return Assessment(
        protocol=protocol.name,
        findings=values,
        colour=colour,
        results=results,
        rows=tuple(rows),
        actions=merged_actions(acting),
        doses=_doses(protocol, acting, subject_of(protocol, {**values, **{r.table.name: r.value for r in results}})),
        missing=missing,
    )


def evaluate_tables(protocol: Protocol, values: Values, sections: Iterable[str]) -> dict[str, TableResult]:
    """Each table of the sections, in order, on checked values; the inner step of `evaluate`."""
    known: dict[str, Value | None] = dict(values)
    results: dict[str, TableResult] = {}
    wanted = set(sections)
    for table in protocol.tables.values():
        if table.section in wanted:
            result = _decide(table, known, results)
            results[table.name] = result
            known[table.name] = result.value
    return results


def _decide(table: Table, values: Values, earlier: Mapping[str, TableResult]) -> TableResult:
    applies = truth(table.applies, values)
    if applies is False:
        return TableResult(table, "not_applicable", False)
    possible: list[Row] = []
    missing: list[str] = [] if applies else list(undecided(table.applies, values))
    for row in table.rows:
        held = truth(row.when, values)
        if held is False:
            continue
        possible.append(row)
        if held is None:
            missing.extend(undecided(row.when, values))
        if held and table.semantics == "first_match":
            break
    if applies and possible and len({row.result for row in possible}) == 1 and _sure(table, possible, values):
        # A row already true, and everything undecided before it says the same thing.
        return TableResult(table, "decided", True, next(row for row in possible if truth(row.when, values)))
    return TableResult(table, "undecided", applies, None, tuple(possible), tuple(_inputs(missing, earlier)))


def _sure(table: Table, possible: list[Row], values: Values) -> bool:
    held = [row for row in possible if truth(row.when, values)]
    return len(held) == 1 if table.semantics == "unique" else bool(held)


def _inputs(names: Iterable[str], earlier: Mapping[str, TableResult]) -> Iterable[str]:
    """The inputs behind the names: an undecided table stands for what it misses itself."""
    for name in dict.fromkeys(names):
        if name in earlier:
            yield from earlier[name].missing
        else:
            yield name


def _colour(
    results: Iterable[TableResult], rows: list[Row], missing: bool
) -> Literal["red", "yellow", "green", "unknown"]:
    if any(row is not None and row.colour == "red" for row in (result.at_least for result in results)):
        return "red"
    if missing or not rows or any(result.status == "undecided" for result in results):
        return "unknown"
    return "yellow" if rows[0].colour == "yellow" else "green"


def merged_actions(rows: Iterable[Row]) -> tuple[Action, ...]:
    """The rows' actions, each once; of several days to come back the earliest, of several courses the longest."""
    merged: dict[str, Action] = {}
    for row in rows:
        for action in row.actions:
            known = merged.get(action.name)
            sooner = known is not None and action.values.get("days", 0) < known.values.get("days", 0)
            longer = known is not None and action.values.get("course", 0) > known.values.get("course", 0)
            if known is None or sooner or longer:
                merged[action.name] = action
    return tuple(merged.values())


def _doses(protocol: Protocol, rows: list[Row], subject: Subject) -> tuple[DoseResult, ...]:
    found = []
    for name in dict.fromkeys(name for row in rows for name in row.doses):
        medicine = protocol.medicines[name]
        against = objections(medicine, subject)
        dose = None if against.stops else find_dose(medicine, subject.age_months, subject.weight_kg, subject)
        found.append(DoseResult(name, dose, against))
    return tuple(found)


def check_findings(protocol: Protocol, findings: Findings) -> tuple[dict[str, Value | None], list[str]]:
    """The findings with every input named, and the required inputs that lie outside the protocol's range.

    Raises DataError for a name, type or value that cannot be.
    """
    values: dict[str, Value | None] = dict.fromkeys(protocol.inputs)
    outside: list[str] = []
    for name, value in findings.items():
        entry = protocol.inputs.get(name)
        if entry is None:
            near = difflib.get_close_matches(name, list(protocol.inputs), n=1)
            raise DataError(
                f"The protocol {protocol.name} has no input '{name}'.",
                hint=f"Did you mean '{near[0]}'?" if near else f"It has: {', '.join(protocol.inputs)}.",
            )
        if value is None:
            continue
        fault = _fault(entry, value)
        if fault == "range" and entry.required:
            outside.append(name)
        elif fault:
            raise DataError(f"{name}: {value!r} cannot be.", hint=f"Expected {_expected(entry)}.")
        values[name] = value
    return values, outside


def _fault(entry: Input, value: Value) -> str | None:
    if entry.kind == "bool":
        return None if isinstance(value, bool) else "type"
    if entry.kind == "enum":
        return None if value in entry.values else "type"
    if isinstance(value, (bool, str)) or (entry.kind == "int" and not isinstance(value, int)):
        return "type"
    assert entry.low is not None
    assert entry.high is not None
    return None if entry.low <= value < entry.high else "range"


def _expected(entry: Input) -> str:
    if entry.kind == "bool":
        return "yes or no (true, false)"
    if entry.kind == "enum":
        return f"one of {', '.join(entry.values)}"
    whole = "a whole number" if entry.kind == "int" else "a number"
    return f"{whole} from {entry.low:g} to under {entry.high:g}, in {entry.unit}"
