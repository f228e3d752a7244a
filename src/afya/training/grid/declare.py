"""What a grid compares: a base recipe, its variants, the seeds, and what all are measured on.

A grid is a YAML file; every key is checked. The recipes it stands for are made here, one for each variant and seed, so
that each is an ordinary training run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from afya.datafiles import override, read_yaml, validate
from afya.errors import ConfigError
from afya.training.recipe import DataSource, ModelSource, Proof, Recipe, StageRecipe, read_recipe
from afya.training.recipe.base import Name, Strict
from afya.training.recipe.load import anchored_recipe, laid_over

START = "start"
"""The untrained model that the runs of a seed start from; stands among the results like a variant."""

Change = dict[str, Any] | tuple[str, ...]
"""A partial recipe laid over the base, map by map, or a list of `key.path=value`. In a partial recipe `stages` says
which stages there are and in which order: an entry is laid over the base's stage of the same name. `all_stages` holds
keys that every stage shall have."""

_SEED_STEP = 1_000
"""Vignettes' seeds of a recipe lie closer together than this, so that no two runs' seeds meet."""


class Grid(Strict):
    """Variants of a recipe, each run from several seeds."""

    name: Name
    description: str = ""
    recipe: str
    """The base: a recipe file (relative to the grid), or shipped parts joined by "+"."""
    changes: Change = ()
    """What differs from the base recipe in every variant, such as a shorter length."""
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    """A seed decides the first weights, the order of the data and, by an offset, which vignettes are learned. What is
    measured is the same for all."""
    variants: Annotated[dict[Name, Change], Field(min_length=1)]
    """By name. The first is what the others are compared with, unless `compare` says otherwise."""
    compare: dict[Name, Name] = Field(default_factory=dict)
    """Variant -> the variant it is compared with."""
    measure: Proof | None = None
    """What is measured; by default the base recipe's proof."""

    @property
    def base(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.variants))

    def against(self, variant: str) -> str | None:
        """The variant that this one is compared with; None for the first."""
        return self.compare.get(variant, None if variant == self.base else self.base)

    @model_validator(mode="after")
    def _consistent(self) -> Grid:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed stands twice")
        if START in self.variants:
            raise ValueError(f"a variant cannot be called '{START}': that is the untrained model")
        for one, other in self.compare.items():
            for name in (one, other):
                if name not in self.variants:
                    raise ValueError(f"'compare' names '{name}', which is no variant")
            if one == other:
                raise ValueError(f"'compare' names '{one}' beside itself")
        return self


@dataclass(frozen=True)
class Cell:
    """One run of the grid."""

    variant: str
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"{self.variant}-{self.seed}"


def grids_folder() -> Path:
    """Where the grids shipped with afya lie."""
    from importlib.resources import files

    return Path(str(files("afya"))) / "training" / "grids"


def load_grid(name: str | Path, overrides: Sequence[str] = ()) -> Grid:
    """The grid in a file, or the shipped one of that name; `overrides` are `key.path=value`, keys of the grid.

    Raises:
        ConfigError: no such grid, a key or value is wrong, or a variant's recipe is.
    """
    path = Path(name)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        path = grids_folder() / f"{name}.yaml"
        if not path.exists():
            known = ", ".join(sorted(file.stem for file in grids_folder().glob("*.yaml")))
            raise ConfigError(f"No grid '{name}'.", hint=f"Give a YAML file, or a shipped grid: {known}.")
    content = read_yaml(path)
    for text in overrides:
        content = override(content, text)
    grid = anchored_recipe(validate(content, Grid, str(name)), path.parent)
    beside = path.parent / grid.recipe
    if not beside.is_file():
        return grid
    return grid.model_copy(update={"recipe": str(beside.resolve())})


def cells(grid: Grid) -> list[Cell]:
    """Every run of the grid, seed by seed, so that a grid that was stopped early holds all variants of some seeds.

    Raises:
        ConfigError: a recipe is wrong; the variant is named.
    """
    recipes = {variant: variant_recipe(grid, variant) for variant in grid.variants}
    return [Cell(variant, seed, seeded(recipe, seed)) for seed in grid.seeds for variant, recipe in recipes.items()]


