"""A run's proof while it is trained: before the first stage, while a stage runs, and after each."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.summary import percent, with_interval
from afya.errors import require
from afya.runs import read_json, write_json
from afya.training.proof.held_out import FOLDER, ProofSet, noted, prepare
from afya.training.proof.measuring import BEFORE
from afya.training.proof.proving import PROOF, models_of, prove
from afya.training.proof.wide import average_lines, wide
from afya.training.recipe import Recipe, StageRecipe

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from afya.training.examples.lesson import Lesson
    from afya.training.proof.findings import Findings
    from afya.training.proof.steps import StepsTable

_TELL_EVERY = 30.0
"""Seconds between lines on how far a measurement is."""

Tell = Callable[[str], None]


class RunProof:
    """What the recipe's proof does in one run.

    Args:
        tell: is told what is measured, and what came out.
    """

    def __init__(self, recipe: Recipe, run: Path, tell: Tell) -> None:
        self.recipe, self.run, self.tell = recipe, run, tell
        self.sets: list[ProofSet] = []

    def prepare(self, lessons: Callable[[], Iterable[tuple[str, Sequence[Lesson]]]]) -> None:
        """Make the data sets, and prove that no lesson is among them; once a run.

        Raises as `held_out.prepare`; MissingDependencyError without matplotlib, which draws the report.
        """
        require("matplotlib", "report", "A training run with a proof")
        told = self.run / "parts" / "proof-data.json"
        entries = [] if self.recipe.proof is None else self.recipe.proof.data
        if told.exists():
            self.sets = [one for one in noted(self.run) if one.name in set(read_json(told))]
            return
        self.sets = prepare(self.recipe, entries, self.run, lessons(), self.tell)
        write_json(told, [entry.name for entry in entries])

    def before(self) -> None:
        """Measure the model that the first stage starts from."""
        self._prove(BEFORE)

    def after(self, stage: StageRecipe) -> None:
        """Measure a finished stage."""
        self._prove(stage.name)

    def _prove(self, label: str) -> None:
        told = self.run / "parts" / f"proof-{label}.json"
        if told.exists() and (self.run / FOLDER / PROOF).exists():
            return
        _free_memory()
        named = ", ".join(one.name for one in self.sets)
        self.tell(f"proof: measuring {label} on {named}.")
        spec = models_of(self.run, self.recipe)[label]
        found = prove(self.recipe, self.run, label, spec, sets=self.sets, on_progress=self._progress(label))
        for line in _lines(found, label):
            self.tell(line)
        write_json(told, [one.name for one in self.sets])

    def _progress(self, label: str) -> Callable[[str, int, int], None]:
        told = time.monotonic()

        def progress(_: str, done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= _TELL_EVERY:
                told = time.monotonic()
                self.tell(f"proof of {label}: {done:,} of {total:,} questions.")

        return progress

    # While a stage runs -----------------------------------------------------------------------------------------------

    def rewind(self, finished: Sequence[str], stage: StageRecipe, done: int) -> None:
        """Forget what was measured after the step from which the stage goes on."""
        self._table().rewind(finished, stage.name, done)

    def callbacks(self, stage: StageRecipe, tokenizer: Any, took: Callable[[float], None]) -> list[TrainerCallback]:
        """What measures the model while the stage runs; none where the recipe does not ask for it.

        Args:
            took: is told how many seconds a measurement took.
        """
        proof = self.recipe.proof
        if proof is None or proof.every is None:
            return []
        from afya.training.proof.steps import StepProof

        bf16 = self.recipe.precision == "bf16"
        return [StepProof(stage.name, proof, self.sets, self._table(), tokenizer, self.tell, bf16, took)]

    def _table(self) -> StepsTable:
        from afya.training.proof.steps import StepsTable

        return StepsTable(self.run)


def _free_memory() -> None:
    """What training held is given back: the model that is measured is loaded anew."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _lines(found: Findings, label: str) -> list[str]:
    """A data set's figure over all languages, its means, and what became worse at this stage."""
    lines = []
    for one in wide(found, label):
        own = one.scores.get((label, one.rows[-1]))
        if own is None:
            continue
        chance = "" if own["chance"] is None else f", chance is {percent(own['chance'])} %"
        share = with_interval(own["accuracy"], own["low"], own["high"])
        lines.append(f"{label}: {share} % right on {own['n']:,} unseen questions of {one.task}{chance}.")
        lines += average_lines(found, one)[:1] if len(one.labels) > 1 else []
    return [*lines, *(flag.sentence() for flag in found.flags if flag.stage == label)]
