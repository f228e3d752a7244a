"""The formats that datasets come in: JSON lines, JSON, CSV and XML, read so that one bad row costs one row.

Each function yields rows, or a `Malformed` in the place of a row that cannot be read, and keeps the reading's place. A
byte-order mark, CRLF, blank lines and a last line without a newline are not errors. UTF-16 is: it is named, since a
spreadsheet's 'Unicode text' is the usual cause.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from afya.errors import DataError
from afya.sources.source import Malformed, Reading

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Record = dict[str, object]

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def json_lines(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    """The objects of a JSON-lines file."""
    with _open(reading, file) as handle:
        for number, line in enumerate(handle, 1):
            reading.line = number
            reading.bytes_done += len(line)
            text = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
            if text:
                yield _json_line(text)


def _json_line(line: bytes) -> Record | Malformed:
    try:
        value = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Malformed("wrong_encoding", f"byte {error.start + 1} of the line is not UTF-8")
    except json.JSONDecodeError as error:
        return Malformed("broken_json", f"{error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return Malformed("broken_json", str(error))
    # Half of a surrogate pair can only come in through an escape; it is no character and no file could hold it.
    return _record(value, suspect=b"\\u" in line)


def json_file(reading: Reading, file: Path) -> object:
    """The content of a file that is one JSON value; bytes that are not UTF-8 stay marked, for `entries` to find.

    Raises:
        DataError: the file is not JSON; line and column are named. Nothing behind a fault could be trusted.
    """
    with _open(reading, file) as handle:
        raw = handle.read().removeprefix(_BOM)
    reading.bytes_done += len(raw)
    try:
        return _DECODER.decode(raw.decode("utf-8", "surrogateescape"))
    except json.JSONDecodeError as error:
        fault = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError) as error:
        fault = str(error)
    raise DataError(f"{file}: not JSON ({fault}).", hint="The file may have been cut off: fetch it again.")


def entries(reading: Reading, values: Iterable[object]) -> Iterator[Record | Malformed]:
    """The objects of a JSON array, counted as the reading's entries."""
    for number, value in enumerate(values, 1):
        reading.stand(reading.file, number, "entry")
        yield _record(value, suspect=True)


