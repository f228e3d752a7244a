"""What a protocol is made of: typed inputs, decision tables whose rows cite their source, and medicines with bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from afya.protocols.conditions import Condition, Value

Colour = Literal["red", "yellow", "green"]
SEVERITY: Mapping[str, int] = {"green": 0, "yellow": 1, "red": 2}

NOT_APPLICABLE = "not_applicable"
"""The value of a table that is not asked for this child."""


@dataclass(frozen=True, slots=True)
class Source:
    """A cited document. `seen` says whether its pages were read in the original or in somebody's transcription."""

    key: str
    title: str
    publisher: str
    year: int | None
    licence: str
    seen: Literal["original", "transcription"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a source: a page, a sheet and row, or a passage id."""

    source: Source
    page: str


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to find out. `low` (inclusive) and `high` (exclusive) bound a number in `unit`, in steps of `step`.

    `implies` says, by a value of this input, which yes-or-no inputs it answers.
    """

    name: str
    kind: Literal["int", "number", "bool", "enum"]
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    step: float = 1
    values: tuple[str, ...] = ()
    section: str | None = None
    danger: bool = False
    entry: bool = False
    required: bool = False
    dosing_only: bool = False
    implies: Mapping[str, Mapping[str, bool]] = field(default_factory=dict, hash=False)

    def domain(self) -> tuple[Value, ...]:
        """The values of a yes-or-no question or a choice; empty for a number."""
        return (True, False) if self.kind == "bool" else self.values


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `params` fill the text's placeholders (days, temperature)."""

    name: str
    params: tuple[tuple[str, float], ...] = ()

    @property
    def values(self) -> dict[str, float]:
        """The placeholders of the action's text."""
        return dict(self.params)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: when it counts, what it says, and the document it follows."""

    table: str
    number: int
    when: Condition
    result: str
    colour: Colour | None
    actions: tuple[Action, ...]
    doses: tuple[str, ...]
    params: Mapping[str, float]
    citation: Citation
    also: tuple[Citation, ...]
    reviewed: bool
    note: str | None

    @property
    def name(self) -> str:
        """The row's place, as messages name it."""
        return f"{self.table}, row {self.number}"


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table. `applies` says for which child it is asked."""

    name: str
    section: str
    kind: Literal["classify", "derive"]
    semantics: Literal["first_match", "unique"]
    applies: Condition
    rows: tuple[Row, ...]

    def results(self) -> tuple[str, ...]:
        """What the table can say, in the order of its rows."""
        return tuple(dict.fromkeys(row.result for row in self.rows))


@dataclass(frozen=True, slots=True)
class Band:
    """One row of the formulary: who gets how much. Intervals are closed-open (months; kg or None)."""

    months: tuple[float, float]
    kg: tuple[float, float] | None
    amount: Mapping[str, float | str]
    times_a_day: int | None
    every_hours: int | None
    days: int | None
    until: str | None
    citation: Citation
    also: tuple[Citation, ...]
    reviewed: bool
    note: str | None


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine in one form and strength, with its bands. `card` names the text that presents the dose."""

    name: str
    form: str
    strength: str | None
    card: str
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol: its inputs, its tables in the order they are read, its medicines and its sources."""

    name: str
    version: int
    title: str
    inputs: Mapping[str, Input]
    tables: Mapping[str, Table]
    medicines: Mapping[str, Medicine]
    sources: Mapping[str, Source]
    path: str

    @property
    def sections(self) -> tuple[str, ...]:
        """The parts of the assessment, in order."""
        return tuple(dict.fromkeys(table.section for table in self.tables.values()))

    def rows_with(self, result: str) -> list[Row]:
        """The rows that say `result`."""
        return [row for table in self.tables.values() for row in table.rows if row.result == result]
