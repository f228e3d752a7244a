"""The words by which a language shows personal data, from its pack; the forms of numbers that all languages share."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import regex
from pydantic import BaseModel, ConfigDict, Field, field_validator

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.packs import builtin_folder
from afya.text.normalise import fold_marks

FILE = "privacy.yaml"
Words = tuple[Annotated[str, Field(min_length=1)], ...]
Span = tuple[int, int]
_BEFORE = 40
_DATE = regex.compile(
    r"(?:19|20)\d{2}([-./ ])\d{1,2}\1\d{1,2}|\d{1,2}([-./ ])\d{1,2}\2(?:19|20)?\d{2}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
Kind = Literal["name", "phone", "email", "id_number", "address", "link", "coordinates"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PersonNumber(_Strict):
    """The form of a number that a state gives to persons."""

    country: str
    pattern: str
    source: str
    check: Literal["luhn", "cpf", "dni", "cn", "nhs"] | None = None
    label: bool = False

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        regex.compile(value)
        return value


class Shared(_Strict):
    """privacy.yaml of this room."""

    reviewed: bool
    shown: dict[Kind, str]
    regions: dict[str, Words]
    numbers: tuple[PersonNumber, ...]
    units: Words


class PersonalWords(_Strict):
    """packs/<lang>/privacy.yaml: how people of the language name themselves and others.

    introduces: a name follows, also in small letters ("my name is"). calls: a name follows where it has a capital
    letter ("my son", "called"). titles: likewise ("Mama", "Dr"). labels: a name follows behind a colon, where the label
    opens a line or clause. id_labels, phone_labels: a number of that kind follows. boxes: a postal box's number
    follows. streets: with a number beside them they make an address. lots: the number that follows is a medicine's or
    a test's, never a person's. never: words that are no names though they stand in a name's place. joins: words inside
    names ("bin", "de"). patterns: regular expressions with a group `name`, for scripts without spaces; {surnames}
    stands for any of `surnames`.
    """

    reviewed: bool = False
    introduces: Words = ()
    calls: Words = ()
    titles: Words = ()
    labels: Words = ()
    id_labels: Words = ()
    phone_labels: Words = ()
    boxes: Words = ()
    streets: Words = ()
    lots: Words = ()
    never: Words = ()
    joins: Words = ()
    surnames: Words = ()
    patterns: Words = ()

    @field_validator("*", mode="before")
    @classmethod
    def _not_yet_written(cls, value: object) -> object:
        """A group that a new pack leaves empty has no words."""
        return () if value is None else value

    def compiled(self) -> tuple[regex.Pattern[str], ...]:
        """`patterns`, compiled. Raises ConfigError for one that is no expression with a group `name`."""
        names = "|".join(map(regex.escape, sorted(self.surnames, key=len, reverse=True))) or "(?!)"
        found = []
        for pattern in self.patterns:
            try:
                made = regex.compile(pattern.replace("{surnames}", f"(?:{names})"))
            except regex.error as error:
                raise ConfigError(f"{FILE}: '{pattern}' is no regular expression ({error}).") from None
            if "name" not in made.groupindex:
                raise ConfigError(f"{FILE}: '{pattern}' has no group (?P<name>...).")
            found.append(made)
        return tuple(found)


@cache
def shared_forms() -> Shared:
    """The forms that all languages share. Raises ConfigError naming what is wrong in the file."""
    return read_model(Path(str(files("afya.assistant.understanding"))) / FILE, Shared)


@cache
def personal_words(lang: str, packs: Path | None = None) -> PersonalWords | None:
    """The words of a language, or None where its pack has none. Raises ConfigError naming what is wrong in the file."""
    for folder in dict.fromkeys((lang, lang.partition("-")[0])):
        path = (packs or builtin_folder()) / folder / FILE
        if path.is_file():
            return read_model(path, PersonalWords)
    return None


def clinical(text: str, start: int, end: int, lang: str) -> bool:
    """Whether the digits at a place are a measurement, a date or a lot's number, which are never masked."""
    after = text[end : end + 12].casefold()
    if _units().match(after) or _DATE.fullmatch(text[start:end].strip()):
        return True
    before = fold_marks(text[max(0, start - _BEFORE) : start])
    return any(pattern.search(before) for pattern in _lots(lang))


def languages_of(lang: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((lang, "en")))


def listed(lang: str, group: str) -> list[str]:
    """The words of one group in a language and in English."""
    entries = [personal_words(code) for code in languages_of(lang)]
    return [word for entry in entries if entry is not None for word in getattr(entry, group)]


@cache
def _units() -> regex.Pattern[str]:
    names = "|".join(regex.escape(unit) for unit in sorted(shared_forms().units, key=len, reverse=True))
    return regex.compile(rf"\s?(?:{names})(?![\p{{L}}\p{{M}}])")


@cache
def _lots(lang: str) -> tuple[regex.Pattern[str], ...]:
    words = [regex.escape(fold_marks(word)) for word in listed(lang, "lots")]
    return (
        (
            regex.compile(
                rf"(?<![\p{{L}}\p{{M}}])(?:{'|'.join(words)})(?![\p{{L}}\p{{M}}])[\s:.#№\p{{L}}]{{0,14}}[\p{{L}}\d-]*$"
            ),
        )
        if words
        else ()
    )


def loose(word: str) -> str:
    """A pattern for words with or without their marks and with any blanks between."""
    forms = dict.fromkeys((word, fold_marks(word)))
    return "(?:" + "|".join(r"\s+".join(map(regex.escape, form.split())) for form in forms) + ")"


def labelled(words: list[str]) -> str:
    """A pattern for any of the words as a label, or "" for none; in scripts without spaces letters may stand around."""
    apart = [word for word in words if not _UNSPACED.match(word)]
    within = [word for word in words if _UNSPACED.match(word)]
    found = []
    if apart:
        found.append(rf"(?<![\p{{L}}\p{{M}}])(?:{'|'.join(map(loose, apart))})(?![\p{{L}}\p{{M}}])")
    if within:
        found.append(f"(?:{'|'.join(map(loose, within))})")
    return f"(?:{'|'.join(found)})" if found else ""
