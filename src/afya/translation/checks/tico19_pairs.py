"""Pairs of TICO-19 sentences to measure checks on, put back in line where the published file has them out of line.

Two of its languages hold translations of other sentences in places (tico19_alignment.yaml). A check that alarms there
is right, so that its rate of false alarms can only be told without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel

from afya.datafiles import read_model
from afya.errors import DataError
from afya.sources.tico19 import locale_language


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shift(_Strict):
    """Lines whose translation is that of the line `by` further on."""

    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]
    by: int


class Alignment(_Strict):
    """What is out of line in one language."""

    shifted: tuple[Shift, ...] = ()
    unpaired: tuple[tuple[int, int], ...] = ()


class Alignments(RootModel[dict[str, Alignment]]):
    """tico19_alignment.yaml, by language."""


def sentence_pairs(path: Path, target: str, *, realigned: bool = True) -> Iterator[tuple[int, str, str]]:
    """(line, English sentence, translation) for each line that has both; as published where `realigned` is False.

    Raises:
        DataError: the file is no TICO-19 file, or has no sentence in the language.
    """
    english: list[str] = []
    translated: list[str | None] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            try:
                row = {locale_language(locale): text for locale, text in json.loads(line).items()}
                english.append(row["en"])
            except (ValueError, KeyError, AttributeError):
                raise DataError(f"{path}, line {number + 1}: not a TICO-19 line with a sentence under 'en'.") from None
            translated.append(row.get(target))
    if not any(translated):
        raise DataError(f"{path}: no sentence in '{target}'.", hint="TICO-19 has terms only for some languages.")
    found = _aligned(translated, target) if realigned else translated
    for number, (sentence, translation) in enumerate(zip(english, found, strict=True)):
        if translation is not None:
            yield number, sentence, translation


def _aligned(translated: list[str | None], target: str) -> list[str | None]:
    alignment = _alignments().get(target)
    if alignment is None:
        return translated
    found = list(translated)
    for shift in alignment.shifted:
        for line in range(shift.first, shift.last + 1):
            found[line + shift.by] = translated[line]
    for first, last in alignment.unpaired:
        found[first : last + 1] = [None] * (last + 1 - first)
    return found


@cache
def _alignments() -> dict[str, Alignment]:
    path = Path(str(files("afya"))) / "translation" / "checks" / "tico19_alignment.yaml"
    return read_model(path, Alignments).root
