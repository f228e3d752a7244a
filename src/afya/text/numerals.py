"""Written numbers: the files that tell how a language counts and measures, and the values of figures and numerals.

The words stand in numbers/{code}.yaml, which adds to the `number_words` of lang/{code}.yaml; units and their sizes, and
what all languages share, in numbers/units.yaml. `afya.text.number_lexicon` looks tokens up in them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import registry
from afya.text.literals import LanguageFile, Words, folder, read_language_file, text_literals

Dimension = Literal["mass", "volume", "length", "time", "calendar", "share", "other"]


class Unit(BaseModel):
    """A unit: what it measures, its size in the smallest of its kind, its symbols, what it is taken for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dimension: Dimension
    size: Annotated[float, Field(gt=0)]
    symbols: Words = ()
    mistaken_for: Words = ()


class Shared(BaseModel):
    """numbers/units.yaml: units, signs, and names such as COVID-19 whose digits count nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    units: Mapping[str, Unit]
    names: Words
    dates: Words
    ranges: Words
    ordinal_endings: Words


class NumberFile(LanguageFile):
    """numbers/{code}.yaml.

    `sure_from`: the value from which a spelled number must appear in the translation; below it, it only may, as may
    words of `unsure`; `articles` ("un") are a one only together with a unit.
    `power_first`: "elfu tano" (thousand five) is 5,000; `bare_power`: "milioni" alone may be a million.
    `unit_first`: "siku 14"; `units_before` always stand before; `duals` are two of a unit.
    `small_first`: "zweiundfünfzig".
    `glued`: number words are written as one token; `hyphened`: a hyphen joins them (in Zulu it follows a prefix).
    `decimal` and `thousands` are the marks of written figures. `prefixes` may stand before a number or unit word,
    `and_prefixes` also mean "and", `number_prefixes` are written onto figures. `fillers` stand between a number and
    what it counts, `stops` part a number from a unit. `before_years` and `after_years` tell a year from a count.
    A word that begins with "*" may begin with anything ("*zigidi").
    """

    decimal: Words
    thousands: Words
    sure_from: Annotated[int, Field(ge=2)]
    power_first: bool = False
    bare_power: bool = False
    unit_first: bool = False
    small_first: bool = False
    glued: bool = False
    hyphened: bool = True
    joiners: Words = ()
    ranges: Words = ()
    prefixes: Words = ()
    and_prefixes: Words = ()
    number_prefixes: Words = ()
    words: Mapping[int, Words] = {}
    unsure: Words = ()
    articles: Words = ()
    ordinals: Mapping[int, Words] = {}
    powers: Mapping[int, Words] = {}
    fractions: Mapping[float, Words] = {}
    months: Mapping[int, Words] = {}
    months_of_capital: bool = False
    months_sure: bool = False
    units: Mapping[str, Words] = {}
    units_before: Mapping[str, Words] = {}
    duals: Mapping[str, Words] = {}
    stops: Words = ()
    fillers: Words = ()
    before_years: Words = ()
    after_years: Words = ()
    names: Words = ()


def figure(text: str, decimal: Words, thousands: Words) -> float | None:
    """The value of digits with marks; None where the marks make no single number of them (11.03.2020)."""
    marks = [char for char in text if not char.isdigit()]
    if not marks:
        return float(text)
    if text[0] == ".":
        return float(text)
    kinds = set(marks)
    groups = regex.split(r"\D", text)
    last = marks[-1]
    if len(kinds) == 2 and marks.count(last) == 1 and len(set(marks[:-1])) == 1 and _grouped(groups[:-1]):
        return float("".join(groups[:-1]) + "." + groups[-1])
    if len(kinds) > 1:
        return None
    if len(marks) > 1:
        return float("".join(groups)) if _grouped(groups) else None
    if len(groups[1]) == 4 and len(groups[0]) <= 2 and last == "," and groups[1][0] in "12":
        return None  # "March 18,2020"
    if len(groups[1]) == 3 and len(groups[0]) <= 3 and groups[0] != "0" and last in thousands:
        return float("".join(groups))
    return float(f"{groups[0]}.{groups[1]}")


def _grouped(groups: list[str]) -> bool:
    """Whether digits stand in threes, or in the twos of lakh and crore with a last three."""
    if not 1 <= len(groups[0]) <= 3 or groups[0] == "0":
        return False
    if len(groups) == 1:
        return True
    return len(groups[-1]) == 3 and all(len(group) in (2, 3) for group in groups[1:-1])


def ideographic(signs: Sequence[float]) -> float | None:
    """The value of a run of numerals written with signs for tens and hundreds (二百五, ፪፻፭).

    None where neighbours are an estimate (三四, three or four).
    """
    if len(signs) > 1 and all(sign < 10 for sign in signs):
        return float("".join(str(int(sign)) for sign in signs)) if len(signs) > 2 or 0 in signs else None
    total = section = digit = 0.0
    for sign in signs:
        if sign < 10:
            digit = sign
        elif sign < 100 and sign > 10:
            section += sign  # Ethiopic has a sign for each of the tens.
        elif sign == 100 and section and section < 100 and not digit:
            section *= sign
        elif sign < 10_000:
            section += (digit or 1) * sign
            digit = 0
        else:
            total += (section + digit or 1) * sign
            section = digit = 0
    return total + section + digit


def roman(text: str) -> int:
    """The value of a Roman numeral made of I, V and X."""
    values = {"I": 1, "V": 5, "X": 10}
    total = 0
    for sign, following in zip(text, [*text[1:], "I"], strict=True):
        total += -values[sign] if values[sign] < values[following] else values[sign]
    return total


def number_words(lang: str, data: NumberFile) -> Iterator[tuple[int, str]]:
    if (folder() / f"{lang}.yaml").exists():
        for word, value in text_literals(lang).numbers.items():
            yield value, word
    for value, words in data.words.items():
        for word in words:
            yield value, word


@cache
def ascii_digits() -> dict[int, str]:
    """Digits of all scripts, full-width forms, and the Arabic decimal and thousands marks, as ASCII."""
    table = {ord(char): str(unicodedata.digit(char)) for char in _native()}
    table.update({0xFF05: "%", 0x066A: "%", 0x066B: ".", 0x066C: ",", 0xFF0E: ".", 0x2212: "-", 0xFF0C: "，"})
    return table


def _native() -> Iterator[str]:
    for entry in registry().values():
        for digit in entry.digits or "":
            if unicodedata.category(digit) == "Nd":
                yield digit
    for start in (0xFF10, 0x06F0, 0x09E6):  # full width, Persian, Bengali
        for code in range(start, start + 10):
            yield chr(code)


def numbers_folder() -> Path:
    """Where the languages' numbers lie."""
    return Path(str(files("afya"))) / "text" / "numbers"


@cache
def shared_data() -> Shared:
    """What all languages share."""
    return read_model(numbers_folder() / "units.yaml", Shared)


@cache
def number_file(lang: str) -> NumberFile:
    """One language's numbers.

    Raises:
        ConfigError: the code is unknown, the language has no file, or the file has a wrong key.
    """
    hint = "Add the language by translating numbers/en.yaml of afya.text."
    found = read_language_file(numbers_folder(), lang, NumberFile, "number words", hint)
    unknown = sorted((set(found.units) | set(found.units_before) | set(found.duals)) - set(shared_data().units))
    if unknown:
        raise ConfigError(
            f"{numbers_folder() / f'{lang}.yaml'}: units {', '.join(unknown)} are not in units.yaml.",
            hint="Add their dimension and size there.",
        )
    return found


def number_codes() -> tuple[str, ...]:
    """Codes of the languages whose numbers are known, sorted."""
    return tuple(sorted(path.stem for path in numbers_folder().glob("*.yaml") if path.stem != "units"))
