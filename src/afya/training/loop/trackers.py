"""The figures of a run for TensorBoard, Weights & Biases or MLflow, in the run folder's logs/.

Each stage is a run of its own there, its curves beside those of the other stages, over the stage's steps. training.csv
is the truth: when a stage goes on after a kill, a tracker gets every row that it lacks and none that it has, so no step
is there twice. Nothing leaves the machine unless the environment names where to: wandb works offline unless WANDB_MODE
says otherwise, MLflow writes a local SQLite file unless MLFLOW_TRACKING_URI names a server, and neither sends word of
its use to its makers.
"""

from __future__ import annotations

import math
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from afya.errors import require
from afya.runs import make_folder, read_json, write_json
from afya.training.loop.log import Row
from afya.training.loop.utilisation import Speed

_MODULES = {"tensorboard": "tensorboardX", "wandb": "wandb", "mlflow": "mlflow"}
_FLUSH_SECONDS = 5.0


class Tracker(Protocol):
    """Where figures go."""

    name: str

    def begin(self, stage: str) -> int:
        """A stage begins or goes on; the last step that the tracker has of it, 0 for none."""
        ...

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """The figures of a step, by name."""
        ...

    def end(self, failed: bool) -> None:
        """The stage is done, or has failed; everything is brought to the disk."""
        ...


def check_trackers(names: Iterable[str]) -> None:
    """Raise MissingDependencyError when the library of a tracker is not installed."""
    for name in names:
        require(_MODULES[name], "tracking", f"The tracker {name}")


def make_trackers(names: Sequence[str], logs: Path, run: str, described: Mapping[str, Any]) -> list[Tracker]:
    """The named trackers for a run.

    Args:
        logs: the run folder's logs/.
        run: the run's name; its stages are called `run`/stage.
        described: what is noted of the run, such as its model and method.

    Raises:
        MissingDependencyError: the library of one is not installed.
    """
    check_trackers(names)
    made: list[Tracker] = []
    for name in dict.fromkeys(names):
        if name == "tensorboard":
            made.append(TensorBoard(logs / "tensorboard"))
        elif name == "wandb":
            made.append(WandB(logs, run, described))
        else:
            made.append(MLflow(logs, run, described))
    return made


def figures(row: Row, speed: Speed | None) -> dict[str, float]:
    """What is tracked of a row of training.csv, finite numbers by name: loss/sw and the like for each language."""
    found = {
        "loss": row.loss,
        **{f"loss/{code}": loss for code, loss in row.langs.items()},
        "learning_rate": row.learning_rate,
        "gradient_norm": row.gradient_norm,
        "tokens": float(row.tokens),
    }
    if speed is not None:
        found["tokens_per_second"] = speed.tokens_per_second
        if speed.utilisation is not None:
            found["utilisation"] = speed.utilisation
    return {name: value for name, value in found.items() if math.isfinite(value)}


class TensorBoard:
    """Event files in logs/tensorboard/STAGE, written anew from training.csv when a stage goes on."""

    name = "tensorboard"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None
        self._flushed = 0.0

    def begin(self, stage: str) -> int:
        from tensorboardX import SummaryWriter

        shutil.rmtree(self.folder / stage, ignore_errors=True)
        self._writer = SummaryWriter(logdir=str(self.folder / stage))
        return 0

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self._writer.flush()
            self._flushed = time.monotonic()

    def end(self, failed: bool) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class WandB:
    """Weights & Biases: offline in logs/wandb (send it later with `wandb sync`), unless WANDB_MODE says online."""

    name = "wandb"

    def __init__(self, logs: Path, run: str, described: Mapping[str, Any]) -> None:
        self.logs, self.run, self.described = logs, run, dict(described)
        self._noted = logs / "wandb.json"
        self._session: Any = None
        self._stage, self._last = "", 0
        self._kept = 0.0

    def begin(self, stage: str) -> int:
        mode = os.environ.get("WANDB_MODE", "offline")
        offline = mode != "online"
        if offline:
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        make_folder(self.logs)
        known = self._known()
        if stage not in known:
            known[stage] = {"id": uuid.uuid4().hex[:12], "step": 0}
            write_json(self._noted, known)
        self._stage, self._last = stage, int(known[stage]["step"])
        self._session = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "afya"),
            group=self.run,
            name=f"{self.run}/{stage}",
            id=known[stage]["id"],
            resume="allow",
            mode=cast(Literal["online", "offline", "disabled", "shared"], mode),
            dir=str(self.logs),
            config={**self.described, "stage": stage},
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                save_code=False,
                x_disable_stats=offline,
                x_disable_meta=True,
            ),
        )
        # The server knows better than our note what has reached it.
        self._last = max(self._last, int(self._session.step) - 1 if self._session.step else 0)
        return self._last

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        self._session.log(dict(figures), step=step)
        self._last = step
        if time.monotonic() - self._kept > _FLUSH_SECONDS:
            self._note()

    def end(self, failed: bool) -> None:
        if self._session is not None:
            self._session.finish(exit_code=int(failed))
            self._session = None
            self._note()

    def _known(self) -> dict[str, Any]:
        return dict(read_json(self._noted)) if self._noted.exists() else {}

    def _note(self) -> None:
        known = self._known()
        known[self._stage]["step"] = self._last
        write_json(self._noted, known)
        self._kept = time.monotonic()


class MLflow:
    """MLflow: logs/mlflow.db (look at it with `mlflow ui --backend-store-uri sqlite:///RUN/logs/mlflow.db`), unless
    MLFLOW_TRACKING_URI names another place."""

    name = "mlflow"

    def __init__(self, logs: Path, run: str, described: Mapping[str, Any]) -> None:
        self.logs, self.run, self.described = logs, run, dict(described)
        self._client: Any = None
        self._id = ""

    def begin(self, stage: str) -> int:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import logging

        from mlflow.tracking import MlflowClient

        # The store tells of every table it makes.
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        make_folder(self.logs)
        place = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{(self.logs / 'mlflow.db').resolve()}")
        client = self._client = MlflowClient(tracking_uri=place)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "afya")
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            local = (self.logs / "mlflow").resolve().as_uri() if place.startswith("sqlite") else None
            identity = client.create_experiment(name, artifact_location=local)
        else:
            identity = experiment.experiment_id
        title = f"{self.run}/{stage}"
        noted = self.logs / "mlflow.json"
        known: dict[str, str] = dict(read_json(noted)) if noted.exists() else {}
        if stage not in known:
            known[stage] = client.create_run(identity, run_name=title).info.run_id
            write_json(noted, known)
            for key, value in {**self.described, "stage": stage}.items():
                client.log_param(known[stage], key, value)
        self._id = known[stage]
        return max((entry.step for entry in client.get_metric_history(self._id, "tokens")), default=0)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1_000)
        self._client.log_batch(self._id, metrics=[Metric(name, value, now, step) for name, value in figures.items()])

    def end(self, failed: bool) -> None:
        if self._id:
            self._client.set_terminated(self._id, status="FAILED" if failed else "FINISHED")
            self._id = ""
