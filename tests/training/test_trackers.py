"""Trackers hold every row of training.csv once, also after a run that was stopped; nothing leaves the machine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from test_runs_and_kills import RECIPE

from afya import errors
from afya.errors import MissingDependencyError, RunError
from afya.training import load_recipe, train
from afya.training.loop import stage_log
from afya.training.loop.log import TrainingTable
from afya.training.loop.progress import Watcher
from afya.training.loop.trackers import check_trackers, make_trackers
from afya.training.packs.plan import DataPlan
from afya.training.recipe import Recipe, StageSettings

NAMES = ("tensorboard", "wandb", "mlflow")


class Stopped(Exception):
    pass


class Stopper(Watcher):
    """Stops stage 1 after a step."""

    def __init__(self, step: int) -> None:
        self.at, self.stage, self.told = step, "", ""

    def message(self, text: str) -> None:
        self.told += text

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        self.stage = stage.name

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        if (self.stage, step) == ("stage1", self.at):
            raise Stopped


@pytest.fixture(autouse=True)
def _nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to other machines fail; the environment names no server."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    # What a tracker sets itself is undone after the test.
    for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING", "MLFLOW_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    connect = socket.socket.connect

    def local(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a connection to {address} was tried")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)


def small(folder: Path, *overrides: str) -> Recipe:
    path = folder / "small.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return load_recipe(path, overrides)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all three trackers, stopped after step 5 of stage 1 (checkpoint 4) and continued."""
    folder = tmp_path_factory.mktemp("tracked")
    recipe = small(folder, f"trackers=[{','.join(NAMES)}]")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("WANDB_", "MLFLOW_"))]:
            patch.delenv(name)
        patch.setenv("WANDB_SILENT", "true")
        with pytest.raises(Stopped):
            train(recipe, folder / "run", Stopper(5))
        train(recipe, folder / "run")
        for name in ("WANDB_MODE", "WANDB_ERROR_REPORTING", "MLFLOW_DISABLE_TELEMETRY"):
            os.environ.pop(name, None)
    return folder / "run"


def rows(run: Path, stage: str) -> dict[int, tuple[float, dict[str, float]]]:
    table = TrainingTable(run / "training.csv", ("en", "sw"))
    return {row.step: (row.loss, row.langs) for row in table.rows(stage)}


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_tensorboard_has_the_curves_of_training_csv(run: Path, stage: str) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "logs" / "tensorboard" / stage))
    read.Reload()
    wanted = rows(run, stage)
    found = {event.step: event.value for event in read.Scalars("loss")}
    assert len(read.Scalars("loss")) == len(found)
    assert found == pytest.approx({step: loss for step, (loss, _) in wanted.items()}, rel=1e-6)
    swahili = {event.step: event.value for event in read.Scalars("loss/sw")}
    assert swahili == pytest.approx(
        {step: langs["sw"] for step, (_, langs) in wanted.items() if "sw" in langs}, rel=1e-6
    )
    assert {"learning_rate", "gradient_norm", "tokens", "tokens_per_second", "utilisation"} <= set(
        read.Tags()["scalars"]
    )


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_mlflow_has_them_in_a_local_file(run: Path, stage: str) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{run / 'logs' / 'mlflow.db'}")
    identity = json.loads((run / "logs" / "mlflow.json").read_text(encoding="utf-8"))[stage]
    history = client.get_metric_history(identity, "loss")
    assert {entry.step: entry.value for entry in history} == {
        step: loss for step, (loss, _) in rows(run, stage).items()
    }
    assert len(history) == len(rows(run, stage))
    told = client.get_run(identity)
    assert told.info.run_name == f"run/{stage}"
    assert told.info.status == "FINISHED"
    assert told.data.params["method"] == "full"


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_wandb_has_them_offline_and_no_step_twice(run: Path, stage: str) -> None:
    identity = json.loads((run / "logs" / "wandb.json").read_text(encoding="utf-8"))[stage]["id"]
    files = sorted((run / "logs" / "wandb").glob(f"offline-run-*-{identity}/*.wandb"))
    # A stage that is continued goes on in another file of the same run.
    assert len(files) == (2 if stage == "stage1" else 1)
    history = [row for file in files for row in wandb_history(file)]
    assert Counter(int(row["_step"]) for row in history) == Counter(list(rows(run, stage)))
    assert {int(row["_step"]): row["loss"] for row in history} == {
        step: loss for step, (loss, _) in rows(run, stage).items()
    }


