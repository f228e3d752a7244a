"""Runs a grid: the starts first, then every variant from every seed, some at a time.

The grid's folder:

    runs/          start-{seed}/, {variant}-{seed}/: ordinary training runs
    proof/         the data that all are measured on, and under the same names ordinary bench runs of the last models
                   and of the untrained starts
    parts/         a note for every run that is done
    logs/          what the processes said
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from afya.errors import require
from afya.runs import RunFolder
from afya.training.examples.lesson import Lesson
from afya.training.examples.material import stage_lessons
from afya.training.grid.declare import START, Grid, cells, from_start, measured, starts, variant_recipe
from afya.training.grid.job import PRELOADED, Job, work
from afya.training.grid.progress import GridWatcher
from afya.training.proof.held_out import ProofSet, prepare
from afya.training.recipe import Recipe


@dataclass(frozen=True)
class Failure:
    """A run of the grid that did not come to its end, and why."""

    name: str
    told: str


@dataclass(frozen=True)
class Plan:
    """The jobs of a grid; `needs` says which start a run of a variant begins with."""

    starts: tuple[Job, ...]
    runs: tuple[Job, ...]
    needs: dict[str, str]


def run_grid(grid: Grid, out: Path, *, jobs: int = 1, watcher: GridWatcher | None = None) -> list[Failure]:
    """Train and measure every variant from every seed in the folder `out`; what is done already is not done again.

    Args:
        jobs: runs at a time. Where the recipe does not say how many threads it takes, they share the cores.

    Returns:
        The runs that failed; the others are done.

    Raises:
        ConfigError: the grid asks for what cannot be; nothing was begun.
        RunError: the folder holds another grid, or is in use.
        MissingDependencyError: a library of the `train` extra is missing.
    """
    for module in ("torch", "transformers", "accelerate", "safetensors"):
        require(module, "train", "Training")
    watcher = watcher or GridWatcher()
    out = Path(out)
    proof = measured(grid)
    plan = plan_jobs(grid, out, jobs)
    described = {"name": grid.name, "measure": proof.model_dump(mode="json", exclude_defaults=True)}
    with RunFolder.open(out, "train grid", described) as folder:
        folder.note("grid", grid.model_dump(mode="json"))
        watcher.begins(len(plan.starts), len(plan.runs))
        sets: list[ProofSet] = []
        if not all(job.finished() for job in (*plan.starts, *plan.runs)):
            base = variant_recipe(grid, grid.base).model_copy(update={"proof": proof})
            sets = prepare(base, proof.data, out, _lessons(grid), watcher.message)
        failed = {failure.name: failure for failure in _run_all(plan.starts, sets, jobs, folder, watcher)}
        unable = [job for job in plan.runs if plan.needs.get(job.name) in failed]
        for job in unable:
            failed[job.name] = Failure(job.name, f"its start, {plan.needs[job.name]}, failed")
            watcher.ends(job.name, 0.0, failed[job.name].told)
        able = [job for job in plan.runs if job not in unable]
        failed |= {failure.name: failure for failure in _run_all(able, sets, jobs, folder, watcher)}
    return list(failed.values())


def plan_jobs(grid: Grid, out: Path, jobs: int = 1) -> Plan:
    """What is to be done, whether it was done before or not. Raises ConfigError for a wrong recipe."""
    base = variant_recipe(grid, grid.base)
    data = tuple(entry.name for entry in measured(grid).data)
    shared = max(1, (os.cpu_count() or 1) // jobs)

    def job(name: str, variant: str, settled: Recipe, recipe: Recipe, model: str, **more: Any) -> Job:
        return Job(name, variant, settled, recipe, model, out, data, threads=recipe.threads or shared, **more)

    first: list[Job] = []
    for seed, recipe in starts(grid):
        name = start_name(seed)
        if seed is None:
            first.append(job(name, START, recipe, recipe, str(recipe.model.path), trains=False))
        else:
            first.append(job(name, START, recipe, recipe, str(out / "runs" / name / "start"), until="start"))
    runs: list[Job] = []
    needs: dict[str, str] = {}
    for cell in cells(grid):
        recipe = from_start(cell, base, out / "runs" / start_name(cell.seed) / "start")
        if recipe is not cell.recipe:
            needs[cell.name] = start_name(cell.seed)
        last = out / "runs" / cell.name / cell.recipe.stages[-1].name
        runs.append(job(cell.name, cell.variant, cell.recipe, recipe, str(last)))
    return Plan(tuple(first), tuple(runs), needs)


def _lessons(grid: Grid) -> Iterator[tuple[str, list[Lesson]]]:
    """What the stages of all variants learn, each different material once.

    Those of the first seed stand for all: seeds differ in vignettes alone, and a vignette's case belongs to one split
    whatever the seed.
    """
    known: set[str] = set()
    for cell in cells(grid)[: len(grid.variants)]:
        for stage in cell.recipe.stages:
            told = stage.model_dump_json(include={"data", "form", "langs", "rehearsal"})
            if told not in known:
                known.add(told)
                yield f"{cell.variant}/{stage.name}", stage_lessons(cell.recipe, stage)


def start_name(seed: int | None) -> str:
    """The folder of a seed's untrained model; of the model that all seeds start from."""
    return START if seed is None else f"{START}-{seed}"


@dataclass
class _Running:
    process: BaseProcess
    job: Job
    began: float
    outcome: str | None = None
    """"" when it said that it is done, else what failed; None while it has said neither."""


def _run_all(
    jobs: Sequence[Job], sets: Sequence[ProofSet], at_a_time: int, folder: RunFolder, watcher: GridWatcher
) -> list[Failure]:
    """Do the jobs that were not done before, `at_a_time` of them together; returns those that failed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    waiting: deque[Job] = deque()
    for job in jobs:
        if job.finished():
            watcher.ends(job.name, 0.0, None, before=True)
        else:
            waiting.append(job)
    running: dict[Connection, _Running] = {}
    failures: list[Failure] = []
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                job = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=work, args=(job, sets, theirs), name=job.name, daemon=True)
                process.start()
                theirs.close()  # else the end of the process would not be seen
                running[ours] = _Running(process, job, time.perf_counter())
                folder.event("run_started", run=job.name)
                watcher.starts(job.name)
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                held = running[ready]
                try:
                    _hear(held, ready.recv(), watcher)
                except EOFError:
                    del running[ready]
                    ready.close()
                    failures += _ended(held, folder, watcher)
    finally:
        for held in running.values():
            held.process.terminate()
            held.process.join()
    return failures


def _hear(held: _Running, message: tuple[Any, ...], watcher: GridWatcher) -> None:
    kind, *rest = message
    if kind == "at":
        watcher.at(held.job.name, *rest)
    else:
        held.outcome = rest[0] if kind == "failed" else ""


def _ended(held: _Running, folder: RunFolder, watcher: GridWatcher) -> list[Failure]:
    held.process.join()
    told, code = held.outcome, held.process.exitcode
    if told is None:
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"
        told = f"its process {how} (out of memory? see {held.job.log})"
    seconds = round(time.perf_counter() - held.began, 1)
    folder.event("run_ended", run=held.job.name, seconds=seconds, failed=told or None)
    watcher.ends(held.job.name, seconds, told or None)
    return [Failure(held.job.name, told)] if told else []
