"""What a person sees while a model trains: the mixture before each stage, a live line during it, the tokens after."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from afya.training.packs.plan import DataPlan
from afya.training.recipe import StageRecipe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class Watcher:
    """Told what a run does; this one says nothing. Subclasses show it."""

    def message(self, text: str) -> None:
        """Something the person should know."""

    def stage_starts(self, stage: StageRecipe, plan: DataPlan, rejected: int, done: int) -> None:
        """A stage begins (or goes on after `done` steps) with this plan; `rejected` items are in the ledger."""

    def step(self, step: int, loss: float, tokens: int) -> None:
        """A step is done; `tokens` were seen in the stage so far."""

    def stage_ends(self, stage: StageRecipe, tokens: dict[str, int], seconds: float) -> None:
        """A stage is done; `tokens` seen by language."""


class ConsoleWatcher(Watcher):
    """Shows a run on a terminal with rich. Use as a context manager, so that the line is closed on errors."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._began = 0.0
        self._tokens_before: int | None = None

    def __enter__(self) -> ConsoleWatcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def message(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)

    def stage_starts(self, stage: StageRecipe, plan: DataPlan, rejected: int, done: int) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.table import Table

        repeats = plan.repeats()
        table = Table(title=f"{stage.name}: the mixture", title_justify="left")
        for name in ("language", "share", "tokens planned", "passes"):
            table.add_column(name, justify="left" if name == "language" else "right")
        for code, tokens in plan.tokens().items():
            table.add_row(code, f"{plan.shares[code]:.1%}", f"{tokens:,}", f"{repeats[code]:.1f}")
        self.console.print(table)
        self.message(
            f"{stage.name}: {len(plan.examples):,} examples ({rejected:,} items rejected, see the ledger), "
            f"{plan.steps:,} steps, packs {plan.fill:.1%} full."
        )
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("step {task.completed:.0f}/{task.total:.0f}  loss {task.fields[loss]:.3f}"),
            TextColumn("{task.fields[rate]:,.0f} tokens/s"),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(*columns, console=self.console, refresh_per_second=4)
        self._progress.add_task(stage.name, total=plan.steps, completed=done, loss=float("nan"), rate=0.0)
        self._progress.start()
        self._began, self._tokens_before = time.perf_counter(), None

    def step(self, step: int, loss: float, tokens: int) -> None:
        if self._progress is None:
            return
        now = time.perf_counter()
        if self._tokens_before is None:
            # The clock starts after the first step, which also pays for warming up.
            self._began, self._tokens_before = now, tokens
        rate = (tokens - self._tokens_before) / max(now - self._began, 1e-6)
        self._progress.update(self._progress.task_ids[0], completed=step, loss=loss, rate=rate)

    def stage_ends(self, stage: StageRecipe, tokens: dict[str, int], seconds: float) -> None:
        self._close()
        seen = ", ".join(f"{code} {count:,}" for code, count in tokens.items())
        self.message(f"{stage.name}: done in {seconds:.0f} s. Tokens seen: {sum(tokens.values()):,} ({seen}).")

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
