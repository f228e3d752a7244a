"""The recipe of synthetic data, and its Items: how many of which kind, in which languages, drawn with which seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from afya.data.synthetic.dialogues import dialogues
from afya.data.synthetic.exercises import exercises
from afya.data.synthetic.questions import questions
from afya.errors import ConfigError
from afya.items import Item, Split
from afya.languages import core_codes, parse_codes
from afya.protocols.vignettes import generate

KINDS = ("vignettes", "dialogues", "questions", "exercises")


class Splits(BaseModel):
    """How many cases in each split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int = Field(default=0, ge=0)
    dev: int = Field(default=0, ge=0)
    test: int = Field(default=0, ge=0)


class SyntheticRecipe(BaseModel):
    """What to make. `langs`: a list, or as in commands "sw,yo"; None: the twelve.

    `vignettes` and `dialogues`: cases a split, each told in every language. `questions`: the protocol's facts, all of
    them. `exercises`: so many a language, from the terms of `glossary`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    langs: tuple[str, ...] | None = None
    seed: int = 0
    vignettes: Splits = Splits()
    dialogues: Splits = Splits()
    questions: bool = False
    exercises: int = Field(default=0, ge=0)
    glossary: Path | None = None

    @field_validator("langs", mode="before")
    @classmethod
    def _codes(cls, value: object) -> object:
        return parse_codes(value) if isinstance(value, str) else value


def synthetic_items(recipe: SyntheticRecipe) -> Iterator[Item]:
    """The items of the recipe, kind by kind; the same recipe gives the same items.

    Raises:
        ConfigError: nothing was asked for, a language has no pack or teaching texts, or exercises no glossary.
    """
    langs = recipe.langs or core_codes()
    splits: tuple[Split, ...] = ("train", "dev", "test")
    counts = [getattr(kind, split) for kind in (recipe.vignettes, recipe.dialogues) for split in splits]
    if not (any(counts) or recipe.questions or recipe.exercises):
        raise ConfigError("No synthetic data was asked for.", hint=f"Give a number for one of: {', '.join(KINDS)}.")
    if recipe.exercises and recipe.glossary is None:
        raise ConfigError("Exercises with words need a glossary.", hint="Name its file under 'glossary'.")
    for split in splits:
        if cases := getattr(recipe.vignettes, split):
            yield from generate(langs, cases, recipe.seed, split)
        if talks := getattr(recipe.dialogues, split):
            yield from dialogues(langs, talks, recipe.seed, split)
    if recipe.questions:
        yield from questions(langs)
    if recipe.exercises and recipe.glossary is not None:
        yield from exercises(recipe.glossary, langs, recipe.exercises, recipe.seed)
