"""Runs a recipe in children of this process that kill themselves at given places; not a test itself.

Arguments: recipe, run folder, and JSON: a list of [kind, stage, step]. kind step: after that step; saving: while that
step's checkpoint is written; told: when the stage's model is written but not yet noted; between: when the stage's model
is written again, the old one has lost its name and the new one has none yet. The last child runs to the end.
Heavy libraries are imported once, before forking; torch runs on one thread throughout and Polars is imported by the
children alone, so a fork finds no other threads.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

torch.set_num_threads(1)

import peft  # noqa: E402, F401
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3ForCausalLM  # noqa: E402, F401

from afya import runs  # noqa: E402
from afya.training import load_recipe, run  # noqa: E402
from afya.training.loop import checkpoints, trainer  # noqa: E402, F401
from afya.training.loop.progress import Watcher  # noqa: E402
from afya.training.packs.plan import DataPlan  # noqa: E402
from afya.training.proof import during  # noqa: E402
from afya.training.recipe import StageSettings, read_recipe  # noqa: E402


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


def main() -> None:
    recipe, out = sys.argv[1], Path(sys.argv[2])
    if translates(recipe):
        from transformers import M2M100ForConditionalGeneration, NllbTokenizer  # noqa: F401

        from afya.training.translating import trainer as pair_trainer  # noqa: F401
    for place in [*json.loads(sys.argv[3]), None]:
        pid = os.fork()
        if pid == 0:
            try:
                child(recipe, out, place)
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        expected = os.WIFSIGNALED(status) if place else status == 0
        if not expected:
            sys.exit(f"The child for {place} ended with status {status}.")


main()
