"""The plan of a run: what it will take on given devices, whether it fits, and what to change if not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError
from afya.training.planning.advice import changes
from afya.training.planning.devices import assumptions, device, this_machine
from afya.training.planning.memory import GIB, plan_memory, weights_of
from afya.training.planning.planner import Planner, RunPlan, config_of, context_of
from afya.training.planning.skeleton import skeleton
from afya.training.recipe import Recipe, StageRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

__all__ = ["check_fits", "config_of", "plan_run"]


def plan_run(
    recipe: Recipe,
    *,
    gpu: str | None = None,
    gpus: int = 1,
    price: float | None = None,
    utilisation: float | None = None,
    advise: bool = True,
) -> RunPlan:
    """What the recipe's run will take. Nothing is downloaded but, for a model that is not known here, its config.json.

    Args:
        gpu: a GPU of gpus.yaml, "cpu" for this machine's processor, or None for what a run here would use.
        gpus: how many of them; the weights are spread over them.
        price: US dollars for one of them and hour, in the place of the list's.
        utilisation: the share of their peak that is reached, in the place of what is assumed.
        advise: look for changes with which a run that does not fit would.

    Raises:
        ConfigError: there is no such model or GPU, the recipe asks for what cannot be, or its data give no examples.
    """
    planner = Planner(recipe, device(gpu, recipe.precision), price, utilisation)
    plan = planner.plan(recipe, gpus)
    if advise and not plan.fits:
        plan = replace(plan, changes=tuple(changes(planner, recipe, gpus)))
    return plan


def check_fits(recipe: Recipe, config: PreTrainedConfig, stage: StageRecipe, processes: int = 1) -> str | None:
    """A sentence when the stage will hardly fit into the memory of this machine's device, otherwise None.

    The data are not looked at: packs are taken as full and all of their tokens as learned.

    Raises:
        ConfigError: it will clearly not fit (see `refused_from` in assumptions.yaml).
    """
    from afya.training.planning.dry_run import Batch, dry_step

    on = this_machine(recipe.precision, measure=False)
    if _ceiling(config, recipe, stage) < on.memory / 4:
        return None
    together, added = _share(stage, processes)
    length = min(stage.pack_tokens, context_of(config, stage))
    batch = Batch((length,) * (together * stage.pack_tokens // length), together * stage.pack_tokens)
    model = skeleton(config, recipe)
    step = dry_step(model, recipe, stage.model_copy(update={"accumulate": min(added, 2)}), batch)
    memory = plan_memory(step, weights_of(model, recipe), recipe, on, processes)
    if memory.fits:
        return None
    told = (
        f"Stage '{stage.name}' will take about {memory.needed / GIB:,.1f} GiB, and this machine's device "
        f"({on.name}) has {on.memory / GIB:,.1f} GiB."
    )
    hint = "See what to change with: afya train plan"
    if memory.needed > assumptions().refused_from * on.memory:
        raise ConfigError(told, hint=f"{hint}.")
    return f"{told} {hint}"


def _share(stage: StageRecipe, processes: int) -> tuple[int, int]:
    from afya.training.loop.distributed import Crew

    return Crew(size=processes).share_packs(stage.packs_per_step, stage.accumulate, stage.name)


def _ceiling(config: PreTrainedConfig, recipe: Recipe, stage: StageRecipe) -> float:
    """Bytes that a stage cannot reach, from the widths alone: 24 a parameter, 4 for each of a generous number of values
    that a layer keeps of a token, and five copies of a chunk's logits. Small models need no closer look."""
    text: Any = config.get_text_config()
    width, layers, vocabulary = int(text.hidden_size), int(text.num_hidden_layers), int(text.vocab_size)
    inner = int(getattr(text, "intermediate_size", 0) or 4 * width)
    heads = int(text.num_attention_heads) * int(getattr(text, "head_dim", 0) or width // int(text.num_attention_heads))
    parameters = layers * (4 * width * max(width, heads) + 3 * width * inner) + 2 * vocabulary * width
    tokens = stage.packs_per_step * stage.pack_tokens
    kept = layers * (30 * max(width, heads) + 10 * inner)
    return 24 * parameters + 4 * tokens * kept + 20 * min(recipe.loss_chunk, tokens) * vocabulary + 2 * GIB
