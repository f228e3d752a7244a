"""Which column of a published file holds what: told on the command line, or guessed from the names in usual use.

    name            a column; 'a.b' is b inside the object a, 'a.0' the first of the list a, JSON in a text is opened
    a+b+c           several columns: options, one each; for an id or a text, joined
    =text           the same for every row
    #               the row's number in its file (for id)
    {model}_answer  a column for each model ({lang}, {task} likewise): every column that fits, a reply each

A field may also be told for one model alone: reply@gpt-4=column.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from afya.bench.imports.lookup import Row, look_up, nothing, opened
from afya.errors import ConfigError

FIELDS = (
    *("id", "group", "lang", "model", "task", "question", "context", "options", "letters", "answer", "reply"),
    *("prediction", "correct", "logprobs", "probs", "several", "finish_reason", "error", "prompt", "epoch"),
)
SPREAD = ("model", "lang", "task")
"""What a placeholder in a column's name may stand for."""

OWN = "@"
"""Before the names under which a known layout (layouts.py) puts what it found."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Mapped:
    """Where the fields stand. `guessed` are the fields that nobody named; `seen` an example of each."""

    columns: Mapping[str, str]
    guessed: frozenset[str] = frozenset()
    seen: Mapping[str, str] = field(default_factory=dict)


def told_columns(entries: Iterable[str], what: str = "--column") -> dict[str, str]:
    """The columns of FIELD=COLUMN entries. Raises ConfigError for a field or placeholder that is not known."""
    columns: dict[str, str] = {}
    for entry in entries:
        name, equals, column = entry.partition("=")
        name = name.strip()
        if not equals or not column:
            raise ConfigError(f"{what} {entry}: FIELD=COLUMN was expected.", hint="Such as --column reply=output.")
        if name.partition("@")[0] not in FIELDS:
            near = ", ".join(difflib.get_close_matches(name, FIELDS, cutoff=0.4) or FIELDS)
            raise ConfigError(f"{what} {entry}: there is no field '{name}'.", hint=f"Known are: {near}.")
        for held in _PLACEHOLDER.findall(column):
            if held not in SPREAD:
                raise ConfigError(f"{what} {entry}: '{{{held}}}' is not known.", hint="Known: {model}, {lang}, {task}.")
        columns[name] = column
    return columns


# Values ---------------------------------------------------------------------------------------------------------------


def take(row: Row, column: str, number: int) -> Any:
    """The value of a column as told, placeholders aside: a list for a+b+c."""
    if column in row:
        value = row[column]
        return None if nothing(value) else value
    if column[:1] == "=":
        return column[1:]
    if column == "#":
        return number
    value = look_up(row, column)
    if value is None and "+" in column and column not in row:
        return [look_up(row, part.strip()) for part in column.split("+")]
    return None if nothing(value) else value


def is_wide(columns: Mapping[str, str]) -> bool:
    """Whether some columns belong to one model, language or task each."""
    return any("@" in name or "{" in column for name, column in columns.items())


def spread(row: Row, columns: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What the placeholders of the columns stand for in this row: one mapping for each set of columns that fits."""
    if not is_wide(columns):
        yield {}
        return
    patterns = [part for column in columns.values() for part in column.split("+") if _PLACEHOLDER.search(part)]
    alone = dict.fromkeys(name.partition("@")[2] for name in columns if "@" in name)
    yield from ({"model": name} for name in alone)
    if not patterns:
        return
    plain = {
        part for column in columns.values() if not _PLACEHOLDER.search(column) for part in (column, *column.split("+"))
    }
    found: dict[tuple[tuple[str, str], ...], dict[str, str]] = {(("model", name),): {} for name in alone}
    # "{model}" fits "x_correct" too: a column belongs to the pattern with most fixed text, and to no other.
    for pattern in sorted(patterns, key=lambda column: -len(_PLACEHOLDER.sub("", column))):
        fitting = list(_bindings(row, pattern.split("."), {}, plain))
        for bound in fitting:
            found.setdefault(tuple(sorted(bound.items())), bound)
        plain.update(str(filled(pattern, bound)) for bound in fitting)
    yield from (bound for bound in found.values() if bound)


def _bindings(value: Any, parts: Sequence[str], bound: dict[str, str], plain: set[str]) -> Iterator[dict[str, str]]:
    if not parts:
        yield bound
        return
    value = opened(value)
    part = parts[0]
    if not _PLACEHOLDER.search(part):
        if isinstance(value, Mapping) and part in value:
            yield from _bindings(value[part], parts[1:], bound, plain)
        return
    if isinstance(value, Mapping):
        shape = _shape(part)
        for key, entry in value.items():
            match = shape.fullmatch(str(key))
            if match and key not in plain:
                yield from _bindings(entry, parts[1:], {**bound, **match.groupdict()}, plain)


@cache
def _shape(part: str) -> re.Pattern[str]:
    pieces = _PLACEHOLDER.split(part)
    made = "".join(re.escape(piece) if at % 2 == 0 else f"(?P<{piece}>.+?)" for at, piece in enumerate(pieces))
    return re.compile(made)


def filled(column: str, bound: Mapping[str, str]) -> str | None:
    """The column with its placeholders filled in; None where one of them is not bound."""
    names = _PLACEHOLDER.findall(column)
    if any(name not in bound for name in names):
        return None
    return _PLACEHOLDER.sub(lambda match: bound[match[1]], column)


def example(rows: Sequence[Row], column: str) -> str:
    """The first value of a column, short, for a person to look at; what fits, for a placeholder."""
    if _PLACEHOLDER.search(column):
        told = [" ".join(bound.values()) for row in rows[:1] for bound in spread(row, {"": column})]
        return f"{len(told)}: {', '.join(told[:4])}" if told else ""
    for number, row in enumerate(rows, start=1):
        value = take(row, column, number)
        if not nothing(value) and value not in ("", []):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            return " ".join(text.split())
    return ""
