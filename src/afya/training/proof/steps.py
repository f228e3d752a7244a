"""The model in memory, measured while its stage runs: RUN/proof/steps.csv, and a line for whoever watches.

The model is asked where it lies, in evaluation mode and without gradients; afterwards every module is in the mode it
was in and every random generator in its state, so that training gives the same bytes as without.
"""

from __future__ import annotations

import csv
import gc
import io
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import TrainerCallback

from afya.bench.analysis.summary import ALL, summarise, with_interval
from afya.models.base import ModelIdentity
from afya.models.hf import HfModel
from afya.models.live import holding
from afya.runs import sha256_text, write_text
from afya.training.proof.held_out import FOLDER, ProofSet
from afya.training.proof.measuring import measure_live
from afya.training.recipe import Proof

if TYPE_CHECKING:
    import polars as pl
    from transformers import TrainerControl, TrainerState, TrainingArguments

STEPS = "steps.csv"
_HEADER = ("stage", "step", "data", "lang", "n", "groups", "accuracy", "low", "high", "non_answer_rate")


class StepsTable:
    """steps.csv: stage, step, data set, language (`all`: over all), n, groups, accuracy with its 95% interval, and the
    share of replies without an answer."""

    def __init__(self, run: Path) -> None:
        self.path = run / FOLDER / STEPS

    def rewind(self, stages: Sequence[str], stage: str, step: int) -> None:
        """Keep the rows of finished `stages` and of `stage` up to `step`; what was written after them is made again."""
        if not self.path.exists():
            return
        rows = list(csv.reader(io.StringIO(self.path.read_text(encoding="utf-8"), newline="")))
        whole = [row for row in rows[1:] if len(row) == len(_HEADER)]
        kept = [row for row in whole if row[0] in stages or (row[0] == stage and int(row[1]) <= step)]
        if kept:
            write_text(self.path, _csv([_HEADER, *kept]))
        else:
            self.path.unlink()

    def add(self, stage: str, step: int, data: str, summary: pl.DataFrame) -> None:
        """The rows of one measurement, brought to the disk: a checkpoint may count on them."""
        rows: list[Sequence[object]] = [] if self.path.exists() else [_HEADER]
        for row in summary.iter_rows(named=True):
            shares = (row[name] for name in ("accuracy", "low", "high", "non_answer_rate"))
            told = ("" if share is None else f"{share:.6f}" for share in shares)
            rows.append((stage, step, data, row["lang"], row["n"], row["groups"], *told))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="") as handle:
            handle.write(_csv(rows))
            handle.flush()
            os.fsync(handle.fileno())


def _csv(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


class StepProof(TrainerCallback):
    """Measures the model every `proof.every` steps of a stage. The last step is left to the proof of the whole stage.

    Args:
        bf16: the stage computes in bf16, and so does the measurement.
        tell: is told each data set's figure over all languages, and its lowest language.
        took: is told how many seconds a measurement took, which are no time of training.
    """

    def __init__(
        self,
        stage: str,
        proof: Proof,
        sets: Sequence[ProofSet],
        table: StepsTable,
        tokenizer: Any,
        tell: Callable[[str], None],
        bf16: bool = False,
        took: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.stage, self.proof, self.sets = stage, proof, sets
        self.table, self.tokenizer, self.tell, self.bf16 = table, tokenizer, tell, bf16
        self.took = took

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any
    ) -> None:
        step = state.global_step
        if self.proof.every is None or step % self.proof.every or step >= state.max_steps:
            return
        began = time.perf_counter()
        with undisturbed(model), _precision(model, self.bf16), TemporaryDirectory() as place:
            # Adapters stand inside the layers of the model that they adapt, which can be asked as any other.
            asked = model.get_base_model() if hasattr(model, "get_base_model") else model
            name = f"{self.stage}-step-{step}"
            engine = HfModel(asked, self.tokenizer, ModelIdentity(name, "live", sha256_text(name)))
            with holding(engine) as spec:
                scores = measure_live(f"{name}={spec}", self.sets, Path(place), self.proof.every_groups)
        for data, found in scores.items():
            summary = summarise(found)
            self.table.add(self.stage, step, data, summary)
            self.tell(f"{self.stage}, step {step:,}: {_told(data, summary)}")
        self.took(time.perf_counter() - began)


def _told(data: str, summary: pl.DataFrame) -> str:
    import polars as pl

    whole = summary.row(by_predicate=pl.col("lang") == ALL, named=True)
    text = f"{data} {with_interval(whole['accuracy'], whole['low'], whole['high'])} % right (n = {whole['n']:,})"
    langs = summary.filter(pl.col("lang") != ALL, pl.col("n") > 0).sort("accuracy", "lang")
    if langs.height < 2:
        return f"{text}."
    low = langs.row(0, named=True)
    shown = with_interval(low["accuracy"], low["low"], low["high"])
    return f"{text}; lowest {low['lang']} {shown} (n = {low['n']:,})."


def _precision(model: Any, bf16: bool) -> torch.autocast:
    return torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16)


@contextmanager
def undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """A block after which the model's modules, its use of a cache and all random generators are as they were."""
    modes = [(module, module.training) for module in model.modules()]
    config: Any = model.config
    cached = config.use_cache
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        config.use_cache = cached
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)
            # What measuring held is given back before the next step needs it.
            gc.collect()
            torch.cuda.empty_cache()
