"""What an import did: every row of the workbook is read, structure, or listed here with the reason it was not read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that was not read: where it stands, what it says, and why it could not become a rule."""

    sheet: str
    row: int
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.sheet}, row {self.row}: {self.reason} {self.text}"


@dataclass(frozen=True, slots=True)
class ToDo:
    """Something in a draft that a person must complete or confirm before it is used."""

    protocol: str
    what: str

    def __str__(self) -> str:
        return f"{self.protocol}: {self.what}"


@dataclass(frozen=True, slots=True)
class Written:
    """A draft that was written and can be loaded. `rows` of the workbook became `tables` tables."""

    protocol: str
    decision: str
    sheet: str
    rows: int
    tables: int
    inputs: int


@dataclass(frozen=True, slots=True)
class Report:
    """The account of one import: rows that hold anything. `structure` counts the headings of decision tables."""

    workbook: Path
    rows_in: int
    structure: int
    written: tuple[Written, ...]
    unread: tuple[Unread, ...]
    todo: tuple[ToDo, ...]

    @property
    def read(self) -> int:
        """How many rows became rules."""
        return sum(draft.rows for draft in self.written)

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in == self.read + self.structure + len(self.unread)

    def reasons(self) -> list[tuple[str, int]]:
        """How many rows were not read for each reason, the commonest first."""
        return Counter(entry.reason for entry in self.unread).most_common()

    def markdown(self) -> str:
        """The whole account as a document: what was written, what is to do, what was not read."""
        lines = [
            f"# Import of {self.workbook.name}",
            "",
            "These are drafts. No row has been reviewed by a clinician; colours and ranges are proposals.",
            "",
            f"Rows in the workbook: {self.rows_in}. Read as rules: {self.read}. Headings of decision tables: "
            f"{self.structure}. Not read, listed below: {len(self.unread)}.",
            "",
            "## Written",
            "",
            "| draft | decision | sheet | rows | tables | inputs |",
            "|---|---|---|---|---|---|",
            *(
                f"| {d.protocol} | {_cell(d.decision)} | {_cell(d.sheet)} | {d.rows} | {d.tables} | {d.inputs} |"
                for d in self.written
            ),
            "",
            "## To complete",
            "",
            *(f"- {entry}" for entry in self.todo),
            "",
            "## Not read",
            "",
            "| sheet | row | reason | text |",
            "|---|---|---|---|",
            *(f"| {_cell(u.sheet)} | {u.row} | {_cell(u.reason)} | {_cell(u.text)} |" for u in self.unread),
            "",
        ]
        return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
