"""How many times as large: the ratio of two means on the same rows, with Fieller's interval.

"Three times the base" is a rise from 2% to 6% as well as from 30% to 90%. A ratio is told beside the difference in
points, and not at all where the base cannot be told from zero: there the interval has no upper end.

Fieller's interval holds every r for which the mean of (numerator - r * denominator) is not significantly different from
0: all r with b^2 r^2 - 2 a b r + a^2 <= t^2 (V_b r^2 - 2 C_ab r + V_a), variances and covariance being cluster-robust
and t having G - 1 degrees of freedom.

References: Fieller 1954, "Some problems in interval estimation", J. Royal Statistical Society B 16(2), 175-185; von
Luxburg & Franz 2009, "A geometric approach to confidence sets for ratios", Statistica Sinica 19, 1095-1117.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.clusters import Moments, moments, partition
from afya.statistics.distributions import t_quantile
from afya.statistics.intervals import check_level


@dataclass(frozen=True)
class Ratio:
    """Mean of the numerator over mean of the denominator, both not negative.

    `value` is None where the denominator's mean is 0. `high` is infinite, and `defined` False, where the denominator
    cannot be told from zero at the level: then only "at least `low` times" is known. NaN ends: no or one cluster.
    """

    value: float | None
    low: float
    high: float
    n: int
    clusters: int

    @property
    def defined(self) -> bool:
        """Whether the ratio may be printed as a number: its interval has two ends."""
        return self.value is not None and math.isfinite(self.low) and math.isfinite(self.high)


def ratio_of_means(numerator: ArrayLike, denominator: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> Ratio:
    """The ratio of the two means over the same rows, such as a tuned model's accuracy over its base's.

    Args:
        numerator, denominator: (rows,) finite numbers of 0 or more, in the same order.
        clusters: (rows,) label of each row's cluster.

    Raises DataError for negative values and for lengths that differ.
    """
    above, below = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    if above.shape != below.shape:
        raise DataError(f"Paired rows differ in number: {above.size} and {below.size}.")
    if len(above) and min(above.min(), below.min()) < 0:
        raise DataError("A ratio of means takes values of 0 or more.")
    clustered = partition(clusters)
    check_level(level)
    if not len(above) and not clustered.rows:
        return Ratio(None, math.nan, math.nan, 0, 0)
    top, bottom = moments(above, clustered), moments(below, clustered)
    products = clustered.sums(above - top.mean) * clustered.sums(below - bottom.mean)
    return ratio_of(top, bottom, float(products.sum()), level)


def ratio_of(top: Moments, bottom: Moments, products: float, level: float = 0.95) -> Ratio:
    """The ratio from the moments of numerator and denominator over the same rows.

    `products`: the sum over the clusters of the product of the two sums of deviations from the mean.
    """
    value = top.mean / bottom.mean if bottom.mean > 0 else None
    count, rows = top.clusters, top.rows
    if top.variance is None or bottom.variance is None:
        return Ratio(value, math.nan, math.nan, rows, count)
    covariance = count / (count - 1) * products / rows**2
    t = t_quantile((1 + level) / 2, count - 1)
    square = bottom.mean**2 - t**2 * bottom.variance
    linear = top.mean * bottom.mean - t**2 * covariance
    constant = top.mean**2 - t**2 * top.variance
    if square > 0:
        # The discriminant is never negative here but for rounding.
        root = math.sqrt(max(linear**2 - square * constant, 0.0))
        return Ratio(value, max((linear - root) / square, 0.0), (linear + root) / square, rows, count)
    low = 0.0
    if square < 0 < constant:
        # Numerator apart from zero, denominator not: of the two rays, the one of ratios above 0 is left.
        low = max((linear - math.sqrt(linear**2 - square * constant)) / square, 0.0)
    elif square == 0 and linear > 0 and constant > 0:
        low = constant / (2 * linear)
    return Ratio(value, low, math.inf, rows, count)
