"""The review queue as spreadsheets (XLSX, CSV) for raters without a network, and back.

The columns are those of GlobMed's review sample (Language, EN_Data, MT_Data, Accuracy, Fluency, Completeness,
Expert_Revised, Comment), followed by what brings a line home: Field, Row, and for disputes what earlier raters wrote.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, DataError, require
from afya.items import blank
from afya.runs import atomic_path
from afya.translation.review import Counts, Queue, Rating, Settled, check_rating

COLUMNS = (
    *("Language", "EN_Data", "MT_Data", "Accuracy", "Fluency", "Completeness", "Expert_Revised", "Comment"),
    *("Field", "Row", "Earlier_Edits"),
)
_READ = ("Row", "MT_Data", "Accuracy", "Fluency", "Completeness", "Expert_Revised", "Comment")
_SCALES = {"Accuracy": "accuracy", "Fluency": "fluency", "Completeness": "completeness"}
_CELL = 32_767
_SHEET = 1_048_575
# A spreadsheet program would take a text that begins so for a formula and run it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ZEROS = re.compile(r"[.,]0+$")
_WIDTHS = (10, 60, 60, 10, 10, 13, 60, 30, 12, 24, 40)

Check = Callable[[str, str, str, str], str | None]
"""(source text, edit, source language, language) -> what is wrong with the edit, in a sentence, or None."""


@dataclass
class Imported:
    """What a spreadsheet brought: ratings taken, lines left blank, and edits that a check disputes."""

    counts: Counts
    blank: int = 0
    warnings: list[str] = field(default_factory=list)


def export_rows(settled: Iterable[Settled], path: Path) -> int:
    """Write rows as a spreadsheet, by the ending of `path` (.xlsx or .csv); returns how many.

    Raises:
        ConfigError: another ending. DataError: a text does not fit a cell, or there are too many rows for a sheet.
    """
    kind = _kind(path)
    lines = (_line(entry) for entry in settled)
    with atomic_path(path) as temporary:
        return _write_xlsx(lines, temporary) if kind == ".xlsx" else _write_csv(lines, temporary)


def import_ratings(
    queue: Queue, path: Path, rater: str, *, check: Check | None = None, replace: bool = False
) -> Imported:
    """Take the ratings of a filled-in spreadsheet into the queue, all or none.

    A line without ratings, edit and comment is one the rater did not do. An edit that `check` disputes is taken and
    goes to a second person.

    Raises:
        DataError: a column is missing, or any line is wrong; every wrong line is named and nothing was taken.
    """
    known = {entry.row.row_id: entry.row for entry in queue.rows()}
    imported = Imported(Counts())
    ratings: list[Rating] = []
    wrong: list[str] = []
    for number, line in _lines(path):
        try:
            rating = _rating(line, rater)
        except ValueError as fault:
            wrong.append(f"line {number}: {fault}")
            continue
        if rating is None:
            imported.blank += 1
            continue
        row = known.get(rating.row_id)
        if row is None:
            wrong.append(f"line {number}: the queue has no row '{rating.row_id}'")
            continue
        if line["MT_Data"].split() != row.translation.split():
            wrong.append(f"line {number}: MT_Data was changed; edits belong into Expert_Revised")
            continue
        fault_found = check_rating(rating)
        if fault_found is not None:
            wrong.append(f"line {number}: {fault_found}")
            continue
        if rating.edit is not None and rating.edit != row.translation and check is not None:
            faults = check(row.source_text, rating.edit, row.source_lang, row.lang)
            if faults is not None:
                imported.warnings.append(f"line {number}: the edit goes to another rater: {faults}")
                rating = Rating(**{**vars(rating), "faults": faults})
        ratings.append(rating)
    if not wrong:
        imported.counts = queue.rate(ratings, replace=replace)
        wrong = imported.counts.refused
    if wrong:
        more = f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise DataError(
            f"{path}: nothing was taken, {len(wrong)} line(s) are wrong: {'; '.join(wrong[:10])}{more}.",
            hint="Mend them and import the file again.",
        )
    return imported


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".xlsx", ".csv"):
        raise ConfigError(f"{path}: a spreadsheet ends in .xlsx or .csv.")
    if kind == ".xlsx":
        require("openpyxl", "data", "Spreadsheets (.xlsx)")
    return kind


def _line(entry: Settled) -> tuple[str, ...]:
    row = entry.row
    edits = [rating.edit for rating in entry.ratings if rating.edit is not None]
    earlier = "\n".join(dict.fromkeys(edits)) if entry.state == "disputed" else ""
    values = (row.lang, row.source_text, row.translation, "", "", "", "", "", row.field, row.row_id, earlier)
    for name, value in zip(COLUMNS, values, strict=True):
        if len(value) > _CELL:
            raise DataError(
                f"Row {row.row_id} ({row.item_id}, {row.field}): {name} has {len(value):,} characters; a cell holds "
                f"{_CELL:,}.",
                hint="Review so long a text on the web page instead, or leave its language or item out.",
            )
    return values


def _write_csv(lines: Iterable[tuple[str, ...]], path: Path) -> int:
    count = 0
    # The mark at the beginning tells spreadsheet programs that the file is UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        for line in lines:
            writer.writerow([f"'{value}" if value.startswith((*_FORMULA, "'")) else value for value in line])
            count += 1
    return count


def _write_xlsx(lines: Iterable[tuple[str, ...]], path: Path) -> int:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Review")
    for index, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "A2"
    scale = DataValidation(type="whole", operator="between", formula1="1", formula2="5", allow_blank=True)
    scale.error = "A whole number from 1 (worst) to 5 (best)"
    scale.add(f"D2:F{_SHEET + 1}")
    sheet.data_validations.append(scale)

    def cell(value: str, *, bold: bool = False) -> Any:
        made = WriteOnlyCell(sheet, _visible(value))
        # A text, whatever it begins with.
        made.data_type = "s"
        made.alignment = Alignment(wrap_text=True, vertical="top")
        if bold:
            made.font = Font(bold=True)
        return made

    sheet.append([cell(name, bold=True) for name in COLUMNS])
    count = 0
    try:
        for line in lines:
            count += 1
            if count > _SHEET:
                raise DataError(f"More than {_SHEET:,} rows do not fit a sheet.", hint="Export language by language.")
            sheet.append([cell(value) if value else None for value in line])
    except BaseException:
        sheet.close()
        raise
    book.save(path)
    return count


def _visible(text: str) -> str:
    """`text` without control characters, which a sheet cannot hold."""
    return "".join(sign for sign in text if sign >= " " or sign in "\t\n")


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a spreadsheet by column name, each with its number as the program shows it."""
    if not path.is_file():
        raise DataError(f"{path}: no such file.")
    rows = _xlsx_rows(path) if _kind(path) == ".xlsx" else _csv_rows(path)
    header: list[str] | None = None
    for number, row in enumerate(rows, 1):
        if header is None:
            header = [value.strip() for value in row]
            missing = [name for name in _READ if name not in header]
            if missing:
                raise DataError(
                    f"{path}: column(s) {', '.join(missing)} are missing.", hint="Keep the header line as exported."
                )
            continue
        if any(row):
            yield number, dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False))
    if header is None:
        raise DataError(f"{path}: the file is empty.")


