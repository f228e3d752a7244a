"""Which column of a published file holds what, where nobody said it: guessed by its name, doubted by its values."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from afya.bench.imports.fields import FIELDS, OWN, Mapped, example, take
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
from afya.bench.imports.values import language_code, numbers_of, options_of, text_of
from afya.sources.source import Malformed

# A nested column is guessed by its last name alone only where that name says enough.
_VAGUE = frozenset({"text", "value", "label", "output", "input", "result", "score", "correct", "target"})
_MANY = 3


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
    if name == "reply":
        return any(isinstance(value, Mapping) or text_of(value) is not None for value in values)
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
