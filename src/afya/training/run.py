"""A training run from recipe to models: stage after stage, each continued where it was killed.

The run folder gets `start/` (the pocket model, when the run makes one), a model folder for each stage, `training.csv`,
`ledger.parquet` and `summary.json`; while a stage runs, its checkpoints lie in `checkpoints/`. Where the recipe has a
proof, `proof/` holds what was measured before the first stage, while stages ran and after each.
"""

from __future__ import annotations

import gc
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import AfyaError, ConfigError, RunError, require
from afya.models.adapters import open_source
from afya.runs import Ledger, RunFolder, read_json, write_frame, write_json
from afya.training.card import model_card
from afya.training.examples.lesson import Lesson
from afya.training.examples.material import input_paths, lesson_texts, origins, stage_lessons
from afya.training.loop import checkpoints
from afya.training.loop.distributed import Crew, FollowedFolder, join
from afya.training.loop.log import TrainingTable
from afya.training.loop.progress import Watcher, is_main
from afya.training.loop.stage_log import StageLog, logs_folder
from afya.training.loop.surroundings import quiet, threads
from afya.training.loop.trackers import check_trackers, make_trackers
from afya.training.loop.utilisation import Pace, device_peak, work_of
from afya.training.packs.plan import DataPlan
from afya.training.proof.during import RunProof
from afya.training.recipe import Recipe, StageRecipe
from afya.training.recipe.folders import check_folders
from afya.training.stage_plan import StagePlan, plan_stage
from afya.training.weights.folders import count_parameters, load_for_training, save

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

    Started by torchrun or accelerate, its processes train together: the first writes, all see the same folder.

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
    check_trackers(recipe.trackers)
    check_folders(recipe)
    crew = join()
    with crew.together():
        for stage in recipe.stages:
            crew.share_packs(stage.packs_per_step, stage.accumulate, stage.name)
    watcher = watcher if watcher is not None and crew.leads else Watcher()
    out = Path(out)
    described = recipe.model_dump(mode="json", exclude={"keep_checkpoints", "trackers"})

    def opening() -> RunFolder:
        return RunFolder.open(out, "train", described, inputs=input_paths(recipe), seed=recipe.seed)

    with _opened(crew, out, opening) as folder, quiet(), threads(recipe.threads):
        run = _Run(recipe, folder, watcher, crew)
        names = [stage.name for stage in recipe.stages]
        if until is not None and until not in (START, *names):
            raise ConfigError(f"The recipe has no stage '{until}'.", hint=f"It has: {', '.join(names)}.")
        if until == START:
            run.make_start()
            return []
        wanted = range(1 + names.index(until or names[-1]))
        run.prepare(wanted)
        run.prove_before()
        results = [run.proved(number) for number in wanted]
        if len(results) == len(names):
            run.finish(results)
    return results


