"""The built-in sample: 40 groups on community health, parallel in afya's languages, written for this project.

groups.yaml holds what no language changes (task, split, topic, right answer, source of the fact); {code}.yaml holds the
texts. Everything is checked on loading: a group missing in a language, a text without its group, or options of another
number are errors that name file and key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError
from afya.items import Item, Origin, Split, item_ids
from afya.items import validate as item_fault
from afya.languages import core_codes
from afya.text.literals import LanguageFile, read_language_file

SOURCE = "afya-sample"
LICENCE = "Apache-2.0"
ORIGINAL = "en"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fact(_Strict):
    """Where a group's fact comes from; `page` is null where the place in the document was not looked up."""

    source: str
    page: str | None


class Group(_Strict):
    """What is the same in every language. `answer` is null for long_form."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    task: Literal["mcq", "nli", "long_form"]
    split: Split
    topic: str
    answer: tuple[int, ...] | None = None
    fact: Fact


class Groups(_Strict):
    """The list in groups.yaml."""

    groups: tuple[Group, ...] = Field(min_length=1)


class Text(_Strict):
    """One group's texts in one language."""

    question: str = Field(min_length=1)
    context: str | None = None
    options: tuple[str, ...] | None = None
    rationale: str | None = None
    answer_text: str | None = None


class Texts(LanguageFile):
    """One language's file. `origin`: who wrote it; `reviewed`: whether a fluent second person has read every line."""

    origin: Origin
    translator: str | None = None
    items: dict[str, Text]


def folder() -> Path:
    """Where the sample's files lie."""
    return Path(str(files("afya"))) / "data" / "sample"


def sample_items(langs: Sequence[str] | None = None, *, where: Path | None = None) -> Iterator[Item]:
    """The sample's Items in `langs` (default: afya's twelve), group by group, each in the order of the languages.

    Args:
        where: another folder of the same form; by default the shipped one.

    Raises:
        ConfigError: a language has no file, or a file does not agree with groups.yaml; file and key are named.
    """
    source = where or folder()
    codes = tuple(langs) if langs is not None else core_codes()
    texts = {code: _texts(source, code) for code in codes}
    for group in _groups(source):
        for code in codes:
            yield _item(group, texts[code])


@cache
def _groups(source: Path) -> tuple[Group, ...]:
    path = source / "groups.yaml"
    groups = validate({"groups": read_yaml(path)}, Groups, str(path)).groups
    ids = [group.id for group in groups]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: the id '{twice[0]}' appears twice.")
    return groups


@cache
def _texts(source: Path, code: str) -> Texts:
    path = source / f"{code}.yaml"
    texts = read_language_file(source, code, Texts, "sample", "Leave the language out with --langs.")
    groups = _groups(source)
    missing = [group.id for group in groups if group.id not in texts.items]
    extra = sorted(set(texts.items) - {group.id for group in groups})
    if missing or extra:
        what = f"'{missing[0]}' is missing" if missing else f"'{extra[0]}' is not in groups.yaml"
        raise ConfigError(f"{path}: {what}.", hint="Every group stands in every language under the same id.")
    original = texts if code == ORIGINAL else _texts(source, ORIGINAL)
    for group in groups:
        _agree(path, group, texts.items[group.id], original.items[group.id])
    return texts


def _agree(path: Path, group: Group, text: Text, original: Text) -> None:
    """Raise ConfigError when a text lacks what its task needs, or has other parts than the original."""
    place = f"{path}, {group.id}"
    wanted = ("answer_text",) if group.task == "long_form" else ("options",)
    for field in wanted:
        if getattr(text, field) is None:
            raise ConfigError(f"{place}: a {group.task} group needs '{field}'.")
    for field in ("context", "options", "rationale", "answer_text"):
        if (getattr(text, field) is None) != (getattr(original, field) is None):
            state = "is missing" if getattr(text, field) is None else "is not in the original"
            raise ConfigError(f"{place}: '{field}' {state}.", hint="Keep the same keys as the English text.")
    if text.options is not None and original.options is not None:
        if len(text.options) != len(original.options):
            raise ConfigError(
                f"{place}: {len(text.options)} options, the English text has {len(original.options)}.",
                hint="Translate every option and keep their order; the answer is given by its place.",
            )
        if len(set(text.options)) < len(text.options):
            raise ConfigError(f"{place}: two options read the same.")


def _item(group: Group, texts: Texts) -> Item:
    text = texts.items[group.id]
    item_id, group_id = item_ids(SOURCE, group.id, texts.language)
    translated = texts.origin in ("machine", "human") and texts.language != ORIGINAL
    item = Item(
        item_id=item_id,
        group_id=group_id,
        lang=texts.language,
        task=group.task,
        split=group.split,
        question=text.question,
        context=text.context,
        options=text.options,
        answer=group.answer,
        answer_text=text.answer_text or (text.options[group.answer[0]] if text.options and group.answer else None),
        rationale=text.rationale,
        source=SOURCE,
        licence=LICENCE,
        origin=texts.origin,
        translator=texts.translator,
        translated_from=ORIGINAL if translated else None,
        extra=json.dumps(
            {
                "topic": group.topic,
                "fact_source": group.fact.source,
                "fact_page": group.fact.page,
                "reviewed": texts.reviewed,
            },
            sort_keys=True,
        ),
    )
    problem = item_fault(item)
    if problem is not None:
        raise ConfigError(f"The sample, {item_id}: {problem[1]} ({problem[0]}).")
    return item
