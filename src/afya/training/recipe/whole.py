"""A whole recipe: the model, what learns in it, the stages, the proof."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from afya.languages import core_codes, parse_codes
from afya.training.recipe.model import ModelSource
from afya.training.recipe.proof import Proof
from afya.training.recipe.settings import RunSettings
from afya.training.recipe.stage import StageRecipe

RESERVED = ("start", "before", "checkpoints", "parts", "proof", "logs")
"""Names of the run folder that no stage can have."""


class Recipe(RunSettings):
    """A training run."""

    model: ModelSource
    langs: tuple[str, ...] = core_codes()
    proof: Proof | None = None
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
            if stage.name in RESERVED:
                raise ValueError(f"a stage cannot be called '{stage.name}': the run folder uses the name")
            outside = [code for code in stage.langs or () if code not in self.langs]
            if outside:
                raise ValueError(f"stage '{stage.name}' names languages that the recipe does not: {', '.join(outside)}")
            for entry in stage.data:
                beyond = [code for code in entry.langs or () if code not in self.stage_langs(stage)]
                if beyond:
                    raise ValueError(
                        f"stage '{stage.name}': data of '{entry.source}' name languages that the stage does not: "
                        f"{', '.join(beyond)}"
                    )
        return self

    def stage_langs(self, stage: StageRecipe) -> tuple[str, ...]:
        """The languages of a stage."""
        return stage.langs or self.langs
