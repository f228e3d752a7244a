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
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from afya.bench.imports.lookup import Row, look_up, nothing, opened, usual_names
from afya.bench.imports.shapes import (
    fractions,
    kind_of,
    mapping_names,
    number_families,
    option_family,
    options_by_row,
    plain,
    same_choice,
    told_apart,
    wide_columns,
)
from afya.bench.imports.values import language_code, numbers_of, options_of
from afya.errors import ConfigError
from afya.sources.source import Malformed

FIELDS = (
    *("id", "group", "lang", "model", "task", "question", "context", "options", "letters", "answer", "reply"),
    *("prediction", "correct", "logprobs", "probs", "several", "finish_reason", "error", "prompt", "epoch"),
)
SPREAD = ("model", "lang", "task")
"""What a placeholder in a column's name may stand for."""

OWN = "@"
"""Before the names under which a known layout (layouts.py) puts what it found."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# A nested column is guessed by its last name alone only where that name says enough.
_VAGUE = frozenset({"text", "value", "label", "output", "input", "result", "score", "correct", "target"})
_MANY = 3


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


# Guessing -------------------------------------------------------------------------------------------------------------


def guess(
    rows: Sequence[Row],
    told: Mapping[str, str],
    *,
    key: bool = False,
    has_key: bool = False,
    elsewhere: Collection[str] = (),
) -> Mapped:
    """The columns of some rows: those told, and those whose names are usual ones.

    `key`: the file holds questions and right answers only. `has_key`: another file holds the right answers, so that
    'answer' is the model's. `elsewhere`: fields that the path or the command line tells, and no column need.
    """
    paths = _paths(rows)
    used = {part for column in told.values() for part in (column, *column.split("+"))}
    columns = dict(told)
    given = {name.partition("@")[0] for name in told}
    own = [name for name in FIELDS if f"{OWN}{name}" in paths]
    for name in [name for name in own if name not in elsewhere]:
        columns.setdefault(name, f"{OWN}{name}")
    skipped = {"reply", "prediction", "correct", "model", "error", "finish_reason", "epoch"} if key else set()
    for name in FIELDS:
        if (
            name in columns
            or name in given
            or name in skipped
            or name in elsewhere
            or (own and name not in ("lang", "several"))
        ):
            continue
        if name == "answer" and has_key and not key:
            continue
        if name == "model" and any("@" in one or "{model}" in column for one, column in told.items()):
            continue
        if name == "prediction" and ("reply" in columns or "reply" in given):
            found = _usual(paths, [usual for usual in usual_names()[name] if usual != "answer"], used)
        else:
            found = _usual(paths, usual_names()[name], used)
        if found is None and name == "options":
            found = _option_columns(paths, used)
        if found is not None and _fits(name, found, rows):
            columns[name] = found
            used.update((found, *found.split("+")))
        elif (
            name == "correct"
            and found is not None
            and "answer" not in {*columns, *elsewhere}
            and not has_key
            and not fractions(rows, found)
            and kind_of(rows, found, options_by_row(rows, columns)) in ("choice", "number")
        ):
            columns["answer"] = found  # 'correct' holds the right letter
            used.add(found)
    keys = [path for path in ("_key2", "_key") if path in paths and path not in used]
    if keys and "id" not in columns and not {"id"} & {*given, *elsewhere}:
        columns["id"] = keys[0]
        if keys[1:] and "task" not in columns and "model" not in columns:
            columns["task"] = keys[1]
    if not {"question", "options", "answer"} & set(columns):
        columns |= _by_place(rows, used)
    if not own:
        _by_content(rows, columns, told, key=key)
    held = {"reply", "prediction", "correct", "logprobs", "probs"} & ({name.partition("@")[0] for name in columns})
    if "value" in paths and "value" not in used and not held and not (key and "answer" in columns):
        columns["answer" if key else "reply"] = "value"
    if not key and "answer" in columns and not {"prediction", "reply", "correct"} & ({*columns} | given):
        _second_look(rows, columns, told, paths)
    seen = {name: example(rows, column) for name, column in columns.items()}
    return Mapped(columns, frozenset(columns) - frozenset(told), seen)


def _by_content(rows: Sequence[Row], columns: dict[str, str], told: Mapping[str, str], *, key: bool) -> None:
    """Doubt what only names told, and find what none told, by the values."""
    if "options" not in columns and (family := option_family(rows, mapping_names(columns))) is not None:
        columns["options"] = family
    if key:
        return
    options = options_by_row(rows, columns)
    said = columns.get("prediction")
    if said is not None and "prediction" not in told:
        if plain(said) in ("answer", "answers") and "answer" in columns:
            # A letter and its text, 'answer_idx' and 'answer', are both the right answer.
            if same_choice(rows, said, columns["answer"], options):
                del columns["prediction"]
        elif "reply" not in columns and kind_of(rows, said, options) == "text":
            columns["reply"] = columns.pop("prediction")
    for name in [name for name in ("reply", "prediction") if name in columns and name not in told]:
        who = told_apart(rows, columns[name])
        if who is not None:
            column = columns.pop(name)
            kind = kind_of(rows, f"{column}.{next(iter(look_up(rows[0], column)))}", options)
            columns["reply" if kind == "text" else "prediction"] = f"{column}.{{{who}}}"
            columns.pop(who, None)
    found = {name.partition("@")[0] for name in columns} & {"reply", "prediction", "correct", "logprobs", "probs"}
    if not found - {"correct"}:
        families = list(number_families(rows, mapping_names(columns)))
        if len(families) == 1:
            columns[families[0][0]] = families[0][1]
    if not found and not {"logprobs", "probs"} & set(columns):
        columns |= wide_columns(rows, mapping_names(columns), options)
        if any("@" in name or "{model}" in column for name, column in columns.items()):
            columns.pop("model", None)


def _by_place(rows: Sequence[Row], used: set[str]) -> dict[str, str]:
    """A table without names, as MMLU's: a question, its options, the letter of the right one."""
    names = list(rows[0]) if rows else []
    start = "0" if names[:1] == ["0"] else "1"  # what pandas writes, and what a table without names is given
    wide = next((at for at, name in enumerate(names) if name != str(at + int(start))), len(names))
    if wide < 4 or used & set(names[:wide]):
        return {}
    ends = [
        place
        for place in range(3, wide)
        if all(str(row.get(names[place], "")).strip() in "ABCDEFGHIJ" for row in rows)
        and any(str(row.get(names[place], "")).strip() for row in rows)
    ]
    if not ends:
        return {}
    found = {"question": names[0], "options": "+".join(names[1 : ends[0]]), "answer": names[ends[0]]}
    return found | ({"prediction": names[ends[1]]} if len(ends) == 2 else {})


