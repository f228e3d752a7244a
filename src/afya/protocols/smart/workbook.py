"""Finding the decision tables in a workbook: blocks that begin with "Decision ID", their headings, and their rows.

The layouts of the published workbooks differ in columns and spelling ("Input", "Inputs", "Input(s)"), so a heading is
found by its words and a column by its heading. Rows that belong to no block are kept too, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import DataError, require
from afya.protocols.smart.dictionary import Element, dictionary_columns, read_elements
from afya.protocols.smart.report import Unread

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

# A decision is named by a code such as ANC.DT.01 or ANC.DT.36-37, and a title behind it.
_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:\.[A-Z0-9]+)*\.\d+(?:[-–]\d+)?")
_LABELS = {"decision id": "decision", "business rule": "rule", "trigger": "trigger", "schedule id": "schedule"}
_HEADINGS = (
    ("inputs", re.compile(r"inputs?(?:\(s\))?$")),
    ("output", re.compile(r"outputs?(?:\(s\))?$")),
    ("action", re.compile(r"actions?(?:\(s\))?$")),
    ("annotation", re.compile(r"annotations?(?:\(s\))?$")),
    ("reference", re.compile(r"references?(?:\(s\))?$")),
)

Cells = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row of a decision table, its cells as written. All inputs of a row must be true together."""

    sheet: str
    number: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    actions: tuple[str, ...]
    annotation: str
    reference: str

    @property
    def text(self) -> str:
        """The row in one line."""
        return " | ".join([*self.inputs, *self.outputs, *self.actions])


@dataclass
class Decision:
    """A decision table: its code and title, what it decides, when, and its rows."""

    code: str
    title: str
    sheet: str
    rule: str = ""
    trigger: str = ""
    hidden: bool = False
    rows: list[RawRow] = field(default_factory=list)


@dataclass
class Found:
    """Everything in a workbook. rows_in = structure + the decisions' rows + unread. `elements` by label, lower case."""

    decisions: list[Decision] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    elements: dict[str, Element] = field(default_factory=dict)
    sheets: list[str] = field(default_factory=list)
    structure: int = 0
    rows_in: int = 0


def read_workbook(path: Path) -> Found:
    """The decision tables of an XLSX file.

    Raises:
        MissingDependencyError: openpyxl is not installed.
        DataError: the file cannot be read, or is no XLSX workbook.
    """
    require("openpyxl", "assistant", "Spreadsheets (.xlsx)")
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, data_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file.") from None
    except (InvalidFileException, BadZipFile, KeyError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: this is no XLSX workbook that can be read ({error}).",
            hint="Save it from the spreadsheet program as .xlsx.",
        ) from None
    found = Found()
    for sheet in book.worksheets:
        found.sheets.append(sheet.title)
        if not _read_dictionary(sheet, found):
            _read_sheet(sheet, found)
    return found


def _read_dictionary(sheet: Worksheet, found: Found) -> bool:
    """Whether the sheet is a data dictionary; its rows then count as structure."""
    rows = list(_rows(sheet))
    for place, (_, cells) in enumerate(rows):
        columns = dictionary_columns(cells)
        if columns:
            found.elements |= read_elements([cells for _, cells in rows[place + 1 :]], columns)
            found.rows_in += len(rows)
            found.structure += len(rows)
            return True
    return False


def _read_sheet(sheet: Worksheet, found: Found) -> None:
    decision: Decision | None = None
    columns: list[tuple[str, int]] = []
    outside = "It stands outside a decision table."
    for number, cells in _rows(sheet):
        found.rows_in += 1
        text = " | ".join(cells.values())
        label, value = _label(cells)
        headings = _headings(cells)
        if label in ("decision", "schedule"):
            decision, columns = None, []
            code = _CODE.search(value)
            if label == "schedule":
                outside = "It belongs to a schedule, and a schedule is no decision table: write its dates by hand."
            elif code is None:
                outside = "It belongs to a decision table without a code such as ANC.DT.01."
            else:
                decision = Decision(code[0], value[code.end() :].strip(" .:"), sheet.title)
                decision.hidden = sheet.sheet_state != "visible"
                found.decisions.append(decision)
                outside = "It stands outside a decision table."
                found.structure += 1
                continue
            found.unread.append(Unread(sheet.title, number, text, outside))
        elif decision is None:
            found.unread.append(Unread(sheet.title, number, text, outside))
        elif not columns and label in ("rule", "trigger"):
            setattr(decision, label, value)
            found.structure += 1
        elif not columns and headings:
            columns = headings
            found.structure += 1
        elif not columns:
            found.unread.append(Unread(sheet.title, number, text, "It stands before the headings of its table."))
        else:
            row = _row(sheet.title, number, cells, columns)
            if isinstance(row, str):
                found.unread.append(Unread(sheet.title, number, text, row))
            else:
                decision.rows.append(row)


def _rows(sheet: Worksheet) -> Iterable[tuple[int, Cells]]:
    """The rows that hold anything, by column; a cell merged downwards counts in each of its rows."""
    merged: dict[tuple[int, int], str] = {}
    for area in sheet.merged_cells.ranges:
        value = _text(sheet.cell(area.min_row, area.min_col).value)
        if value:
            merged |= {(row, area.min_col): value for row in range(area.min_row + 1, area.max_row + 1)}
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        own = {column: text for column, cell in enumerate(cells, 1) if (text := _text(cell))}
        if own:
            spread = {column: value for (row, column), value in merged.items() if row == number}
            yield number, dict(sorted({**spread, **own}.items()))


def _text(value: object) -> str:
    """A cell as text, each of its lines tidied: a line break may stand between two conditions."""
    lines = (" ".join(line.split()) for line in str("" if value is None else value).replace("\u202f", " ").splitlines())
    return "\n".join(line for line in lines if line)


def _label(cells: Cells) -> tuple[str | None, str]:
    """Which label the row carries ("Decision ID"), and the first cell to the right of it."""
    listed = list(cells.values())
    for place, text in enumerate(listed):
        label = _LABELS.get(text.casefold().rstrip(" :"))
        if label is not None:
            return label, " ".join(listed[place + 1].split()) if place + 1 < len(listed) else ""
    return None, ""


def _headings(cells: Cells) -> list[tuple[str, int]]:
    """The columns by heading where the row is a heading: it names at least inputs and an output or action."""
    known = []
    for column, text in cells.items():
        plain = " ".join(text.casefold().split()).rstrip(" :")
        name = next((name for name, pattern in _HEADINGS if pattern.match(plain)), None)
        if name is not None:
            known.append((name, column))
    names = {name for name, _ in known}
    return known if "inputs" in names and names & {"output", "action"} else []


def _row(sheet: str, number: int, cells: Cells, columns: list[tuple[str, int]]) -> RawRow | str:
    """The row's cells by heading, or why it is no row: a heading stands for its column and those up to the next."""
    parts: dict[str, list[str]] = {name: [] for name, _ in _HEADINGS}
    for column, text in cells.items():
        over = [name for name, start in columns if start <= column]
        if not over:
            # What stands there may be half of the condition.
            return "It has a cell to the left of its table's headings."
        parts[over[-1]].append(text)
    if not parts["inputs"]:
        return "It has no input: a person must say which row it belongs to."
    return RawRow(
        sheet,
        number,
        tuple(parts["inputs"]),
        tuple(parts["output"]),
        tuple(dict.fromkeys(parts["action"])),
        " ".join(" ".join(parts["annotation"]).split()),
        " ".join(" ".join(parts["reference"]).split()),
    )
