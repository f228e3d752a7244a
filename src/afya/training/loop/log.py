"""What a run writes while it trains: one row of training.csv a step, and a line on the screen.

The table holds only what is decided by recipe and seed, so that equal runs have equal tables. Speed goes to the run
folder's events, which carry the time of day anyway.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from afya.runs import write_text


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

    def begin_row(self) -> None:
        """Forget the losses; the tokens seen go on counting."""
        self.loss, self.labels = 0.0, 0
        self.lang_loss = [0.0] * len(self.lang_loss)
        self.lang_labels = [0] * len(self.lang_labels)


class TrainingTable:
    """training.csv: stage, step, tokens seen in the stage, learned tokens, loss (nats a learned token), learning rate,
    norm of the gradients before clipping, and the loss in each language (empty where none was learned in those steps).
    """

    def __init__(self, path: Path, langs: Sequence[str]) -> None:
        self.path = path
        self.langs = tuple(langs)
        self.header = ["stage", "step", "tokens", "learned", "loss", "learning_rate", "gradient_norm"]
        self.header += [f"loss_{code}" for code in self.langs]

    def rewind(self, stages: Sequence[str], stage: str, step: int) -> None:
        """Keep the rows of finished `stages` and of `stage` up to `step`; what was written after them is made again."""
        kept: list[list[str]] = []
        if self.path.exists():
            rows = list(csv.reader(io.StringIO(self.path.read_text(encoding="utf-8"), newline="")))
            whole = [row for row in rows[1:] if len(row) == len(self.header)]
            kept = [row for row in whole if row[0] in stages or (row[0] == stage and int(row[1]) <= step)]
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows([self.header, *kept])
        write_text(self.path, out.getvalue())

    def write(
        self, stage: str, step: int, sums: Sums, langs: Sequence[str], learning_rate: float, gradient_norm: float
    ) -> None:
        """Append the row of a step from the sums over `langs`."""
        by_lang = {
            code: repr(loss / labels)
            for code, loss, labels in zip(langs, sums.lang_loss, sums.lang_labels, strict=True)
            if labels
        }
        row: list[Any] = [stage, step, sum(sums.lang_tokens), sums.labels, repr(sums.loss / max(sums.labels, 1))]
        row += [repr(learning_rate), repr(gradient_norm), *(by_lang.get(code, "") for code in self.langs)]
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerow(row)
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(out.getvalue())

    def last_loss(self, stage: str) -> float:
        """The loss in the last row of a stage."""
        with self.path.open(encoding="utf-8", newline="") as handle:
            losses = [float(row["loss"]) for row in csv.DictReader(handle) if row["stage"] == stage]
        return losses[-1]

    def flush(self) -> None:
        """Bring the rows to the disk; called before a checkpoint that counts on them."""
        with self.path.open("rb+") as handle:
            os.fsync(handle.fileno())
