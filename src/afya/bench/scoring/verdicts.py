"""The publisher's own reading of replies, beside ours: which counts, and where the two differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import RunError
from afya.runs import write_frame

if TYPE_CHECKING:
    import polars as pl

VERDICTS = "verdicts.parquet"
ALL = "all"
_KEYS = ("model", "setting", "item_id")


@dataclass(frozen=True)
class Scoring:
    """One way of scoring a model's replies in a language and task ('all' over several).

    `n` items, of which `right`; `differ` from the one that counts, with examples of their ids. `absent` replies are
    not in n; `wrong_if_counted`: the accuracy if they counted as wrong.
    """

    model: str
    lang: str
    task: str
    by: str
    counts: bool
    n: int
    right: int
    absent: int
    differ: int
    examples: tuple[str, ...]

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; None where there is none to count."""
        return self.right / self.n if self.n else None

    @property
    def with_absent(self) -> float | None:
        """The accuracy if replies that are not there counted as wrong."""
        return self.right / (self.n + self.absent) if self.n + self.absent else None


def overrule(folder: Path) -> None:
    """Put what the publisher's reading decides into scores.parquet, where an import counts it; else change nothing.

    Scores made anew (`afya bench rescore`) need it again. Raises RunError when the two tables do not belong together.
    """
    import polars as pl

    file = folder / VERDICTS
    if not file.exists():
        return
    told = pl.read_parquet(file)
    scores = pl.read_parquet(folder / "scores.parquet")
    if not scores.select(_KEYS).equals(told.select(_KEYS)):
        raise RunError(
            f"{folder}: verdicts.parquet and scores.parquet do not hold the same rows.",
            hint="Import the replies again.",
        )
    ours = told["counted"].is_null()
    counted = pl.col("_counted").is_not_null()
    made = scores.with_columns(
        told["counted"].alias("_counted"), told["counted_chosen"].alias("_chosen"), told["n_options"].alias("_options")
    ).with_columns(
        outcome=pl.when(counted).then("_counted").otherwise("outcome"),
        chosen=pl.when(counted).then("_chosen").otherwise("chosen"),
        detail=pl.when(counted & (pl.col("_counted") != "error")).then(pl.lit("as published")).otherwise("detail"),
        n_options="_options",
    )
    if not ours.all() or told["n_options"].null_count():
        write_frame(folder / "scores.parquet", made.select(scores.columns))


def scorings(folder: Path, ours: pl.DataFrame, score_by: str) -> list[Scoring]:
    """Every way in which the import can be scored, for each model, language and task, and over all of a model.

    `ours`: outcome of our own reading, row by row beside verdicts.parquet.
    """
    import polars as pl

    told = pl.read_parquet(folder / VERDICTS)
    scores = pl.read_parquet(folder / "scores.parquet", columns=["outcome"])["outcome"]
    own = (
        pl.when(pl.col("by_text").is_not_null())
        .then("by_text")
        .when(pl.col("has_reply") & pl.col("known"))
        .then("ours")
    )
    table = told.with_columns(ours["ours"], scores.alias("counts")).select(
        "model", "lang", "task", "item_id", "counts", ours=own, prediction="by_prediction", correct="by_correct"
    )
    found: list[Scoring] = []
    for (model,), part in table.group_by("model", maintain_order=True):
        cells = part.select("lang", "task").unique(maintain_order=True).rows()
        groups = [
            (lang, task, part.filter((pl.col("lang") == lang) & (pl.col("task") == task))) for lang, task in cells
        ]
        if len(groups) > 1:
            groups.append((ALL, ALL, part))
        for lang, task, rows in groups:
            there = [by for by in ("ours", "prediction", "correct") if rows[by].null_count() < rows.height]
            found += [_scoring(str(model), lang, task, by, by == score_by, rows) for by in there]
    return found


def _scoring(model: str, lang: str, task: str, by: str, counts: bool, rows: pl.DataFrame) -> Scoring:
    import polars as pl

    absent = rows["counts"] == "error"
    outcome = pl.col("counts") if counts else pl.col(by)
    kept = rows.filter(~absent).with_columns(right=(outcome == "correct").fill_null(False))
    other = kept.filter(pl.col(by).is_not_null() & (pl.col("right") != (pl.col("counts") == "correct")))
    return Scoring(
        *(model, lang, task, by, counts),
        n=kept.height,
        right=int(kept["right"].sum()),
        absent=int(absent.sum()),
        differ=other.height,
        examples=tuple(other["item_id"].head(5).to_list()),
    )
