"""What belongs to a language: option letters, answer markers, refusals, negation, numbers, words that tell it.

All of it stands in lang/{code}.yaml beside this file; lang/en.yaml says what each key means. A language without a file,
or a file without a key, is an error: English is never used in its place.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import language

if TYPE_CHECKING:
    from collections.abc import Mapping

Word = Annotated[str, Field(min_length=1)]
Words = tuple[Word, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Negation(_Strict):
    """Words that deny, and those that decide how far they reach; afya.text.negation says how they are used.

    `before` and `after`: cues that stand before and after the word they deny. `inside`: words that hold a denial within
    them. `joined`: beginnings that deny the noun they are written onto. `articles` and `light`: what may stand between
    a cue and the word it denies; `light_after`: the same for cues behind it. `contrast`: words that end the reach.
    `nouns`: what may be an item of a list of things denied. `verb_final`: a denial behind a word belongs to it,
    whatever follows.
    """

    before: Words
    after: Words
    inside: Words
    joined: Words
    articles: Words
    light: Words
    light_after: Words
    contrast: Words
    nouns: Words
    verb_final: bool


class Joiners(_Strict):
    """Words that join two option letters: both are meant, or either."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    both: Words = Field(alias="and")
    either: Words = Field(alias="or")


class YesNoUnknown(_Strict):
    """Short answers to a question."""

    yes: Words
    no: Words
    unknown: Words


class Identification(_Strict):
    """Small words that tell the language, and codes of the languages that a few words cannot tell from it."""

    words: Words
    relatives: Words


class LanguageFile(_Strict):
    """What every file of one language's words says of itself."""

    language: str
    reviewed: bool


class TextLiterals(LanguageFile):
    """One language's file.

    `number_words` maps a value to its words, or to None where they are not known. `unit_first`: whether a unit stands
    before its number ("miezi 8"). `duration`: what stands between a sign and how long it has lasted. `over`: what
    stands between the two numbers of a blood pressure, where it is said ("150 over 95").
    """

    option_letters: Annotated[Words, Field(min_length=5, max_length=10)]
    answer_markers: Annotated[Words, Field(min_length=1)]
    option_words: Words
    joiners: Joiners
    refusals: Annotated[Words, Field(min_length=1)]
    negation: Negation
    yes_no_unknown: YesNoUnknown
    number_words: dict[int, tuple[Word, ...] | None]
    unit_first: bool
    duration: Words
    over: Words = ()
    identification: Identification

    @model_validator(mode="after")
    def _letters_differ(self) -> TextLiterals:
        if len(set(self.option_letters)) < len(self.option_letters):
            raise ValueError("option_letters repeats a letter")
        return self

    @property
    def numbers(self) -> Mapping[str, int]:
        """The value of each known number word."""
        return {word: value for value, words in self.number_words.items() for word in words or ()}


File = TypeVar("File", bound=LanguageFile)


# What others bring of languages for which afya has no file: (folder's name, code) -> file.
_supplied: dict[tuple[str, str], Path] = {}


def supply(kind: str, lang: str, path: Path) -> None:
    """Take the file `path` as the one of kind `kind` (lang, polarity, numbers) for a language that has none here.

    A language's own file in afya stands before it. A pack brings such files, so that a language needs no change here.
    """
    _supplied[kind, lang] = path


def folder() -> Path:
    """Where the languages' files lie."""
    return Path(str(files("afya"))) / "text" / "lang"


@cache
def text_literals(lang: str) -> TextLiterals:
    """The words of one language.

    Raises:
        ConfigError: the code is unknown, the language has no file, or the file lacks a key; English never stands in.
    """
    hint = "Add the language by translating lang/en.yaml of afya.text."
    return read_language_file(folder(), lang, TextLiterals, "text literals", hint)


def read_language_file(place: Path, lang: str, shape: type[File], what: str, hint: str) -> File:
    """The file {lang}.yaml of the folder `place`, which holds the language's `what`; `hint` is for who lacks it.

    Raises:
        ConfigError: the code is unknown, there is no such file, it lacks a key, or it is another language's.
    """
    name = language(lang).name
    path = place / f"{lang}.yaml"
    if not path.exists():
        path = _supplied.get((place.name, lang), path)
    if not path.exists():
        raise ConfigError(f"{name} ({lang}) has no {what}: {path} does not exist.", hint=hint)
    found = read_model(path, shape)
    if found.language != lang:
        raise ConfigError(f"{path}: language is '{found.language}', the file's name says '{lang}'.")
    return found


def literal_codes() -> tuple[str, ...]:
    """Codes of the languages that have a file, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))