def _csv_rows(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            # Spreadsheet programs of many countries write semicolons.
            first = handle.readline()
            handle.seek(0)
            reader = csv.reader(handle, delimiter=max(",;\t", key=first.count))
            for row in reader:
                yield [value[1:] if value[:1] == "'" and value[1:2] in (*_FORMULA, "'") else value for value in row]
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8.", hint="Save it as 'CSV UTF-8', or as .xlsx.") from None
    except csv.Error as error:
        raise DataError(f"{path}: not CSV ({error}).") from None


def _xlsx_rows(path: Path) -> Iterator[list[str]]:
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, OSError) as error:
        raise DataError(f"{path}: not a workbook ({error}).") from None
    try:
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield ["" if value is None else _text(value) for value in row]
    finally:
        book.close()


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rating(line: dict[str, str], rater: str) -> Rating | None:
    told = {name: line[name].strip() for name in _SCALES}
    edit, comment = (None if blank(line[name]) else line[name].strip() for name in ("Expert_Revised", "Comment"))
    if not any(told.values()) and edit is None and comment is None:
        return None
    values: dict[str, int] = {}
    for name, text in told.items():
        # Programs that take a column for fractions write "4.0", in many countries "4,0".
        whole = _ZEROS.sub("", text)
        if not whole.isdecimal() or not 1 <= int(whole) <= 5:
            raise ValueError(
                f"{name} is {text!r}, a whole number from 1 to 5 is needed" if text else f"{name} is empty"
            )
        values[_SCALES[name]] = int(whole)
    return Rating(
        line["Row"].strip(),
        rater,
        accuracy=values["accuracy"],
        fluency=values["fluency"],
        completeness=values["completeness"],
        edit=edit,
        comment=comment,
    )
