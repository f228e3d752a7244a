"""Which words of a text carry its content, cut so that they can be compared; and the thresholds of comparing."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.languages import language
from afya.text.identify import small_words
from afya.text.normalise import fold_marks
from afya.text.words import words

Listed = tuple[Annotated[str, Field(min_length=1)], ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Thresholds(_Strict):
    """grounding.yaml: how much of a sentence must stand in its passages, and how words are compared."""

    reviewed: bool
    support: Annotated[float, Field(gt=0, le=1)]
    window_support: Annotated[float, Field(gt=0, le=1)]
    same_sentence: Annotated[float, Field(gt=0, le=1)]
    clause_support: Annotated[float, Field(gt=0, le=1)]
    letters: Annotated[int, Field(gt=0)]
    stem: Annotated[int, Field(gt=0)]
    light: dict[str, Listed]
    alike: dict[str, tuple[Listed, ...]]
    contraries: dict[str, tuple[tuple[Listed, Listed], ...]]
    clause_words: dict[str, Listed]
    anew: dict[str, Listed]


@cache
def thresholds() -> Thresholds:
    """The content of grounding.yaml. Raises ConfigError naming what is wrong in it."""
    return read_model(Path(str(files("afya.assistant.checks"))) / "grounding.yaml", Thresholds)


@lru_cache(maxsize=4096)
def stems(text: str, lang: str) -> frozenset[str]:
    """The beginnings of the content words of a text; in scripts without spaces, pairs of characters.

    Numbers are left to the check of numbers, and small words of the language say nothing. Words that grounding.yaml
    lists as alike count as one.
    """
    bounds = thresholds()
    found: set[str] = set()
    if not language(lang).spaced:
        for word in words(text):
            letters = regex.sub(r"\p{N}+", "", word.plain)
            found.update(letters[place : place + 2] for place in range(len(letters) - 1))
        return frozenset(found - set(bounds.light.get(lang, ())))
    least = 2 if language(lang).script == "Hang" else bounds.letters
    light = _light(lang)
    for word in words(text):
        plain = word.plain
        if len(plain) < least or plain in light or any(sign.isdigit() for sign in plain):
            continue
        found.add(_alike(lang).get(plain[: bounds.stem if least > 2 else 2], plain[: bounds.stem if least > 2 else 2]))
    return frozenset(found)


@cache
def _light(lang: str) -> frozenset[str]:
    own = {fold_marks(word) for word in small_words().get(lang, ()) if "*" not in word}
    return frozenset(own | {fold_marks(word) for word in thresholds().light.get(lang, ())})


@cache
def _alike(lang: str) -> dict[str, str]:
    """Stems that stand for one another, each by the first of its group."""
    length = thresholds().stem
    return {
        fold_marks(word)[:length]: fold_marks(group[0])[:length]
        for group in thresholds().alike.get(lang, ())
        for word in group
    }
