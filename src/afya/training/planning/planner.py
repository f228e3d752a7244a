"""One recipe planned in variants: the stages of each with their tokens, hours, cost and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from afya.datafiles import override
from afya.errors import ConfigError
from afya.training.planning.devices import Device
from afya.training.planning.material import Material, batch_of, material_of, tokenizer_of
from afya.training.planning.memory import Memory, Weights, least_memory, plan_memory, weights_of
from afya.training.planning.shapes import model_config
from afya.training.planning.skeleton import Parameters, count, skeleton
from afya.training.recipe import Recipe, StageRecipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig

    from afya.training.planning.dry_run import Batch, StepMemory


@dataclass(frozen=True)
class StagePlan:
    """A stage: tokens, steps and hours (None where nothing here says), and the memory of each process.

    `exact`: tokens and steps were counted by building and packing the examples. `operations`: of a token, with what is
    computed again. `batch_tokens`: the most that a process computes together.
    """

    name: str
    tokens: int | None
    steps: int | None
    exact: bool
    told: str
    learned: float
    batch_tokens: int
    operations: float
    hours: float | None
    cost: float | None
    memory: Memory


@dataclass(frozen=True)
class Change:
    """What to change so that a run fits: options of the command, and the plan with them."""

    options: tuple[str, ...]
    plan: RunPlan


@dataclass(frozen=True)
class RunPlan:
    """What a run will take. `price`: US dollars for one device and hour."""

    name: str
    model: str
    method: str
    precision: str
    parameters: Parameters
    device: Device
    devices: int
    utilisation: float
    price: float | None
    price_source: str | None
    stages: tuple[StagePlan, ...]
    changes: tuple[Change, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether every stage fits."""
        return all(stage.memory.fits for stage in self.stages)

    @property
    def needed(self) -> int:
        """Bytes of the fullest stage."""
        return max(stage.memory.needed for stage in self.stages)

    @property
    def hours(self) -> float | None:
        """Hours of all stages."""
        found = [stage.hours for stage in self.stages]
        return None if None in found else sum(value for value in found if value is not None)

    @property
    def cost(self) -> float | None:
        """US dollars of all stages."""
        return None if self.hours is None or self.price is None else self.hours * self.devices * self.price

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON can hold it; bytes and hours as numbers."""
        told = asdict(replace(self, changes=()))
        for stage, own in zip(told["stages"], self.stages, strict=True):
            stage["memory"] |= {"needed": own.memory.needed, "fits": own.memory.fits}
        told |= {"fits": self.fits, "needed": self.needed, "hours": self.hours, "cost": self.cost}
        told["changes"] = [{"options": list(change.options), "plan": change.plan.as_dict()} for change in self.changes]
        return told


class Planner:
    """Plans variants of one recipe; what they share is made once."""

    def __init__(
        self, recipe: Recipe, on: Device, price: float | None = None, utilisation: float | None = None
    ) -> None:
        self.on, self.price, self.utilisation = on, price, utilisation
        self.tokenizer = tokenizer_of(recipe)
        self.config = config_of(recipe, len(self.tokenizer) if self.tokenizer is not None else None)
        self._materials: dict[str, Material] = {}
        self._models: dict[str, tuple[torch.nn.Module, Parameters, Weights]] = {}
        self._steps: dict[str, StepMemory] = {}

    def plan(self, recipe: Recipe, processes: int) -> RunPlan:
        """The plan of a variant."""
        from afya.training.planning.work import hours, utilisation_of, work

        if recipe.method == "qlora" and processes > 1:
            raise ConfigError(
                "The method qlora runs in one process: its four-bit weights are not divided among several.",
                hint="Plan with --gpus 1, or with --set method=lora.",
            )
        model, parameters, weights = self.model(recipe)
        used = self.utilisation or utilisation_of(recipe, processes)
        price = self.price if self.price is not None else self.on.price
        stages = []
        for stage in recipe.stages:
            material = self.material(recipe, stage)
            batch, added = batch_of(material, recipe, stage, processes)
            memory = plan_memory(self.step(recipe, stage, batch, added), weights, recipe, self.on, processes)
            each = work(model, material, recipe)
            long = hours(material.tokens, each, self.on, processes, used)
            stages.append(
                StagePlan(
                    name=stage.name,
                    tokens=material.tokens,
                    steps=material.steps,
                    exact=material.exact,
                    told=material.told,
                    learned=material.learned,
                    batch_tokens=batch.tokens,
                    operations=each.done,
                    hours=long,
                    cost=None if long is None or price is None else long * processes * price,
                    memory=memory,
                )
            )
        return RunPlan(
            name=recipe.name,
            model=recipe.model.path or "pocket",
            method=recipe.method,
            precision=recipe.precision,
            parameters=parameters,
            device=self.on,
            devices=processes,
            utilisation=used,
            price=price,
            price_source="as given" if self.price is not None else self.on.price_source,
            stages=tuple(stages),
        )

    def could_fit(self, recipe: Recipe, processes: int) -> bool:
        """False where the weights, their gradients and the optimiser alone are more than a device has."""
        _, _, weights = self.model(recipe)
        return least_memory(weights, recipe, processes) <= self.on.memory

    def model(self, recipe: Recipe) -> tuple[torch.nn.Module, Parameters, Weights]:
        """The skeleton of a variant with its counts."""
        key = f"{recipe.method} {recipe.precision}"
        if key not in self._models:
            made = skeleton(self.config, recipe)
            self._models[key] = made, count(made, self.config, recipe), weights_of(made, recipe)
        return self._models[key]

    def material(self, recipe: Recipe, stage: StageRecipe) -> Material:
        """What a stage of a variant reads."""
        key = f"{stage.name} {stage.pack_tokens} {stage.packs_per_step * stage.accumulate}"
        if key not in self._materials:
            self._materials[key] = material_of(recipe, stage, self.tokenizer, context_of(self.config, stage))
        return self._materials[key]

    def step(self, recipe: Recipe, stage: StageRecipe, batch: Batch, added: int) -> StepMemory:
        """The dry step of a variant."""
        from afya.training.planning.dry_run import dry_step

        adding = stage.model_copy(update={"accumulate": min(added, 2)})
        settings = (recipe.method, recipe.precision, recipe.gradient_checkpointing, recipe.loss_chunk)
        key = repr((settings, stage.optimizer, adding.accumulate, batch))
        if key not in self._steps:
            self._steps[key] = dry_step(self.model(recipe)[0], recipe, adding, batch)
        return self._steps[key]


def config_of(recipe: Recipe, vocabulary: int | None = None) -> PreTrainedConfig:
    """The configuration of the recipe's model; a pocket model has `vocabulary` tokens, or as many as it may."""
    if recipe.model.pocket is None:
        return model_config(str(recipe.model.path))
    from afya.training.weights.pocket import pocket_config

    return pocket_config(recipe.model.pocket, vocabulary or recipe.model.pocket.vocabulary)


def context_of(config: PreTrainedConfig, stage: StageRecipe) -> int:
    """The most tokens the model can read."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", 0) or stage.pack_tokens)


def changed(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with keys changed as `--set` changes them."""
    content: dict[str, Any] = recipe.model_dump(mode="json")
    for text in settings:
        content = override(content, text)
    return Recipe.model_validate(content)
