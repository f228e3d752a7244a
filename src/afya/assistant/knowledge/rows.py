"""JSON Lines as blocks: collections that are known by their rows, and anyone's rows with `text`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from afya.assistant.knowledge.chunks import Block
from afya.assistant.knowledge.reading import Reading, data_file, lines
from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError, DataError


class Collection(BaseModel):
    """A JSON Lines collection that is known by its rows; collections.yaml says what each key is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    keys: tuple[str, ...]
    prefix: str | None = None
    title: str
    publisher: str | None = None
    address: str | None = None
    licence: str | None = None
    version: str | None = None
    lang: str | None = None
    text: str
    section: tuple[str, ...] = ()
    title_of: str | None = None
    source: str | None = None
    page: str | None = None
    publisher_of: str | None = None
    publishers: dict[str, str] = {}


# Rows of {"text": ..., "title", "section", "page", "source", "publisher", "lang"}: anyone's own collection.
_OWN = Collection(
    name="passages", keys=("text",), title="", text="text", section=("section",), title_of="title", source="source",
    page="page", publisher_of="publisher",
)  # fmt: skip


def read_lines(path: Path, encoding: str | None) -> Reading:
    """JSON Lines: a known collection (collections.yaml), or rows with `text`.

    Raises DataError when the first row is neither; a later row that cannot be read is named when its turn comes.
    """
    first = next(_rows(path, encoding), None)
    if first is None:
        raise DataError(f"{path}: there is no row.")
    known = next((one for one in _collections() if _fits(one, first[1])), None)
    if known is None:
        raise DataError(
            f"{path}, line {first[0]}: no known collection, and no 'text' (keys: {', '.join(first[1])}).",
            hint='Give each row a "text", and where known "title", "section", "page", "source", "lang".',
        )
    return Reading(
        _collection_blocks(known, _rows(path, encoding), path),
        title=known.title or None,
        lang=known.lang,
        licence=known.licence,
        publisher=known.publisher,
        version=known.version,
        source=known.address,
    )


def _collection_blocks(known: Collection, rows: Iterator[tuple[int, dict[str, object]]], path: Path) -> Iterator[Block]:
    for number, row in rows:

        def told(key: str | None, row: dict[str, object] = row) -> str | None:
            value = row.get(key) if key else None
            return " ".join(str(value).split()) if isinstance(value, str | int) and str(value).strip() else None

        text = row.get(known.text)
        if not isinstance(text, str):
            raise DataError(f"{path}, line {number}: '{known.text}' is no text.", hint="Mend or remove the row.")
        publisher = told(known.publisher_of)
        yield from (
            Block(
                part,
                tuple(value for value in map(told, known.section) if value is not None),
                told(known.page),
                title=told(known.title_of),
                source=told(known.source),
                publisher=known.publishers.get(publisher or "", publisher),
                lang=told("lang") if known.name == "passages" else None,
                record=number,
            )
            for part in text.split("\n\n")
        )


def _rows(path: Path, encoding: str | None) -> Iterator[tuple[int, dict[str, object]]]:
    held: list[str] = []
    number = 1
    for line in lines(path, encoding):
        held.append(line)
        if not line.endswith("\n"):
            continue
        yield from _row(path, number, "".join(held))
        held, number = [], number + 1
    yield from _row(path, number, "".join(held))


def _row(path: Path, number: int, line: str) -> Iterator[tuple[int, dict[str, object]]]:
    if not line.strip():
        return
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path}, line {number}: not JSON ({error}).") from None
    if not isinstance(row, dict):
        raise DataError(f"{path}, line {number}: expected an object, found {type(row).__name__}.")
    yield number, row


def _fits(known: Collection, row: dict[str, object]) -> bool:
    return set(known.keys) <= set(row) and (known.prefix is None or str(row["id"]).startswith(known.prefix))


@cache
def _collections() -> tuple[Collection, ...]:
    path = data_file("collections.yaml")
    rows = read_yaml(path)
    if not isinstance(rows, list):
        raise ConfigError(f"{path}: expected a list.")
    return (*(validate(row, Collection, str(path)) for row in rows), _OWN)
