"""What a person sees while a model trains: the mixture before each stage, live lines during it, the tokens after."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from afya.training.loop.utilisation import Speed
from afya.training.packs.plan import DataPlan
from afya.training.recipe import StageSettings

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import Progress
    from rich.text import Text

_PLAIN_SECONDS = 30.0
# A smoothed loss that moved less than this share between two rows is called level.
_LEVEL = 0.002
_SMOOTHING = 0.9


def is_main() -> bool:
    """Whether this is the one process of the run that writes and talks (torchrun numbers them in RANK)."""
    return os.environ.get("RANK", "0") == "0"


class Watcher:
    """Told what a run does; this one says nothing. Subclasses show it."""

    def message(self, text: str) -> None:
        """Something the person should know."""

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        """A stage begins (or goes on after `done` steps) with this plan; `rejected` items are in the ledger."""

    def speed(self, speed: Speed) -> None:
        """How fast the stage goes; told before each step but the first."""

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        """A step is done; `tokens` were seen in the stage so far. `loss` and `langs`, the loss by language (nats a
        learned token), are those of the last row of training.csv."""

    def stage_ends(self, stage: StageSettings, tokens: dict[str, int], seconds: float) -> None:
        """A stage is done; `tokens` seen by language."""


class Trend:
    """The loss of each language, and whether it falls: by an exponential average over the rows, as single rows jump."""

    def __init__(self) -> None:
        self.losses: dict[str, float] = {}
        self.signs: dict[str, int] = {}
        self._smooth: dict[str, float] = {}

    def row(self, langs: Mapping[str, float]) -> None:
        """A row's losses by language."""
        for code, loss in langs.items():
            before = self._smooth.get(code, loss)
            after = _SMOOTHING * before + (1 - _SMOOTHING) * loss
            moved = (after - before) / max(abs(before), 1e-9)
            self.signs[code] = 0 if abs(moved) < _LEVEL else (1 if moved > 0 else -1)
            self._smooth[code], self.losses[code] = after, loss


class ConsoleWatcher(Watcher):
    """Shows a run with rich: live on a terminal, a plain line each half minute elsewhere.

    Use as a context manager, so that the lines are closed on errors. Of many processes only the first talks.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(stderr=True, quiet=not is_main())
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._plan: DataPlan | None = None
        self._stage, self._steps, self._first = "", 0, 0
        self._trend, self._langs = Trend(), {}  # type: tuple[Trend, Mapping[str, float]]
        self._speed: Speed | None = None
        self._began: float | None = None
        self._said = 0.0

    def __enter__(self) -> ConsoleWatcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def message(self, text: str) -> None:
        # Where nobody looks on, a line is a line: logs are searched.
        self.console.print(text, markup=False, highlight=False, soft_wrap=not self.console.is_terminal)

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
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
        if done:
            self.message(f"{stage.name}: goes on after step {done:,}.")
        self._plan, self._stage, self._steps, self._first = plan, stage.name, plan.steps, done
        self._trend, self._langs, self._speed = Trend(), {}, None
        self._began, self._said = None, time.monotonic()
        if self.console.is_terminal and not self.console.quiet:
            self._open(stage.name, plan.steps, done)

    def speed(self, speed: Speed) -> None:
        self._speed = speed

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        if self._plan is None:
            return
        now = time.monotonic()
        if self._began is None:
            # The clock starts after the first step, which also pays for warming up.
            self._began, self._first = now, step
        if langs is not self._langs:
            self._trend.row(langs)
            self._langs = langs
        left = self._remaining(step, now)
        if self._live is not None and self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=step)
            self._live.update(self._shown(self._figures(loss, left)))
        elif now - self._said >= _PLAIN_SECONDS or step == self._steps:
            self._said = now
            losses = " ".join(f"{code} {value:.2f}" for code, value in self._trend.losses.items())
            self.message(
                f"{self._stage}: step {step:,}/{self._steps:,} ({step / self._steps:.0%})  {self._figures(loss, left)}"
                f"  {losses}"
            )

    def stage_ends(self, stage: StageSettings, tokens: dict[str, int], seconds: float) -> None:
        from rich.table import Table

        self._close()
        total = sum(tokens.values())
        table = Table(title=f"{stage.name}: tokens seen", title_justify="left")
        for name in ("language", "tokens seen", "share", "planned", "loss"):
            table.add_column(name, justify="left" if name == "language" else "right")
        for code, count in tokens.items():
            planned = f"{self._plan.shares[code]:.1%}" if self._plan is not None and code in self._plan.shares else "-"
            loss = f"{self._trend.losses[code]:.3f}" if code in self._trend.losses else "-"
            table.add_row(code, f"{count:,}", f"{count / max(total, 1):.1%}", planned, loss)
        self.console.print(table)
        rate = f", {self._speed.tokens_per_second:,.0f} tokens/s at the end" if self._speed is not None else ""
        self.message(f"{stage.name}: done in {span(seconds)}. Tokens seen: {total:,}{rate}.")
        self._plan = None

    def _remaining(self, step: int, now: float) -> float | None:
        """Seconds to the stage's end at the mean pace so far."""
        if self._began is None or not self._first < step < self._steps:
            return None
        return (now - self._began) / (step - self._first) * (self._steps - step)

    def _figures(self, loss: float, left: float | None) -> str:
        parts = [f"loss {loss:.3f}" if math.isfinite(loss) else "loss -"]
        if self._speed is not None:
            parts.append(f"{self._speed.tokens_per_second:,.0f} tokens/s")
            if self._speed.utilisation is not None:
                parts.append(f"{self._speed.utilisation:.0%} of the peak")
            parts.append(f"memory {self._speed.memory / 2**30:.1f} GiB")
        if left is not None:
            parts.append(f"{span(left)} left")
        return "  ".join(parts)

    def _open(self, name: str, steps: int, done: int) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=40), MofNCompleteColumn())
        self._progress = Progress(*columns, console=self.console)
        self._progress.add_task(name, total=steps, completed=done)
        self._live = Live(self._shown(), console=self.console, refresh_per_second=4)
        self._live.start()

    def _shown(self, figures: str = "") -> Group:
        from rich.console import Group
        from rich.text import Text

        # A line of their own: beside the bar they would take the place of the steps on a narrow terminal.
        told = Text(figures, overflow="fold") if figures else None
        parts = [part for part in (self._progress, told, self._losses()) if part is not None]
        return Group(*parts)

    def _losses(self) -> Text | None:
        """The languages and their losses: green with an arrow down where it falls, red with one up where it rises."""
        from rich.text import Text

        if not self._trend.losses:
            return None
        looks = {-1: ("↓", "green"), 0: ("→", "dim"), 1: ("↑", "red")}
        line = Text(overflow="fold")
        for code, loss in self._trend.losses.items():
            arrow, style = looks[self._trend.signs[code]]
            line.append(f"{code} ", "bold").append(f"{loss:.2f}{arrow}  ", style)
        return line

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
        self._live = self._progress = None


def span(seconds: float) -> str:
    """A length of time as people say it.

    >>> span(42.3), span(75), span(7384)
    ('42 s', '1 min 15 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
