"""What a reading finds on its way: how often there is what, where numbers count from, which languages texts are in."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from afya.bench.imports.choices import NUMBERED, Numbering, Words, read_choice
from afya.bench.imports.entries import NO_LANGUAGE, Entry
from afya.bench.imports.lookup import opened
from afya.bench.imports.sources import Faults
from afya.text.identify import identify

_SHORT = 16
_LONGEST_LABEL = 5
_ENOUGH = 400
_LOOKS = 60


@dataclass
class Read:
    """What a reading found, beside the parts it wrote.

    `parts`: by (model, setting). `expected`: for each (model, setting), the items that are known but have no reply.
    `no_lang`: replies whose language nothing tells, `looks` some of their texts; `by_script`: those whose script did.
    """

    parts: dict[tuple[str, str], list[Path]] = field(default_factory=lambda: defaultdict(list))
    items: list[Path] = field(default_factory=list)
    late: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    rows: Counter[str] = field(default_factory=Counter)
    rejected: list[tuple[str, str, str]] = field(default_factory=list)
    tools: set[str] = field(default_factory=set)
    answers: Numbering = field(default_factory=Numbering)
    predictions: Numbering = field(default_factory=Numbering)
    words: Words = field(default_factory=Words)
    most: int = 0
    replies: int = 0
    bare: int = 0
    has: Counter[str] = field(default_factory=Counter)
    missing: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    unknown_lang: Counter[str] = field(default_factory=Counter)
    no_lang: int = 0
    by_script: Counter[str] = field(default_factory=Counter)
    looks: list[str] = field(default_factory=list)
    entries: int = 0

    def note(self, entry: Entry) -> None:
        """Take notice of what an entry tells of the whole import."""
        lang = str(entry.lang)
        count = len(entry.options) if entry.options is not None else None
        self.most = max(self.most, count or 0)
        for name in ("reply", "prediction", "correct", "logprobs", "answer"):
            self.has[name] += getattr(entry, name) is not None
        if entry.logprobs is not None:
            self.most = max(self.most, len(entry.logprobs))
        _note_numbers(entry.answer, entry, count, self.answers)
        _note_numbers(entry.prediction, entry, count, self.predictions)
        if count is None and entry.answer is not None:
            self.words.note(entry.answer, lang)
        if entry.reply is not None:
            self.replies += 1
            if len(entry.reply) <= _SHORT and (not entry.reply.strip() or _is_bare(entry, lang)):
                self.bare += 1
        if count is None and isinstance(entry.prediction, str | list):
            chosen = read_choice(entry.prediction, entry.labels, ("",) * 10, lang, None).chosen
            self.words.largest = max(self.words.largest, *(place + 1 for place in chosen or (0,)))

    def supposed_language(self, entry: Entry) -> str:
        """The language of a reply for which nothing tells it: by the script of its question, where that is enough."""
        asked = entry.question or entry.prompt or ""
        said = entry.reply or ""
        text = asked if asked or not isinstance(said, str) else said
        if not text.isascii():
            known = _by_script(text[:_ENOUGH])
            if known is not None:
                self.by_script[known] += 1
                return known
        self.no_lang += 1
        longer = said if isinstance(said, str) and len(said) > len(text) else text
        if len(self.looks) < _LOOKS and len(longer) > _SHORT:
            self.looks.append(longer[:_ENOUGH])
        return NO_LANGUAGE


def _is_bare(entry: Entry, lang: str) -> bool:
    words = str(entry.reply).split()
    choice = read_choice(entry.reply, entry.labels, entry.options or ("",) * 10, lang, "label")
    return choice.chosen is not None and all(len(word) <= _LONGEST_LABEL for word in words)


def _note_numbers(value: Any, entry: Entry, count: int | None, into: Numbering) -> None:
    value = opened(value)
    for one in value if isinstance(value, list) else (value,):
        if isinstance(one, bool) or not isinstance(one, str | int | float):
            continue
        text = str(one).strip()
        if isinstance(one, str) and not text.removesuffix(".0").isdigit() and not NUMBERED.fullmatch(text):
            into.labels += 0 < len(text) <= _SHORT
            continue
        options = entry.options or ("",) * 10
        choice = read_choice(one, entry.labels, options, str(entry.lang), None)
        if choice.number and choice.text is not None:
            into.note(int(choice.text), count)
        elif choice.chosen is not None and entry.labels and entry.labels[0].isdigit():
            into.as_labels += 1


@lru_cache(maxsize=4096)
def _by_script(text: str) -> str | None:
    """The language whose script a text is in; None where several are written in it."""
    verdict = identify(text)
    return verdict.language if verdict.script != "Latn" and verdict.reliable else None
