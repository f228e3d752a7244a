"""One run of a grid in a process of its own: train, measure the model that came out, note that it is done.

A process of its own, so that memory is given back and a run that is killed for want of it takes no other with it.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from afya.bench.analysis.run_tables import SCORES
from afya.errors import AfyaError
from afya.runs import make_folder, read_json, write_json
from afya.training.loop.progress import Watcher
from afya.training.packs.plan import DataPlan
from afya.training.proof.held_out import ProofSet
from afya.training.proof.measuring import place_of
from afya.training.recipe import Recipe, StageSettings
from afya.training.recipe.base import Strict

PRELOADED = ("torch", "transformers.models.auto.modeling_auto", "afya.training.grid.job")
"""Modules that the processes share from their beginning. None may take the GPU or work in threads of its own."""


@dataclass(frozen=True)
class Job:
    """What one process does.

    `settled` is the recipe as the grid says it, by which a finished job is known again; `recipe` is what is run,
    `until` as of `train`. Where `trains` is false `model` is only measured. `data`: the names of the data sets it is
    measured on.
    """

    name: str
    variant: str
    settled: Recipe
    recipe: Recipe
    model: str
    out: Path
    data: tuple[str, ...]
    until: str | None = None
    trains: bool = True
    threads: int | None = None

    @property
    def done(self) -> Path:
        """The note that it is done."""
        return self.out / "parts" / f"{self.name}.json"

    @property
    def log(self) -> Path:
        """What its process said."""
        return self.out / "logs" / f"{self.name}.txt"

    def finished(self) -> bool:
        """Whether it was done before, with the same recipe. Its models may have been removed since."""
        if not self.done.exists() or any(
            not (place_of(self.out, self.name, data) / SCORES).exists() for data in self.data
        ):
            return False
        try:
            return Recipe.model_validate(read_json(self.done)["recipe"]) == self.settled
        except ValueError:
            return False  # of another version of afya, whose recipes had other keys


class Done(Strict):
    """What a finished job notes: tokens seen by stage and by language, and how long it took."""

    recipe: dict[str, Any]
    tokens: dict[str, int]
    langs: dict[str, int]
    train_seconds: float
    measure_seconds: float


def work(job: Job, sets: Sequence[ProofSet], parent: Connection) -> None:
    """Do a job; tells the parent ("at", what, done, total) on the way and ("done",) or ("failed", text) at the end.

    What libraries print goes to the job's log.
    """
    make_folder(job.log.parent)
    log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        _do(job, sets, parent)
        parent.send(("done",))
    except BrokenPipeError:
        os._exit(1)  # the parent is gone, and with it whoever wanted this
    except AfyaError as error:
        traceback.print_exc()
        parent.send(("failed", str(error)))
    except Exception as error:
        traceback.print_exc()
        parent.send(("failed", f"{type(error).__name__}: {error} (see {job.log})"))


def _do(job: Job, sets: Sequence[ProofSet], parent: Connection) -> None:
    from afya.training.loop.surroundings import threads
    from afya.training.proof.measuring import measure
    from afya.training.run import train

    def measuring(_: str, done: int, total: int) -> None:
        parent.send(("at", "measuring", done, total))

    began = time.perf_counter()
    with threads(job.threads):
        run = job.out / "runs" / job.name
        results = train(job.recipe, run, _Telling(parent), until=job.until) if job.trains else []
        trained = time.perf_counter()
        measure(job.out, job.name, f"hf:{job.model}", sets, on_progress=measuring)
    langs: dict[str, int] = {}
    for result in results:
        for code, count in result.tokens.items():
            langs[code] = langs.get(code, 0) + count
    done = Done(
        recipe=job.settled.model_dump(mode="json"),
        tokens={result.name: sum(result.tokens.values()) for result in results},
        langs=langs,
        train_seconds=round(trained - began, 1),
        measure_seconds=round(time.perf_counter() - trained, 1),
    )
    write_json(job.done, done.model_dump())


class _Telling(Watcher):
    """Passes a run's steps on to the grid's process; its other words go to the log."""

    def __init__(self, parent: Connection) -> None:
        self.parent = parent
        self.stage, self.steps = "", 0

    def message(self, text: str) -> None:
        print(text, flush=True)

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        self.stage, self.steps = stage.name, plan.steps

    def step(self, step: int, *_: Any) -> None:
        self.parent.send(("at", self.stage, step, self.steps))
