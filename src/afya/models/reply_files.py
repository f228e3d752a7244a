"""Files of replies that others wrote, read as rows: JSON in its many layouts, tables with separators, Parquet, Excel.

What a file is follows from its content and, where that leaves it open, from its name. A row that cannot be read costs
that row: it is handed to `faults` with its place, or, where nobody listens, ends the reading with an error.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.models.reply_layouts import rows_of
from afya.models.reply_tables import table_rows, workbook_rows
from afya.models.reply_text import (
    LABELS,
    PACKED,
    SAMPLE,
    Faults,
    Reading,
    Row,
    encodings,
    open_bytes,
    open_text,
    plain_suffix,
)

__all__ = ["PACKED", "SUFFIXES", "Faults", "Reading", "Row", "kind_of", "plain_suffix", "read_rows"]

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".arrow")
_BLOCK = 1 << 20
_SLICE = 10_000
_LONGEST_NAME = 40
_DECODER = json.JSONDecoder()


def kind_of(path: Path) -> str:
    """json, table, parquet or xlsx, by content first. Raises DataError for a file that is absent or none of them."""
    try:
        with open_bytes(path) as handle:
            start = handle.read(SAMPLE)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None
    if start[:4] == b"PAR1":
        return "parquet"
    if start[:6] == b"ARROW1" or (start[:4] == b"\xff\xff\xff\xff" and plain_suffix(path) == ".arrow"):
        return "arrow"
    if start[:4] == b"PK\x03\x04":
        return "xlsx" if plain_suffix(path) == ".xlsx" else "zip"
    head = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    named = plain_suffix(path)
    if named in (".jsonl", ".ndjson", ".json") or (named not in (".csv", ".tsv") and head in (b"{", b"[")):
        return "json"
    if named in (".csv", ".tsv", ".txt", ""):
        return "table"
    raise DataError(
        f"{path}: no file of replies that is known.",
        hint=f"Known endings: {', '.join(SUFFIXES)}, also packed (.gz, .bz2, .xz); unpack .zst first.",
    )


def read_rows(path: Path, reading: Reading | None = None) -> Iterator[tuple[str, Row]]:
    """(place, row) of a file, one at a time; nothing is held but where the layout of a JSON file needs it.

    Raises DataError for a file that cannot be read at all.
    """
    told = reading or Reading()
    readers = {"json": _json, "table": table_rows, "parquet": _parquet, "arrow": _arrow, "xlsx": workbook_rows}
    kind = kind_of(path)
    if kind not in readers:
        raise DataError(f"{path}: an archive is not read.", hint="Unpack it and name the files, or the folder.")
    try:
        yield from readers[kind](path, told)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start + 1} is not {told.encoding}.", hint=encodings(path)) from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None


# JSON -----------------------------------------------------------------------------------------------------------------


def _json(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    with open_text(path, reading) as handle:
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
    with open_text(path, reading) as handle:
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
    return len(cells) > 1 and short and len(set(cells)) == len(cells) and not all(cell in LABELS for cell in cells)


def _pieces(path: Path, reading: Reading) -> Iterator[object]:
    with open_text(path, reading) as handle:
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
    with open_text(path, reading) as handle:
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


def _arrow(path: Path, reading: Reading) -> Iterator[tuple[str, Row]]:
    """A table of Arrow: a file, or the stream that Hugging Face's datasets are kept as."""
    import polars as pl

    with open_bytes(path) as handle:
        stream = handle.read(6) != b"ARROW1"
    try:
        table = pl.read_ipc_stream(path) if stream else pl.read_ipc(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: not a table of Arrow ({str(error).splitlines()[0]}).") from None
    for at, row in enumerate(table.iter_rows(named=True), start=1):
        yield f"row {at}", row


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