def wandb_history(file: Path) -> Iterator[dict[str, float]]:
    """The logged rows of a .wandb file: records in blocks of 32 KiB, each piece with checksum, length and kind."""
    from wandb.proto import wandb_internal_pb2 as messages

    content, place, piece = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        left = 32_768 - place % 32_768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        piece += content[place + 7 : place + 7 + length]
        place += 7 + length
        # 1: whole; 2, 3, 4: its beginning, middle and end.
        if kind in (1, 4):
            record: Any = vars(messages)["Record"]()
            record.ParseFromString(piece)
            piece = b""
            if record.WhichOneof("record_type") == "history":
                named = {entry.key or "/".join(entry.nested_key): entry.value_json for entry in record.history.item}
                yield {name: json.loads(value) for name, value in named.items()}


def test_another_tracker_may_join_a_run_and_gets_the_rows_before(run: Path, tmp_path: Path) -> None:
    recipe = small(tmp_path)
    with pytest.raises(Stopped):
        train(recipe, tmp_path / "run", Stopper(5))
    # The other run's file, as making a new one takes mlflow many seconds.
    (tmp_path / "run" / "logs").mkdir(exist_ok=True)
    shutil.copy(run / "logs" / "mlflow.db", tmp_path / "run" / "logs")
    train(small(tmp_path, "trackers=[mlflow]"), tmp_path / "run", until="stage1")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'run' / 'logs' / 'mlflow.db'}")
    identity = json.loads((tmp_path / "run" / "logs" / "mlflow.json").read_text(encoding="utf-8"))["stage1"]
    assert [entry.step for entry in client.get_metric_history(identity, "loss")] == [1, 2, 3, 4, 5, 6]


def test_a_tracker_that_fails_is_put_aside_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from afya.training.loop.trackers import TensorBoard

    written: list[int] = []

    def full(self: TensorBoard, step: int, figures: Mapping[str, float]) -> None:
        written.append(step)
        if step == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoard, "write", full)
    watcher = Stopper(0)
    results = train(small(tmp_path, "trackers=[tensorboard]"), tmp_path / "run", watcher, until="stage1")
    assert results[0].steps == 6
    assert written == [1, 2, 3]
    assert "the tracker tensorboard failed" in watcher.told
    assert "tracker_failed" in (tmp_path / "run" / "events.jsonl").read_text(encoding="utf-8")


def test_a_tracker_that_cannot_begin_stops_the_run_before_its_first_step(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "nowhere://here")
        with pytest.raises(RunError, match=r"mlflow cannot begin stage 'stage1'.*trackers=\[\]"):
            train(small(tmp_path, "trackers=[mlflow]"), tmp_path / "run")


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_that_is_not_installed_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    hidden = {"tensorboard": "tensorboardX"}.get(name, name)
    monkeypatch.setattr(errors, "find_spec", lambda module: None if module == hidden else found(module))
    with pytest.raises(MissingDependencyError, match=rf"tracker {name} needs.*afya\[tracking\]"):
        check_trackers([name])


def test_without_trackers_nothing_is_imported_or_written(tmp_path: Path) -> None:
    assert make_trackers((), tmp_path / "logs", "run", {}) == []
    assert not (tmp_path / "logs").exists()
    assert stage_log.logs_folder(tmp_path) == tmp_path / "logs"
