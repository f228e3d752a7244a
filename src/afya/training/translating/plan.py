"""The data plan of a translation stage: pairs of like length in batches of a token budget, drawn by the mixture.

A pure function of the examples, the mixture and the seed, as that of `afya.training.packs.plan`: the position in the
plan is the step number, so that a run which was killed and continued equals one that was not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from afya.errors import ConfigError
from afya.training.packs.mixture import draw_balanced, language_shares
from afya.training.packs.plan import DataPlan
from afya.training.translating.examples import PairExample
from afya.training.translating.recipe import TranslationStage

# Batches' worth of pairs that are sorted together. More pads less; fewer keeps the order of drawing closer.
_WINDOW_BATCHES = 128


def make_pair_plan(
    examples: Sequence[PairExample], pairs: Sequence[str], stage: TranslationStage, seed: Sequence[int]
) -> DataPlan:
    """The stage's batches; a pack of the plan is a batch, a language of it is a direction.

    Raises:
        ConfigError: a direction has no examples, or the mixture cannot be met.
    """
    tokens: Counter[str] = Counter()
    numbers: dict[str, list[int]] = {pair: [] for pair in pairs}
    for number, example in enumerate(examples):
        tokens[example.lang] += len(example.tokens)
        numbers[example.lang].append(number)
    _refuse_empty(stage, {pair: tokens[pair] for pair in pairs})
    rule = stage.mixture
    available = {pair: tokens[pair] for pair in pairs}
    shares = language_shares(available, temperature=rule.temperature, weights=rule.weights, floor=rule.floor)
    lengths = {pair: [len(examples[number].tokens) for number in mine] for pair, mine in numbers.items()}
    in_step = stage.packs_per_step * stage.accumulate

    def drawn(budget: int) -> list[int]:
        return [numbers[pair][index] for pair, index in draw_balanced(lengths, shares, budget, [*seed, 0])]

    def batched(chosen: Sequence[int], part: int) -> list[tuple[int, ...]]:
        return _batches(chosen, examples, stage.batch_tokens, [*seed, 1, part])

    # A batch holds at most its budget: so many tokens fill at least so many batches.
    step_tokens = in_step * stage.batch_tokens
    if stage.length.steps is not None:
        wanted = stage.length.steps * in_step
        packs = batched(drawn(wanted * stage.batch_tokens), 0)[:wanted]
    else:
        budget = max(stage.length.tokens or int((stage.length.epochs or 1) * tokens.total()), 1)
        chosen = drawn(budget)
        packs = batched(chosen, 0)
        # The last step is filled up with further draws. Leaving its batches out would leave out their examples.
        missing = -len(packs) % in_step
        packs += batched(drawn(budget + 2 * step_tokens)[len(chosen) :], 1)[:missing]
    return DataPlan(tuple(examples), tuple(packs), tuple(pairs), shares, available, stage.batch_tokens, in_step)


def _refuse_empty(stage: TranslationStage, tokens: dict[str, int]) -> None:
    empty = [pair for pair, count in tokens.items() if not count]
    if empty:
        raise ConfigError(
            f"Stage '{stage.name}': nothing to learn in: {', '.join(empty)}.",
            hint="Add data for these directions, or name the stage's own with 'pairs'. The stage's ledger in parts/ "
            "says which rows were rejected and why.",
        )


def _batches(
    drawn: Sequence[int], examples: Sequence[PairExample], budget: int, seed: Sequence[int]
) -> list[tuple[int, ...]]:
    """The drawn examples in batches, window by window, each window's batches in a drawn order."""
    import numpy as np

    order = np.random.default_rng(seed)
    packs: list[tuple[int, ...]] = []
    window: list[int] = []
    size = 0
    for place, number in enumerate(drawn):
        window.append(number)
        size += len(examples[number].tokens)
        if size >= _WINDOW_BATCHES * budget or place == len(drawn) - 1:
            made = _grouped(window, examples, budget)
            # Without mixing, short and long pairs would take turns as a curriculum.
            packs += [made[index] for index in order.permutation(len(made)).tolist()]
            window, size = [], 0
    return packs


def _grouped(window: Sequence[int], examples: Sequence[PairExample], budget: int) -> list[tuple[int, ...]]:
    """Examples of like length together: rows times the longest of either side stay within the budget."""

    def sides(number: int) -> tuple[int, int]:
        example = examples[number]
        return len(example.tokens) - example.encoder, example.encoder

    def place(number: int) -> tuple[int, int]:
        # By the longer side, then the shorter: on LAFAND-MT's news 89% of a batch is real tokens, against 76% by the
        # translation's length alone.
        return max(sides(number)), min(sides(number))

    groups: list[tuple[int, ...]] = []
    group: list[int] = []
    widest = (0, 0)
    for number in sorted(window, key=place):
        grown: Any = tuple(max(one, other) for one, other in zip(widest, sides(number), strict=True))
        if group and sum(grown) * (len(group) + 1) > budget:
            groups.append(tuple(group))
            group, grown = [], sides(number)
        group.append(number)
        widest = grown
    if group:
        groups.append(tuple(group))
    return groups


def work_per_token(model: Any, plan: DataPlan) -> float:
    """Floating-point operations a token of the plan costs, on average, forward and backward.

    As `afya.training.loop.utilisation` counts, but without attention, which is little for sentences: encoder weights
    work on source tokens, decoder weights on target tokens, the output layer on learned ones.
    """
    from afya.training.loop.sharding import inner_model

    whole: Any = inner_model(model)
    examples: Any = [plan.examples[number] for pack in plan.packs for number in pack]
    sources = sum(example.encoder for example in examples)
    tokens = max(sum(len(example.tokens) for example in examples), 1)
    learned = sum(int(example.learned.sum()) for example in examples)
    head = whole.get_output_embeddings()
    outside = {id(whole.get_input_embeddings().weight), id(head.weight)}

    def operations(module: Any) -> float:
        weights = [weight for weight in module.parameters() if weight.ndim > 1 and id(weight) not in outside]
        return float(sum((6 if weight.requires_grad else 4) * weight.numel() for weight in weights))

    encoder, decoder = operations(whole.get_encoder()), operations(whole.get_decoder())
    output = (6 if head.weight.requires_grad else 4) * head.weight.numel()
    total: float = encoder * sources + decoder * (tokens - sources) + output * learned
    return total / tokens
