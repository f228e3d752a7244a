"""Files of replies that others wrote, read as rows: JSON in its many layouts, tables with separators, Parquet, Excel.

What a file is follows from its content and, where that leaves it open, from its name. A row that cannot be read costs
that row: it is handed to `faults` with its place, or, where nobody listens, ends the reading with an error.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

from afya.errors import DataError, require
from afya.models.reply_layouts import rows_of

Row = dict[str, Any]
Faults = Callable[[str, str], None]
"""Called with the place ("line 12") and what is wrong there."""

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".xlsx")
PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_DELIMITERS = ",\t;|"
_LETTERS = frozenset("ABCDEFGHIJ")
_SAMPLE = 1 << 16
_BLOCK = 1 << 20
_SLICE = 10_000
_LONGEST_NAME = 40
_DECODER = json.JSONDecoder()
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


@dataclass(frozen=True)
class Reading:
    """How to read: `rows` names the list inside a JSON file ("a.b"; "*" for every value) or the sheet of a workbook.

    `header`: whether a table's first line names its columns; None: unless it is a row of data (`_headless`).
    """

    rows: str | None = None
    header: bool | None = None
    encoding: str = "utf-8-sig"
    faults: Faults | None = None

    def fault(self, path: Path, place: str, what: str) -> None:
        """Tell of a row that cannot be read. Raises DataError where nobody listens."""
        if self.faults is None:
            raise DataError(f"{path}, {place}: {what}", hint="Repair or remove it; nothing was read.")
        self.faults(f"{path.name}, {place}", what)


def kind_of(path: Path) -> str:
    """json, table, parquet or xlsx, by content first. Raises DataError for a file that is absent or none of them."""
    try:
        with _bytes(path) as handle:
            start = handle.read(_SAMPLE)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:4] == b"PK\x03\x04":
        return "xlsx" if plain_suffix(path) == ".xlsx" else "zip"
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    named = plain_suffix(path)
    if named in (".jsonl", ".ndjson", ".json") or (named not in (".csv", ".tsv") and head in (b"{", b"[")):
        return "json"
    if named in (".csv", ".tsv", ".txt", ""):
        return "table"
    raise DataError(
        f"{path}: no file of replies that is known.", hint=f"Known endings: {', '.join(SUFFIXES)}, also packed as .gz."
    )


def plain_suffix(path: Path) -> str:
    """The ending in small letters, that of packing taken off."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_rows(path: Path, reading: Reading | None = None) -> Iterator[tuple[str, Row]]:
    """(place, row) of a file, one at a time; nothing is held but where the layout of a JSON file needs it.

    Raises DataError for a file that cannot be read at all.
    """
    told = reading or Reading()
    readers = {"json": _json, "table": _table, "parquet": _parquet, "xlsx": _workbook}
    kind = kind_of(path)
    if kind not in readers:
        raise DataError(f"{path}: an archive is not read.", hint="Unpack it and name the files, or the folder.")
    try:
        yield from readers[kind](path, told)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start + 1} is not {told.encoding}.", hint="Name the encoding: --encoding cp1252"
        ) from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    opened = cast(Callable[[Path, str], IO[bytes]], PACKED.get(path.suffix.lower(), open))
    with opened(path, "rb") as handle:
        yield handle


@contextmanager
def _text(path: Path, reading: Reading, newline: str | None = None) -> Iterator[TextIOBase]:
    with _bytes(path) as handle:
        start = handle.read(2)
        handle.seek(0)
        # What spreadsheets call 'Unicode text'.
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else reading.encoding
        with TextIOWrapper(handle, encoding=encoding, newline=newline) as text:
            yield text


# JSON -----------------------------------------------------------------------------------------------------------------


