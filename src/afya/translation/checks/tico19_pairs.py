"""Pairs of TICO-19 sentences to measure checks on, put back in line where the published file has them out of line.

Two of its languages hold translations of other sentences in places (`afya.sources.tico19_alignment`). A check that
alarms there is right, so that its rate of false alarms can only be told without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.sources.tico19 import locale_language
from afya.sources.tico19_alignment import Aligner


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
    found: list[str | None] = [None] * len(translated)
    aligner = Aligner()
    for line, text in enumerate(translated):
        place = aligner.line_of(target, line, text) if text is not None else None
        if place is not None and place < len(found):
            found[place] = text
    return found
