"""What a run writes while it trains: training.csv, a row a step, and logs/speed.csv beside it.

training.csv holds only what is decided by recipe and seed, so that equal runs have equal tables. Speed, which is not,
goes to logs/speed.csv and the run folder's events.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afya.runs import make_folder, write_text
from afya.training.loop.utilisation import Speed


@dataclass
class Sums:
    """Sums since the last row of the table, and tokens since the stage began."""

    loss: float = 0.0
    labels: int = 0
    lang_loss: list[float] = field(default_factory=list)
    lang_labels: list[int] = field(default_factory=list)
    lang_tokens: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, langs: int) -> Sums:
        """Empty sums for a number of languages."""
        return cls(lang_loss=[0.0] * langs, lang_labels=[0] * langs, lang_tokens=[0] * langs)

    def by_lang(self, langs: Sequence[str]) -> dict[str, float]:
        """The mean loss in each of `langs` in which something was learned since the last row, nats a learned token."""
        sums = zip(langs, self.lang_loss, self.lang_labels, strict=True)
        return {code: loss / labels for code, loss, labels in sums if labels}

    def begin_row(self) -> None:
        """Forget the losses; the tokens seen go on counting."""
        self.loss, self.labels = 0.0, 0
        self.lang_loss = [0.0] * len(self.lang_loss)
        self.lang_labels = [0] * len(self.lang_labels)


@dataclass(frozen=True)
class Row:
    """A row of training.csv, see `TrainingTable`."""

    stage: str
    step: int
    tokens: int
    learned: int
    loss: float
    learning_rate: float
    gradient_norm: float
    langs: dict[str, float]


class TrainingTable:
    """training.csv: stage, step, tokens seen in the stage, learned tokens, loss (nats a learned token), learning rate,
    norm of the gradients before clipping, and the loss in each language (empty where none was learned in those steps).
    `last` is the row written last by this process.
    """

    def __init__(self, path: Path, langs: Sequence[str]) -> None:
        self.path = path
        self.langs = tuple(langs)
        self.header = ["stage", "step", "tokens", "learned", "loss", "learning_rate", "gradient_norm"]
        self.header += [f"loss_{code}" for code in self.langs]
        self.last: Row | None = None

    def rewind(self, stages: Sequence[str], stage: str, step: int) -> None:
        """Keep the rows of finished `stages` and of `stage` up to `step`; what was written after them is made again."""
        _rewind(self.path, self.header, stages, stage, step)

    def write(
        self, stage: str, step: int, sums: Sums, langs: Sequence[str], learning_rate: float, gradient_norm: float
    ) -> None:
        """Append the row of a step from the sums over `langs`."""
        by_lang = sums.by_lang(langs)
        loss = sums.loss / max(sums.labels, 1)
        last = Row(stage, step, sum(sums.lang_tokens), sums.labels, loss, learning_rate, gradient_norm, by_lang)
        row: list[Any] = [stage, step, last.tokens, last.learned, repr(loss), repr(learning_rate), repr(gradient_norm)]
        _append(self.path, [*row, *(repr(by_lang[code]) if code in by_lang else "" for code in self.langs)])
        self.last = last

    def rows(self, stage: str) -> list[Row]:
        """The rows of a stage that the file holds."""
        with self.path.open(encoding="utf-8", newline="") as handle:
            return [
                Row(
                    stage=stage,
                    step=int(row["step"]),
                    tokens=int(row["tokens"]),
                    learned=int(row["learned"]),
                    loss=float(row["loss"]),
                    learning_rate=float(row["learning_rate"]),
                    gradient_norm=float(row["gradient_norm"]),
                    langs={code: float(row[f"loss_{code}"]) for code in self.langs if row[f"loss_{code}"]},
                )
                for row in csv.DictReader(handle)
                if row["stage"] == stage
            ]

    def last_loss(self, stage: str) -> float:
        """The loss in the last row of a stage."""
        with self.path.open(encoding="utf-8", newline="") as handle:
            losses = [float(row["loss"]) for row in csv.DictReader(handle) if row["stage"] == stage]
        return losses[-1]

    def flush(self) -> None:
        """Bring the rows to the disk; called before a checkpoint that counts on them."""
        with self.path.open("rb+") as handle:
            os.fsync(handle.fileno())


class SpeedTable:
    """logs/speed.csv: stage, step, tokens a second, utilisation (0 to 1, empty where the device's peak is not known),
    the most memory held so far (bytes); a row for each of training.csv but the first after a start."""

    HEADER = ("stage", "step", "tokens_per_second", "utilisation", "memory")

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, stages: Sequence[str], stage: str, step: int) -> None:
        """Keep the rows of finished `stages` and of `stage` up to `step`."""
        make_folder(self.path.parent)
        _rewind(self.path, self.HEADER, stages, stage, step)

    def write(self, stage: str, step: int, speed: Speed) -> None:
        """Append the row of a step."""
        used = "" if speed.utilisation is None else f"{speed.utilisation:.5f}"
        _append(self.path, [stage, step, f"{speed.tokens_per_second:.2f}", used, speed.memory])

    def rows(self, stage: str) -> dict[int, Speed]:
        """The stage's speed by step."""
        with self.path.open(encoding="utf-8", newline="") as handle:
            return {
                int(row["step"]): Speed(
                    float(row["tokens_per_second"]),
                    float(row["utilisation"]) if row["utilisation"] else None,
                    int(row["memory"]),
                )
                for row in csv.DictReader(handle)
                if row["stage"] == stage
            }


def _rewind(path: Path, header: Sequence[str], stages: Sequence[str], stage: str, step: int) -> None:
    kept: list[list[str]] = []
    if path.exists():
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        whole = [row for row in rows[1:] if len(row) == len(header)]
        kept = [row for row in whole if row[0] in stages or (row[0] == stage and int(row[1]) <= step)]
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([header, *kept])
    write_text(path, out.getvalue())


def _append(path: Path, row: Sequence[Any]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(row)
    with path.open("a", encoding="utf-8") as handle:
        handle.write(out.getvalue())
