"""A row of a published file as entries: one reply each, its fields taken from where they stand but not yet judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from afya.bench.imports.fields import filled, is_wide, spread, take
from afya.bench.imports.lookup import Row, opened
from afya.bench.imports.values import in_text, language_code, numbers_of, options_of, text_of
from afya.sources.source import Malformed

NO_LANGUAGE = "en"
"""Of items for which nothing tells the language."""


@dataclass(slots=True)
class Entry:
    """One reply to one question, or (of a key) one question, as far as the row tells.

    `answer`, `prediction` and `correct` are as written; `native` is the publisher's id.
    """

    place: str
    row: int
    native: str | None = None
    group: str | None = None
    model: str | None = None
    lang: str | None = None
    task: str | None = None
    epoch: str | None = None
    question: str | None = None
    context: str | None = None
    prompt: str | None = None
    options: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    answer: Any = None
    reply: str | None = None
    prediction: Any = None
    correct: Any = None
    logprobs: list[float] | None = None
    probs: bool = False
    finish_reason: str = "stop"
    error: str | None = None
    several: bool = False


def entries_of(
    place: str,
    number: int,
    row: Row,
    columns: Mapping[str, str],
    told: Mapping[str, str],
    lang_names: Mapping[str, str],
) -> Iterator[Entry]:
    """The entries of one row: one for each model (language, task) that its columns name, and for each sample in a list.

    `told` are constants for all rows (from the command line or the path), which a column overrules. Raises Malformed
    for a row that cannot be read.
    """
    wide = is_wide(columns)
    for bound in spread(row, columns):
        found: dict[str, Any] = {}
        for name, column in columns.items():
            if not wide:
                found[name] = take(row, column, number)
                continue
            place_of = filled(column, bound)
            field, alone, model = name.partition("@")
            if place_of is not None and (not alone or bound.get("model") == model):
                found[field] = take(row, place_of, number)
        for name in ("model", "lang", "task"):
            if name in bound:
                found[name] = bound[name]
        made = _entry(place, number, found, told, lang_names)
        samples = text_of(found.get("reply"))
        if made.question is None:
            _asked(made, opened(found.get("reply")), "options" in found)
        if not isinstance(samples, tuple):
            made.reply = samples
            yield made
            continue
        verdicts = found.get("correct")
        each = isinstance(verdicts, list) and len(verdicts) == len(samples)
        for at, text in enumerate(samples):
            one = _entry(place, number, found, told, lang_names)
            one.reply, one.epoch = text, str(at + 1)
            one.correct = verdicts[at] if each and isinstance(verdicts, list) else verdicts
            yield one


def _options(value: Any) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """`options_of`, once for a question that several models answer."""
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return _listed(tuple(value))
    return _written(value) if isinstance(value, str) else options_of(value)


@lru_cache(maxsize=65536)
def _listed(value: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    return options_of(list(value))


@lru_cache(maxsize=65536)
def _written(value: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    return options_of(value)


def _asked(made: Entry, said: Any, has_options: bool) -> None:
    """The question of a conversation, which the last turn of the user asks."""
    turns = [turn for turn in said if isinstance(turn, Mapping)] if isinstance(said, list) else []
    users = [turn for turn in turns if turn.get("role", turn.get("from")) in ("user", "human")]
    text = text_of(users[-1].get("content", users[-1].get("value"))) if users else None
    if isinstance(text, str):
        made.question = text
        if not has_options and (found := in_text(text)) is not None:
            made.labels, made.options = found


def _entry(
    place: str, number: int, found: Mapping[str, Any], told: Mapping[str, str], lang_names: Mapping[str, str]
) -> Entry:
    def words(name: str) -> str | None:
        value = found.get(name)
        if isinstance(value, list):
            joined = "-" if name in ("id", "group", "model", "task", "epoch") else "\n"
            parts = [part for part in map(_word, value) if part]
            return joined.join(parts) or None
        return _word(value) or told.get(name)

    lang = words("lang")
    question = words("question")
    made = None
    if found.get("options") is not None:
        made = _options(found["options"])
    elif question is not None and "options" not in found:
        made = in_text(question)
    labels, options = made if made is not None else ((), None)
    letters = options_of(found.get("letters")) if found.get("letters") is not None else None
    if letters is not None:
        labels = letters[1]
    sums = numbers_of(found.get("logprobs"), "logprobs")
    shares = None if sums is not None else numbers_of(found.get("probs"), "probs")
    error = words("error")
    return Entry(
        place=place,
        row=number,
        native=words("id"),
        group=words("group"),
        model=words("model"),
        lang=None if lang is None else lang_names.get(lang) or language_code(lang) or f"?{lang}",
        task=words("task"),
        epoch=words("epoch"),
        question=question,
        context=words("context"),
        prompt=_text(found.get("prompt")),
        options=options,
        labels=labels,
        answer=_given(found.get("answer")),
        prediction=_given(found.get("prediction"), empty=True),
        correct=found.get("correct"),
        logprobs=sums if sums is not None else _logs(shares),
        finish_reason=words("finish_reason") or "stop",
        error=None if error is None or error.lower() in ("none", "null", "false", "nan") else error,
        several=str(found.get("several")).lower() in ("true", "1", "multiple", "multi"),
    )


def _word(value: Any) -> str | None:
    """A short text: ids that tables turned into 12.0 are 12 again."""
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        return value.strip() or None
    found = text_of(value)
    return found if isinstance(found, str) else None


def _text(value: Any) -> str | None:
    found = text_of(value)
    return "\n".join(found) if isinstance(found, tuple) else found


def _given(value: Any, *, empty: bool = False) -> Any:
    if isinstance(value, list):
        kept = [entry for entry in value if entry is not None and entry != ""]
        return kept or ("" if empty and value else None)
    return None if value == "" and not empty else value


def _logs(shares: list[float] | None) -> list[float] | None:
    """Probabilities as logarithms; nothing is less likely than what was rounded to 0."""
    import math

    if shares is None:
        return None
    if any(share < 0 for share in shares):
        raise Malformed("wrong_type", "a probability is below 0: name such a column logprobs")
    return [math.log(share) if share > 0 else -1e9 for share in shares]