def _json(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    with _text(path, reading) as handle:
        first = ""
        for first in handle:
            if first.strip():
                break
        lines = first.strip()[:1] in ("{", "[") and _is_json(first)
        more = lines and any(line.strip() for line in handle)
    if plain_suffix(path) in (".jsonl", ".ndjson") or (lines and more):
        yield from _lines(path, reading)
    elif first.strip()[:1] == "[" and reading.rows is None:
        yield from _elements(path, reading)
    else:
        yield from _whole(path, reading)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _lines(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    waiting: tuple[int, str] | None = None
    with _text(path, reading) as handle:
        for number, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            if waiting is not None:
                reading.fault(path, f"line {waiting[0]}", waiting[1])
                waiting = None
            try:
                made = json.loads(line)
            except (ValueError, RecursionError) as error:
                waiting = (number, f"not JSON ({error}).")
                continue
            if not isinstance(made, dict):
                waiting = (number, "a JSON object was expected.")
                continue
            if reading.rows is None:
                yield f"line {number}", made
            else:
                yield from ((f"line {number}.{at}", row) for at, row in enumerate(rows_of(made, reading.rows, path), 1))
    if waiting is not None:
        torn = " It is the last line: the file may have been cut off." if "not JSON" in waiting[1] else ""
        reading.fault(path, f"line {waiting[0]}", waiting[1] + torn)


def _elements(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    """The objects of one JSON array, read piece by piece: such files are large."""
    number = 0
    head: list[str] | None = None
    samples = False
    for value in _pieces(path, reading):
        number += 1
        if isinstance(value, dict):
            yield f"entry {number}", value
        elif isinstance(value, list):
            # A list of lists is a table; its first row names the columns where it holds short texts only. Where no
            # row names them and all hold texts, they are what a model said to a question, several times.
            if head is None and number == 1:
                texts = all(isinstance(cell, str) for cell in value)
                named = texts and _are_names(value) if reading.header is None else reading.header
                if named:
                    head = [str(cell) for cell in value]
                    continue
                samples = texts and reading.header is None
            if samples:
                yield f"entry {number}", {"value": value}
                continue
            names = head or [str(at + 1) for at in range(len(value))]
            yield f"entry {number}", dict(zip(names, value, strict=False))
        else:
            yield f"entry {number}", {"value": value}


def _are_names(cells: list[str]) -> bool:
    """Whether texts can be names of columns: several, short, each once, and no option's label."""
    short = all(0 < len(cell) <= _LONGEST_NAME and "\n" not in cell for cell in cells)
    return len(cells) > 1 and short and len(set(cells)) == len(cells) and not all(cell in _LETTERS for cell in cells)


def _pieces(path: Path, reading: Reading) -> Iterator[object]:
    with _text(path, reading) as handle:
        held, at, opened = "", 0, False
        needed = 1
        while True:
            block = handle.read(_BLOCK * needed)
            held, at = held[at:] + block, 0
            needed = min(needed * 2, 64)
            while True:
                while at < len(held) and (held[at].isspace() or held[at] == "," or (held[at] == "[" and not opened)):
                    opened = opened or held[at] == "["
                    at += 1
                if at >= len(held):
                    break
                if held[at] == "]":
                    return
                try:
                    value, end = _DECODER.raw_decode(held, at)
                except (ValueError, RecursionError):
                    break
                if end == len(held) and block:
                    break  # a number may go on in the next block
                at, needed = end, 1
                yield value
            if not block:
                if held[at:].strip():
                    reading.fault(path, "last entry", "not JSON. The file may have been cut off.")
                elif opened:
                    reading.fault(path, "end", "the list is not closed. The file may have been cut off.")
                return


def _whole(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    """A file that is one JSON value, or several after one another over many lines."""
    with _text(path, reading) as handle:
        held = handle.read()
    values: list[object] = []
    at = 0
    while held[at:].strip():
        at += len(held[at:]) - len(held[at:].lstrip())
        try:
            value, at = _DECODER.raw_decode(held, at)
        except json.JSONDecodeError as error:
            fault = f"not JSON ({error.msg} at line {error.lineno}, column {error.colno}). It may have been cut off."
            if not values:
                raise DataError(f"{path}: {fault}") from None
            reading.fault(path, f"line {error.lineno}", fault)
            break
        values.append(value)
    number = 0
    for value in values:
        for row in rows_of(value, reading.rows, path):
            number += 1
            yield f"entry {number}", row


# Tables ---------------------------------------------------------------------------------------------------------------


def _table(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    with _text(path, reading, newline="") as handle:
        sample = handle.read(_SAMPLE)
    delimiter = "\t" if plain_suffix(path) == ".tsv" else _delimiter(sample)
    with _text(path, reading, newline="") as handle:
        rows = csv.reader(handle, delimiter=delimiter)
        first = next(rows, None)
        if first is None:
            return
        headless = _headless(sample, delimiter) if reading.header is None else not reading.header
        names = [str(at + 1) for at in range(len(first))] if headless else _names(first)
        if headless:
            yield "row 1", dict(zip(names, first, strict=True))
        number = 1
        short: tuple[str, str] | None = None
        for row in rows:
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
        if rows and len(rows[0]) > 1:
            even = sum(len(row) == len(rows[0]) for row in rows)
            best = max(best, (even * 1000 + len(rows[0]), -rank, sign))
    return best[2]


def _headless(sample: str, delimiter: str) -> bool:
    """Whether the first line is a row as the others are: it has a bare option letter where all of them have one."""
    rows = [row for row in csv.reader(sample.splitlines(keepends=True)[:200], delimiter=delimiter) if row][:20]
    even = [row for row in rows if len(row) == len(rows[0])]
    return len(even) > 1 and any(all(cell.strip() in _LETTERS for cell in column) for column in zip(*even, strict=True))


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


def _parquet(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    import polars as pl

    try:
        total = int(pl.scan_parquet(path).select(pl.len()).collect().item())
        for start in range(0, total, _SLICE):
            part = pl.scan_parquet(path).slice(start, _SLICE).collect()
            for at, row in enumerate(part.iter_rows(named=True), start=start + 1):
                yield f"row {at}", row
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: not a Parquet file ({str(error).splitlines()[0]}).") from None


def _workbook(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    require("openpyxl", "data", "Reading an Excel workbook")
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    if reading.rows is not None and reading.rows not in book.sheetnames:
        raise DataError(f"{path}: there is no sheet '{reading.rows}'; it has {', '.join(book.sheetnames)}.")
    sheet = book[reading.rows] if reading.rows else book.worksheets[0]
    rows = sheet.iter_rows(values_only=True)
    first = next(rows, ())
    names = _names(["" if cell is None else str(cell) for cell in first])
    if reading.header is False:
        names = [str(at + 1) for at in range(len(first))]
        yield "row 1", dict(zip(names, first, strict=True))
    for number, row in enumerate(rows, start=2):
        if any(cell is not None for cell in row):
            yield f"row {number}", dict(zip(names, row, strict=False))
