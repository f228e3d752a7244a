"""What to change so that a run fits: tried by the planner itself, the most harmless first.

What changes nothing about the result comes first (recomputing activations, fewer logits at a time, fewer packs
computed together and more of them added), then what learns (adapters, then four-bit weights beneath them); then more
devices; then shorter packs, which cut long examples. A change without which the run fits as well is left out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from afya.errors import ConfigError
from afya.training.planning.planner import Change, Planner, RunPlan, changed
from afya.training.recipe import Recipe

_CHUNK = 512
_DEVICES = (2, 4, 8, 16, 32)
_SHORTEST = 512


def changes(planner: Planner, recipe: Recipe, devices: int) -> Iterator[Change]:
    """The first combination that fits on these devices, and the fewest devices on which the recipe's own method fits.

    Nothing where nothing fits.
    """
    groups = list(_harmless(recipe))
    found = _first(planner, recipe, devices, groups, ())
    methods = {"full": ("lora", "qlora"), "lora": ("qlora",), "qlora": ()}[recipe.method]
    for method in methods if found is None else ():
        found = found or _first(planner, recipe, devices, groups, (f"method={method}",))
    if found is None:
        shorter = _shorter(recipe)
        last = (f"method={methods[-1]}",) if methods else ()
        for group in shorter:
            found = found or _first(planner, recipe, devices, groups, (*last, *group))
    if found is not None:
        yield found
    if found is not None and not any("method" in option for option in found.options):
        return
    settings = [text for group in groups for text in group]
    for count in _DEVICES:
        if count <= devices:
            continue
        plan = _plan(planner, recipe, count, settings)
        if plan is not None and plan.fits:
            yield _pruned(planner, recipe, count, groups, (), devices)
            return


def _harmless(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    """Groups of settings that leave the result as it is, up to rounding."""
    if recipe.precision == "fp32":
        yield ("precision=bf16",)
    if not recipe.gradient_checkpointing:
        yield ("gradient_checkpointing=true",)
    if recipe.loss_chunk > _CHUNK:
        yield (f"loss_chunk={_CHUNK}",)
    halved = {stage.name: stage.packs_per_step for stage in recipe.stages}
    while any(packs > 1 for packs in halved.values()):
        group = []
        for stage in recipe.stages:
            packs = halved[stage.name] // 2
            if packs and (stage.packs_per_step * stage.accumulate) % packs == 0:
                added = stage.packs_per_step * stage.accumulate // packs
                group += [f"stages.{stage.name}.packs_per_step={packs}", f"stages.{stage.name}.accumulate={added}"]
            halved[stage.name] = packs
        if group:
            yield tuple(group)


def _shorter(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    """Shorter and shorter packs."""
    part = 2
    while any(stage.pack_tokens // part >= _SHORTEST for stage in recipe.stages):
        yield tuple(
            f"stages.{stage.name}.pack_tokens={max(stage.pack_tokens // part, min(_SHORTEST, stage.pack_tokens))}"
            for stage in recipe.stages
        )
        part *= 2


def _first(
    planner: Planner, recipe: Recipe, devices: int, groups: Sequence[tuple[str, ...]], always: tuple[str, ...]
) -> Change | None:
    """The fewest of the groups, in their order, with which the recipe (and `always`) fits."""
    for number in range(0 if always else 1, len(groups) + 1):
        settings = [*always, *(text for group in groups[:number] for text in group)]
        plan = _plan(planner, recipe, devices, settings)
        if plan is not None and plan.fits:
            return _pruned(planner, recipe, devices, groups[:number], always, devices)
    return None


def _pruned(
    planner: Planner,
    recipe: Recipe,
    devices: int,
    groups: Sequence[tuple[str, ...]],
    always: tuple[str, ...],
    before: int,
) -> Change:
    """The groups without those that are not needed; those that cost most are tried first."""
    kept = list(groups)
    for group in sorted(groups, key=lambda group: "gradient_checkpointing=true" not in group):
        fewer = [other for other in kept if other is not group]
        plan = _plan(planner, recipe, devices, [*always, *(text for one in fewer for text in one)])
        if plan is not None and plan.fits:
            kept = fewer
    settings = [*always, *_last_of_each([text for group in kept for text in group])]
    plan = _plan(planner, recipe, devices, settings)
    if plan is None:
        raise ConfigError(f"The recipe '{recipe.name}' cannot be planned with {', '.join(settings)}.")
    options = [f"--gpus {devices}"] if devices != before else []
    return Change((*(f"--set {text}" for text in settings), *options), plan)


def _last_of_each(settings: Sequence[str]) -> list[str]:
    """Of settings of the same key the last."""
    return [f"{key}={value}" for key, value in dict(text.split("=", 1) for text in settings).items()]


def _plan(planner: Planner, recipe: Recipe, devices: int, settings: Sequence[str]) -> RunPlan | None:
    """The plan with these settings; None where the packs of a step cannot be shared among so many devices, or where
    weights and optimiser alone are more than a device has (the step need not be tried)."""
    variant = changed(recipe, settings)
    if not planner.could_fit(variant, devices):
        return None
    try:
        return planner.plan(variant, devices)
    except ConfigError:
        return None
