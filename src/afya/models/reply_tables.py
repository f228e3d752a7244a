"""Tables of replies as rows: text with separators, and workbooks; titles above the table are passed over."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from afya.errors import DataError, require
from afya.models.reply_text import LABELS, SAMPLE, Reading, Row, open_text, plain_suffix

_DELIMITERS = ",\t;|"
_HEADED = 20
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def table_rows(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    """The rows of a text with separators."""
    with open_text(path, reading, newline="") as handle:
        sample = handle.read(SAMPLE)
    delimiter = "\t" if plain_suffix(path) == ".tsv" else _delimiter(sample)
    with open_text(path, reading, newline="") as handle:
        rows = csv.reader(handle, delimiter=delimiter)
        held = list(islice(rows, _HEADED))
        start = _title_lines(held)
        if not any(held):
            return
        first = held[start]
        headless = _headless(sample, delimiter) if reading.header is None else not reading.header
        names = [str(at + 1) for at in range(len(first))] if headless else _names(first)
        if headless:
            yield "row 1", dict(zip(names, first, strict=True))
        number = start + 1
        short: tuple[str, str] | None = None
        for row in chain(held[start + 1 :], rows):
            number += 1
            if not row:
                continue
            if short is not None:
                reading.fault(path, *short)
                short = None
            if len(row) != len(names):
                short = (f"row {number}", f"{len(row)} columns where there are {len(names)}.")
                continue
            yield f"row {number}", dict(zip(names, row, strict=True))
        if short is not None:
            reading.fault(path, short[0], f"{short[1]} It is the last one: the file may have been cut off.")


def _delimiter(sample: str) -> str:
    """The separator that gives most columns in as many of the first rows as any other does."""
    best = (0, 0, ",")
    for rank, sign in enumerate(_DELIMITERS):
        try:
            rows = [row for row in csv.reader(sample.splitlines(keepends=True)[:200], delimiter=sign) if row][:20]
        except csv.Error:
            continue
        if rows:
            wide, even = Counter(map(len, rows)).most_common(1)[0]
            if wide > 1 and len(rows[_title_lines(rows)]) == wide:
                best = max(best, (even * 1000 + wide, -rank, sign))
    return best[2]


def _headless(sample: str, delimiter: str) -> bool:
    """Whether the first line is a row as the others are: it has a bare option letter where all of them have one."""
    rows = [row for row in csv.reader(sample.splitlines(keepends=True)[:200], delimiter=delimiter) if row][:20]
    rows = rows[_title_lines(rows) :]
    even = [row for row in rows if len(row) == len(rows[0])]
    return len(even) > 1 and any(all(cell.strip() in LABELS for cell in column) for column in zip(*even, strict=True))


def _names(first: list[str]) -> list[str]:
    """Column names without doubles; a column without a name is `_1` for the first one."""
    names: list[str] = []
    for at, cell in enumerate(first):
        name = cell.strip() or f"_{at + 1}"
        number = 1
        while name in names:
            name = f"{cell.strip()}.{number}"
            number += 1
        names.append(name)
    return names


def workbook_rows(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    """The rows of a workbook's sheet; of all sheets, with their names as `_sheet`, where `rows` is "*"."""
    require("openpyxl", "data", "Reading an Excel workbook")
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    if reading.rows not in (None, "*", *book.sheetnames):
        raise DataError(f"{path}: there is no sheet '{reading.rows}'; it has {', '.join(book.sheetnames)}.")
    if reading.rows not in (None, "*"):
        yield from (_sheet(book[reading.rows], reading, ""))
        return
    filled = [sheet for sheet in book.worksheets if _is_table(sheet)]
    if len(filled) > 1 and reading.rows is None:
        raise DataError(
            f"{path}: {len(filled)} sheets hold tables: {', '.join(sheet.title for sheet in filled)}.",
            hint=f"Name one, --rows '{filled[0].title}', or take all, --rows '*' (the column _sheet tells which).",
        )
    for sheet in filled:
        for place, row in _sheet(sheet, reading, f"sheet {sheet.title}, " if len(filled) > 1 else ""):
            yield place, {"_sheet": sheet.title, **row} if len(filled) > 1 else row


def _is_table(sheet: Any) -> bool:
    """Whether a sheet holds two rows or more of two cells or more."""
    wide = (sum(cell is not None for cell in row) > 1 for row in sheet.iter_rows(values_only=True))
    return sum(1 for _ in islice(filter(None, wide), 2)) == 2


def _sheet(sheet: Any, reading: Reading, where: str) -> Iterator[tuple[str, Row]]:
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    held = list(islice(rows, _HEADED))
    start = _title_lines([["" if cell is None else str(cell) for cell in row] for _, row in held])
    names: list[str] | None = None
    for number, row in chain(held[start:], rows):
        if not any(cell is not None for cell in row):
            continue
        if names is None:
            names = [str(at + 1) for at in range(len(row))]
            if reading.header is not False:
                names = _names(["" if cell is None else str(cell) for cell in row])
                continue
        yield f"{where}row {number}", dict(zip(names, row, strict=False))


def _title_lines(rows: list[list[str]]) -> int:
    """How many of the first lines are empty or a title: one filled cell, above a table of several columns."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    several = max(filled, default=0) > 1
    return next((at for at, many in enumerate(filled) if many > several), 0)
