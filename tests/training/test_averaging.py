"""An average takes the last step's place in the model folder, as computed by hand; the loss curve is the same."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from test_runs_and_kills import Interrupted, Interrupter, contents, small

from afya.errors import RunError
from afya.training import train
from afya.training.loop import checkpoints
from afya.training.loop.progress import Watcher
from afya.training.packs.plan import DataPlan
from afya.training.recipe import StageSettings

ALONE = ("stages.stage1.checkpoint_every=1", "keep_checkpoints=6")
EMA = "average={kind: ema, decay: 0.6}"
MEAN = "average={kind: checkpoints, last: 3}"


class Keeper(Watcher):
    """Keeps each step's weights as the checkpoint before has them."""

    def __init__(self, run: Path) -> None:
        self.where = run / "checkpoints" / "stage1"
        self.seen: dict[int, dict[str, torch.Tensor]] = {}
        self.stage = ""

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        self.stage = stage.name

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        if self.stage == "stage1" and step > 1:
            folder = checkpoints.checkpoint_path(self.where, step - 1)
            self.seen[step - 1] = load_file(folder / checkpoints.WEIGHTS)


def model(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "stage1" / "model.safetensors")


def distance(left: Mapping[str, torch.Tensor], right: Mapping[str, torch.Tensor]) -> float:
    assert set(left) <= set(right)
    return max(float((left[name] - right[name]).abs().max()) for name in left)


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, dict[str, torch.Tensor]]]:
    """A run without an average, and its weights after each step of stage 1."""
    folder = tmp_path_factory.mktemp("plain")
    keeper = Keeper(folder / "run")
    train(small(folder, *ALONE), folder / "run", keeper, until="stage1")
    return folder / "run", {**keeper.seen, 6: model(folder / "run")}


def start(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "start" / "model.safetensors")


def test_the_moving_average_is_that_of_the_formula(steps: Any, tmp_path: Path) -> None:
    plain, seen = steps
    train(small(tmp_path, *ALONE, EMA), tmp_path / "run", until="stage1")
    expected = start(plain)
    for step in range(1, 7):
        keeps = min(0.6, (1 + step) / (10 + step))
        expected = {name: keeps * old + (1 - keeps) * seen[step][name] for name, old in expected.items()}
    found = model(tmp_path / "run")
    assert distance(found, expected) < 1e-6
    assert distance(found, seen[6]) > 1e-4
    assert (tmp_path / "run" / "training.csv").read_bytes() == (plain / "training.csv").read_bytes()


def test_the_mean_is_that_of_the_last_checkpoints_and_no_other(steps: Any, tmp_path: Path) -> None:
    plain, seen = steps
    train(small(tmp_path, "stages.stage1.checkpoint_every=2", MEAN), tmp_path / "run", until="stage1")
    expected = {name: (seen[2][name].double() + seen[4][name] + seen[6][name]) / 3 for name in seen[6]}
    assert distance(model(tmp_path / "run"), {name: mean.float() for name, mean in expected.items()}) < 1e-7
    assert (tmp_path / "run" / "training.csv").read_bytes() == (plain / "training.csv").read_bytes()


@pytest.mark.parametrize("average", [EMA, MEAN])
def test_it_survives_a_stop_to_the_byte(average: str, tmp_path: Path) -> None:
    recipe = small(tmp_path, average)
    train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "run", Interrupter("stage1", 5))
    train(recipe, tmp_path / "run")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_enough_checkpoints_are_kept_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    recipe = small(tmp_path, "stages.stage1.checkpoint_every=1", MEAN)
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "run", Interrupter("stage1", 6))
    where = tmp_path / "run" / "checkpoints" / "stage1"
    assert checkpoints.steps_saved(where) == [5, 4, 3]
    damaged = checkpoints.checkpoint_path(where, 4) / checkpoints.WEIGHTS
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"mean of the last 3 checkpoints cannot.*step-000004: model.safetensors"):
        train(recipe, tmp_path / "run", until="stage1")
    shutil.rmtree(where)
    train(recipe, tmp_path / "run", until="stage1")
