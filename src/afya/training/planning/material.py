"""How much a stage will read: counted where the data and the tokenizer are here, otherwise an estimate that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError
from afya.training.examples.build import Example, build_examples
from afya.training.examples.lesson import Lesson
from afya.training.examples.material import lesson_texts, stage_lessons
from afya.training.loop.distributed import Crew
from afya.training.packs.plan import DataPlan, make_plan
from afya.training.planning.devices import assumptions
from afya.training.planning.dry_run import Batch
from afya.training.recipe import Recipe, StageRecipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Material:
    """What a stage reads. `exact`: the examples were built and packed; otherwise `told` says what stands for them.

    `tokens` and `steps` are None where nothing here says how long the stage is. `plan` is the stage's data plan, or a
    small one with documents of the assumed length, from which the work of a token is computed.
    """

    tokens: int | None
    steps: int | None
    examples: int | None
    fill: float
    learned: float
    exact: bool
    told: str
    plan: DataPlan


def material_of(
    recipe: Recipe, stage: StageRecipe, tokenizer: PreTrainedTokenizerBase | None, context: int
) -> Material:
    """What a stage reads.

    Args:
        tokenizer: the model's, where it is here.
        context: the most tokens the model can read.

    Raises:
        ConfigError, DataError: the data are here and the stage cannot be made of them.
    """
    missing = [str(entry.path) for entry in _entries(stage) if entry.path is not None and not entry.path.exists()]
    lessons = [] if missing else stage_lessons(recipe, stage)
    if missing:
        return _without_data(stage, context, f"no data: {', '.join(dict.fromkeys(missing))} is not here")
    if tokenizer is None:
        return _from_characters(stage, lessons, context)
    longest = min(stage.pack_tokens, context)
    built = build_examples(lessons, tokenizer, longest, stage.name, cut=stage.too_long == "cut")
    if not built.examples:
        raise ConfigError(f"Stage '{stage.name}': every one of {len(lessons)} items was rejected.")
    number = [entry.name for entry in recipe.stages].index(stage.name)
    plan = make_plan(built.examples, recipe.stage_langs(stage), stage, [recipe.seed, number])
    tokens = sum(plan.tokens().values())
    learned = sum(int(plan.examples[index].learned.sum()) for pack in plan.packs for index in pack)
    told = f"counted: {len(built.examples):,} examples, packed ({len(built.rejections):,} items rejected)"
    return Material(tokens, plan.steps, len(built.examples), plan.fill, learned / tokens, True, told, plan)


def tokenizer_of(recipe: Recipe) -> PreTrainedTokenizerBase | None:
    """The tokenizer of the recipe's model where it is here: in its folder, in the hub's cache, or the pocket model's,
    which is made of the stages' data."""
    from transformers import AutoTokenizer

    shape = recipe.model.pocket
    if shape is not None:
        from afya.training.weights.pocket import build_tokenizer

        if any(
            entry.path is not None and not entry.path.exists() for stage in recipe.stages for entry in _entries(stage)
        ):
            return None
        lessons = [lesson for stage in recipe.stages for lesson in stage_lessons(recipe, stage)]
        return build_tokenizer(lesson_texts(lessons), shape.vocabulary, shape.context)
    try:
        found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(recipe.model.path), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError):
        return None
    return found if found.chat_template else None


def batch_of(material: Material, recipe: Recipe, stage: StageRecipe, processes: int) -> tuple[Batch, int]:
    """The largest batch that a process computes together, and how many batches it adds in a step.

    Raises:
        ConfigError: the packs of a step cannot be shared among the processes.
    """
    together, added = Crew(size=processes).share_packs(stage.packs_per_step, stage.accumulate, stage.name)
    plan = material.plan
    if not material.exact:
        (pack,) = {tuple(len(plan.examples[index].tokens) for index in pack) for pack in plan.packs}
        # Without data nothing bounds the answers of one batch: all of its tokens may be learned.
        return Batch(pack * together, sum(pack) * together), added
    most: tuple[int, ...] = ()
    learned = 0
    for start in range(0, len(plan.packs), together):
        rows = [plan.examples[index] for pack in plan.packs[start : start + together] for index in pack]
        lengths = tuple(len(row.tokens) for row in rows)
        most = max(most, lengths, key=sum)
        learned = max(learned, sum(int(row.learned.sum()) for row in rows))
    return Batch(most, learned), added


