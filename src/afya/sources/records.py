"""Any folder of records: JSON, JSON lines, CSV, TSV or Parquet whose columns a recipe names.

For published GlobMed folders ({lang}/{split}.json), instruction sets and a team's own tables. There is no layout to
know, so `columns` says which column holds which field of an Item:

    columns: {question: Question, options: [opa, opb, opc, opd], answer: cop, answer_is: =from 1, licence: =CC-BY-4.0}

    name         a column; 'a.b' is the value 'b' of the object 'a'
    =text        the same for every row
    [a, b, c]    for options: a column each
    '#'          for id: the row's number in its file, for folders whose languages are aligned row by row

Without `columns` a column is looked for under each field's own name. `lang` and `split` are taken from the path where
no column holds them: from a file or folder named by a code or a language's English name, and from train, dev, test in
it. An id names the same entry in every language; without one, every file's rows are entries of their own. Options are a
list, an object by labels, or lines that begin with labels. `answer` is a label, several, or an option's text; a number
must be told apart by `answer_is` (label, text, from 0, from 1), as must an answer that would be right both as a label
and as a text. `turns` is a list of messages (role and content, from and value) or of texts by turns. `task` is mcq
where there are options, dialogue where there are turns, long_form where there is answer_text, unless a column or '='
says otherwise.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from afya.errors import ConfigError, DataError
from afya.items import ORIGINS, SPLITS, TASKS, Item, Origin, Split, Task
from afya.languages import by_foreign_code, registry
from afya.sources import record_values as values
from afya.sources.files import Record, csv_records, entries, json_array, json_file, json_lines
from afya.sources.source import Columns, Malformed, Outcome, Reading, Source

FIELDS = (
    *("id", "lang", "task", "split", "question", "context", "options", "answer", "answer_is", "answer_text"),
    *("rationale", "turns", "origin", "translated_from", "licence", "name"),
)
"""What `columns` may name. `name` is appended to the source's name, so that two folders' ids cannot clash."""

_FIXED = {"task": TASKS, "split": SPLITS, "origin": ORIGINS, "answer_is": values.ANSWER_IS}
_ROW_NUMBER = "#"


def read(reading: Reading) -> Iterator[Outcome]:
    columns = checked_columns(reading.columns)
    missing = {name: field for field, told in columns.items() for name in _names(told)} if reading.columns else {}
    for file in reading.files:
        for row in _rows(reading, file):
            try:
                if isinstance(row, Malformed):
                    raise row
                for name in [name for name in missing if values.look_up(row, name) is not None]:
                    del missing[name]
                item = _item(reading, file, row, columns)
            except Malformed as fault:
                yield reading.reject(fault)
                continue
            if reading.wants(item.lang):
                yield item
    if missing:
        told = ", ".join(f"'{name}' (for {field})" for name, field in missing.items())
        raise DataError(
            f"{reading.path}: no row has a value under {told}.",
            hint="Write the column's name as the files have it, or leave the field out of 'columns'.",
        )


def checked_columns(columns: Columns) -> Columns:
    """The columns to read. Raises ConfigError for an unknown field, or a fixed value that the field cannot have."""
    if not columns:
        return {field: field for field in FIELDS}
    for field, told in columns.items():
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, n=3, cutoff=0.4)
            raise ConfigError(
                f"columns: '{field}' is no field of an item.", hint=f"Known are: {', '.join(near or FIELDS)}."
            )
        if not isinstance(told, str) and field != "options":
            raise ConfigError(
                f"columns.{field}: one column was expected, not a list.", hint="Only options take several."
            )
        if not told or told == "=":
            raise ConfigError(f"columns.{field}: nothing is named.", hint="Give a column, or '=' and a fixed value.")
        if told == _ROW_NUMBER and field != "id":
            raise ConfigError(f"columns.{field}: '#' stands for the row's number, which only an id can be.")
        if isinstance(told, str) and told[:1] == "=" and field in _FIXED and told[1:] not in _FIXED[field]:
            raise ConfigError(
                f"columns.{field}: '{told[1:]}' is unknown.", hint=f"Use one of: {', '.join(_FIXED[field])}."
            )
    if "question" not in columns and "turns" not in columns:
        raise ConfigError("columns: neither question nor turns is named.", hint="Name the column of the question.")
    return columns


def _names(told: str | tuple[str, ...]) -> tuple[str, ...]:
    names = (told,) if isinstance(told, str) else tuple(told)
    return tuple(name for name in names if name[:1] != "=" and name != _ROW_NUMBER)


def _item(reading: Reading, file: Path, row: Record, columns: Columns) -> Item:
    def take(field: str) -> object:
        told = columns.get(field)
        if told is None or told == _ROW_NUMBER:
            return None
        if not isinstance(told, str):
            return [values.look_up(row, name) for name in told]
        return told[1:] if told[:1] == "=" else values.look_up(row, told)

    lang = _language(values.plain(take("lang"), "lang")) or _language_of(reading, file)
    labels, options = values.options(take("options"))
    turns = values.turns(take("turns"))
    question = values.plain(take("question"), "question") or values.last_of_user(turns)
    answer_text = values.plain(take("answer_text"), "answer_text")
    task = values.plain(take("task"), "task") or ("mcq" if options else "dialogue" if turns else "long_form")
    answer = values.answer(take("answer"), values.plain(take("answer_is"), "answer_is"), labels, options)
    source_lang = _language(values.plain(take("translated_from"), "translated_from"))
    return reading.item(
        _native_id(reading, file, values.plain(take("id"), "id"), columns.get("id"), lang),
        lang,
        task=cast(Task, _one_of(task, "task")),
        split=_split(reading, file, values.plain(take("split"), "split")),
        question=question or "",
        context=values.plain(take("context"), "context"),
        options=options,
        answer=answer,
        answer_text=answer_text,
        rationale=values.plain(take("rationale"), "rationale"),
        turns=turns,
        origin=_origin(values.plain(take("origin"), "origin"), lang, source_lang),
        translated_from=None if source_lang == lang else source_lang,
        licence=values.plain(take("licence"), "licence"),
        variant=values.plain(take("name"), "name"),
    )


def _origin(told: str | None, lang: str, source_lang: str | None) -> Origin:
    """What was told, for a translation; the entry in the language it was written in is native."""
    if source_lang == lang:
        return "native"
    return cast(Origin, _one_of(told or ("native" if source_lang is None else "machine"), "origin"))


def _one_of(value: str, field: str) -> str:
    if value not in _FIXED[field]:
        raise Malformed(f"unknown_{field}", f"'{value[:40]}' is none of {', '.join(_FIXED[field])}")
    return value


def _split(reading: Reading, file: Path, told: str | None) -> Split:
    if told is None:
        return reading.split_of(file)
    word = {"validation": "dev", "valid": "dev", "val": "dev"}.get(told.lower(), told.lower())
    return reading.split(cast(Split, _one_of(word, "split")))


def _native_id(reading: Reading, file: Path, told: str | None, column: str | tuple[str, ...] | None, lang: str) -> str:
    """The entry's id: the row's own, or its place. Only a row number that was asked for joins languages in a group."""
    if told is not None:
        return told
    if column not in (None, _ROW_NUMBER, "id"):
        raise Malformed("missing_field", f"there is no id under '{column}'")
    if column == _ROW_NUMBER:
        kept = [part for part in Path(reading.name_of(file)).with_suffix("").parts if _language(part) != lang]
        return "/".join((*kept, str(reading.line)))
    return f"{Path(reading.name_of(file)).with_suffix('').as_posix()}/{reading.line}"


def _language(told: str | None) -> str | None:
    """Our code for a code or an English name; an unknown one stays as it is, to be refused by name."""
    if told is None:
        return None
    word = told.strip().lower()
    if told.strip() in registry():
        return told.strip()
    by_name = {entry.name.partition(" (")[0].lower(): entry.code for entry in registry().values()}
    return by_foreign_code().get(told.strip()) or by_name.get(word, told.strip())


def _language_of(reading: Reading, file: Path) -> str:
    """The language that a file's name or a folder's says. Raises Malformed when none does."""
    relative = Path(reading.name_of(file))
    stem = relative.name.partition(".")[0]
    folders = relative.parts[:-1] or (file.parent.name,)
    for word in (stem, stem.replace("-", "_").rpartition("_")[2], *reversed(folders)):
        found = _language(word)
        if found in registry():
            return str(found)
    raise Malformed("unknown_language", "neither a column nor the path says the language")


def _rows(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    match file.suffix.lower():
        case ".csv" | ".tsv":
            for row in csv_records(reading, file, (), "\t" if file.suffix.lower() == ".tsv" else ","):
                yield row if isinstance(row, Malformed) else {name: value or None for name, value in row.items()}
        case ".parquet":
            yield from _parquet(reading, file)
        case ".jsonl" | ".ndjson":
            yield from json_lines(reading, file)
        case _:
            yield from _json(reading, file)


def _json(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    """The objects of an array, of an object that holds nothing but one array, or of JSON lines named .json."""
    with file.open("rb") as handle:
        start = handle.readline().removeprefix(b"\xef\xbb\xbf").strip()
        more = bool(handle.read(1))
    if start[:1] == b"[":
        yield from json_array(reading, file)
    elif start[:1] == b"{" and start[-1:] == b"}" and more:
        yield from json_lines(reading, file)
    else:
        content = json_file(reading, file)
        if not isinstance(content, dict):
            raise DataError(f"{file}: neither an array of records nor an object that holds one.")
        held = next(iter(content.values()), None)
        yield from entries(reading, held if len(content) == 1 and isinstance(held, list) else [content])


def _parquet(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    import polars as pl

    try:
        frame = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file}: not a Parquet file ({error}).") from None
    reading.bytes_done += file.stat().st_size
    reading.stand(file)
    yield from entries(reading, frame.iter_rows(named=True))


SOURCE = Source(
    name="records",
    title="Records (your own columns)",
    licence="unknown",
    url="the folder you name",
    citation="the folder's own",
    languages=tuple(registry()),
    tasks=("mcq", "nli", "long_form", "dialogue", "instruction", "parallel"),
    reads="*.json, *.jsonl, *.csv, *.tsv or *.parquet, with `columns` from the recipe",
    patterns=("*.json", "*.jsonl", "*.ndjson", "*.csv", "*.tsv", "*.parquet"),
    read=read,
    mapped=True,
)
