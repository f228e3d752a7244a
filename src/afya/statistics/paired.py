"""Two models on the same rows, or two languages on the same groups: the difference, its interval and its p-value.

The interval of a difference of two shares on the same rows is the cluster-robust t interval of the row-wise
differences from 100 rows and ten discordant rows on, and Tango's score interval (Tango 1998) on effective counts
otherwise: it keeps its coverage for small samples and has a width even when the two never disagree.

The p-value is McNemar's exact one (a binomial test on the discordant rows) where every cluster is a single row, and a t
test with the cluster-robust error and G - 1 degrees of freedom otherwise. Beside it stands the smallest difference that
the comparison could have detected, given the discordance and the clusters that were found.

References: Miller 2024, arXiv:2411.00640, section 4; Tango 1998, Statistics in Medicine 17, 891-908; McNemar 1947,
Psychometrika 12, 153-157; Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33, 2850-2875; Holm 1979,
Scandinavian J. Statistics 6, 65-70.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.bootstrap import bootstrap_means, bootstrap_p_value, percentile_interval
from afya.statistics.clusters import Floats, Moments, design_effect, moments, partition
from afya.statistics.distributions import normal_quantile, t_cdf
from afya.statistics.intervals import FEW_OUTCOMES, SMALL_SAMPLE, binary, check_level, effective_rows, t_interval
from afya.statistics.power import detectable_difference

MCNEMAR = "McNemar, exact"
CLUSTERED_T = "cluster-robust t"


@dataclass(frozen=True)
class Difference:
    """Share correct in b minus share correct in a, between -1 and 1: positive when b is better.

    `test` says where `p_value` is from. `gained` and `lost` are the discordant rows: right in b alone, in a alone.
    `detectable` is the smallest difference that would be found with 80% power (1 - level shared among the tests of the
    family); None with fewer than two clusters and where no difference would be.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    p_value: float
    test: str = MCNEMAR
    gained: int = 0
    lost: int = 0
    detectable: float | None = None


@dataclass(frozen=True)
class Resampled:
    """A difference by the paired cluster bootstrap: percentile interval (NaN with one cluster) and p-value."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class MeanDifference:
    """A difference of means on the same rows, in the scores' unit: positive when `after` is higher."""

    value: float
    low: float
    high: float
    n: int
    clusters: int
    p_value: float


def paired_difference(
    correct_a: ArrayLike, correct_b: ArrayLike, clusters: ArrayLike, level: float = 0.95, *, tests: int = 1
) -> Difference:
    """How much more often b is correct than a, on the same rows.

    Args:
        correct_a, correct_b: (rows,) booleans, or 0 and 1, in the same order.
        clusters: (rows,) label of each row's cluster.
        level: coverage of the interval.
        tests: how many comparisons the p-value will be adjusted over, for `detectable`.

    Returns NaN for value and interval, and a p-value of 1, without rows. Raises as `accuracy_interval` does.
    """
    a, b = binary(correct_a, "correct_a"), binary(correct_b, "correct_b")
    if a.shape != b.shape:
        raise DataError(f"Paired rows differ in number: {len(a)} and {len(b)}.")
    clustered = partition(clusters)
    check_level(level)
    if not len(a) and not clustered.rows:
        return Difference(math.nan, math.nan, math.nan, 0, 0, 1.0)
    change = b - a
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    return difference_of(moments(change, clustered), gained, lost, level, tests=tests)


def difference_of(found: Moments, gained: int, lost: int, level: float = 0.95, *, tests: int = 1) -> Difference:
    """As `paired_difference`, from the moments of the row-wise differences and the numbers of discordant rows."""
    rows = found.rows
    test = MCNEMAR if found.singletons else CLUSTERED_T
    if rows < SMALL_SAMPLE or gained + lost < FEW_OUTCOMES or not found.variance:
        spread = (gained + lost) / rows - found.mean**2
        effective = effective_rows(found, spread, level)
        scale = effective / rows
        low, high = tango(gained * scale, lost * scale, effective, level)
        low, high = min(low, found.mean), max(high, found.mean)
    else:
        low, high = t_interval(found, level)
    p_value = mcnemar_exact(gained, lost) if found.singletons else _clustered_p(found)
    ends = max(low, -1.0), min(high, 1.0)
    detectable = _detectable(found, (gained + lost) / rows, 1 - level, tests)
    return Difference(found.mean, *ends, rows, found.clusters, p_value, test, gained, lost, detectable)


def paired_bootstrap(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
) -> Resampled:
    """The difference b - a by drawing whole clusters, with the rows of a and b always drawn together.

    Takes any scores, not only 0 and 1, and makes no assumption about how the rows of a cluster hang together; with
    fewer than some 30 clusters its interval is too narrow, and `paired_difference` is the one to read.

    Raises DataError for lengths that differ, without rows, and for values that are not finite.
    """
    a, b = np.asarray(correct_a, dtype=np.float64), np.asarray(correct_b, dtype=np.float64)
    if a.shape != b.shape:
        raise DataError(f"Paired rows differ in number: {a.size} and {b.size}.")
    clustered = partition(clusters)
    check_level(level)
    value = moments(b - a, clustered).mean
    draws = bootstrap_means(clustered.sums(b - a)[:, None], clustered.sizes[:, None], replicates, seed)
    low, high = percentile_interval(draws, level)[:, 0]
    if clustered.count < 2:
        low = high = math.nan
    return Resampled(value, float(low), float(high), bootstrap_p_value(draws[:, 0], value, clustered.count))


def mean_difference(before: ArrayLike, after: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> MeanDifference:
    """How much higher any scores are after than before, on the same rows: the cluster-robust t interval and t test.

    With one row a cluster this is the paired t test. With one cluster the interval is unbounded and p is 1.

    Args:
        before, after: (rows,) finite numbers, in the same order.
        clusters: (rows,) label of each row's cluster.

    Raises DataError for lengths that differ, without rows, and for values that are not finite.
    """
    a, b = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if a.shape != b.shape:
        raise DataError(f"Paired rows differ in number: {a.size} and {b.size}.")
    check_level(level)
    found = moments(b - a, partition(clusters))
    low, high = t_interval(found, level)
    return MeanDifference(found.mean, low, high, found.rows, found.clusters, _clustered_p(found))


def _detectable(found: Moments, discordance: float, alpha: float, tests: int) -> float | None:
    if found.variance is None:
        return None
    rows = found.rows
    # Where rows never disagree the sample cannot tell how alike a cluster's rows are, and copies are assumed.
    independent = rows / design_effect(found, (discordance - found.mean**2) / rows)
    return detectable_difference(discordance, independent, found.degrees, alpha=alpha, tests=tests)


def _clustered_p(found: Moments) -> float:
    if found.mean == 0.0:
        return 1.0
    error = found.standard_error
    if error is None:
        return 1.0
    if error == 0.0:
        # Every cluster changed alike, so t would be infinite even for two clusters. Turning signs at random does
        # as much in 2 of 2^G ways, which is the most that G clusters can show.
        return float(2.0 ** (1 - found.clusters))
    return min(1.0, 2.0 * t_cdf(-abs(found.mean) / error, found.degrees))


def mcnemar_exact(gained: int, lost: int) -> float:
    """The two-sided exact p-value of McNemar's test for the two numbers of discordant rows."""
    discordant = gained + lost
    if discordant == 0:
        return 1.0
    factorials = _log_factorials(1 << discordant.bit_length())
    few = np.arange(min(gained, lost) + 1)
    log_terms = factorials[discordant] - factorials[few] - factorials[discordant - few] - discordant * math.log(2)
    return min(1.0, 2.0 * math.fsum(np.exp(log_terms)))


@lru_cache(maxsize=32)
def _log_factorials(count: int) -> Floats:
    """(count,) logarithms of 0!, 1!, 2! ..."""
    return np.array([math.lgamma(number + 1) for number in range(count)])


def tango(gained: float, lost: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Tango's score interval for (gained - lost) / n. The counts may be effective, fractional ones; n > 0.

    The ends are the differences at which the score statistic, with the nuisance parameter at its constrained maximum
    likelihood, reaches the normal quantile; found by bisection to 1e-12.
    """
    if not (gained >= 0 and lost >= 0 and n > 0 and gained + lost <= n * (1 + 1e-12)):
        raise ValueError(f"Tango's interval needs counts within n, not {gained} and {lost} of {n}.")
    z = normal_quantile((1 + level) / 2)

    def statistic(difference: float) -> float:
        linear = -gained - lost + (2 * n - gained + lost) * difference
        constant = -lost * difference * (1 - difference)
        lost_share = (math.sqrt(max(linear * linear - 8 * n * constant, 0.0)) - linear) / (4 * n)
        variance = n * (2 * lost_share + difference * (1 - difference))
        distance = gained - lost - n * difference
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    middle = (gained - lost) / n
    # The statistic falls as the difference grows: it is z at the lower end and -z at the upper.
    low = _bisect(lambda difference: statistic(difference) > z, -1.0, middle)
    high = _bisect(lambda difference: statistic(difference) > -z, middle, 1.0)
    return low, high


def _bisect(is_left: Callable[[float], bool], low: float, high: float) -> float:
    while high - low > 1e-12:
        middle = (low + high) / 2
        if is_left(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values, in the order given. NaN (no test was made) stays NaN and does not count.

    Raises DataError for a value outside [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    given = values[tested]
    if len(given) and (given.min() < 0 or given.max() > 1):
        raise DataError(f"A p-value lies outside 0 to 1: {given.min()} to {given.max()}.")
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.full_like(values, np.nan)
    adjusted[tested[order]] = np.minimum(stepped, 1.0)
    return adjusted
