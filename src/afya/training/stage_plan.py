"""What a stage will learn from, made before the first step: its examples, its packs and the account of its items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.runs import Ledger
from afya.training.examples.build import build_examples
from afya.training.examples.lesson import Lesson
from afya.training.packs.plan import DataPlan, make_plan
from afya.training.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class StagePlan:
    """A stage's packs, how many of its items were rejected and cut, and its ledger."""

    data: DataPlan
    rejected: int
    cut: int
    ledger: Ledger


def plan_stage(
    recipe: Recipe, number: int, lessons: Sequence[Lesson], tokenizer: PreTrainedTokenizerBase, context: int
) -> StagePlan:
    """The plan of the recipe's stage `number` (from 0), a pure function of what is given.

    Args:
        context: the most tokens that the model can read.

    Raises:
        ConfigError: nothing is left to learn, in one language or in all; the mixture cannot be met; the chat template
            cannot be learned from. EngineError: the chat template fails.
    """
    stage = recipe.stages[number]
    longest = min(stage.pack_tokens, context)
    built = build_examples(lessons, tokenizer, longest, stage.name, cut=stage.too_long == "cut")
    ledger = Ledger()
    # A cut example is a row that was left out and a shorter one that was made.
    ledger.add(stage.name, len(lessons), built.used, [*built.rejections, *built.cuts], made=len(built.cuts))
    ledger.check()
    if not built.examples:
        reasons = ", ".join(f"{reason} {count}" for reason, count in ledger.reasons(stage.name).most_common())
        first = built.rejections[0]
        raise ConfigError(
            f"Stage '{stage.name}': every one of {len(lessons):,} items was rejected ({reasons}).",
            hint=f"The first is {first.item_id}: {first.detail or first.reason}.",
        )
    rejected = {entry.item_id: entry.reason for entry in built.rejections}
    data = make_plan(
        built.examples,
        recipe.stage_langs(stage),
        stage,
        [recipe.seed, number],
        lost=[
            (lesson.item.lang, rejected[lesson.item.item_id]) for lesson in lessons if lesson.item.item_id in rejected
        ],
    )
    return StagePlan(data, len(built.rejections), len(built.cuts), ledger)
