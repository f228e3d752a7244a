"""What a translation run will take before it starts: parameters, memory by part, tokens, steps, hours and cost.

As for language models (`afya.training.planning`): parameters on the meta device, the memory of a step by doing the step
on tensors without contents. Pairs are cut and put into batches where the data and the model's files are here; otherwise
an estimate stands for them, and says so. Nothing is downloaded but, for a model that is not known, its config.json.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.datafiles import override
from afya.errors import ConfigError
from afya.training.planning.devices import Device, assumptions, device
from afya.training.planning.memory import plan_memory, weights_of
from afya.training.planning.planner import Change, RunPlan, StagePlan
from afya.training.planning.shapes import known_shape, model_config
from afya.training.planning.skeleton import Parameters
from afya.training.planning.work import hours_of, utilisation_of
from afya.training.translating.model import LAYER_DROPS, Translating, adapted, layout_of
from afya.training.translating.pairs import PairRow, read_source
from afya.training.translating.recipe import TranslationRecipe, TranslationStage, languages_of

if TYPE_CHECKING:
    import torch

    from afya.training.packs.plan import DataPlan

_CHANGES = ("loss_chunk=512", "gradient_checkpointing=true", "method=lora")
"""What is tried, one after another, where a run does not fit: the first two change no result."""
_SIDE = 48
"""Tokens of either side of a pair where there are no data: sentences of news have 30 to 60."""


@dataclass(frozen=True)
class _Material:
    """What a stage reads: tokens of both sides, and the shape (rows, source, target tokens) of its largest batch."""

    tokens: int | None
    steps: int | None
    exact: bool
    told: str
    plan: DataPlan
    largest: tuple[int, int, int]


def plan_translation(
    recipe: TranslationRecipe,
    *,
    gpu: str | None = None,
    gpus: int = 1,
    price: float | None = None,
    utilisation: float | None = None,
) -> RunPlan:
    """What the recipe's run will take; the arguments are those of `afya.training.planning.plan.plan_run`.

    Raises:
        ConfigError: there is no such model or GPU, several GPUs are asked for, or the data give no examples.
    """
    if gpus > 1:
        raise ConfigError("A translation model is trained by one process.", hint="Plan with --gpus 1.")
    on = device(gpu, recipe.precision)
    plan = _plan(recipe, on, price, utilisation)
    if plan.fits:
        return plan
    tried: list[str] = []
    content: dict[str, Any] = recipe.model_dump(mode="json")
    for option in _CHANGES:
        tried.append(option)
        content = override(content, option)
        other = _plan(TranslationRecipe.model_validate(content), on, price, utilisation)
        if other.fits:
            return replace(plan, changes=(Change(tuple(f"--set {each}" for each in tried), other),))
    return plan


def _plan(recipe: TranslationRecipe, on: Device, price: float | None, utilisation: float | None) -> RunPlan:
    whole = _skeleton(recipe)
    model = _adapted(whole, recipe)
    weights = weights_of(model, recipe)
    used = utilisation or utilisation_of(recipe, 1)
    each_price = price if price is not None else on.price
    stages = [_stage(recipe, stage, whole, model, weights, on, used, each_price) for stage in recipe.stages]
    return RunPlan(
        name=recipe.name,
        model=recipe.model.path,
        method=recipe.method,
        precision=recipe.precision,
        parameters=_parameters(recipe, model),
        device=on,
        devices=1,
        utilisation=used,
        price=each_price,
        price_source="as given" if price is not None else on.price_source,
        stages=tuple(stages),
    )


def _stage(
    recipe: TranslationRecipe,
    stage: TranslationStage,
    whole: Any,
    model: Any,
    weights: Any,
    on: Device,
    utilisation: float,
    price: float | None,
) -> StagePlan:
    from afya.training.planning.dry_run import step_memory
    from afya.training.translating.plan import work_per_token

    material = _material(recipe, stage, whole)
    step = step_memory(model, recipe, stage, lambda: _losing(model, recipe, stage, material.largest))
    operations = work_per_token(model, material.plan)
    if recipe.gradient_checkpointing:
        # Of 6 operations a weight 2 are the forward pass; of 4, where it does not learn, also 2.
        operations *= 4 / 3 if recipe.method == "full" else 3 / 2
    long = hours_of(material.tokens, operations, on, 1, utilisation)
    learned = sum(int(example.learned.sum()) for example in material.plan.examples)
    return StagePlan(
        name=stage.name,
        tokens=material.tokens,
        steps=material.steps,
        exact=material.exact,
        told=material.told,
        learned=learned / max(1, sum(len(example.tokens) for example in material.plan.examples)),
        batch_tokens=material.largest[0] * sum(material.largest[1:]),
        operations=operations,
        hours=long,
        cost=None if long is None or price is None else long * price,
        memory=plan_memory(step, weights, recipe, on, 1),
    )


# The model ------------------------------------------------------------------------------------------------------------


def _skeleton(recipe: TranslationRecipe) -> Any:
    """The recipe's model on the meta device, in fp32."""
    import torch
    import transformers

    config: Any = model_config(recipe.model.path)
    for key in LAYER_DROPS:  # as while it trains
        if getattr(config, key, None):
            setattr(config, key, 0.0)
    spoken: dict[str, Any] = {
        "seamless_m4t": transformers.SeamlessM4TForTextToText,
        "seamless_m4t_v2": transformers.SeamlessM4Tv2ForTextToText,
    }
    any_model: Any = transformers.AutoModelForSeq2SeqLM
    try:
        with torch.device("meta"):
            known = spoken.get(config.model_type)
            return known(config) if known is not None else any_model.from_config(config)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{recipe.model.path} is no translation model that can be trained: {error}") from error