def _entries(stage: StageRecipe) -> tuple[Any, ...]:
    return (*stage.data, *(stage.rehearsal.data if stage.rehearsal is not None else ()))


def _without_data(stage: StageRecipe, context: int, why: str) -> Material:
    if stage.length.tokens is not None:
        return _estimated(stage, context, stage.length.tokens, None, f"the recipe's length ({why})")
    if stage.length.steps is not None:
        return _of_steps(stage, context, f"the recipe's length ({why})")
    return _estimated(stage, context, None, None, f"not known ({why})")


def _from_characters(stage: StageRecipe, lessons: Sequence[Lesson], context: int) -> Material:
    assumed = assumptions()
    by_lang = assumed.characters_per_token
    lengths = [
        min(
            int(_characters(lesson) / by_lang.languages.get(lesson.item.lang, by_lang.others)) + assumed.tokens_beside,
            min(stage.pack_tokens, context),
        )
        for lesson in lessons
    ]
    once = sum(lengths)
    told = (
        f"estimated: {len(lessons):,} items here, the tokenizer not; {once / max(len(lessons), 1):,.0f} tokens an "
        f"item by characters per token (English {by_lang.languages['en']:g})"
    )
    if stage.length.steps is not None:
        return _of_steps(stage, context, told)
    tokens = stage.length.tokens
    if tokens is None:
        rehearsed = stage.rehearsal.share if stage.rehearsal is not None else 0.0
        own = sum(length for length, lesson in zip(lengths, lessons, strict=True) if not lesson.rehearsal)
        tokens = int((stage.length.epochs or 1) * own / (1 - rehearsed))
    return _estimated(stage, context, tokens, len(lessons), told)


def _characters(lesson: Lesson) -> int:
    """Characters of the texts that an example of the lesson holds."""
    item, form = lesson.item, lesson.form
    texts = [item.context, item.question, *(item.options or ())]
    if form == "instruction":
        texts += [item.answer_text, *(turn.text for turn in item.turns or ())]
    elif form not in ("cloze", "letter"):
        texts.append(item.rationale)
    return sum(len(text) for text in texts if text)


def _of_steps(stage: StageRecipe, context: int, told: str) -> Material:
    steps = stage.length.steps or 0
    tokens = int(steps * _step_tokens(stage) * assumptions().fill)
    return _estimated(stage, context, tokens, None, told, steps)


def _step_tokens(stage: StageRecipe) -> int:
    return stage.pack_tokens * stage.packs_per_step * stage.accumulate


def _estimated(
    stage: StageRecipe, context: int, tokens: int | None, examples: int | None, told: str, steps: int | None = None
) -> Material:
    import numpy as np

    assumed = assumptions()
    length = min(assumed.document, stage.pack_tokens, context)
    share = assumed.learned[stage.form]
    marks = np.zeros(length, np.bool_)
    marks[length - max(1, int(share * length)) :] = True
    document = Example("assumed", "en", np.zeros(length, np.int32), marks)
    pack = (0,) * max(1, stage.pack_tokens // length)
    in_step = stage.packs_per_step * stage.accumulate
    plan = DataPlan((document,), (pack,), ("en",), {"en": 1.0}, {"en": length}, stage.pack_tokens, in_step)
    if steps is None and tokens is not None:
        steps = max(1, -(-tokens // int(_step_tokens(stage) * assumed.fill)))
    return Material(tokens, steps, examples, assumed.fill, share, False, told, plan)
