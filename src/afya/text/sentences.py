"""Sentences by rule, in every language of the registry. The pieces put together are the text again, sign by sign.

Which signs end a sentence is a script's matter (scripts.yaml), which abbreviations hide such an end a language's
(abbreviations.yaml). Where a point is in doubt the text is left whole: two sentences together read better than one that
is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import regex
from pydantic import BaseModel, ConfigDict

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import language


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ends(_Strict):
    """Signs that end a sentence: `firm` ones anywhere, `soft` ones before a blank."""

    firm: tuple[str, ...]
    soft: tuple[str, ...]


class _Scripts(_Strict):
    all: Ends
    scripts: Mapping[str, Ends]


class _Shared(_Strict):
    before: tuple[str, ...]
    number: tuple[str, ...]
    anywhere: tuple[str, ...]


class _Own(_Shared):
    ordinals: bool


class _Abbreviations(_Strict):
    reviewed: bool
    all: _Shared
    languages: Mapping[str, _Own]


@dataclass(frozen=True, slots=True)
class _Rules:
    """One language's rules: where a sentence may end, and the abbreviations (without their last point) that hide it."""

    ends: regex.Pattern[str]
    before: frozenset[str]
    number: frozenset[str]
    anywhere: frozenset[str]
    ordinals: bool


_CLOSING = r"[\"'”“’»›）)\]】」』〉》]*"
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]"
_BREAK = r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"
# What stands right before a point; 40 signs hold the longest abbreviation and keep the search short.
_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}.'’/-]+$")
_REACH = 40
_ALONE = regex.compile(r"(?:[\p{Latin}\p{Cyrillic}\p{Greek}]\p{M}*\.)*[\p{Latin}\p{Cyrillic}\p{Greek}]\p{M}*")
_NUMBER = regex.compile(r"\p{Nd}{1,3}")


def sentences(text: str, lang: str) -> list[str]:
    """The sentences of `text`, blanks and line ends kept at the end of each: joined they are `text`.

    >>> sentences("J. Doe gave 2.5 ml. Is it right?", "en")
    ['J. Doe gave 2.5 ml. ', 'Is it right?']

    Raises:
        ConfigError: the language is not known.
    """
    rules = _rules(language(lang).code)
    pieces: list[str] = []
    start = 0
    for found in rules.ends.finditer(text):
        soft = found["soft"]
        if soft is not None and not _ends(text, start, found, soft, rules):
            continue
        pieces.append(text[start : found.end()])
        start = found.end()
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def _ends(text: str, start: int, found: regex.Match[str], soft: str, rules: _Rules) -> bool:
    """Whether a soft sign ends a sentence that begins at `start`."""
    following = text[found.end() : found.end() + 1]
    if _BREAK_SIGN.search(found[0]) or not following:
        return True
    quoted = found.end("soft") < len(text) and not text[found.end("soft")].isspace()
    if soft.strip(".…") and not quoted:
        return True
    # "... he said", "approx. two", and what is said in quotes within a sentence.
    if following.islower():
        return False
    if soft != ".":
        return True
    token = _TOKEN.search(text, max(start, found.start() - _REACH), found.start())
    if token is None:
        return True
    before = token[0]
    # With and without what is written onto it: "д-р.", "we-U.S."
    last = before[before.rfind("-") + 1 :]
    if not rules.before.isdisjoint((before, last)):
        return False
    if not rules.number.isdisjoint((before, last)) and following.isdigit():
        return False
    if not rules.anywhere.isdisjoint((before, last)):
        return True
    if _ALONE.fullmatch(last):
        return False
    # "1. Give water": a number that begins a line or sentence counts a list.
    return not (_NUMBER.fullmatch(before) and (rules.ordinals or token.start() == _first(text, start)))


def _first(text: str, start: int) -> int:
    """Where the first sign that is no blank stands, from `start` on."""
    while start < len(text) and text[start].isspace():
        start += 1
    return start


_BREAK_SIGN = regex.compile(_BREAK)


@cache
def _rules(lang: str) -> _Rules:
    folder = Path(str(files("afya"))) / "text"
    script = language(lang).script
    scripts, abbreviations = _read(folder / "scripts.yaml", folder / "abbreviations.yaml")
    own, words = scripts.scripts.get(script), abbreviations.languages.get(lang)
    if own is None:
        raise ConfigError(f"{folder / 'scripts.yaml'}: the script {script} of '{lang}' is missing.")
    if words is None:
        raise ConfigError(f"{folder / 'abbreviations.yaml'}: the language '{lang}' is missing.")
    return _Rules(
        _pattern((*scripts.all.firm, *own.firm), (*scripts.all.soft, *own.soft)),
        _without_point(abbreviations.all.before, words.before),
        _without_point(abbreviations.all.number, words.number),
        _without_point(abbreviations.all.anywhere, words.anywhere),
        words.ordinals,
    )


@cache
def _read(scripts: Path, abbreviations: Path) -> tuple[_Scripts, _Abbreviations]:
    return read_model(scripts, _Scripts), read_model(abbreviations, _Abbreviations)


def _without_point(*lists: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.removesuffix(".") for words in lists for word in words)


def _pattern(firm: tuple[str, ...], soft: tuple[str, ...]) -> regex.Pattern[str]:
    """Where a sentence may end: after a line, after firm signs, and (`soft`) after soft ones before a blank."""

    def one_of(signs: tuple[str, ...]) -> str:
        return "|".join(regex.escape(sign) for sign in sorted(signs, key=len, reverse=True))

    choices = [rf"{_BREAK}\s*"]
    if firm:
        choices.append(rf"(?:{one_of((*firm, *soft))})*(?:{one_of(firm)})(?:{one_of((*firm, *soft))})*{_CLOSING}\s*")
    choices.append(rf"(?P<soft>(?:{one_of(soft)})+){_CLOSING}(?:\s+|$|(?<={_UNSPACED}[.!?]+{_CLOSING})(?={_UNSPACED}))")
    return regex.compile("|".join(choices))
