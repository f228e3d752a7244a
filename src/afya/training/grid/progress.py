"""What a person sees while a grid runs: a line for every run that ended, and a live bar for those that are running."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class GridWatcher:
    """Told what a grid does; this one says nothing. Subclasses show it."""

    def begins(self, starts: int, runs: int) -> None:
        """So many models to start from and so many runs are to be done, those of earlier times included."""

    def message(self, text: str) -> None:
        """Something the person should know."""

    def starts(self, name: str) -> None:
        """A run begins, or goes on where it was interrupted."""

    def at(self, name: str, what: str, done: int, total: int) -> None:
        """How far a run is with what it is doing: steps of a stage, or items asked about."""

    def ends(self, name: str, seconds: float, failed: str | None, *, before: bool = False) -> None:
        """A run is done, or failed for the reason given. `before`: it had been done when the grid was started."""


class ConsoleGridWatcher(GridWatcher):
    """Shows a grid on a terminal with rich. Use as a context manager, so that the bars are taken away on errors."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn())
        self.console = console
        self._bars = Progress(*columns, console=console, transient=True, refresh_per_second=2)
        self._bar: dict[str, TaskID] = {}
        self._starts, self._all, self._ended, self._done = 0, 0, 0, 0
        self._began: float | None = None

    def __enter__(self) -> ConsoleGridWatcher:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begins(self, starts: int, runs: int) -> None:
        self._starts, self._all = starts, starts + runs

    def message(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def starts(self, name: str) -> None:
        self._bar[name] = self._bars.add_task(name, total=None)

    def at(self, name: str, what: str, done: int, total: int) -> None:
        self._bars.update(self._bar[name], description=f"{name}: {what}", completed=done, total=total)

    def ends(self, name: str, seconds: float, failed: str | None, *, before: bool = False) -> None:
        self._ended += 1
        if name in self._bar:
            self._bars.remove_task(self._bar.pop(name))
        told = (
            "was done before"
            if before
            else f"done in {seconds:.0f} s"
            if failed is None
            else f"FAILED: {failed.rstrip('.')}"
        )
        self.message(f"[{self._ended}/{self._all}] {name} {told}.{self._to_go(before)}")

    def _to_go(self, before: bool) -> str:
        """How long the others will take, at the pace of the runs that were done now. The starts take no time."""
        if before or self._ended <= self._starts:
            self._began = time.perf_counter()
            return ""
        self._done += 1
        left = self._all - self._ended
        if self._began is None or self._done < 2 or not left:
            return ""
        return f" About {(time.perf_counter() - self._began) / self._done * left / 60:.0f} min to go."
