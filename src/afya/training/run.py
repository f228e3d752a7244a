"""A training run from recipe to models: stage after stage, each continued where it was killed.

The run folder gets `start/` (the pocket model, when the run makes one), a model folder for each stage, `training.csv`,
`ledger.parquet` and `summary.json`; while a stage runs, its checkpoints lie in `checkpoints/`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError, require
from afya.runs import Ledger, RunFolder, read_json, write_frame, write_json
from afya.training.card import model_card
from afya.training.examples.build import build_examples
from afya.training.examples.lesson import Lesson
from afya.training.examples.material import input_paths, lesson_texts, origins, stage_lessons
from afya.training.loop import checkpoints
from afya.training.loop.log import TrainingTable
from afya.training.loop.progress import Watcher
from afya.training.packs.plan import DataPlan, make_plan
from afya.training.recipe import Recipe, StageRecipe
from afya.training.weights.folders import load, save

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

START = "start"


@dataclass(frozen=True)
class StageResult:
    """A finished stage: its model folder, how long it was, tokens seen by language and the loss in its last row."""

    name: str
    folder: str
    steps: int
    tokens: dict[str, int]
    examples: int
    rejected: int
    fill: float
    loss: float


def train(recipe: Recipe, out: Path, watcher: Watcher | None = None, *, until: str | None = None) -> list[StageResult]:
    """Run every stage of the recipe into the run folder `out`, or continue the same run there.

    Args:
        until: stop after this stage; "start" only makes the pocket model. A later call goes on from there.

    Returns:
        The finished stages.

    Raises:
        ConfigError: the recipe asks for what cannot be.
        RunError: the folder holds another run, the loss is not a number, or nothing can be written.
        MissingDependencyError: a library of the `train` extra is missing.
    """
    for module in ("torch", "transformers", "accelerate", "safetensors"):
        require(module, "train", "Training")
    watcher = watcher or Watcher()
    out = Path(out)
    described = recipe.model_dump(mode="json", exclude={"keep_checkpoints"})
    with (
        RunFolder.open(out, "train", described, inputs=input_paths(recipe), seed=recipe.seed) as folder,
        _quiet(),
        _threads(recipe.threads),
    ):
        run = _Run(recipe, folder, watcher)
        names = [stage.name for stage in recipe.stages]
        if until is not None and until not in (START, *names):
            raise ConfigError(f"The recipe has no stage '{until}'.", hint=f"It has: {', '.join(names)}.")
        if until == START:
            run.make_start()
            return []
        results = [run.stage(number) for number in range(1 + names.index(until or names[-1]))]
        if len(results) == len(names):
            run.finish(results)
    return results


class _Run:
    """One run: what its stages share."""

    def __init__(self, recipe: Recipe, folder: RunFolder, watcher: Watcher) -> None:
        self.recipe, self.folder, self.watcher = recipe, folder, watcher
        self.table = TrainingTable(folder.path / "training.csv", recipe.langs)
        self._lessons: dict[str, list[Lesson]] = {}

    def lessons(self, stage: StageRecipe) -> list[Lesson]:
        if stage.name not in self._lessons:
            self._lessons[stage.name] = stage_lessons(self.recipe, stage)
        return self._lessons[stage.name]

    def stage(self, number: int) -> StageResult:
        """Run a stage, continue it, or read what it gave when it is finished."""
        stage = self.recipe.stages[number]
        target = self.folder.path / stage.name
        told = self.folder.parts / f"{stage.name}.json"
        if told.exists() and target.exists():
            return StageResult(**read_json(told))
        model, tokenizer = self._start(number)
        plan, rejected = self._plan(number, model, tokenizer)
        from afya.training.loop.trainer import StageTrainer

        where = self.folder.path / "checkpoints" / stage.name
        last = checkpoints.newest(where, self.watcher.message)
        done = 0 if last is None else int(read_json(last / "checkpoint.json")["step"])
        finished = [entry.name for entry in self.recipe.stages[:number]]
        self.table.rewind(finished, stage.name, done)
        self.watcher.stage_starts(stage, plan, rejected, done)
        self.folder.event("stage_started", stage=stage.name, step=done, steps=plan.steps, tokens=plan.tokens())
        began, steps_done = time.perf_counter(), 0

        def on_step(step: int, loss: float, tokens: int) -> None:
            nonlocal steps_done
            steps_done += 1
            self.watcher.step(step, loss, tokens)
            if step % 50 == 0 or step == plan.steps:
                seconds = round(time.perf_counter() - began, 3)
                self.folder.event("step", stage=stage.name, step=step, tokens=tokens, seconds=seconds)

        trainer = StageTrainer(model, tokenizer, self.recipe, stage, plan, where, self.table, on_step)
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        seconds = time.perf_counter() - began
        seen = dict(zip(plan.langs, trainer.sums.lang_tokens, strict=True))
        result = StageResult(
            name=stage.name,
            folder=stage.name,
            steps=plan.steps,
            tokens=seen,
            examples=len(plan.examples),
            rejected=rejected,
            fill=round(plan.fill, 6),
            loss=self.table.last_loss(stage.name),
        )
        self._write_model(stage, finished, plan, result, model, tokenizer)
        write_json(told, asdict(result))
        shutil.rmtree(where, ignore_errors=True)
        self.folder.event("stage_finished", stage=stage.name, seconds=round(seconds, 3), tokens=sum(seen.values()))
        self.watcher.stage_ends(stage, seen, seconds)
        return result

    def finish(self, results: Sequence[StageResult]) -> None:
        """Write the run's ledger and summary."""
        import polars as pl

        ledger = Ledger()
        for stage in self.recipe.stages:
            part = Ledger.from_frame(pl.read_parquet(self.folder.parts / f"{stage.name}-ledger.parquet"))
            name = stage.name
            ledger.add(name, part.rows_in[name], part.rows_out[name], part.rejections, made=part.rows_made[name])
        ledger.check()
        write_frame(self.folder.path / "ledger.parquet", ledger.frame())
        write_json(self.folder.path / "summary.json", [asdict(result) for result in results])
        shutil.rmtree(self.folder.path / "checkpoints", ignore_errors=True)

    def make_start(self) -> None:
        """Make the pocket model, when the recipe has one and it is not there yet."""
        path = self.folder.path / START
        if self.recipe.model.pocket is not None and not path.exists():
            make_pocket(self.recipe, path, [self.lessons(stage) for stage in self.recipe.stages])

    def _start(self, number: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The model and tokenizer a stage starts from."""
        if number > 0:
            return load(str(self.folder.path / self.recipe.stages[number - 1].name))
        if self.recipe.model.pocket is None:
            return load(str(self.recipe.model.path))
        self.make_start()
        return load(str(self.folder.path / START))

    def _plan(self, number: int, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> tuple[DataPlan, int]:
        stage = self.recipe.stages[number]
        context = int(getattr(model.config, "max_position_embeddings", 0) or stage.pack_tokens)
        lessons = self.lessons(stage)
        longest = min(stage.pack_tokens, context)
        built = build_examples(lessons, tokenizer, longest, stage.name, cut=stage.too_long == "cut")
        ledger = Ledger()
        # A cut example is a row that was left out and a shorter one that was made.
        ledger.add(stage.name, len(lessons), built.used, [*built.rejections, *built.cuts], made=len(built.cuts))
        ledger.check()
        write_frame(self.folder.parts / f"{stage.name}-ledger.parquet", ledger.frame())
        if not built.examples:
            reasons = ", ".join(f"{reason} {count}" for reason, count in ledger.reasons(stage.name).most_common())
            raise ConfigError(f"Stage '{stage.name}': every one of {len(lessons)} items was rejected ({reasons}).")
        plan = make_plan(built.examples, self.recipe.stage_langs(stage), stage, [self.recipe.seed, number])
        if built.cuts:
            self.watcher.message(f"{stage.name}: {len(built.cuts):,} items were cut to fit a pack, see the ledger.")
        if stage.rehearsal is not None:
            self.watcher.message(f"{stage.name}: {plan.rehearsed():.1%} of the tokens are rehearsal.")
        return plan, len(built.rejections)

    def _write_model(
        self,
        stage: StageRecipe,
        earlier: Sequence[str],
        plan: DataPlan,
        result: StageResult,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
    ) -> None:
        card = model_card(
            self.recipe,
            stage,
            plan,
            data=origins(self.lessons(stage)),
            seen=result.tokens,
            earlier=earlier,
            parameters=sum(weight.numel() for weight in model.parameters()),
            loss=result.loss,
            fingerprint=str(self.folder.manifest["fingerprint"]),
        )
        save(model, tokenizer, self.folder.path / stage.name, card)


def make_pocket(recipe: Recipe, path: Path, stages: Sequence[Sequence[Lesson]]) -> None:
    """Make the recipe's pocket model in the folder `path`; its tokenizer learns from the lessons of all stages."""
    from afya.training.weights.pocket import build_model, build_tokenizer

    shape = recipe.model.pocket
    if shape is None:
        raise ConfigError(f"The recipe '{recipe.name}' starts from a model of its own, not from a pocket model.")
    texts = [text for lessons in stages for text in lesson_texts(lessons)]
    tokenizer = build_tokenizer(texts, shape.vocabulary, shape.context)
    model = build_model(shape, tokenizer, recipe.seed)
    parameters = sum(weight.numel() for weight in model.parameters())
    card = (
        f"# {recipe.name}: the untrained pocket model\n\n{parameters:,} parameters with random weights (seed "
        f"{recipe.seed}). For trying the system, not for medicine: it knows nothing.\n"
    )
    save(model, tokenizer, path, card)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' own notices and bars off the screen; what matters is told by the watcher."""
    from transformers.utils import logging

    level: Any = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()  # type: ignore[no-untyped-call]
