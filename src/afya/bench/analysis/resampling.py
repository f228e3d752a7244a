"""Scores summed by group: what the bootstrap draws from, for all models and languages at once.

Groups are drawn, never items, and all columns share the draws. A difference between two columns of a replicate, a rank
or a ratio of them is therefore paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from afya.bench.analysis.clustered import ALL, CELL, Coded
from afya.errors import DataError
from afya.statistics import bootstrap_means
from afya.statistics.clusters import Floats

REPLICATES = 5000


@dataclass(frozen=True)
class GroupSums:
    """`sums` and `counts`: (groups, columns), a column for each of `columns` (view and language), in order."""

    columns: tuple[tuple[int, str], ...]
    sums: Floats
    counts: Floats

    @property
    def groups(self) -> int:
        """How many groups any column has rows of."""
        return len(self.sums)

    @property
    def means(self) -> Floats:
        """(columns,) each column's mean over its rows."""
        means: Floats = self.sums.sum(axis=0) / self.counts.sum(axis=0)
        return means

    def draws(self, replicates: int = REPLICATES, seed: int = 0) -> Floats:
        """(replicates, columns) means in paired replicates."""
        return bootstrap_means(self.sums, self.counts, replicates, seed)


def by_group(data: Coded, value: str = "correct", *, whole: bool = False) -> GroupSums:
    """The values summed by group, a column for each view and language, and (`whole`) over all languages.

    The value is a number or a boolean; null is no row. Raises DataError where none is left.
    """
    import polars as pl

    held = data.rows.filter(pl.col(value).is_not_null())
    if not held.height:
        raise DataError(f"No row has a value of '{value}', so that there is nothing to resample.")
    places = [pl.col("view"), pl.col("lang"), pl.col("group")]
    summed = held.group_by(places).agg(pl.col(value).cast(pl.Float64).sum().alias("sum"), pl.len().alias("count"))
    if whole:
        total = summed.group_by("view", "group").agg(pl.col("sum").sum(), pl.col("count").sum())
        total = total.with_columns(lang=pl.lit(ALL, summed.schema["lang"]))
        summed = pl.concat([summed, total.select(summed.columns)])
    columns = summed.select(CELL).unique().sort(CELL)
    numbered = summed.join(columns.with_row_index("column"), on=CELL).with_columns(pl.col("group").rank("dense") - 1)
    groups = numbered["group"].to_numpy().astype(np.intp)
    at = numbered["column"].to_numpy().astype(np.intp)
    shape = (int(groups.max()) + 1, columns.height)
    sums, counts = np.zeros(shape), np.zeros(shape)
    sums[groups, at] = numbered["sum"].to_numpy()
    counts[groups, at] = numbered["count"].to_numpy()
    return GroupSums(tuple(columns.rows()), sums, counts)
