"""Scores summed by group: what the bootstrap draws from, for all models and languages at once.

Groups are drawn, never items, and all columns share the draws. A difference between two columns of a replicate, a rank
or a ratio of them is therefore paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afya.errors import DataError
from afya.statistics import bootstrap_means
from afya.statistics.clusters import Floats

if TYPE_CHECKING:
    import polars as pl

REPLICATES = 5000


@dataclass(frozen=True)
class GroupSums:
    """`sums` and `counts`: (groups, columns), a column for each of `columns` (values of the keys, in order)."""

    columns: tuple[tuple[str, ...], ...]
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


def by_group(rows: pl.DataFrame, keys: Sequence[str], value: str = "correct") -> GroupSums:
    """The values summed by group and by the keys' values, in the order in which these appear; null values are no rows.

    `rows` has group_id, the keys (text) and the value (a number or a boolean). Raises DataError where none is left.
    """
    import polars as pl

    held = rows.filter(pl.col(value).is_not_null())
    if not held.height:
        raise DataError(f"No row has a value of '{value}', so that there is nothing to resample.")
    columns = held.select(keys).unique(maintain_order=True)
    cells = (
        held.group_by("group_id", *keys)
        .agg(pl.col(value).cast(pl.Float64).sum().alias("sum"), pl.len().cast(pl.Float64).alias("count"))
        .with_columns(group=pl.col("group_id").rank("dense") - 1)
        .join(columns.with_row_index("column"), on=list(keys), nulls_equal=True)
    )
    groups = cells["group"].to_numpy().astype(np.intp)
    places = cells["column"].to_numpy().astype(np.intp)
    shape = (int(groups.max()) + 1, columns.height)
    sums, counts = np.zeros(shape), np.zeros(shape)
    sums[groups, places] = cells["sum"].to_numpy()
    counts[groups, places] = cells["count"].to_numpy()
    return GroupSums(tuple(columns.rows()), sums, counts)
