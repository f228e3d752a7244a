"""One build under way: runs stages over parts and keeps the account of every row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from afya.errors import RunError
from afya.executor import Part, Pool, Stage, run
from afya.runs import Ledger, Rejection

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the parts done and the parts in all."""


@dataclass
class Building:
    """Where the parts of a build lie, how its stages are run, and what became of every row so far.

    A part is a Parquet file of items; `folder/{step}/{part}.parquet` is what a step made of it.
    """

    folder: Path
    workers: int = 1
    ray: str | None = None
    pool: Pool | None = None
    on_progress: Progress | None = None
    ledger: Ledger = field(default_factory=Ledger)
    _last: int | None = None

    @property
    def rows(self) -> int:
        """How many rows the last stage passed on."""
        return self._last or 0

    def apply(self, stage: Stage, parts: Sequence[Path], *, name: str | None = None) -> list[Path]:
        """Run a stage that passes rows on, account for them, and return the new parts in the order of `parts`.

        Raises RunError when the stage was given other rows than the one before it passed on.
        """
        made = self._run(stage, parts, name or stage.name)
        rows_in, rows_out = sum(part.rows_in for part in made), sum(part.rows_out for part in made)
        if self._last is not None and rows_in != self._last:
            raise RunError(f"Stage '{stage.name}' was given {rows_in} rows; the one before passed on {self._last}.")
        for part in made:
            self.ledger.add(stage.name, part.rows_in, part.rows_out, part.rejections, made=part.rows_made)
        self.ledger.check()
        self._last = rows_out
        return [part.path for part in made]

    def account(self, stage: str, rows_in: int, rows_out: int, rejections: Iterable[Rejection] = ()) -> None:
        """Account for a step that is no stage over parts, such as reading: the first rows come from somewhere."""
        self.ledger.add(stage, rows_in, rows_out, rejections)
        self.ledger.check()
        self._last = rows_out

    def derive(self, stage: Stage, parts: Sequence[Path], *, name: str | None = None) -> list[Path]:
        """Run a stage whose output is about the rows (signatures, n-grams) and is no new version of them."""
        return [part.path for part in self._run(stage, parts, name or stage.name)]

    def _run(self, stage: Stage, parts: Sequence[Path], name: str) -> list[Part]:
        done = 0

        def told(_: Part, __: bool) -> None:
            nonlocal done
            done += 1
            if self.on_progress is not None:
                self.on_progress(stage.name, done, len(parts))

        # One part needs no pool; with a cluster, `workers` says how many are set up.
        workers = self.workers if self.ray is not None else max(1, min(self.workers, len(parts)))
        return run(stage, parts, self.folder / name, workers=workers, ray=self.ray, pool=self.pool, on_part=told)
