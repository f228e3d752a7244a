"""The order of options in training: shuffled by seed, so that every letter is right equally often.

A model learns from letters that are right more often than others before it learns any medicine. Within a language and a
number of options the right answer goes to the letter that was right least often so far. Items whose options or
rationale speak of other options ("All of the above", "B and C", "answer 3 is wrong") keep the order they came in, and
so do inference items, whose labels are a fixed set.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import regex
from pydantic import BaseModel, ConfigDict, Field, RootModel

from afya.datafiles import read_model
from afya.items import Item
from afya.languages import language
from afya.text.literals import text_literals
from afya.training.examples.lesson import Lesson
from afya.training.recipe import Form

LETTER_FORMS: tuple[Form, ...] = ("letter", "letter+rationale", "rationale+letter")
"""Forms in which an option has a letter."""


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    words: Annotated[tuple[str, ...], Field(min_length=1)]
    reviewed: bool


class _Linked(RootModel[dict[str, _Words]]):
    model_config = ConfigDict(frozen=True)


def balance_letters(lessons: Sequence[Lesson], seed: int) -> list[Lesson]:
    """The lessons in their order, options in a drawn one; equal lessons and seeds give equal orders.

    An item that comes several times gets an order of its own each time.
    """
    counts: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    free: list[int] = []
    for number, lesson in enumerate(lessons):
        item = lesson.item
        if lesson.form not in LETTER_FORMS or not item.options or not item.answer or len(item.answer) != 1:
            continue
        if item.task == "mcq" and not speaks_of_options(item, lesson.form):
            free.append(number)
        elif item.task == "mcq":
            counts[item.lang, len(item.options)][item.answer[0]] += 1
    ordered = list(lessons)
    copies: Counter[str] = Counter()
    for number in free:
        lesson = lessons[number]
        item = lesson.item
        options, answer = item.options or (), item.answer or (0,)
        draws = _draws(f"{seed}:{copies[item.item_id]}:{item.item_id}", len(options))
        copies[item.item_id] += 1
        seen = counts[item.lang, len(options)]
        target = min(range(len(options)), key=lambda place: (seen[place], draws[place]))
        seen[target] += 1
        order = sorted((place for place in range(len(options)) if place != answer[0]), key=lambda place: draws[place])
        order.insert(target, answer[0])
        changed = replace(item, options=tuple(options[place] for place in order), answer=(target,))
        ordered[number] = lesson._replace(item=changed)
    return ordered


def letter_balance(lessons: Sequence[Lesson]) -> dict[tuple[str, int], Counter[int]]:
    """How often each place is right, by (language, number of options), in lessons whose options have letters."""
    counts: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for item, form, _ in lessons:
        if form in LETTER_FORMS and item.task == "mcq" and item.options and item.answer:
            counts[item.lang, len(item.options)].update(item.answer[:1])
    return dict(counts)


def speaks_of_options(item: Item, form: Form) -> bool:
    """Whether an option, or the rationale where it is learned, names other options: by a letter or number, or by one of
    the language's words for it. It says yes too often rather than too seldom; yes only keeps the order."""
    texts = list(item.options or ())
    words = _linked().get(item.lang)
    if words is not None and any(words.search(text) for text in texts):
        return True
    if any(_names(text, item, alone=False) for text in texts):
        return True
    return form != "letter" and bool(item.rationale) and _names(item.rationale or "", item, alone=True)


def _names(text: str, item: Item, *, alone: bool) -> bool:
    """Whether a text names options by letter or number: a single one (`alone`), or two and more, as options do ("1 and
    3"; an option with one number is an amount)."""
    count = len(item.options or ())
    literals = text_literals(item.lang)
    joiners = (*literals.joiners.both, *literals.joiners.either)
    named = {match.group() for match in _naming(literals.option_letters[:count], count, joiners).finditer(text)}
    if alone:
        return bool(named)
    words = len(regex.findall(r"[\p{L}\p{M}\p{N}]+", text))
    return len(named) > 1 and words <= 2 * len(named) + 2


@cache
def _naming(letters: tuple[str, ...], count: int, joiners: tuple[str, ...]) -> regex.Pattern[str]:
    # "A" is a word of English and other languages where a word in small letters follows it, except in "A and B". "1.5%"
    # is an amount.
    joined = "|".join(regex.escape(word) + r"\b" for word in joiners) or "(?!)"
    word = rf"(?!\s+(?!{joined})\p{{Ll}})"
    named = "|".join(letter + (word if letter == "A" else "") for letter in letters)
    digits = rf"[1-{min(count, 9)}](?!\s*%|[.,]\p{{N}})"
    circled = "".join("①②③④⑤⑥⑦⑧⑨"[:count])
    return regex.compile(rf"(?<![\p{{L}}\p{{N}}.,/-])(?:{named}|{digits}|[{circled}])(?![\p{{L}}\p{{M}}\p{{N}}/-])")


@cache
def _linked() -> dict[str, regex.Pattern[str]]:
    path = Path(str(files("afya"))) / "training" / "examples" / "linked_options.yaml"
    found = {}
    for code, told in read_model(path, _Linked).root.items():
        edge = r"\b" if language(code).spaced else ""
        words = "|".join(regex.escape(word) for word in told.words)
        found[code] = regex.compile(f"{edge}(?:{words})", regex.IGNORECASE)
    return found


def _draws(key: str, count: int) -> list[bytes]:
    """`count` different draws for a key."""
    return [blake2b(f"{place}:{key}".encode(), digest_size=8).digest() for place in range(count)]
