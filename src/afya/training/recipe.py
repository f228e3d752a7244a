"""The recipe of a training run: the model to start from, the stages, and what each stage learns from.

A recipe is a YAML file. Every key is checked; an unknown one is refused with the nearest known key. The fields'
docstrings are the reference for those who write recipes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.datafiles import override, read_yaml, validate
from afya.errors import ConfigError
from afya.items import Split, Task
from afya.languages import core_codes, parse_codes
from afya.training.mixture import Temperature

Positive = Annotated[int, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PocketShape(_Strict):
    """A model of a few million parameters, made on the spot: for trying the system, not for medicine."""

    vocabulary: Annotated[int, Field(ge=400, le=32_000)] = 3_000
    """Tokens of the tokenizer, which is trained on the stages' training data."""
    hidden: Positive = 160
    layers: Positive = 4
    heads: Positive = 5
    feed_forward: Positive = 448
    context: Positive = 1_024
    """The longest prompt with its answer, tokens."""


class ModelSource(_Strict):
    """Where the run starts: a model folder or hub name, or a pocket model. Exactly one of the two."""

    path: str | None = None
    """A folder with a model of the Hugging Face format (relative to the recipe), or a name on a model hub."""
    pocket: PocketShape | None = None

    @model_validator(mode="after")
    def _one(self) -> ModelSource:
        if (self.path is None) == (self.pocket is None):
            raise ValueError("give either 'path' or 'pocket'")
        return self


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


class DataSource(_Strict):
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


class MixtureRule(_Strict):
    """How the languages share the tokens of a stage."""

    temperature: Temperature = "uniform"
    """Shares in proportion to tokens ** (1 / temperature); 1 keeps the data's proportions, "uniform" evens them out."""
    weights: dict[str, Annotated[float, Field(gt=0)]] | None = None
    """Fixed weights by language instead."""
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """No language gets a smaller share than this."""

    @model_validator(mode="after")
    def _positive(self) -> MixtureRule:
        if not isinstance(self.temperature, str) and self.temperature <= 0:
            raise ValueError("the temperature must be above 0")
        return self


class Rehearsal(_Strict):
    """General data learned beside a stage's own, so that the model does not forget what it could do."""

    share: Annotated[float, Field(gt=0, lt=1)]
    """Of the stage's tokens. The mixture divides the others; the data here keep their own proportions."""
    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    """In any of the recipe's languages, also those that the stage leaves out."""


class Length(_Strict):
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


class StageRecipe(_Strict):
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
    """An example longer than a pack: cut by the rule of `afya.training.cutting` (never the answer or the options), or
    rejected."""
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
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """The share of the steps over which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0
    """The largest norm of the gradients."""
    betas: tuple[float, float] = (0.9, 0.95)
    checkpoint_every: Positive = 200
    """Optimiser steps between checkpoints; the last step always makes one."""
    log_every: Positive = 1
    """Optimiser steps between rows of training.csv."""


class Recipe(_Strict):
    """A training run."""

    name: Name
    description: str = ""
    model: ModelSource
    langs: tuple[str, ...] = core_codes()
    seed: Annotated[int, Field(ge=0)] = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    """fp32, or bf16 for the matrix products with weights and optimiser kept in fp32."""
    threads: Positive | None = None
    """Processor threads; null takes all cores. Byte-identical runs need the same number."""
    keep_checkpoints: Annotated[int, Field(ge=2)] = 2
    """Checkpoints kept while a stage runs: two, so that a damaged one can be passed over."""
    stages: Annotated[tuple[StageRecipe, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _langs(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("langs"), str):
            return {**value, "langs": parse_codes(value["langs"])}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        parse_codes(",".join(self.langs))
        for stage in self.stages:
            outside = [code for code in stage.langs or () if code not in self.langs]
            if outside:
                raise ValueError(f"stage '{stage.name}' names languages that the recipe does not: {', '.join(outside)}")
        return self

    def stage_langs(self, stage: StageRecipe) -> tuple[str, ...]:
        """The languages of a stage."""
        return stage.langs or self.langs


def recipes_folder() -> Path:
    """Where the recipes shipped with afya lie."""
    from importlib.resources import files

    return Path(str(files("afya"))) / "training" / "recipes"


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, or the shipped one of that name; `overrides` are `key.path=value` (the value is YAML).

    Relative paths in the recipe are taken from the recipe's folder.

    Raises:
        ConfigError: no such recipe, or a key or value is wrong; each is named.
    """
    path = Path(name)
    if not path.exists() and path.suffix not in (".yaml", ".yml"):
        shipped = {file.stem: file for file in sorted(recipes_folder().glob("*.yaml"))}
        if str(name) not in shipped:
            raise ConfigError(
                f"No recipe '{name}'.", hint=f"Give a YAML file, or one of the shipped recipes: {', '.join(shipped)}."
            )
        path = shipped[str(name)]
    content = read_yaml(path)
    for text in overrides:
        content = override(content, text)
    return _anchored(validate(content, Recipe, str(path)), path.parent)


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with relative dataset and model folders made absolute, where they exist beside the recipe file."""

    def anchored(path: Path) -> Path:
        return path if path.is_absolute() or not (folder / path).exists() else (folder / path).resolve()

    def entries(data: Sequence[DataSource]) -> tuple[DataSource, ...]:
        return tuple(
            entry if entry.path is None else entry.model_copy(update={"path": anchored(entry.path)}) for entry in data
        )

    stages = []
    for stage in recipe.stages:
        again = stage.rehearsal and stage.rehearsal.model_copy(update={"data": entries(stage.rehearsal.data)})
        stages.append(stage.model_copy(update={"data": entries(stage.data), "rehearsal": again}))
    model = recipe.model
    if model.path is not None and (folder / model.path).is_dir():
        model = model.model_copy(update={"path": str((folder / model.path).resolve())})
    return recipe.model_copy(update={"stages": tuple(stages), "model": model})
