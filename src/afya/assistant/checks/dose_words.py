"""How each language says doses: units, times a day, every so many hours, for so many days (doses/<code>.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import language
from afya.packs import available, load_pack
from afya.text.literals import text_literals
from afya.text.measures import measures
from afya.text.normalise import fold_marks

Words = tuple[Annotated[str, Field(min_length=1)], ...]
Role = Literal["times", "fixed", "every", "days", "weeks", "tablets"]
# A number of the text, by its place in the list of numbers, in the text that patterns are looked for in.
OPEN, CLOSE = "\ue000", "\ue001"
_SLOT = regex.compile(r"\{n\}")
_NUMBER = rf"{OPEN}(\d+){CLOSE}"
_PLACEHOLDER = regex.compile(r"\{(\w+)\}")
_LINE_ENDS = regex.compile(r"(?<=[.。；;])\s*|,\s|、|，")
_LOOSE = r"[\s:,\-–]*"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reviewed: bool
    units: dict[str, Words]
    fractions: dict[float, Words]
    joins: Words
    times: Words
    fixed: dict[int, Words]
    every: Words
    days: Words
    weeks: Words
    per: Words
    kg: Words
    range: Words
    of: Words
    foods: Words
    give: Words
    never: Words


@dataclass(frozen=True)
class Saying:
    """One way to say how often or how long: a pattern whose groups are places of numbers, and what they must be.

    `expected` holds a value for each group, None for the number that is asked for; `value` is what a fixed saying says.
    """

    role: Role
    pattern: regex.Pattern[str]
    expected: tuple[float | None, ...]
    value: float | None = None


@dataclass(frozen=True)
class DoseWords:
    """One language's sayings, ready to be looked for in folded text."""

    lang: str
    spaced: bool
    unit_first: bool
    sayings: tuple[Saying, ...]
    units: tuple[tuple[str, regex.Pattern[str], regex.Pattern[str]], ...]
    """(unit, pattern with the number before the word, pattern with the number behind it)."""
    unit_ends: tuple[tuple[str, regex.Pattern[str]], ...]
    """(unit, pattern for a text that ends with the word and, perhaps, "of")."""
    fractions: regex.Pattern[str]
    fraction_values: dict[str, float]
    joins: frozenset[str]
    per: regex.Pattern[str]
    kg: regex.Pattern[str]
    range: frozenset[str]
    of: frozenset[str]
    foods: regex.Pattern[str]
    give: regex.Pattern[str]
    never: regex.Pattern[str]


def folder() -> Path:
    """Where the languages' files lie."""
    return Path(str(files("afya.assistant.checks"))) / "doses"


@cache
def dose_words(lang: str) -> DoseWords:
    """The sayings of a language.

    Raises:
        ConfigError: the language has no file, or the file is faulty.
    """
    path = folder() / f"{lang}.yaml"
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file, so doses in {language(lang).name} cannot be read.",
            hint="Add the language by writing its words as in en.yaml beside it.",
        )
    content = read_model(path, _File)
    spaced = language(lang).spaced
    sayings = [_saying(role, phrase, lang) for role, phrases in _roles(content) for phrase in phrases]
    sayings += [_saying(role, phrase, lang) for role, phrase in _card_lines(lang)]
    sayings += [_fixed(value, phrase, lang) for value, phrases in content.fixed.items() for phrase in phrases]
    fractions = {fold_marks(word): value for value, words in content.fractions.items() for word in words}
    return DoseWords(
        lang=lang,
        spaced=spaced,
        unit_first=text_literals(lang).unit_first,
        sayings=tuple(sayings),
        units=tuple((unit, *_unit_patterns(words, spaced)) for unit, words in content.units.items()),
        unit_ends=tuple(
            (unit, regex.compile(rf"(?:{_any(words)})(?:\s+(?:{_any(content.of)}))?\s*$"))
            for unit, words in content.units.items()
        ),
        fractions=_words_pattern(tuple(fractions), spaced),
        fraction_values=fractions,
        joins=frozenset(map(fold_marks, content.joins)),
        per=regex.compile(rf"{_LOOSE}(?:{_any(content.per)})\s*"),
        kg=_words_pattern(content.kg, spaced),
        range=frozenset(map(fold_marks, content.range)),
        of=frozenset(map(fold_marks, content.of)),
        foods=_words_pattern(content.foods, spaced),
        give=_words_pattern(content.give, spaced),
        never=_words_pattern(content.never, spaced),
    )


