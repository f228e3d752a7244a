"""The recipe of one stage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from afya.training.recipe.base import Name, Positive, Share, Strict
from afya.training.recipe.data import DataSource, Form, MixtureRule, Rehearsal


class Length(Strict):
    """How long a stage is. Exactly one of the three."""

    tokens: Positive | None = None
    steps: Positive | None = None
    epochs: Annotated[float, Field(gt=0)] | None = None
    """As many tokens as this many passes over the examples hold."""

    @model_validator(mode="after")
    def _one(self) -> Length:
        if sum(value is not None for value in (self.tokens, self.steps, self.epochs)) != 1:
            raise ValueError("give exactly one of 'tokens', 'steps', 'epochs'")
        return self


class StageRecipe(Strict):
    """One stage: its data, its mixture, its length and its optimiser's settings."""

    name: Name
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
    length: Length
    pack_tokens: Positive = 1_024
    """Tokens of a pack, the longest that an example can be; see `too_long`."""
    packs_per_step: Positive = 4
    """Packs that are computed together."""
    accumulate: Positive = 1
    """Batches of packs whose gradients are added before one optimiser step."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw; or muon for the layers' matrices with adamw for everything else."""
    learning_rate: Annotated[float, Field(gt=0)]
    muon_learning_rate: Annotated[float, Field(gt=0)] = 0.02
    """muon: the learning rate of the layers' matrices; `learning_rate` is that of everything else."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Share = 0.05
    """The share of the steps over which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0
    """The largest norm of the gradients."""
    betas: tuple[float, float] = (0.9, 0.95)
    checkpoint_every: Positive = 200
    """Optimiser steps between checkpoints; the last step always makes one."""
    log_every: Positive = 1
    """Optimiser steps between rows of training.csv."""
