"""The layouts of a JSON file as rows: lists wherever they lie, objects by id, tables by columns.

[{...}, {...}]                              its objects
{"model": "x", "results": [{...}, ...]}     the list, each row with what stands beside it (model)
{"q1": {...}, "q2": {...}}                  the objects, each with its key as `_key`
{"q1": "B", "q2": "C"}                      `_key` and `value`
{"id": [1, 2], "answer": ["A", "B"]}        columns
{"id": {"0": 1}, "answer": {"0": "A"}}      columns, as pandas writes them
{"columns": [...], "data": [[...], ...]}    a table, as pandas writes it
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afya.errors import DataError

_Row = dict[str, Any]
KEY = "_key"
VALUE = "value"
_DEEPEST = 4
# An object of this many short values is a list of ids rather than one record of many fields.
_MANY = 20
_USUAL_LISTS = (
    *("results", "data", "samples", "predictions", "examples", "items", "records", "outputs", "responses"),
    *("instances", "rows", "details", "questions", "entries", "annotations", "logs", "answers"),
)


def rows_of(value: object, path: str | None, file: Path) -> Iterator[_Row]:
    """The rows of a JSON value. `path` names where they are ("results.answers", "*" for every value), if told.

    Raises DataError where the path leads nowhere or the value holds no rows.
    """
    if path is not None:
        found = list(_along(value, path.replace("[]", "").split("."), {}, 0))
        if not found:
            told = f"it has {', '.join(map(str, list(value)[:12]))}" if isinstance(value, dict) else "it is a list"
            raise DataError(f"{file}: there are no rows under '{path}'; {told}.", hint="Name the list with --rows a.b")
        yield from found
    elif isinstance(value, list):
        yield from (entry if isinstance(entry, dict) else {VALUE: entry} for entry in value)
    elif isinstance(value, dict):
        yield from _of_object(value)
    else:
        raise DataError(f"{file}: holds no rows, only {value!r:.40}.")


def _along(value: object, steps: list[str], around: _Row, keys: int) -> Iterator[_Row]:
    if isinstance(value, list) and steps and steps[0].isdigit():
        if int(steps[0]) < len(value):
            yield from _along(value[int(steps[0])], steps[1:], around, keys)
    elif isinstance(value, list):
        rest = steps[1:] if steps[:1] == ["*"] else steps
        for entry in value:
            yield from _along(entry, rest, around, keys)
    elif not steps:
        yield {**around, **value} if isinstance(value, dict) else {**around, VALUE: value}
    elif isinstance(value, dict):
        step = steps[0]
        if step == "*":
            named = KEY if not keys else f"{KEY}{keys + 1}"
            for key, entry in value.items():
                yield from _along(entry, steps[1:], {**around, named: key}, keys + 1)
        elif step in value:
            beside = {name: entry for name, entry in value.items() if name != step}
            yield from _along(value[step], steps[1:], {**around, **beside}, keys)


def _of_object(value: _Row) -> Iterator[_Row]:
    columns = _columns(value)
    if columns is not None:
        yield from columns
        return
    found = _longest_list(value)
    named = next((name for name in _USUAL_LISTS if _by_id(value.get(name))), None)
    if found is not None:
        yield from _along(value, list(found), {}, 0)
    elif (inner := _numbered_rows(value)) is not None:
        beside = {name: entry for name, entry in value.items() if name != inner}
        for key, entry in value[inner].items():
            if isinstance(entry, dict):
                yield {**beside, KEY: key, **entry}
    elif named is not None:
        yield from _along(value, [named, "*"], {}, 0)
    elif value and (
        all(_by_id(entry) for entry in value.values())
        or (len(value) > 1 and all(_short_by_id(entry) for entry in value.values()))
    ):
        yield from _along(value, ["*", "*"], {}, 0)
    elif value and all(isinstance(entry, dict) for entry in value.values()) and len(value) > 1:
        # By id; where each id holds a list of rows, `_longest_list` took it unless there are many lists.
        yield from ({KEY: key, **entry} for key, entry in value.items())
    elif len(value) > 1 and all(isinstance(entry, list) and _objects(entry) for entry in value.values()):
        for key, entries in value.items():
            yield from ({KEY: key, **entry} for entry in entries)
    elif len(value) > _MANY or (len(value) > 2 and _numbered(value)):
        yield from ({KEY: key, VALUE: entry} for key, entry in value.items())
    else:
        yield value


def _numbered_rows(value: _Row) -> str | None:
    """The name of an object whose numbered values are rows, whatever else it says of itself: OpenCompass' details."""
    for name, entry in value.items():
        if name in _USUAL_LISTS and isinstance(entry, dict):
            rows = [isinstance(one, dict) for key, one in entry.items() if key.isdigit()]
            if rows and all(rows) and len(rows) < len(entry):
                return name
    return None


def _by_id(value: object) -> bool:
    return isinstance(value, dict) and len(value) > 1 and all(isinstance(entry, dict) for entry in value.values())


def _short_by_id(value: object) -> bool:
    """Whether a value is an object of answers by id, as each model (or task) of a file may have: {"q1": "A", ...}."""
    plain = isinstance(value, dict) and not any(isinstance(entry, dict | list) for entry in value.values())
    return plain and isinstance(value, dict) and len(value) > 2 and (len(value) > _MANY or _numbered(value))


def _numbered(value: _Row) -> bool:
    """Whether all keys are numbers, or all end in one and begin alike: q1, q2, q3."""
    ends = [key.rstrip("0123456789") for key in value]
    return len(set(ends)) == 1 and all(len(end) < len(key) for end, key in zip(ends, value, strict=True))


def _columns(value: _Row) -> Iterator[_Row] | None:
    """The rows of a table that is written by columns, or None."""
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        names = [str(name) for name in value["columns"]]
        if all(isinstance(row, list) and len(row) == len(names) for row in value["data"]):
            return (dict(zip(names, row, strict=True)) for row in value["data"])
    held = list(value.values())
    if len(held) < 2:
        return None
    if all(isinstance(entry, list) for entry in held) and not any(_objects(entry) for entry in held):
        lengths = {len(entry) for entry in held}
        if len(lengths) == 1 and lengths != {0}:
            return (dict(zip(value, row, strict=True)) for row in zip(*held, strict=True))
    if all(isinstance(entry, dict) and entry and all(key.isdigit() for key in entry) for entry in held):
        first = list(held[0])
        if all(list(entry) == first for entry in held) and not all(name.isdigit() for name in value):
            return ({name: entry[key] for name, entry in value.items()} | {KEY: key} for key in first)
    return None


def _objects(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(entry, dict) for entry in value)


def _longest_list(value: _Row) -> tuple[str, ...] | None:
    """The way to the list of objects that is the file's: one of a usual name, else the longest; None if in doubt."""
    found = dict(_lists(value, ()))
    if not found:
        return None
    for name in _USUAL_LISTS:
        if (name,) in found:
            return (name,)
    outer = [way for way in found if len(way) == min(map(len, found))]
    if len(value) > 1 and len(outer) == len(value) and len(outer[0]) == 1:
        return None  # every value is such a list: an object of lists by id or model
    return max(outer, key=lambda way: found[way])


def _lists(value: object, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(value, dict) and len(way) < _DEEPEST:
        for name, entry in value.items():
            if isinstance(entry, list) and _objects(entry):
                yield (*way, name), len(entry)
            elif isinstance(entry, dict) and len(value) <= _MANY:
                yield from _lists(entry, (*way, name))
