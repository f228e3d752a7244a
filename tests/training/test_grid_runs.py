"""A grid trains and measures every variant, tells what failed, and goes on where it was interrupted."""

from __future__ import annotations

import csv
import multiprocessing
from pathlib import Path

import pytest
import torch
from small_grid import written
from typer.testing import CliRunner

from afya.cli.main import app
from afya.errors import RunError
from afya.runs import read_events, read_json
from afya.training.grid import Failure, load_grid, run_grid, runner
from afya.training.grid.job import PRELOADED
from afya.training.grid.progress import GridWatcher

CHANGES = ["seeds=[1]", "compare={}", "measure.data.cases.count=6"]
WITHOUT_BROKEN = [*CHANGES, "variants={both: {}, one: {stages: [{name: stage2}]}}"]
WITH_BROKEN = [*WITHOUT_BROKEN, "variants.broken={model: {pocket: {heads: 3}}}"]


class Killer(GridWatcher):
    """Ends a run's process with SIGKILL at its third step."""

    def __init__(self, name: str) -> None:
        self.name = name

    def at(self, name: str, what: str, done: int, total: int) -> None:
        if name == self.name and what == "stage2" and done == 3:
            for process in multiprocessing.active_children():
                if process.name == name:
                    process.kill()


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Failure], list[Failure]]:
    """A grid one of whose runs was killed, and which was started again: its file, its folder, what failed in each."""
    folder = tmp_path_factory.mktemp("grid")
    path, out = written(folder), folder / "out"
    with pytest.MonkeyPatch.context() as patch:
        # Without a GPU, which a library behind it would take, all that training imports can be there beforehand.
        if not torch.cuda.is_available():
            patch.setattr(runner, "PRELOADED", (*PRELOADED, "afya.training.loop.trainer"))
        first = run_grid(load_grid(path, WITH_BROKEN), out, jobs=2, watcher=Killer("one-1"))
        return path, out, first, run_grid(load_grid(path, WITHOUT_BROKEN), out, jobs=2)


Interrupted = tuple[Path, Path, list[Failure], list[Failure]]


def test_a_run_that_fails_or_is_killed_takes_no_other_with_it(interrupted: Interrupted) -> None:
    _, out, first, second = interrupted
    told = {failure.name: failure.told for failure in first}
    assert set(told) == {"one-1", "broken-1"}
    assert "signal 9" in told["one-1"]
    assert "does not divide into 3 heads" in told["broken-1"]
    assert second == []
    begun = [event["run"] for event in read_events(out) if event["event"] == "run_started"]
    assert sorted(begun) == ["both-1", "broken-1", "one-1", "one-1", "start-1"]


def test_every_run_starts_from_the_same_weights_and_is_an_ordinary_run(interrupted: Interrupted) -> None:
    _, out, *_ = interrupted
    start = str((out / "runs" / "start-1" / "start").resolve())
    for name in ("both-1", "one-1"):
        manifest = read_json(out / "runs" / name / "manifest.json")
        assert manifest["command"] == "train"
        assert manifest["recipe"]["model"]["path"] == start
        assert (out / "runs" / name / "stage2" / "model.safetensors").exists()


def test_the_command_reports_what_is_done_without_doing_it_again(interrupted: Interrupted) -> None:
    path, out, *_ = interrupted
    before = len(read_events(out))
    words = ["train", "grid", str(path), "--out", str(out)]
    for change in WITHOUT_BROKEN:
        words += ["--set", change]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "140"})
    assert result.exit_code == 0, result.output
    assert len(read_events(out)) == before
    assert "one less both" in result.output
    assert "fewer than both: their budgets are not equal" in " ".join(result.output.split())
    rows = list(csv.DictReader((out / "grid.csv").open(encoding="utf-8")))
    assert list(rows[0]) == ["variant", "seed", "data", "lang", "accuracy", "n", "groups", "tokens"]
    assert [row["variant"] for row in rows if row["lang"] == "all"] == ["start", "both", "one"]
    assert {row["lang"] for row in rows} == {"en", "sw", "all", "low-resource", "worst"}
    assert all(int(row["tokens"]) > 3000 for row in rows if row["variant"] != "start")
    assert "<svg" in (out / "report.html").read_text(encoding="utf-8")


def test_another_measure_in_the_same_folder_is_refused(interrupted: Interrupted) -> None:
    path, out, *_ = interrupted
    with pytest.raises(RunError, match=r"measure.*count"):
        run_grid(load_grid(path, [*WITHOUT_BROKEN, "measure.data.cases.count=7"]), out)
