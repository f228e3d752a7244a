"""The Item: one entry in one language, and the table schema every dataset shares.

An Item is declared once, here. Readers make Items, `validate` says what is wrong with one, `to_frame` puts them into
columns; `afya.folders` writes them down. Unknown values are None, never "".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl

Task = Literal["mcq", "nli", "long_form", "dialogue", "instruction", "parallel"]
"""What is asked. `parallel` is a sentence or term that is aligned across languages by its group and asks nothing."""

Origin = Literal["native", "human", "machine", "synthetic"]
Split = Literal["train", "dev", "test"]

TASKS: tuple[str, ...] = get_args(Task)
ORIGINS: tuple[str, ...] = get_args(Origin)
SPLITS: tuple[str, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a dialogue."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """The recorded result of one check on an item."""

    name: str
    passed: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry in one language.

    `group_id` names the same entry in all its languages and is the cluster of every statistic; `item_id` is
    `{group_id}:{lang}`. `answer` holds option indices, one for a single-answer question. `extra` is a JSON object.
    """

    item_id: str
    group_id: str
    lang: str
    task: Task
    split: Split
    question: str
    source: str
    licence: str
    origin: Origin
    context: str | None = None
    options: tuple[str, ...] | None = None
    answer: tuple[int, ...] | None = None
    answer_text: str | None = None
    rationale: str | None = None
    turns: tuple[Turn, ...] | None = None
    translator: str | None = None
    translated_from: str | None = None
    checks: tuple[Check, ...] | None = None
    quality: float | None = None
    extra: str | None = None

    def extra_value(self, key: str) -> Any:
        """The value under `key` in `extra`, or None."""
        return json.loads(self.extra).get(key) if self.extra else None


COLUMNS: tuple[str, ...] = (
    "item_id",
    "group_id",
    "lang",
    "task",
    "split",
    "question",
    "context",
    "options",
    "answer",
    "answer_text",
    "rationale",
    "turns",
    "source",
    "licence",
    "origin",
    "translator",
    "translated_from",
    "checks",
    "quality",
    "extra",
)
_TEXT_COLUMNS = ("context", "answer_text", "rationale", "translator", "translated_from", "extra")
_REQUIRED_TEXT = ("item_id", "group_id", "lang", "task", "split", "question", "source", "licence", "origin")


@cache
def schema() -> dict[str, pl.DataType]:
    """The Item's columns and their Polars (Arrow) types, in order."""
    import polars as pl

    text = pl.String()
    special: dict[str, pl.DataType] = {
        "options": pl.List(pl.String()),
        "answer": pl.List(pl.Int16()),
        "turns": pl.List(pl.Struct({"role": pl.String(), "text": pl.String()})),
        "checks": pl.List(pl.Struct({"name": pl.String(), "passed": pl.Boolean(), "detail": pl.String()})),
        "quality": pl.Float64(),
    }
    return {name: special.get(name, text) for name in COLUMNS}


def item_ids(source: str, native_id: str, lang: str) -> tuple[str, str]:
    """(item_id, group_id) for a native id. Colons and spaces inside the native id stay readable but cannot clash."""
    clean = "_".join(native_id.split()).replace(":", "_")
    group_id = f"{source}:{clean}"
    return f"{group_id}:{lang}", group_id


def validate(item: Item) -> tuple[str, str] | None:
    """The first fault of an item as (reason, detail), or None when it is sound.

    Reasons are stable names used in ledgers: empty_question, missing_option, missing_answer, answer_outside_options,
    empty_value, unknown_language, unknown_task, unknown_split, unknown_origin, bad_id.
    """
    if blank(item.question):
        return "empty_question", "the question has no text"
    if item.lang not in registry():
        return "unknown_language", f"'{item.lang}' is not in the language registry"
    if item.task not in TASKS:
        return "unknown_task", f"'{item.task}' is none of {', '.join(TASKS)}"
    if item.split not in SPLITS:
        return "unknown_split", f"'{item.split}' is none of {', '.join(SPLITS)}"
    if item.origin not in ORIGINS:
        return "unknown_origin", f"'{item.origin}' is none of {', '.join(ORIGINS)}"
    if item.item_id != f"{item.group_id}:{item.lang}":
        return "bad_id", f"item_id '{item.item_id}' is not '{item.group_id}:{item.lang}'"
    for name in _TEXT_COLUMNS:
        if getattr(item, name) == "":
            return "empty_value", f"{name} is '' where an unknown value is null"
    return _validate_answer(item)


def blank(text: str | None) -> bool:
    """Whether nothing can be seen of it: zero-width spaces and joiners, which `strip` leaves, are no text either."""
    return not text or not any(sign.isprintable() and not sign.isspace() for sign in text)


def _validate_answer(item: Item) -> tuple[str, str] | None:
    if item.options is not None:
        if len(item.options) < 2:
            return "missing_option", f"{len(item.options)} option(s), at least 2 are needed"
        for index, option in enumerate(item.options):
            if blank(option):
                return "missing_option", f"option {index + 1} has no text"
    if item.task in ("mcq", "nli"):
        if item.options is None:
            return "missing_option", "no options"
        if not item.answer:
            return "missing_answer", "no answer is marked"
        for index in item.answer:
            if not 0 <= index < len(item.options):
                return "answer_outside_options", f"answer {index + 1} of {len(item.options)} options"
        if len(set(item.answer)) < len(item.answer):
            return "answer_outside_options", "an option is marked twice"
    if item.task == "long_form" and not item.answer_text:
        return "missing_answer", "a long-form item needs a reference answer"
    return None


def to_frame(items: Sequence[Item]) -> pl.DataFrame:
    """The items as a table with exactly the columns and types of `schema()`."""
    import polars as pl

    columns: dict[str, list[Any]] = {name: [getattr(item, name) for item in items] for name in COLUMNS}
    columns["turns"] = [_structs(value, ("role", "text")) for value in columns["turns"]]
    columns["checks"] = [_structs(value, ("name", "passed", "detail")) for value in columns["checks"]]
    return pl.DataFrame(
        [pl.Series(name, columns[name], dtype=dtype, strict=True) for name, dtype in schema().items()],
    )


def _structs(values: Iterable[Any] | None, names: tuple[str, ...]) -> list[dict[str, Any]] | None:
    return None if values is None else [{name: getattr(value, name) for name in names} for value in values]


def from_row(row: Mapping[str, Any]) -> Item:
    """One row of an item table (as a mapping) as an Item."""
    values = {field.name: row[field.name] for field in fields(Item)}
    for name in ("options", "answer"):
        values[name] = None if values[name] is None else tuple(values[name])
    if values["turns"] is not None:
        values["turns"] = tuple(Turn(**turn) for turn in values["turns"])
    if values["checks"] is not None:
        values["checks"] = tuple(Check(**check) for check in values["checks"])
    return Item(**values)


def from_frame(frame: pl.DataFrame) -> list[Item]:
    """The rows of an item table as Items."""
    return [from_row(row) for row in frame.iter_rows(named=True)]