def variant_recipe(grid: Grid, variant: str) -> Recipe:
    """The recipe of a variant before a seed is set. Raises ConfigError naming the variant."""
    content, folder = read_recipe(grid.recipe)
    where = f"Variant '{variant}' of grid '{grid.name}'"
    for change in (grid.changes, grid.variants[variant]):
        content = changed(content, change, where)
    recipe = anchored_recipe(validate(content, Recipe, where), folder)
    # The grid measures the last models itself, all on the same items; a proof inside each run would do so twice.
    return recipe.model_copy(update={"proof": None})


def measured(grid: Grid) -> Proof:
    """What the grid measures. Raises ConfigError when neither it nor its base recipe says so."""
    if grid.measure is not None:
        return grid.measure
    content, folder = read_recipe(grid.recipe)
    recipe = anchored_recipe(validate(content, Recipe, grid.recipe), folder)
    if recipe.proof is None:
        raise ConfigError(
            f"Grid '{grid.name}' does not say what is measured, and its recipe '{grid.recipe}' has no proof.",
            hint="Add 'measure: {data: [{name: cases, source: vignettes, count: 80, setting: cloze}]}' to the grid.",
        )
    return recipe.proof


def changed(content: Mapping[str, Any], change: Change, where: str) -> dict[str, Any]:
    """A recipe's content with a change; see `Change`. Raises ConfigError, beginning with `where`."""
    whole = deepcopy(dict(content))
    if not isinstance(change, dict):
        for text in change:
            whole = override(whole, text)
        return whole
    partial = deepcopy(change)
    every = partial.pop("all_stages", {})
    stages = partial.pop("stages", None)
    below = {str(stage.get("name")): stage for stage in whole.get("stages", []) if isinstance(stage, dict)}
    if stages is not None:
        whole["stages"] = [_over_its_namesake(stage, below, where) for stage in stages]
    if every:
        whole["stages"] = [laid_over(stage, every) for stage in whole["stages"]]
    return laid_over(whole, partial)


def _over_its_namesake(stage: Any, below: Mapping[str, dict[str, Any]], where: str) -> dict[str, Any]:
    if not isinstance(stage, dict) or "name" not in stage:
        raise ConfigError(f"{where}: every entry of 'stages' is a map with a name, this is {stage!r}.")
    return laid_over(below.get(str(stage["name"]), {}), stage)


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe from one seed: its own, and those of the vignettes it learns from by an offset."""

    def moved(entries: Sequence[DataSource]) -> tuple[DataSource, ...]:
        offset = _SEED_STEP * seed
        return tuple(
            entry.model_copy(update={"seed": entry.seed + offset}) if entry.source == "vignettes" else entry
            for entry in entries
        )

    def stage_of(stage: StageRecipe) -> StageRecipe:
        again = stage.rehearsal
        if again is not None:
            again = again.model_copy(update={"data": moved(again.data)})
        return stage.model_copy(update={"data": moved(stage.data), "rehearsal": again})

    return recipe.model_copy(update={"seed": seed, "stages": tuple(map(stage_of, recipe.stages))})


def starts(grid: Grid) -> Iterator[tuple[int | None, Recipe]]:
    """What the runs start from: the base's recipe for each seed where it makes a pocket model, else once, without one.

    Raises ConfigError as `variant_recipe` does.
    """
    base = variant_recipe(grid, grid.base)
    if base.model.pocket is None:
        yield None, base
        return
    for seed in grid.seeds:
        yield seed, seeded(base, seed)


def from_start(cell: Cell, base: Recipe, start: Path) -> Recipe:
    """The cell's recipe, starting from its seed's model in `start` where it would make the same kind of model itself.

    A pocket model's tokenizer learns from the stages' texts: if every variant made its own, they would differ in that
    too, and equal numbers of tokens would not be equal amounts of text.
    """
    if base.model.pocket is None or cell.recipe.model != base.model:
        return cell.recipe
    return cell.recipe.model_copy(update={"model": ModelSource(path=str(start.resolve()))})
