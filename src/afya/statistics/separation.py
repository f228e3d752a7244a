"""How well a number tells two sets of rows apart: the area under the ROC curve, with clusters in its interval.

The area is the probability that a row of the first set has the larger number than a row of the second, ties counting
half: 0.5 tells nothing, 1 tells all. Its variance comes from each row's placement among the rows of the other set,
summed by cluster; with one row a cluster this is DeLong's.

References: DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44(3), 837-845; Obuchowski 1997, "Nonparametric analysis of
clustered ROC curve data", Biometrics 53(2), 567-578 (the two sets sharing no cluster).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.clusters import Floats, moments, partition
from afya.statistics.distributions import normal_quantile
from afya.statistics.intervals import check_level


@dataclass(frozen=True)
class Separation:
    """The area under the ROC curve with its interval (NaN where a set has fewer than two clusters)."""

    area: float
    low: float
    high: float
    first: int
    second: int


def separation(
    first: ArrayLike, first_clusters: ArrayLike, second: ArrayLike, second_clusters: ArrayLike, level: float = 0.95
) -> Separation:
    """How much larger the numbers of the first set are than those of the second.

    Args:
        first, second: (rows,) finite numbers.
        first_clusters, second_clusters: (rows,) labels; the two sets are taken to share none.

    Raises DataError where a set is empty, a number is not finite, or labels do not fit.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    check_level(level)
    if not len(one) or not len(other):
        raise DataError("Two sets can be told apart only where both have rows.")
    above, below = (
        moments(_placement(one, other), partition(first_clusters)),
        moments(_placement(other, one), partition(second_clusters)),
    )
    area = above.mean
    if above.variance is None or below.variance is None:
        return Separation(area, math.nan, math.nan, len(one), len(other))
    half = normal_quantile((1 + level) / 2) * math.sqrt(above.variance + below.variance)
    return Separation(area, max(0.0, area - half), min(1.0, area + half), len(one), len(other))


def _placement(rows: Floats, others: Floats) -> Floats:
    """(rows,) share of the others below each row, ties counting half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, rows, side="left") + np.searchsorted(ordered, rows, side="right")
    return np.asarray(below / (2.0 * len(others)))