class _Run:
    """One run: what its stages share."""

    def __init__(self, recipe: Recipe, folder: RunFolder, watcher: Watcher, crew: Crew) -> None:
        self.recipe, self.folder, self.watcher, self.crew = recipe, folder, watcher, crew
        self.table = TrainingTable(folder.path / "training.csv", recipe.langs)
        noted = {"recipe": recipe.name, "method": recipe.method, "model": recipe.model.path or "pocket"}
        self.trackers = make_trackers(recipe.trackers, logs_folder(folder.path), folder.path.name, noted)
        self.proof = RunProof(recipe, folder.path, watcher.message) if recipe.proof is not None else None
        self._lessons: dict[str, list[Lesson]] = {}
        self._plans: dict[int, StagePlan] = {}

    def lessons(self, stage: StageRecipe) -> list[Lesson]:
        if stage.name not in self._lessons:
            self._lessons[stage.name] = stage_lessons(self.recipe, stage)
        return self._lessons[stage.name]

    def prepare(self, stages: Iterable[int]) -> None:
        """Plan every stage that is to run, so that what cannot be is told before anything is measured or learned.

        Where it fails and nothing was done before, the folder is given up: a corrected recipe may start in it.
        """
        try:
            waiting = [number for number in stages if self._told(number) is None]
            if waiting or self.proof is not None:
                self.make_start()
            with self.crew.together():
                if waiting:
                    self._plan(waiting)
                if self.proof is not None and self.crew.leads:
                    self.proof.prepare(lambda: ((stage.name, self.lessons(stage)) for stage in self.recipe.stages))
        except AfyaError:
            done = ("events.jsonl", "parts/proof-before.json")
            if self.crew.leads and not any((self.folder.path / name).exists() for name in done):
                self.folder.withdraw(START, "proof", "logs")
            raise

    def _plan(self, waiting: Sequence[int]) -> None:
        from afya.models.weights import load_tokenizer
        from afya.training.planning.plan import check_fits, config_of
        from afya.training.planning.planner import context_of
        from afya.training.planning.skeleton import skeleton

        tokenizer = load_tokenizer(open_source(self._source(0)).tokenizer)
        config = config_of(self.recipe)
        if self.recipe.method != "full":
            skeleton(config, self.recipe)  # refuses layers that the model does not have
        for number in waiting:
            stage = self.recipe.stages[number]
            warning = check_fits(self.recipe, config, stage, self.crew.size)
            if warning is not None and self.crew.leads:
                self.watcher.message(warning)
            context = context_of(config, stage)
            self._plans[number] = plan_stage(self.recipe, number, self.lessons(stage), tokenizer, context)

    def prove_before(self) -> None:
        """Measure the model that the first stage starts from."""
        if self.proof is None:
            return
        with self.crew.together():
            if self.crew.leads:
                self.proof.before()
        if self.crew.size > 1 and self.recipe.proof is not None and self.recipe.proof.every is not None:
            self.watcher.message("proof: several processes train together; stages are measured when they are done.")

    def proved(self, number: int) -> StageResult:
        """A stage, and its proof where the recipe has one."""
        result = self.stage(number)
        if self.proof is not None:
            with self.crew.together():
                if self.crew.leads:
                    self.proof.after(self.recipe.stages[number])
        return result

    def stage(self, number: int) -> StageResult:
        """Run a stage, continue it, or read what it gave when it is finished."""
        known = self._told(number)
        if known is not None:
            return known
        stage = self.recipe.stages[number]
        planned = self._plans.pop(number)
        plan = planned.data
        self._check_same(plan)
        with self.crew.together():
            model, tokenizer = load_for_training(self._source(number), self.recipe)
        self._tell_plan(stage, planned)
        from afya.training.loop.trainer import StageTrainer

        where = self.folder.path / "checkpoints" / stage.name
        wanted = checkpoints.identity(self.recipe, stage)
        last = self.crew.first(lambda: checkpoints.newest(where, self.watcher.message, wanted))
        done = 0 if last is None else int(read_json(last / "checkpoint.json")["step"])
        finished = [entry.name for entry in self.recipe.stages[:number]]
        if self.crew.leads:
            self.table.rewind(finished, stage.name, done)
            if self.proof is not None:
                self.proof.rewind(finished, stage, done)
        self.watcher.stage_starts(stage, plan, planned.rejected, done)
        self.folder.event("stage_started", stage=stage.name, step=done, steps=plan.steps, tokens=plan.tokens())
        began = time.perf_counter()
        pace = Pace(work_of(model, plan).per_token, device_peak(self.recipe.precision))
        with StageLog(
            stage.name,
            plan.steps,
            folder=self.folder,
            watcher=self.watcher,
            table=self.table,
            pace=pace,
            trackers=self.trackers,
            earlier=finished,
            done=done,
            talks=is_main(),
        ) as log:
            # The parts of a model that is spread over processes cannot be asked by one of them.
            alone = self.proof if self.crew.size == 1 else None
            callbacks = alone.callbacks(stage, tokenizer, pace.skip) if alone is not None else []
            trainer = StageTrainer(
                *(model, tokenizer, self.recipe, stage, plan, where, self.table, log.step),
                callbacks=callbacks,
                crew=self.crew,
            )
            trainer.train(resume_from_checkpoint=str(last) if last else None)
        seconds = time.perf_counter() - began
        seen = dict(zip(plan.langs, trainer.sums.lang_tokens, strict=True))
        result = StageResult(
            name=stage.name,
            folder=stage.name,
            steps=plan.steps,
            tokens=seen,
            examples=len(plan.examples),
            rejected=planned.rejected,
            fill=round(plan.fill, 6),
            loss=self.crew.first(lambda: self.table.last_loss(stage.name)),
        )
        with self.crew.together():
            if self.crew.leads:
                self._write_model(stage, finished, plan, result, model, tokenizer)
                write_json(self._noted(number), asdict(result))
                shutil.rmtree(where, ignore_errors=True)
        self.folder.event("stage_finished", stage=stage.name, seconds=round(seconds, 3), tokens=sum(seen.values()))
        self.watcher.stage_ends(stage, seen, seconds)
        # The trainer and its callbacks hold each other and the model, which would lie beside the next one on the GPU.
        del trainer, model, callbacks
        gc.collect()
        return result

    def finish(self, results: Sequence[StageResult]) -> None:
        """Write the run's ledger and summary."""
        import polars as pl

        if not self.crew.leads:
            return
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
        with self.crew.together():
            if self.crew.leads and self.recipe.model.pocket is not None and not path.exists():
                make_pocket(self.recipe, path, [self.lessons(stage) for stage in self.recipe.stages])

    def _noted(self, number: int) -> Path:
        return self.folder.parts / f"{self.recipe.stages[number].name}.json"

    def _told(self, number: int) -> StageResult | None:
        """What a stage gave, when it is finished."""
        target = self.folder.path / self.recipe.stages[number].name
        told = self._noted(number)
        known = self.crew.first(lambda: read_json(told) if told.exists() and target.exists() else None)
        return None if known is None else StageResult(**known)

    def _source(self, number: int) -> str:
        """The folder or hub name that a stage starts from."""
        if number > 0:
            return str(self.folder.path / self.recipe.stages[number - 1].name)
        return str(self.folder.path / START) if self.recipe.model.pocket is not None else str(self.recipe.model.path)

    def _tell_plan(self, stage: StageRecipe, planned: StagePlan) -> None:
        if self.crew.leads:
            write_frame(self.folder.parts / f"{stage.name}-ledger.parquet", planned.ledger.frame())
        if planned.cut:
            self.watcher.message(f"{stage.name}: {planned.cut:,} items were cut to fit a pack, see the ledger.")
        if stage.rehearsal is not None:
            self.watcher.message(f"{stage.name}: {planned.data.rehearsed():.1%} of the tokens are rehearsal.")

    def _check_same(self, plan: DataPlan) -> None:
        """Every process makes the plan for itself; a file that differs from machine to machine would part them."""
        sizes = [(example.item_id, len(example.tokens)) for example in plan.examples]
        if len(set(self.crew.gather(zlib.crc32(repr((plan.packs, sizes)).encode())))) > 1:
            raise RunError(
                "The processes of this run do not read the same data.",
                hint="Put data and models where all machines see the same files, with the same version of afya.",
            )

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
            data={
                entry.name: origins(self.lessons(entry))
                for entry in self.recipe.stages
                if entry.name in (*earlier, stage.name)
            },
            seen=result.tokens,
            parameters=count_parameters(model),
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
def _opened(crew: Crew, path: Path, opening: Callable[[], RunFolder]) -> Iterator[RunFolder]:
    """The run folder, which the leader opens and holds and the others follow."""
    with ExitStack() as held:
        with crew.together():
            opened = held.enter_context(opening()) if crew.leads else None
        manifest = crew.first(lambda: None if opened is None else opened.manifest)
        yield opened or FollowedFolder(path, manifest or {})
