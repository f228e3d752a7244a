"""Length: a translation much shorter or longer than its source has lost or gained text.

Languages need unlike lengths for one text; length.yaml has each one's usual ratio to English and how far
human translations stray from it. For a pair without English both ratios are taken through it. The shorter a text, the
farther its ratio may stray: one word says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import language
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "length"
_PASSED = Verdict(NAME, True)
_DENSE = ("Hans", "Hant", "Jpan", "Hang", "Ethi")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ratio(_Strict):
    """How much length a language needs for one of English: mean and spread of the logarithm, from n pairs."""

    log_mean: float
    log_spread: Annotated[float, Field(gt=0)]
    n: Annotated[int, Field(gt=0)]
    data: str


class _Table(_Strict):
    limit: Annotated[float, Field(gt=0)]
    short: Annotated[float, Field(gt=0)]
    nothing_below: Annotated[int, Field(gt=0)]
    ratios: dict[str, Ratio]


def make(source: str, target: str) -> PairCheck:
    """The check for one direction; a language without a figure cannot be judged."""
    table = _table()
    here, there = table.ratios.get(source), table.ratios.get(target)
    if here is None or there is None:
        name = language(target if there is None else source).name
        unknown = Verdict(NAME, False, f"the usual length of {name} is not known", judged=False)
        return lambda source_text, translation: unknown
    size_here, size_there = (size(language(code).script) for code in (source, target))
    mean = there.log_mean - here.log_mean
    limit = table.limit * math.hypot(there.log_spread, here.log_spread)
    short, nothing = table.short, table.nothing_below

    def check(source_text: str, translation: str) -> Verdict:
        before, after = size_here(source_text), size_there(translation)
        if not before or not after or not translation.strip() or not source_text.strip():
            return _empty(source_text, translation)
        stray = math.log(after / before) - mean
        if abs(stray) <= limit + short / min(before, after):
            return _PASSED
        if before <= nothing and after <= nothing:
            return _PASSED
        usual = math.exp(mean)
        return Verdict(
            NAME,
            False,
            f"a length of {after} for {before}, a ratio of {after / before:.2f} where {usual:.2f} is usual",
        )

    return check


def size(script: str) -> Callable[[str], int]:
    """How the length of a text is counted: an ideograph or a syllable says what three Latin letters say.

    Bytes of UTF-8 happen to count so, and names left in Latin letters then make a text no longer than they should.
    """
    return _bytes if script in _DENSE else len


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _empty(source_text: str, translation: str) -> Verdict:
    if bool(source_text.strip()) == bool(translation.strip()):
        return _PASSED
    return Verdict(NAME, False, "the translation is empty" if source_text.strip() else "the source is empty")


@cache
def _table() -> _Table:
    path = Path(str(files("afya.translation.checks"))) / "length.yaml"
    table = read_model(path, _Table)
    if "en" not in table.ratios:
        raise ConfigError(f"{path}: ratios lacks 'en', through which all pairs are taken.")
    return table
