"""The recipe's data: what a stage learns from, in which mixture, and what is rehearsed beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from afya.items import Split, Task
from afya.training.recipe.base import Positive, Share, Strict

Temperature = float | Literal["uniform"]

Form = Literal["instruction", "rationale", "cloze", "letter", "letter+rationale", "rationale+letter"]
"""What is learned from an item. instruction: its free answer (long_form, instruction, dialogue); rationale: the
explanation of a multiple-choice or inference question; cloze and letter: the right option's text or letter, asked
exactly as the benchmark asks; letter+rationale: asked as letter, the explanation after the letter; rationale+letter:
asked as generate+cot, the explanation first."""

FORM_TASKS: dict[Form, tuple[Task, ...]] = {
    "instruction": ("long_form", "instruction", "dialogue"),
    "rationale": ("mcq", "nli"),
    "cloze": ("mcq", "nli"),
    "letter": ("mcq", "nli"),
    "letter+rationale": ("mcq", "nli"),
    "rationale+letter": ("mcq", "nli"),
}


class DataSource(Strict):
    """Items to learn from."""

    source: Literal["sample", "vignettes", "dataset"]
    """sample: the built-in sample; vignettes: cases made from the clinical protocols; dataset: a dataset folder."""
    path: Path | None = None
    """The dataset folder (relative to the recipe)."""
    split: Split = "train"
    form: Form | None = None
    """What is learned from its items; by default the stage's form."""
    tasks: tuple[Task, ...] | None = None
    """Only items of these tasks; by default those that the form can use."""
    langs: tuple[str, ...] | None = None
    """Only its items in these languages; by default those of the stage."""
    count: Positive | None = None
    """vignettes: how many groups; each is generated in every language of the stage."""
    seed: int = 0
    """vignettes: the generator's seed."""
    repeat: Positive = 1
    """Each item stands this many times among the examples."""

    @model_validator(mode="after")
    def _fits(self) -> DataSource:
        if (self.source == "dataset") != (self.path is not None):
            raise ValueError("'path' belongs to source 'dataset', and to it alone")
        if (self.source == "vignettes") != (self.count is not None):
            raise ValueError("'count' belongs to source 'vignettes', and to it alone")
        if self.split == "test":
            raise ValueError("test items are never trained on")
        return self


class MixtureRule(Strict):
    """How the languages share the tokens of a stage."""

    temperature: Temperature = "uniform"
    """Shares in proportion to tokens ** (1 / temperature); 1 keeps the data's proportions, "uniform" evens them out."""
    weights: dict[str, Annotated[float, Field(gt=0)]] | None = None
    """Fixed weights by language instead."""
    floor: Share = 0.0
    """No language gets a smaller share than this."""

    @model_validator(mode="after")
    def _positive(self) -> MixtureRule:
        if not isinstance(self.temperature, str) and self.temperature <= 0:
            raise ValueError("the temperature must be above 0")
        return self


class Rehearsal(Strict):
    """General data learned beside a stage's own, so that the model does not forget what it could do."""

    share: Annotated[float, Field(gt=0, lt=1)]
    """Of the stage's tokens. The mixture divides the others; the data here keep their own proportions."""
    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    """In any of the recipe's languages, also those that the stage leaves out."""