def _roles(content: _File) -> tuple[tuple[Role, Words], ...]:
    return ("times", content.times), ("every", content.every), ("days", content.days), ("weeks", content.weeks)


def _card_lines(lang: str) -> list[tuple[Role, str]]:
    """How the pack's own dose cards say it: ("times", "Times a day: {n}"), from the lines that hold one number."""
    if lang not in available():
        return []
    roles: dict[str, Role] = {"times": "times", "days": "days", "hours": "every", "tablets": "tablets"}
    found: dict[tuple[Role, str], None] = {}
    pack = load_pack(lang)
    views = [pack, *(pack.for_protocol(name) for name in pack.protocols)]
    for key, text in (entry for view in views for entry in view.messages.items()):
        if key.startswith("dose."):
            for line in _LINE_ENDS.split(text):
                (name,) = names if len(names := _PLACEHOLDER.findall(line)) == 1 else ("",)
                if name in roles:
                    found[roles[name], _PLACEHOLDER.sub("{n}", line).strip(" 。.")] = None
    return list(found)


def _saying(role: Role, phrase: str, lang: str) -> Saying:
    between = rf"{_LOOSE}{_NUMBER}{_LOOSE}"
    expected: list[float | None] = []
    body = ""
    for place, piece in enumerate(_SLOT.split(phrase)):
        if place:
            body += between
            expected.append(None)
        pattern, values = _literal(piece, lang)
        body += pattern
        expected += values
    return Saying(role, regex.compile(_bounded(body, phrase, language(lang).spaced)), tuple(expected))


def _fixed(value: float, phrase: str, lang: str) -> Saying:
    pattern, expected = _literal(phrase, lang)
    body = _bounded(pattern, phrase, language(lang).spaced)
    return Saying("fixed", regex.compile(body), tuple(expected), float(value))


def _literal(piece: str, lang: str) -> tuple[str, list[float | None]]:
    """A pattern for words of a saying: numbers in it are numbers of the text, with the value that they must have."""
    expected: list[float | None] = []
    body = ""
    at = 0
    for number in measures(piece, lang, spans=True):
        body += _words(piece[at : number.span[0]], bool(body)) + _LOOSE + _NUMBER + _LOOSE
        expected.append(number.value)
        at = number.span[1]
    return body + _words(piece[at:], bool(body)), expected


def _words(piece: str, continues: bool) -> str:
    body = ""
    for part in fold_marks(piece).split():
        tail = r"[\p{L}\p{M}]*" if part.endswith("*") else ""
        body += (r"\s*" if body or continues else "") + regex.escape(part.rstrip("*")) + tail
    return body


def _bounded(body: str, phrase: str, spaced: bool) -> str:
    if not spaced:
        return body
    first, last = phrase.strip()[:1], phrase.strip()[-1:]
    opening = r"(?<![\p{L}\p{M}])" if first.isalpha() else ""
    closing = r"(?![\p{L}\p{M}])" if last.isalpha() else ""
    return opening + body + closing


def _unit_patterns(words: Words, spaced: bool) -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    body = f"(?:{_any(words)})"
    if not spaced:
        return regex.compile(rf"{_NUMBER}\s*{body}"), regex.compile(rf"{body}\s*[:：]?\s*{_NUMBER}")
    word = rf"(?<![\p{{L}}\p{{M}}]){body}(?![\p{{L}}\p{{M}}])"
    # One other word may stand between: "2 dispersible tablets", "amaphilisi angu-2".
    return (
        regex.compile(rf"{_NUMBER}[\s-]*(?:[\p{{L}}\p{{M}}]+[\s-]+){{0,2}}?{body}(?![\p{{L}}\p{{M}}])"),
        regex.compile(rf"{word}[\s-]*(?:[\p{{L}}\p{{M}}]+[\s:-]+){{0,2}}?[:]?\s*{_NUMBER}"),
    )


def _words_pattern(words: Words, spaced: bool) -> regex.Pattern[str]:
    body = f"(?:{_any(words)})"
    if not spaced:
        return regex.compile(body)
    return regex.compile(rf"(?<![\p{{L}}\p{{M}}]){body}(?![\p{{L}}\p{{M}}])")


def _any(words: Words) -> str:
    folded = sorted(map(fold_marks, words), key=len, reverse=True)
    return "|".join(_loosely(word) for word in folded)


def _loosely(word: str) -> str:
    tail = r"[\p{L}\p{M}]*" if word.endswith("*") else ""
    return r"\s+".join(map(regex.escape, word.rstrip("*").split())) + tail
