"""The recipe of one stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from afya.training.recipe.base import Positive
from afya.training.recipe.data import DataSource, Form, MixtureRule, Rehearsal
from afya.training.recipe.settings import StageSettings


class StageRecipe(StageSettings):
    """One stage: its data, its mixture, its packs, and the settings of every stage."""

    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    form: Form = "instruction"
    """What is learned from the items of sources that do not say it themselves."""
    langs: tuple[str, ...] | None = None
    """Only these languages; by default the recipe's."""
    mixture: MixtureRule = MixtureRule()
    rehearsal: Rehearsal | None = None
    options: Literal["balanced", "as_given"] = "balanced"
    """balanced: options that have letters are shuffled by the seed, each letter right equally often; as_given: the
    items' own order."""
    too_long: Literal["cut", "reject"] = "cut"
    """An example longer than a pack: cut by the rule of `afya.training.examples.cutting` (never the answer or the
    options), or rejected."""
    pack_tokens: Positive = 1_024
    """Tokens of a pack, the longest that an example can be; see `too_long`."""
