"""The recipe's proof: what is measured before the first stage, while a stage runs and after each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from afya.items import Split
from afya.training.recipe.base import Name, Positive, Strict


class ProofData(Strict):
    """Items to measure on. None of them is ever learned from: a group that is in both is refused."""

    name: Name
    source: Literal["vignettes", "dataset"]
    """vignettes: unseen cases made from the clinical protocols; dataset: a dataset folder."""
    path: Path | None = None
    """The dataset folder (relative to the recipe)."""
    split: Split = "test"
    langs: tuple[str, ...] | None = None
    """Only its items in these languages; by default those of the proof."""
    count: Positive | None = None
    """vignettes: how many groups, in every language; dataset: no more than this many groups."""
    seed: int = 0
    """vignettes: the generator's seed; dataset: which groups, when there are more than `count`."""
    setting: str = "letter"
    """How it is asked, as of `afya bench run --setting`: cloze, letter, generate+cot ..."""
    role: Literal["taught", "general"] = "taught"
    """taught: what the stages are to improve; general: what must not be forgotten."""

    @model_validator(mode="after")
    def _fits(self) -> ProofData:
        if (self.source == "dataset") != (self.path is not None):
            raise ValueError("'path' belongs to source 'dataset', and to it alone")
        if self.source == "vignettes" and self.count is None:
            raise ValueError("source 'vignettes' needs 'count'")
        return self


class Proof(Strict):
    """What a run is measured on, and what counts as worse."""

    data: Annotated[tuple[ProofData, ...], Field(min_length=1)]
    langs: tuple[str, ...] | None = None
    """Languages to measure; by default the recipe's."""
    every: Positive | None = None
    """Optimiser steps between measurements while a stage runs, on `every_groups` groups of each data set."""
    every_groups: Positive = 40
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """A difference counts when its Holm-adjusted p-value is below this."""
    few_groups: Positive = 30
    """A language with fewer groups is marked: intervals from few groups are uncertain themselves."""

    @model_validator(mode="after")
    def _named(self) -> Proof:
        names = [entry.name for entry in self.data]
        if len(set(names)) < len(names):
            raise ValueError("two data sets of the proof have the same name")
        return self
