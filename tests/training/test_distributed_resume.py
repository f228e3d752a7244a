"""A run of several processes is killed, stopped, hindered and continued, by as many processes or by fewer or more."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from test_distributed import assert_same_curve, crew, weights
from test_runs_and_kills import contents

from afya.training.loop import checkpoints

# Many processes on few cores; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

ALL: list[str] = ["average={kind: ema, decay: 0.9}"]


def job(out: str, size: int, place: list[Any] | None = None, number: int = signal.SIGKILL) -> dict[str, Any]:
    return {"out": out, "size": size, "set": ALL, "place": place, "signal": number}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crew")
    codes, told = crew(
        folder,
        job("one", 1),
        job("two", 2),
        job("hindered", 2, ["step", "stage1", 3]),
        job("hindered", 2, ["step", "stage2", 3], signal.SIGTERM),
        job("hindered", 2),
        job("changed", 2, ["step", "stage1", 3]),
        job("changed", 1, ["step", "stage2", 3]),
        job("changed", 2),
        {"out": "diverged", "size": 2, "set": ["stages.stage1.learning_rate=1e30", "stages.stage1.clip=1e30"]},
        # Room for a model's file and not for an optimiser's, which is twice as large.
        {"out": "full", "size": 2, "largest_file": 180_000},
    )
    ends = [all(code == 0 for code in job) for job in codes]
    assert ends == [True, True, False, False, True, False, False, True, False, False], told
    assert [job[0] for job in codes if job[0]] == [-9, 130, -9, -9, 5, 5], told
    assert codes[3] == [130, 130]
    assert codes[8] == [5, 5]
    return folder


def test_two_that_are_killed_and_stopped_and_started_again_give_the_bytes_of_two_that_were_not(runs: Path) -> None:
    assert contents(runs / "hindered") == contents(runs / "two")


def test_asked_to_stop_all_finish_the_step_and_one_tells(runs: Path) -> None:
    told = (runs / "told").read_text(encoding="utf-8")
    assert told.count("Stopped as asked after step 4 of 5 of stage 'stage2'; a checkpoint is written.") == 1


def test_a_run_goes_on_with_fewer_processes_and_with_more(runs: Path) -> None:
    assert_same_curve(runs / "changed", runs / "one", 1e-4)
    left, right = weights(runs / "changed"), weights(runs / "one")
    assert max(float((left[name] - right[name]).abs().max()) for name in right) < 1e-4


def test_no_process_waits_for_one_that_cannot_go_on(runs: Path) -> None:
    told = (runs / "told").read_text(encoding="utf-8")
    assert told.count("of stage 'stage1' is not a number at step 3") == 1
    batch = json.loads((runs / "diverged" / "bad-batch-stage1-3.json").read_text(encoding="utf-8"))
    # One document fills a pack, each process has one: both are told.
    assert len(batch["item_ids"]) == 2
    assert told.count("File too large") == 1
    where = runs / "full" / "checkpoints" / "stage1"
    assert checkpoints.steps_saved(where) == []
    assert not list(where.glob(".*"))
