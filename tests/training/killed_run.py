"""Runs a recipe in children of this process that kill themselves at given places; called by warm_process.py.

A place is [kind, stage, step]. kind step: after that step; saving: while that step's checkpoint is written; told: when
the stage's model is written but not yet noted; between: when the stage's model is written again, the old one has lost
its name and the new one has none yet. The last child runs to the end.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afya import runs
from afya.training import load_recipe, run
from afya.training.loop import checkpoints
from afya.training.loop.progress import Watcher
from afya.training.packs.plan import DataPlan
from afya.training.proof import during
from afya.training.recipe import StageSettings, read_recipe


class Killer(Watcher):
    """Ends the process with SIGKILL at one place."""

    def __init__(self, place: list[Any] | None) -> None:
        self.place = place
        self.stage = ""

    def at(self, *here: Any) -> None:
        if list(here) == self.place:
            os.kill(os.getpid(), signal.SIGKILL)

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        self.stage = stage.name

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        self.at("step", self.stage, step)


def child(recipe: str, out: Path, place: list[Any] | None) -> None:
    killer = Killer(place)
    seal, write_json = checkpoints.seal, runs.write_json

    def sealing(folder: Path, described: Any) -> None:
        killer.at("saving", described["stage"], described["step"])
        seal(folder, described)

    def telling(path: Path, value: object) -> None:
        if path.parent.name == "parts":
            killer.at("told", path.stem, 0)
        write_json(path, value)

    rename = Path.rename

    def renaming(path: Path, target: Path) -> Path:
        renamed = rename(path, target)
        if target.name.endswith(".old"):
            killer.at("between", path.name, 0)
        return renamed

    Path.rename = renaming  # type: ignore[assignment,method-assign]
    checkpoints.seal = sealing
    if translates(recipe):
        from afya.training.translating import load_translation_recipe
        from afya.training.translating import run as translating

        vars(translating)["write_json"] = telling
        translating.train_translation(load_translation_recipe(recipe), out, killer)
        return
    vars(run)["write_json"] = telling
    vars(during)["write_json"] = telling
    run.train(load_recipe(recipe), out, killer)


def translates(recipe: str) -> bool:
    return read_recipe(recipe)[0].get("kind") == "translation"


def killed(recipe: str, out: Path, places: list[list[Any]]) -> str:
    """Start the recipe once for each place and once more, to its end; what went otherwise, or nothing."""
    for place in [*places, None]:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(recipe, out, place)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        expected = os.WIFSIGNALED(status) if place else status == 0
        if not expected:
            return f"The child for {place} ended with status {status}."
    return ""
