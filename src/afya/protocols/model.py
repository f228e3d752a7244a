"""What a protocol is made of: typed inputs, decision tables whose rows cite their source, and medicines with bands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from afya.protocols.conditions import ALWAYS, Condition, Value, names

Colour = Literal["red", "yellow", "green"]
SubjectKind = Literal["child", "infant", "woman", "adult", "anyone"]
AgeUnit = Literal["day", "week", "month", "year"]
SEVERITY: Mapping[str, int] = {"green": 0, "yellow": 1, "red": 2}

DANGER_SECTION = "danger"
"""The section that is always looked at, where a protocol has one."""

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

    def reads(self) -> tuple[str, ...]:
        """The inputs and tables that decide it, in the order in which they are named."""
        conditions = (self.applies, *(row.when for row in self.rows))
        return tuple(dict.fromkeys(name for condition in conditions for name in names(condition)))


@dataclass(frozen=True, slots=True)
class Age:
    """Which input gives the age, and in what. Doses are found by months, whatever the unit."""

    input: str
    unit: AgeUnit

    def months(self, value: float) -> float:
        """An age of this unit in months: 365.25 days are 12."""
        return {"day": value * 12 / 365.25, "week": value * 84 / 365.25, "month": value, "year": value * 12}[self.unit]


@dataclass(frozen=True, slots=True)
class Band:
    """One row of the formulary: who gets how much. Intervals are closed-open (months and kg; None: no limit by it).

    `only` says for whom the row is beside age and weight (a pregnant woman); ALWAYS for everybody.
    """

    months: tuple[float, float] | None
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
    only: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class Maximum:
    """The most that may be given in a day: milligrams, milligrams for each kg, or tablets of its strength."""

    mg_per_day: float | None
    mg_per_kg_per_day: float | None
    tablets_per_day: float | None
    citation: Citation
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Contraindication:
    """When a medicine is not given (`never`) or only with care (`caution`). `text` is the key of what is then said.

    `when` reads a Subject. `if_unknown`: whether an answer nobody gave stops the dose, or only has the text said.
    """

    when: Condition
    level: Literal["never", "caution"]
    text: str
    if_unknown: Literal["stop", "say"]
    citation: Citation
    reviewed: bool
    note: str | None


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine in one form and strength, with its bands. `card` names the text that presents the dose.

    `names` are the spellings by which a text means it, besides its own name; `mg_per_tablet` and `mg_per_ml` turn
    tablets and millilitres into milligrams (None where the strength is not one number). `refer`: only a health
    facility gives it; it has no bands, and no dose of it is ever right here.
    """

    name: str
    form: str
    strength: str | None
    card: str
    bands: tuple[Band, ...]
    names: tuple[str, ...] = ()
    mg_per_tablet: float | None = None
    mg_per_ml: float | None = None
    refer: bool = False
    maximum: Maximum | None = None
    contraindications: tuple[Contraindication, ...] = ()


@dataclass(frozen=True, slots=True)
class Formulary:
    """Every medicine, by name."""

    medicines: Mapping[str, Medicine]
    sources: Mapping[str, Source]
    path: str


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol: for whom, its inputs, its tables in the order they are read, the medicines its rows give, sources.

    `optional` names the sections that a language may lack: they are offered where its pack has all their texts.
    `short` is another name for it on the command line (child).
    `person` says what holds of everyone the protocol is for (pregnant: True), or which input or table says it.
    """

    name: str
    version: int
    title: str
    inputs: Mapping[str, Input]
    tables: Mapping[str, Table]
    medicines: Mapping[str, Medicine]
    sources: Mapping[str, Source]
    path: str
    short: str | None = None
    subject: SubjectKind = "child"
    age: Age | None = None
    optional: tuple[str, ...] = ()
    person: Mapping[str, bool | str] = field(default_factory=dict, hash=False)

    @property
    def sections(self) -> tuple[str, ...]:
        """The parts of the assessment, in order."""
        return tuple(dict.fromkeys(table.section for table in self.tables.values()))

    @property
    def core(self) -> Protocol:
        """The protocol without its optional sections: what every language with this protocol can tell."""
        return self.part(section for section in self.sections if section not in self.optional)

    def part(self, sections: Iterable[str]) -> Protocol:
        """The protocol with these sections only: their tables, their inputs and the inputs of no section, medicines.

        Raises KeyError when a table that is kept reads one that is not.
        """
        kept = set(sections)
        tables = {name: table for name, table in self.tables.items() if table.section in kept}
        for table in tables.values():
            for read in table.reads():
                if read in self.tables and read not in tables:
                    raise KeyError(f"{table.name} reads {read}")
        given = {name for table in tables.values() for row in table.rows for name in row.doses}
        return replace(
            self,
            inputs={
                name: entry for name, entry in self.inputs.items() if entry.section is None or entry.section in kept
            },
            tables=tables,
            medicines={name: medicine for name, medicine in self.medicines.items() if name in given},
            optional=tuple(section for section in self.optional if section in kept),
        )

    def rows_with(self, result: str) -> list[Row]:
        """The rows that say `result`."""
        return [row for table in self.tables.values() for row in table.rows if row.result == result]