def _adapted(model: Any, recipe: TranslationRecipe) -> Any:
    import copy

    import torch

    if recipe.method == "full":
        return model
    with torch.device("meta"):
        return adapted(copy.deepcopy(model), recipe, recipe.model.path)


def _parameters(recipe: TranslationRecipe, model: Any) -> Parameters:
    from afya.training.loop.sharding import inner_model

    base: Any = inner_model(model)
    sizes = {name: weight.numel() for name, weight in model.named_parameters()}
    adapters = sum(size for name, size in sizes.items() if ".lora_" in name)
    outer = {id(part.weight): part.weight for part in (base.get_input_embeddings(), base.get_output_embeddings())}
    own = sum(sizes.values()) - adapters
    row = known_shape(recipe.model.path)
    # Of a model that also speaks and hears only the text parts are made here.
    spoken = row is not None and row.type.startswith("seamless")
    return Parameters(
        published=int(row.published.all * 1e9) if row is not None and spoken else own,
        all=own,
        trained=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        embeddings=sum(weight.numel() for weight in outer.values()),
        adapters=adapters,
        quantised=0,
    )


# What a stage reads ---------------------------------------------------------------------------------------------------


def _material(recipe: TranslationRecipe, stage: TranslationStage, model: Any) -> _Material:
    missing = [str(entry.path) for entry in stage.data if not entry.path.exists()]
    if missing:
        return _without_data(recipe, stage, f"no data: {', '.join(dict.fromkeys(missing))} is not here")
    directions = recipe.stage_directions(stage)
    read = [(entry, read_source(entry, entry.pairs or directions, stage.name)) for entry in stage.data]
    rows = [row for entry, found in read for row in found.rows for _ in range(entry.repeat)]
    if not Path(recipe.model.path).is_dir():
        return _from_characters(recipe, stage, rows)
    return _counted(recipe, stage, rows, model)


