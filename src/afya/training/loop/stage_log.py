"""What is told of a stage while it runs: to the person, the run folder's events, logs/speed.csv and the trackers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from afya.errors import RunError
from afya.training.loop.log import Row, SpeedTable, TrainingTable
from afya.training.loop.trackers import Tracker, figures
from afya.training.loop.utilisation import Pace, Speed

if TYPE_CHECKING:
    from afya.runs import RunFolder
    from afya.training.loop.progress import Watcher

_EVENT_STEPS = 50


class StageLog:
    """Told of every step of a stage by the trainer; use as a context manager, so that trackers are closed on errors.

    Args:
        earlier: the finished stages; done: the steps that the stage has behind it.
        table: the run's training.csv, already rewound to them.
        talks: whether this process is the one that writes and talks.
    """

    def __init__(
        self,
        stage: str,
        steps: int,
        *,
        folder: RunFolder,
        watcher: Watcher,
        table: TrainingTable,
        pace: Pace,
        trackers: Sequence[Tracker] = (),
        earlier: Sequence[str] = (),
        done: int = 0,
        talks: bool = True,
    ) -> None:
        self.stage, self.steps = stage, steps
        self.folder, self.watcher, self.table, self.pace = folder, watcher, table, pace
        self.trackers = list(trackers) if talks else []
        self.talks = talks
        self.speeds = SpeedTable(logs_folder(folder.path) / "speed.csv")
        self.began = time.perf_counter()
        # The last step that each tracker has, by its name.
        self._has: dict[str, int] = {}
        if talks:
            self.speeds.rewind(earlier, stage, done)
            self._begin_trackers()

    def _begin_trackers(self) -> None:
        rows = self.table.rows(self.stage) if self.trackers else []
        speeds = self.speeds.rows(self.stage) if self.trackers else {}
        for tracker in self.trackers:
            try:
                last = tracker.begin(self.stage)
                for row in rows:
                    if row.step > last:
                        tracker.write(row.step, figures(row, speeds.get(row.step)))
            except Exception as error:
                raise RunError(
                    f"The tracker {tracker.name} cannot begin stage '{self.stage}': {error}",
                    hint="Mend what it names, or go on without it: --set trackers=[]",
                ) from error
            self._has[tracker.name] = max([last, *(row.step for row in rows)])

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        """A step is done; see `Watcher.step`."""
        if not self.talks:
            self.watcher.step(step, loss, tokens, langs)
            return
        speed = self.pace.step(tokens)
        if speed is not None:
            self.watcher.speed(speed)
        self.watcher.step(step, loss, tokens, langs)
        row = self.table.last
        if row is not None and (row.stage, row.step) == (self.stage, step):
            self._row(row, speed)
        if step % _EVENT_STEPS == 0 or step == self.steps:
            seconds = round(time.perf_counter() - self.began, 3)
            self.folder.event("step", stage=self.stage, step=step, tokens=tokens, seconds=seconds, **_told(speed))

    def _row(self, row: Row, speed: Speed | None) -> None:
        if speed is not None:
            self.speeds.write(self.stage, row.step, speed)
        for tracker in list(self.trackers):
            if row.step <= self._has[tracker.name]:
                continue
            try:
                tracker.write(row.step, figures(row, speed))
            except Exception as error:
                # Days of training are worth more than a curve: training.csv has every figure.
                self._put_aside(tracker, error)
            self._has[tracker.name] = row.step

    def _put_aside(self, tracker: Tracker, error: Exception) -> None:
        self.trackers.remove(tracker)
        self.watcher.message(
            f"{self.stage}: the tracker {tracker.name} failed and gets no more figures ({error}). It gets what it "
            "lacks when the stage is continued."
        )
        self.folder.event("tracker_failed", stage=self.stage, tracker=tracker.name, error=str(error))

    def __enter__(self) -> StageLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tracker in list(self.trackers):
            try:
                tracker.end(failed=error is not None)
            except Exception as fault:
                self._put_aside(tracker, fault)


def logs_folder(run: Path) -> Path:
    """Where a run's speed and the trackers' files lie."""
    return run / "logs"


def _told(speed: Speed | None) -> dict[str, Any]:
    if speed is None:
        return {}
    used = None if speed.utilisation is None else round(speed.utilisation, 4)
    return {"tokens_per_second": round(speed.tokens_per_second, 1), "utilisation": used, "memory": speed.memory}