def _second_look(
    rows: Sequence[Row], columns: dict[str, str], told: Mapping[str, str], paths: Mapping[str, str]
) -> None:
    """Beside a column of right answers under a vaguer name, 'answer' is the model's."""
    if "answer" in told or plain(columns["answer"]) != "answer":
        return
    for name in ("reference", "label", "target", "key"):
        other = next((path for path in paths if path[:1] != "_" and plain(path) == name), None)
        if other is not None:
            columns["prediction"], columns["answer"] = columns["answer"], other
            return


def _paths(rows: Sequence[Row]) -> dict[str, str]:
    """Every column of the rows, nested ones as a.b, in the order of their first appearance."""
    found: dict[str, str] = {}

    def walk(value: Any, before: str, depth: int) -> None:
        for name, entry in value.items():
            path = f"{before}{name}"
            found.setdefault(path, path)
            entry = opened(entry) if depth else entry
            if isinstance(entry, Mapping) and depth < _MANY:
                walk(entry, f"{path}.", depth + 1)
            elif isinstance(entry, list) and entry and isinstance(entry[0], Mapping) and depth < _MANY:
                walk(entry[0], f"{path}.0.", depth + 1)

    for row in rows:
        walk(row, "", 0)
    return found


def _usual(paths: Mapping[str, str], names: Sequence[str], used: set[str]) -> str | None:
    free = [path for path in paths if path not in used and path[:1] != OWN]
    by_name: dict[str, str] = {}
    for path in free:
        by_name.setdefault(plain(path), path)
    for name in names:
        if (found := by_name.get(plain(name))) is not None:
            return found
    for name in names:
        if name in _VAGUE or "." in name:
            continue
        ends = [path for path in free if "." in path and plain(path.rpartition(".")[2]) == plain(name)]
        if len(ends) == 1:
            return ends[0]
    return None


def _option_columns(paths: Mapping[str, str], used: set[str]) -> str | None:
    by_name = {plain(path): path for path in paths if path not in used and "." not in path}
    best: list[str] = []
    for names in usual_names()["option_columns"]:
        run: list[str] = []
        for name in names:
            found = by_name.get(plain(name))
            if found is None:
                break
            run.append(found)
        best = max(best, run, key=len)
    return "+".join(best) if len(best) > 1 else None


def _fits(name: str, column: str, rows: Sequence[Row]) -> bool:
    """Whether a guessed column can be what its name says: verdicts must be verdicts, a language a language."""
    values = [value for row in rows if not nothing(value := take(row, column, 1)) and value != ""]
    if not values:
        return False
    if name == "correct":
        known = {*usual_names()["right"], *usual_names()["wrong"]}
        flags = [str(value).strip().lower() in known for value in values]
        letters = {str(value).strip().lower() for value in values}
        return all(flags) and not (letters & {"c", "i"} and letters - {"c", "i", "1", "0"})
    if name == "lang":
        return all(language_code(str(value)) is not None for value in values)
    if name in ("model", "task", "finish_reason", "error", "id", "group"):
        return all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in values)
    if name in ("logprobs", "probs"):
        found = [_numbers(value) for value in values]
        least, most = (-math.inf, math.inf) if name == "logprobs" else (0.0, 1.0)
        whole = [number for numbers in found for number in numbers or ()]
        return all(found) and least <= min(whole) < (0 if name == "logprobs" else 1) and max(whole) <= most
    if name in ("answer", "prediction") and (fractions(rows, column) or all(_numbers(value) for value in values)):
        return False
    if name == "answer" and plain(column.rpartition(".")[2]) == "key":
        return kind_of(rows, column, [None] * len(rows[:50])) in ("choice", "number")
    if name == "epoch":
        return all(str(value).isdigit() for value in values)
    if name == "options" and not _are_options(values):
        return False
    if name == "options":
        return all(
            isinstance(opened(value), list | Mapping) or "\n" in str(value) or len(str(value)) > _MANY
            for value in values
        )
    return True


def _numbers(value: Any) -> list[float] | None:
    """A number for each option, from a list or an object: not whole ones, but for a single 1 among zeros."""
    value = opened(value)
    if not isinstance(value, list | Mapping) or len(value) < 2:
        return None
    try:
        found = numbers_of(value, "")
    except Malformed:
        return None
    one_hot = found is not None and len(found) > 2 and sorted(found) == [0.0] * (len(found) - 1) + [1.0]
    return found if found and (one_hot or any(not number.is_integer() for number in found)) else None


def _are_options(values: Sequence[Any]) -> bool:
    """Whether some are options, and none is anything else: a question to work out may have none."""
    try:
        return sum(options_of(value) is not None for value in values) > 0
    except Malformed:
        return False


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