def _counted(recipe: TranslationRecipe, stage: TranslationStage, rows: list[PairRow], model: Any) -> _Material:
    """The stage's own batches, but for what its sieve leaves out."""
    from afya.training.translating.examples import build_pairs
    from afya.training.translating.plan import make_pair_plan

    loaded: Translating = layout_of(recipe.model, model)
    longest = min(stage.longest, loaded.positions or stage.longest, stage.batch_tokens // 2)
    built = build_pairs(rows, loaded, longest, stage.name)
    number = [entry.name for entry in recipe.stages].index(stage.name)
    plan = make_pair_plan(built.examples, recipe.stage_directions(stage), stage, [recipe.seed, number])
    largest = (0, 0, 0)
    for start in range(0, len(plan.packs), stage.packs_per_step):
        batch: list[Any] = [
            plan.examples[index] for pack in plan.packs[start : start + stage.packs_per_step] for index in pack
        ]
        source = max(example.encoder for example in batch)
        target = max(len(example.tokens) - example.encoder for example in batch)
        largest = max(largest, (len(batch), source, target), key=lambda shape: shape[0] * (shape[1] + shape[2]))
    told = f"counted: {len(built.examples):,} pairs, before the sieve ({len(built.rejections):,} rejected)"
    return _Material(sum(plan.tokens().values()), plan.steps, True, told, plan, largest)


def _from_characters(recipe: TranslationRecipe, stage: TranslationStage, rows: list[PairRow]) -> _Material:
    if not rows:
        raise ConfigError(
            f"Stage '{stage.name}': its data hold no pair of {', '.join(recipe.stage_directions(stage))}."
        )
    by_lang = assumptions().characters_per_token

    def tokens(lang: str, text: str) -> int:
        return min(int(len(text) / by_lang.languages.get(lang, by_lang.others)) + 2, stage.longest)

    once = 0
    for row in rows:
        source, target = languages_of(row.pair)
        once += tokens(source, row.text) + tokens(target, row.translation)
    side = max(1, once // (2 * len(rows)))
    told = (
        f"estimated: {len(rows):,} pairs here, the tokenizer not; {once / len(rows):,.0f} tokens a pair by characters"
    )
    total = stage.length.tokens
    if total is None and stage.length.steps is None:
        total = int((stage.length.epochs or 1) * once)
    return _estimated(stage, total, stage.length.steps, side, told)


def _without_data(recipe: TranslationRecipe, stage: TranslationStage, why: str) -> _Material:
    known = stage.length.tokens is not None or stage.length.steps is not None
    told = f"the recipe's length ({why})" if known else f"not known ({why})"
    return _estimated(stage, stage.length.tokens, stage.length.steps, min(_SIDE, stage.longest), told)


def _estimated(stage: TranslationStage, tokens: int | None, steps: int | None, side: int, told: str) -> _Material:
    import numpy as np

    from afya.training.packs.plan import DataPlan
    from afya.training.translating.examples import PairExample

    together = max(1, stage.batch_tokens * stage.packs_per_step // (2 * side))
    step_tokens = int(stage.batch_tokens * stage.packs_per_step * stage.accumulate * assumptions().fill)
    if steps is None and tokens is not None:
        steps = max(1, -(-tokens // step_tokens))
    if tokens is None and steps is not None:
        tokens = steps * step_tokens
    learned = np.zeros(2 * side, np.bool_)
    learned[side + 1 :] = True
    pair = PairExample("assumed", "en-sw", np.zeros(2 * side, np.int32), learned, encoder=side)
    plan = DataPlan((pair,), ((0,),), ("en-sw",), {"en-sw": 1.0}, {"en-sw": 2 * side}, stage.batch_tokens, 1)
    return _Material(tokens, steps, False, told, plan, (together, side, side))


# A step ---------------------------------------------------------------------------------------------------------------


def _losing(
    model: Any, recipe: TranslationRecipe, stage: TranslationStage, shape: tuple[int, int, int]
) -> Callable[[], torch.Tensor]:
    """A batch without contents as `PairCollator` makes it, and what computes its loss."""
    import torch

    from afya.training.translating.loss import pair_losses

    rows, source, target = shape
    answers = rows * max(1, target - 1)
    inputs = {
        "input_ids": torch.zeros(rows, source, dtype=torch.long),
        # Masks of padding are made from their contents; here there are none, and the finished mask is given.
        "attention_mask": torch.zeros(rows, 1, 1, source),
        "decoder_input_ids": torch.zeros(rows, target, dtype=torch.long),
        "kept": torch.zeros(answers, dtype=torch.long),
        "labels": torch.zeros(answers, dtype=torch.long),
    }
    share = stage.label_smoothing

    def loss() -> torch.Tensor:
        losses, spread, _ = pair_losses(model, inputs, chunk=recipe.loss_chunk)
        return ((1 - share) * losses + share * spread).sum() / answers

    return loss