def json_array(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    """The objects of a file that is one JSON array. Raises DataError when it is something else."""
    value = json_file(reading, file)
    if not isinstance(value, list):
        raise DataError(f"{file}: a JSON array was expected.", hint=f"'{reading.source.name}' is not read from this.")
    yield from entries(reading, value)


def csv_rows(reading: Reading, file: Path, columns: int, delimiter: str = ",") -> Iterator[list[str] | Malformed]:
    """The rows of a CSV file without a header that have as many columns as expected."""
    for row in _csv(reading, file, delimiter):
        if isinstance(row, list) and len(row) != columns:
            yield Malformed("wrong_column_count", f"{len(row)} columns where {columns} were expected")
        else:
            yield row


def csv_records(
    reading: Reading, file: Path, required: Sequence[str], delimiter: str = ","
) -> Iterator[dict[str, str] | Malformed]:
    """The rows of a CSV file with a header, by column name. Raises DataError when a required column is missing."""
    rows = _csv(reading, file, delimiter)
    header = next(rows, [])
    names = header if isinstance(header, list) else []
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(
            f"{file}: column(s) {', '.join(missing)} are missing.",
            hint=f"The first line should name the columns; it has: {', '.join(names) or 'nothing that can be read'}.",
        )
    for row in rows:
        if isinstance(row, Malformed):
            yield row
        elif len(row) != len(names):
            yield Malformed("wrong_column_count", f"{len(row)} columns where the header has {len(names)}")
        else:
            yield dict(zip(names, row, strict=True))


def _csv(reading: Reading, file: Path, delimiter: str) -> Iterator[list[str] | Malformed]:
    with _open(reading, file) as handle:
        # Undecodable bytes become lone surrogates, so that a quoted cell with a line break stays one row.
        lines = TextIOWrapper(handle, encoding="utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            start = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                reading.stand(file, start)
                yield Malformed("broken_csv", f"{error} (a quote may be left open)")
                continue
            if not row:
                continue
            reading.stand(file, start)
            try:
                delimiter.join(row).encode("utf-8")
            except UnicodeEncodeError:
                yield Malformed("wrong_encoding", "the row is not UTF-8")
            else:
                yield row
    reading.bytes_done += file.stat().st_size


def text_lines(reading: Reading, file: Path) -> Iterator[str | Malformed]:
    """The lines of a plain text file without their ends; blank ones too, since a line's number may align it."""
    with _open(reading, file) as handle:
        for number, line in enumerate(handle, 1):
            reading.line = number
            reading.bytes_done += len(line)
            try:
                yield (line.removeprefix(_BOM) if number == 1 else line).decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                yield Malformed("wrong_encoding", f"byte {error.start + 1} of the line is not UTF-8")


def xml_root(reading: Reading, file: Path) -> Element | Malformed:
    """The root element of an XML file."""
    from xml.etree import ElementTree

    with _open(reading, file) as handle:
        raw = handle.read()
    reading.bytes_done += len(raw)
    try:
        return ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        reading.stand(file, getattr(error, "position", (1, 0))[0])
        return Malformed("broken_xml", str(error))


def text(row: Record, key: str) -> str:
    """The text under `key`, unchanged. Raises Malformed when it is missing or no text."""
    value = row.get(key)
    if isinstance(value, str):
        return value
    if value is None:
        raise Malformed("missing_field", f"'{key}' is missing")
    raise Malformed("wrong_type", f"'{key}' is {_kind(value)} where text was expected")


def optional_text(row: Record, key: str) -> str | None:
    """The text under `key`, or None when it is missing or blank. Raises Malformed when it is no text."""
    if row.get(key) is None:
        return None
    value = text(row, key)
    return value if value.strip() else None


def texts(row: Record, key: str) -> list[str]:
    """The list of texts under `key`; missing means empty. Raises Malformed when it is no list of texts."""
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Malformed("wrong_type", f"'{key}' is not a list of texts")
    return [entry for entry in value if isinstance(entry, str)]


def record(row: Record, key: str) -> Record:
    """The object under `key`. Raises Malformed when it is missing or no object."""
    value = row.get(key)
    if isinstance(value, dict):
        return value
    raise Malformed("missing_field" if value is None else "wrong_type", f"'{key}' is not an object")


def identifier(row: Record, key: str) -> str:
    """The id under `key`, a text or a whole number. Raises Malformed when there is none."""
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise Malformed("missing_field", f"'{key}' is no id")


def labelled_options(row: Record, key: str, labels: str) -> tuple[str, ...]:
    """The options of an object such as {"A": ..., "B": ...}, in the order of `labels`, stripped.

    Raises Malformed when a label is skipped or unknown: an option was lost, and the answer's label may name another.
    """
    value = record(row, key)
    if sorted(value) != sorted(labels[: len(value)]):
        raise Malformed("missing_option", f"options labelled {', '.join(sorted(value)) or 'with nothing'}")
    empty = [label for label in labels[: len(value)] if value[label] is None]
    if empty:
        raise Malformed("missing_option", f"option {', '.join(empty)} is null")
    return tuple(text(value, label).strip() for label in labels[: len(value)])


def answer_index(label: str | None, labels: str, count: int) -> int:
    """The index of the option with this label among the first `count`. Raises Malformed when there is none."""
    if label is None or not label.strip():
        raise Malformed("missing_answer", "no answer is marked")
    index = labels.find(label.strip())
    if len(label.strip()) != 1 or not 0 <= index < count:
        raise Malformed("answer_outside_options", f"'{label.strip()[:40]}' is none of {', '.join(labels[:count])}")
    return index


def option_indices(labels: Sequence[str], known: str, count: int) -> tuple[int, ...]:
    """The indices of the options with these labels, in the options' order. Raises Malformed as `answer_index` does."""
    if not labels:
        raise Malformed("missing_answer", "no answer is marked")
    return tuple(sorted({answer_index(label, known, count) for label in labels}))


def _open(reading: Reading, file: Path) -> BinaryIO:
    reading.stand(file)
    try:
        handle = file.open("rb")
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}).") from None
    if handle.read(2) in _UTF16:
        handle.close()
        raise DataError(f"{file}: this is UTF-16.", hint="Save it as UTF-8 and import it again.")
    handle.seek(0)
    return handle


def _record(value: object, *, suspect: bool) -> Record | Malformed:
    if not isinstance(value, dict):
        return Malformed("broken_json", f"{_kind(value)} where an object was expected")
    if suspect:
        try:
            _ENCODER.encode(value).encode("utf-8")
        except UnicodeEncodeError:
            return Malformed("wrong_encoding", "the text holds something that is no character in UTF-8")
        except RecursionError:
            return Malformed("broken_json", "objects inside objects without end")
    return value


def _kind(value: object) -> str:
    """What JSON calls the value, with its article."""
    return _KINDS.get(type(value), "a value")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False)
