"""The cluster bootstrap: whole clusters drawn with replacement, all columns at once.

Drawing G clusters out of G is multinomial: a replicate is a vector of how often each cluster came up, and every
column's mean under it is (weights @ cluster sums) / (weights @ cluster counts). One matrix product serves all models
and languages, on the same draws, so that any difference or rank computed from the columns of a replicate is paired.

Reference: Davison & Hinkley 1997, "Bootstrap Methods and their Application", sections 3.8 and 5.3; Cameron, Gelbach &
Miller 2008, Review of Economics and Statistics 90(3), 414-427 (pairs cluster bootstrap).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.clusters import Floats, partition

# Replicates in one matrix product: large enough for the product to be fast, and fixed, because sums in another
# order would differ in the last bits.
CHUNK = 256


def cluster_bootstrap(values: ArrayLike, clusters: ArrayLike, replicates: int = 2000, seed: int = 0) -> Floats:
    """Means of every column in every replicate.

    Args:
        values: (rows, columns), a column a model, a language, or a pair of both; NaN where a column lacks a row.
        clusters: (rows,) label of each row's cluster.
        replicates: how many resamples to draw.
        seed: the same seed gives the same draws.

    Returns (replicates, columns); NaN where a resample holds no row of a column. Memory is about
    (clusters + rows) * columns * 8 bytes plus the result; resamples are drawn 256 at a time.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2:
        raise DataError(f"The bootstrap takes a table of rows and columns, not {table.ndim} dimension(s).")
    clustered = partition(clusters)
    if table.shape[0] != clustered.rows:
        raise DataError(f"{table.shape[0]} rows do not fit {clustered.rows} cluster labels.")
    if not clustered.rows or replicates < 1:
        raise DataError("The bootstrap needs at least one row and one replicate.")
    present = ~np.isnan(table)
    sums = clustered.sums(np.where(present, table, 0.0))
    # Columns on the same rows share their counts: most runs ask all models the same items.
    counts, which = np.unique(clustered.sums(present.astype(np.float64)), axis=1, return_inverse=True)
    generator = np.random.default_rng(seed)
    count = clustered.count
    means = np.empty((replicates, table.shape[1]))
    for start in range(0, replicates, CHUNK):
        size = min(CHUNK, replicates - start)
        drawn = generator.integers(0, count, size=(size, count))
        cells = drawn + np.arange(size)[:, None] * count
        weights = np.bincount(cells.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)
        rows = (weights @ counts)[:, which.ravel()]
        with np.errstate(invalid="ignore"):
            means[start : start + size] = np.where(rows > 0, (weights @ sums) / np.where(rows > 0, rows, 1.0), np.nan)
    return means


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> Floats:
    """The percentile interval of each column of bootstrap draws, (replicates, columns) -> (2, columns): low and high.

    Replicates that are NaN are left out; a column with no other is NaN.
    """
    table = np.asarray(draws, dtype=np.float64)
    ends = np.full((2, table.shape[1]), np.nan)
    known = ~np.isnan(table).all(axis=0)
    if known.any():
        ends[:, known] = np.nanquantile(table[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends
