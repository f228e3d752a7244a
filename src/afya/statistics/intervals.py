"""Accuracy with an interval that knows about clusters.

Two methods, and the result says which was used:

*cluster-robust t*: the mean plus or minus t(G - 1 degrees of freedom) standard errors, the standard error being
cluster-robust (`afya.statistics.clusters`). Used from 100 rows on (Miller 2024 recommends the normal form there; the t
quantile is the correction for few clusters of Cameron & Miller 2015, section VI).

*Wilson*: Wilson's score interval (Wilson 1927) on the effective sample size: rows divided by the design effect, and
scaled by (t(n - 1) / t(G - 1))^2 for the degrees of freedom (Korn & Graubard 1998). Used below 100 rows, with fewer
than ten correct or ten wrong rows (so also at 0% and 100%), with one cluster, and where all clusters have the same
mean: there the t interval is too narrow, leaves [0, 1], or has no width at all (Brown, Cai & DasGupta 2001). At 0%, at
100% and with one cluster the sample says nothing about how alike the rows of a cluster are, and the worst is assumed:
copies.

References: Miller 2024, arXiv:2411.00640; Cameron & Miller 2015, J. Human Resources 50(2); Wilson 1927, JASA 22(158),
209-212; Korn & Graubard 1998, Survey Methodology 24(2), 193-201; Brown, Cai & DasGupta 2001, Statistical Science 16(2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.clusters import Floats, Moments, design_effect, moments, partition
from afya.statistics.distributions import normal_quantile, t_quantile

CLUSTER_ROBUST = "cluster-robust t"
WILSON = "Wilson, effective n"
NO_ROWS = "no rows"

SMALL_SAMPLE = 100
FEW_OUTCOMES = 10


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval. All of `value`, `low` and `high` are NaN when `n` is 0."""

    value: float
    low: float
    high: float
    n: int
    clusters: int
    method: str
    standard_error: float | None = None
    """Cluster-robust, in the value's unit; None with fewer than two clusters."""


def accuracy_interval(correct: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> Estimate:
    """The share of correct rows with its cluster-aware interval, all between 0 and 1.

    Args:
        correct: (rows,) booleans, or 0 and 1.
        clusters: (rows,) label of each row's cluster, text or integers.
        level: coverage of the interval, between 0 and 1.

    Raises DataError for values other than 0 and 1, and for labels that do not fit; ValueError for a senseless level.
    """
    values = binary(correct, "correct")
    clustered = partition(clusters)
    check_level(level)
    if not clustered.rows and not len(values):
        return Estimate(math.nan, math.nan, math.nan, 0, 0, NO_ROWS)
    return accuracy_of(moments(values, clustered), level)


def accuracy_of(found: Moments, level: float = 0.95) -> Estimate:
    """The share of correct rows with its interval, from the moments of rows that are 0 or 1."""
    hits = round(found.mean * found.rows)
    few = min(hits, found.rows - hits) < FEW_OUTCOMES
    if found.rows < SMALL_SAMPLE or few or not found.variance:
        low, high = wilson(found.mean, effective_rows(found, found.mean * (1 - found.mean), level), level)
        return _estimate(found, low, high, WILSON)
    low, high = t_interval(found, level)
    return _estimate(found, max(low, 0.0), min(high, 1.0), CLUSTER_ROBUST)


def mean_interval(values: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of any scores with its cluster-robust t interval.

    `values` (rows,) finite numbers, `clusters` (rows,). With one cluster the interval is unbounded: nothing is known.
    Raises as `accuracy_interval` does.
    """
    scores = np.asarray(values, dtype=np.float64)
    clustered = partition(clusters)
    check_level(level)
    if not clustered.rows and not len(scores):
        return Estimate(math.nan, math.nan, math.nan, 0, 0, NO_ROWS)
    return mean_of(moments(scores, clustered), level)


def mean_of(found: Moments, level: float = 0.95) -> Estimate:
    """A mean with its cluster-robust t interval, from its moments."""
    low, high = t_interval(found, level)
    return _estimate(found, low, high, CLUSTER_ROBUST)


def cut(found: Estimate) -> Estimate:
    """The estimate with its mean and ends cut to 0 to 1, for scores that may lie outside one by one and not on average
    (HealthBench: Arora et al. 2025, arXiv:2505.08775)."""
    value, low, high = np.clip([found.value, found.low, found.high], 0.0, 1.0).tolist()
    return replace(found, value=value, low=low, high=high)


def wilson(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share of `n` rows; `n` may be an effective, fractional number above 0."""
    if not (0 <= share <= 1 and n > 0):
        raise ValueError(f"Wilson's interval needs a share in [0, 1] and n > 0, not {share} of {n}.")
    z = normal_quantile((1 + level) / 2)
    shrink = 1 + z * z / n
    middle = (share + z * z / (2 * n)) / shrink
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / shrink
    # Rounding may put an end a hair's breadth inside the share itself at 0 and 1.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def effective_rows(found: Moments, spread: float, level: float) -> float:
    """The number of independent rows that would tell as much as the clustered ones, for a score interval.

    `spread` is the variance of one row, in the squared unit of the values.
    """
    rows = found.rows
    effective = rows / design_effect(found, spread / rows)
    if found.variance is None or spread <= 0:
        # One cluster, or rows all alike: the effective rows are the clusters, which need no correction for degrees.
        return effective
    upper = (1 + level) / 2
    correction = t_quantile(upper, rows - 1) / t_quantile(upper, found.degrees)
    return effective * correction**2


def t_interval(found: Moments, level: float) -> tuple[float, float]:
    """The cluster-robust t interval of a mean; unbounded with one cluster, of which nothing is known."""
    error = found.standard_error
    if error is None:
        return -math.inf, math.inf
    half = t_quantile((1 + level) / 2, found.degrees) * error
    return found.mean - half, found.mean + half


def _estimate(found: Moments, low: float, high: float, method: str) -> Estimate:
    return Estimate(found.mean, low, high, found.rows, found.clusters, method, found.standard_error)


def binary(values: ArrayLike, name: str) -> Floats:
    """The rows as 0.0 and 1.0. Raises DataError naming the first row that is neither."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise DataError(f"'{name}' has {array.ndim} dimensions; one value a row was expected.")
    odd = np.flatnonzero((array != 0) & (array != 1))
    if len(odd):
        raise DataError(f"'{name}', row {odd[0] + 1}: {array[odd[0]]} is neither 0 nor 1.")
    return array


def check_level(level: float) -> None:
    """Raise ValueError for a level such as 95, which means 0.95."""
    if not 0 < level < 1:
        raise ValueError(f"The level of an interval lies between 0 and 1, not at {level}.")
