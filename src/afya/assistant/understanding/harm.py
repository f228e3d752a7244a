"""Whether a message asks for help with doing harm.

Concepts are found by phrases of the packs (harm.yaml of a language), rules over concepts stand in harm.yaml of this
room. Judged are the message, with the phrases of its language and the English ones, since messages mix them, and its
English translation. What this cannot see: harm in words that nobody listed, and what only the one who asks knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.assistant.checks import switches
from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import language
from afya.packs import available, load_pack
from afya.text.normalise import normalise
from afya.text.words import Match, Phrases, words

PIVOT = "en"
SELF_HARM = "self_harm"
_FILE = "harm.yaml"
_SENTENCE = regex.compile(r"[.!?](?=\s|$)|[。！？\n؟।]")
# A long message is judged in its first and last parts; that is more than a request takes.
_LONGEST = 6000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Alone(_Strict):
    category: str
    unless: tuple[str, ...] = ()


class _Rule(_Strict):
    category: str
    all: Annotated[tuple[str, ...], Field(min_length=2)]
    within: int | None = None
    unless: tuple[str, ...] = ()


class _File(_Strict):
    reviewed: bool
    within: Annotated[int, Field(gt=0)]
    categories: dict[str, str]
    alone: dict[str, _Alone]
    rules: tuple[_Rule, ...]


@dataclass(frozen=True, slots=True)
class Harm:
    """A harmful request: the category of harm.yaml, the words it was seen by, and the language of these words.

    The category `self_harm` is no refusal: it is the danger rule of that name, with support.
    """

    category: str
    words: tuple[str, ...]
    lang: str


def judge(text: str, lang: str, pivot: str | None = None, *, packs: Path | None = None) -> Harm | None:
    """The harm that a message asks for, or None where none is seen. Self-harm is told before anything else.

    `pivot`: the message in English, where there is a translation. Where the pack of `lang` has no phrases of its own
    and there is no translation (`knows`), None says only that no English words of harm stand in it.

    Raises:
        ConfigError: a file of phrases or the rules are faulty.
    """
    if switches.is_off("harm"):
        return None
    own = lang.partition("-")[0]
    found: list[Harm] = []
    for shown, code in ((text, lang), (text, PIVOT), (pivot, PIVOT)):
        if (
            shown is None
            or (code != PIVOT and not _has_phrases(code, packs))
            or (own == PIVOT and code == lang != PIVOT)
        ):
            continue
        harm = _judged(_bounded(normalise(shown)), code, packs)
        if harm is not None:
            found.append(harm)
    return min(found, key=lambda harm: harm.category != SELF_HARM, default=None)


def knows(lang: str, packs: Path | None = None) -> bool:
    """Whether the pack of a language has phrases of its own; else only an English translation can be judged."""
    return _has_phrases(lang, packs)


def categories() -> Mapping[str, str]:
    """Every category, with the reason for which it is refused."""
    return _rules().categories


def _judged(text: str, lang: str, packs: Path | None) -> Harm | None:
    rules = _rules()
    phrases = _phrases(lang, packs)
    matches = phrases.find(text)
    if not matches:
        return None
    anywhere = {match.key for match in matches}
    for match in matches:
        group, _, name = match.key.partition(".")
        alone = rules.alone.get(name) if group == "alone" else None
        if alone is not None and anywhere.isdisjoint(alone.unless):
            return Harm(alone.category, (text[match.start : match.end],), lang)
    starts = _places(text, lang)
    sentences = _grouped(text, matches)
    for rule in rules.rules:
        if not anywhere.isdisjoint(rule.unless):
            continue
        for inside in sentences:
            used = _together(rule, inside, starts, rule.within or rules.within)
            if used is not None:
                return Harm(rule.category, tuple(text[one.start : one.end] for one in used), lang)
    return None


def _together(rule: _Rule, matches: Sequence[Match], starts: Mapping[int, int], within: int) -> list[Match] | None:
    """One match for each concept of a rule, none lying on another, all within so many words; or None."""
    wanted = [frozenset(concept.split("|")) for concept in rule.all]
    candidates = [[match for match in matches if match.key in keys] for keys in wanted]
    if not all(candidates):
        return None

    def extend(chosen: list[Match]) -> list[Match] | None:
        if len(chosen) == len(candidates):
            return chosen
        for match in candidates[len(chosen)]:
            if any(match.start < other.end and other.start < match.end for other in chosen):
                continue
            places = [starts[one.start] for one in (*chosen, match)]
            if max(places) - min(places) <= within:
                full = extend([*chosen, match])
                if full is not None:
                    return full
        return None

    return extend([])


def _grouped(text: str, matches: Sequence[Match]) -> list[list[Match]]:
    ends = [found.start() for found in _SENTENCE.finditer(text)]
    groups: dict[int, list[Match]] = {}
    for match in matches:
        groups.setdefault(sum(end < match.start for end in ends), []).append(match)
    return list(groups.values())


def _places(text: str, lang: str) -> dict[int, int]:
    """For the place of each word its number; in scripts without spaces, for each character half of it."""
    if not language(lang.partition("-")[0]).spaced:
        return {place: place // 2 for place in range(len(text) + 1)}
    return {place: number for number, word in enumerate(words(text)) for place in range(word.start, word.end)}


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST // 2] + "\n" + text[-_LONGEST // 2 :]


@cache
def _has_phrases(lang: str, packs: Path | None) -> bool:
    return lang in available(packs) and bool(load_pack(lang, packs).harm)


@cache
def _phrases(lang: str, packs: Path | None) -> Phrases:
    """The phrases of a language; English ones are the product's own where the given packs have no English pack."""
    root = packs if lang in available(packs) else None
    harm = load_pack(lang, root).harm
    if not harm:
        raise ConfigError(f"The pack '{lang}' has no phrases in {_FILE}.", hint="Write them as in packs/en/harm.yaml.")
    listed = [(key, phrase) for key, phrases in harm.items() for phrase in phrases]
    return Phrases(lang.partition("-")[0], listed)


@cache
def _rules() -> _File:
    path = Path(str(files("afya.assistant.understanding"))) / _FILE
    content = read_model(path, _File)
    unknown = {rule.category for rule in content.rules} | {alone.category for alone in content.alone.values()}
    unknown -= set(content.categories)
    if unknown:
        raise ConfigError(f"{path}: the category '{min(unknown)}' is not listed.", hint="Add it to `categories`.")
    return content
