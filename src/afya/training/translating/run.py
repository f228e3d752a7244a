"""A translation run from recipe to models: stage after stage, each continued where it was killed, measured after each.

The run folder gets a model folder for each stage (use it as hf:RUN/STAGE or ct2:RUN/STAGE), `training.csv`,
`ledger.parquet`, `summary.json` and `proof/`; while a stage runs, its checkpoints lie in `checkpoints/`.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, require
from afya.runs import Ledger, RunFolder, read_json, write_frame, write_json, write_text
from afya.training.loop import checkpoints
from afya.training.loop.log import TrainingTable
from afya.training.loop.progress import Watcher
from afya.training.loop.stage_log import StageLog, logs_folder
from afya.training.loop.surroundings import quiet, threads
from afya.training.loop.trackers import check_trackers, make_trackers
from afya.training.loop.utilisation import Pace, device_peak
from afya.training.packs.plan import DataPlan
from afya.training.translating.card import translation_card
from afya.training.translating.examples import build_pairs
from afya.training.translating.model import (
    Translating,
    load_translating,
    options_of,
    save_translating,
    whole_model,
    with_adapters,
)
from afya.training.translating.pairs import PairRow, read_source
from afya.training.translating.plan import make_pair_plan, work_per_token
from afya.training.translating.proof import BEFORE, Measured, compare, held_out, measure, refuse_unmeasured, worse
from afya.training.translating.recipe import TranslationRecipe, TranslationStage
from afya.training.translating.sifting import Sieve, keys_of
from afya.translation.checkpoint import find_checkpoint
from afya.translation.licensing import licence_of


@dataclass(frozen=True)
class StageDone:
    """A finished stage: its model folder, how long it was, tokens seen by direction and the loss in its last row."""

    name: str
    folder: str
    steps: int
    tokens: dict[str, int]
    examples: int
    rejected: int
    loss: float


@dataclass(frozen=True)
class TranslationRun:
    """What a run gave: its finished stages, and the proof of `labels` (before and each stage) by direction."""

    stages: list[StageDone]
    labels: list[str]
    measured: list[Measured]


def train_translation(recipe: TranslationRecipe, out: Path, watcher: Watcher | None = None) -> TranslationRun:
    """Run every stage of the recipe into the run folder `out`, or continue the same run there.

    Raises:
        ConfigError: the recipe asks for what cannot be, or a direction has nothing to learn.
        RunError: the folder holds another run, the loss is not a number, or nothing can be written.
        DataError, EngineError: data or the model cannot be read.
        MissingDependencyError: a library is missing.
    """
    for module in ("torch", "transformers", "accelerate", "safetensors"):
        require(module, "train", "Training")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "A translation model is trained by one process.",
            hint="Start it without torchrun; the models are small enough for one GPU.",
        )
    check_trackers(recipe.trackers)
    out = Path(out)
    described = recipe.model_dump(mode="json", exclude={"keep_checkpoints", "trackers"})
    with (
        RunFolder.open(out, "train", described, inputs=_inputs(recipe), seed=recipe.seed) as folder,
        quiet(),
        threads(recipe.threads),
    ):
        return _Run(recipe, folder, watcher or Watcher()).whole()


def _inputs(recipe: TranslationRecipe) -> list[Path]:
    paths = [entry.path for stage in recipe.stages for entry in stage.data]
    paths += [entry.path for entry in recipe.proof.data] if recipe.proof is not None else []
    if Path(recipe.model.path).is_dir():
        paths.append(Path(recipe.model.path))
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise ConfigError(
            f"{missing[0]}: no such file or folder, which the recipe names as data.",
            hint="Name yours, such as --set stages.0.data.0.path=FOLDER",
        )
    return list(dict.fromkeys(paths))


class _Run:
    """One run: what its stages share."""

    def __init__(self, recipe: TranslationRecipe, folder: RunFolder, watcher: Watcher) -> None:
        self.recipe, self.folder, self.watcher = recipe, folder, watcher
        self.table = TrainingTable(folder.path / "training.csv", recipe.directions())
        noted = {"recipe": recipe.name, "method": recipe.method, "model": recipe.model.path}
        self.trackers = make_trackers(recipe.trackers, logs_folder(folder.path), folder.path.name, noted)
        self.held = held_out(recipe)
        self.labels: list[str] = []
        self.measured: list[Measured] = []

    def whole(self) -> TranslationRun:
        """Measure, run the stages and measure again."""
        refuse_unmeasured(self.recipe, self.held, self.watcher.message)
        self._measure(BEFORE)
        stages = [self.stage(number) for number in range(len(self.recipe.stages))]
        self._finish(stages)
        return TranslationRun(stages, self.labels, self.measured)

    def stage(self, number: int) -> StageDone:
        """Run a stage, continue it, or read what it gave when it is finished."""
        stage = self.recipe.stages[number]
        told = self.folder.parts / f"{stage.name}.json"
        if told.exists() and (self.folder.path / stage.name).exists():
            self._measure(stage.name)
            return StageDone(**read_json(told))
        earlier = [entry.name for entry in self.recipe.stages[:number]]
        name = str(self.folder.path / earlier[-1]) if earlier else self.recipe.model.path
        loaded = load_translating(name, self.recipe.model, stage.dropout)
        rows, plan, rejected = self._plan(number, loaded)
        model = with_adapters(loaded, self.recipe)
        seconds, seen = self._train(stage, plan, rejected, earlier, loaded, model)
        done = StageDone(
            name=stage.name,
            folder=stage.name,
            steps=plan.steps,
            tokens=seen,
            examples=len(plan.examples),
            rejected=rejected,
            loss=self.table.last_loss(stage.name),
        )
        family = loaded.layout.family.name
        whole = whole_model(model, loaded, self.recipe.model, self.recipe)
        card = self._card(stage, plan, rows, done, earlier, family)
        save_translating(whole, loaded, self._path(stage), card)
        self._measure(stage.name)
        write_text(self._path(stage) / "README.md", self._card(stage, plan, rows, done, earlier, family))
        write_json(told, asdict(done))
        shutil.rmtree(self.folder.path / "checkpoints" / stage.name, ignore_errors=True)
        self.folder.event("stage_finished", stage=stage.name, seconds=round(seconds, 3), tokens=sum(seen.values()))
        return done

    def _train(
        self,
        stage: TranslationStage,
        plan: DataPlan,
        rejected: int,
        earlier: Sequence[str],
        loaded: Translating,
        model: Any,
    ) -> tuple[float, dict[str, int]]:
        """Train the stage from its beginning or its last checkpoint; seconds, and tokens seen by direction."""
        from afya.training.translating.trainer import PairTrainer

        where = self.folder.path / "checkpoints" / stage.name
        last = checkpoints.newest(where, self.watcher.message, checkpoints.identity(self.recipe, stage))
        done = 0 if last is None else int(read_json(last / "checkpoint.json")["step"])
        self.table.rewind(earlier, stage.name, done)
        self.watcher.stage_starts(stage, plan, rejected, done)
        self.folder.event("stage_started", stage=stage.name, step=done, steps=plan.steps, tokens=plan.tokens())
        began = time.perf_counter()
        with StageLog(
            stage.name,
            plan.steps,
            folder=self.folder,
            watcher=self.watcher,
            table=self.table,
            pace=Pace(work_per_token(model, plan), device_peak(self.recipe.precision)),
            trackers=self.trackers,
            earlier=earlier,
            done=done,
        ) as log:
            trainer = PairTrainer(
                model,
                loaded.pieces.tokenizer,
                self.recipe,
                stage,
                plan,
                where,
                self.table,
                log.step,
                pad=loaded.pad,
                hidden_token=loaded.pad if loaded.hides_pad else None,
                label_smoothing=stage.label_smoothing,
            )
            trainer.train(resume_from_checkpoint=str(last) if last else None)
        seconds = time.perf_counter() - began
        seen = dict(zip(plan.langs, trainer.sums.lang_tokens, strict=True))
        self.watcher.stage_ends(stage, seen, seconds)
        return seconds, seen

    def _path(self, stage: TranslationStage) -> Path:
        return self.folder.path / stage.name

    def _plan(self, number: int, loaded: Translating) -> tuple[list[PairRow], DataPlan, int]:
        """What the stage learns, its batches, and how many rows it does not learn; writes its ledger."""
        stage = self.recipe.stages[number]
        directions = self.recipe.stage_directions(stage)
        without = [pair for pair in directions if tuple(pair.split("-")) not in loaded.layout.pairs]
        if without:
            raise ConfigError(
                f"{self.recipe.model.path} does not translate {', '.join(without)}.",
                hint="A model of one pair learns that pair alone; a many-to-many model (NLLB, M2M100) learns all.",
            )
        held_groups = {row.group for rows in self.held.values() for row in rows}
        held_texts = {key for rows in self.held.values() for key in keys_of(rows)}
        sieve = Sieve(stage.name, stage.checks, held_texts, held_groups)
        longest = min(stage.longest, loaded.positions or stage.longest, stage.batch_tokens // 2)
        ledger = Ledger()
        learned: list[PairRow] = []
        examples = []
        for entry in stage.data:
            read = read_source(entry, entry.pairs or directions, stage.name)
            sifted = sieve.sift(read.rows)
            built = build_pairs(sifted.rows, loaded, longest, stage.name)
            rejections = [*read.alone, *sifted.rejections, *built.rejections]
            ledger.add(stage.name, len(read.rows) + len(read.alone), len(built.examples), rejections)
            kept = {example.item_id for example in built.examples}
            learned += [row for row in sifted.rows if row.row_id in kept]
            examples += built.examples * entry.repeat
        ledger.check()
        write_frame(self.folder.parts / f"{stage.name}-ledger.parquet", ledger.frame())
        reasons = ledger.reasons(stage.name).most_common()
        if reasons:
            told = ", ".join(f"{reason} {count:,}" for reason, count in reasons)
            self.watcher.message(f"{stage.name}: of {ledger.rows_in[stage.name]:,} rows are not learned: {told}.")
        return learned, make_pair_plan(examples, directions, stage, [self.recipe.seed, number]), len(ledger.rejections)

    def _measure(self, label: str) -> None:
        """Measure the model that the run started from, or a stage's, and compare all that are measured."""
        proof = self.recipe.proof
        if proof is None or label in self.labels:
            return
        told = self.recipe.model
        name = told.path if label == BEFORE else str(self.folder.path / label)
        options = options_of(told if label == BEFORE else told.model_copy(update={"revision": None}))
        self.watcher.message(f"Measuring {label} on {sum(map(len, self.held.values())):,} held-out sentences.")
        measure(self.held, proof, self.folder.path, label, f"hf:{name}", options)
        self.labels.append(label)
        self.measured = compare(self.held, proof, self.folder.path, self.labels)
        if label != BEFORE:
            flags = worse(self.measured, label, proof.alpha)
            for told_worse in flags:
                self.watcher.message(f"Worse after {label}: {told_worse}.")

    def _card(
        self,
        stage: TranslationStage,
        plan: DataPlan,
        rows: Sequence[PairRow],
        done: StageDone,
        earlier: Sequence[str],
        family: str,
    ) -> str:
        base = find_checkpoint(self.recipe.model.path, self.recipe.model.revision)
        return translation_card(
            self.recipe,
            stage,
            plan,
            rows,
            base_licence=licence_of(base.folder, family, base.name)[0],
            seen=done.tokens,
            earlier=earlier,
            loss=done.loss,
            fingerprint=str(self.folder.manifest["fingerprint"]),
            measured=self.measured if stage.name in self.labels else (),
            labels=self.labels,
        )

    def _finish(self, stages: Sequence[StageDone]) -> None:
        """Write the run's ledger and summary."""
        import polars as pl

        ledger = Ledger()
        for stage in self.recipe.stages:
            part = Ledger.from_frame(pl.read_parquet(self.folder.parts / f"{stage.name}-ledger.parquet"))
            ledger.add(stage.name, part.rows_in[stage.name], part.rows_out[stage.name], part.rejections)
        ledger.check()
        write_frame(self.folder.path / "ledger.parquet", ledger.frame())
        write_json(self.folder.path / "summary.json", [asdict(stage) for stage in stages])
        shutil.rmtree(self.folder.path / "checkpoints", ignore_errors=True)
