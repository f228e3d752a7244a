"""Rows sorted into clusters, and the moments that every clustered statistic is made of.

A mean over clustered rows is estimated as usual; its variance comes from the clusters' sums of deviations (the
cluster-robust "sandwich" for an intercept, with the CR1 small-sample factor):

    u_g = sum over the rows i of cluster g of (x_i - mean)
    variance = G / (G - 1) * sum over g of u_g^2 / n^2,    G - 1 degrees of freedom

With one row a cluster this is the familiar s^2 / n.

References: Cameron & Miller 2015, "A Practitioner's Guide to Cluster-Robust Inference", J. Human Resources 50(2),
sections II and VI; Miller 2024, "Adding Error Bars to Evals", arXiv:2411.00640, section 2.2; Kish 1965, "Survey
Sampling", section 5.4 (design effect).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from afya.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Partition:
    """Rows by cluster. `codes`: (rows,) cluster number of each row, 0 to count - 1; `sizes`: (count,) rows of each."""

    codes: NDArray[np.intp]
    sizes: NDArray[np.intp]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.codes)

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return len(self.sizes)

    @property
    def singletons(self) -> bool:
        """Whether every cluster holds one row, so that the rows are independent."""
        return self.count == self.rows

    def sums(self, values: Floats) -> Floats:
        """The sum of the rows of each cluster. `values` (rows,) or (rows, columns) -> (count,) or (count, columns)."""
        if values.ndim == 1:
            return np.bincount(self.codes, weights=values, minlength=self.count).astype(np.float64)
        order = np.argsort(self.codes, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        return np.add.reduceat(values[order], starts, axis=0) if self.rows else np.zeros((0, values.shape[1]))


@dataclass(frozen=True)
class Moments:
    """A clustered mean. `variance` is the mean's own (squared standard error); None with fewer than two clusters.

    `squared_sizes`: the sum over the clusters of their rows squared.
    """

    mean: float
    variance: float | None
    rows: int
    clusters: int
    squared_sizes: float

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the variance."""
        return max(self.clusters - 1, 0)

    @property
    def singletons(self) -> bool:
        """Whether every cluster holds one row, so that the rows are independent."""
        return self.clusters == self.rows

    @property
    def greatest_design_effect(self) -> float:
        """The design effect if all rows of a cluster were copies of one another: sum of sizes^2 / rows (Kish 1965)."""
        return self.squared_sizes / self.rows if self.rows else 1.0

    @property
    def standard_error(self) -> float | None:
        """The square root of the variance, or None where there is none."""
        return None if self.variance is None else float(np.sqrt(self.variance))


def partition(clusters: ArrayLike) -> Partition:
    """Sort rows into clusters by their label (text or integers), one label a row.

    Raises DataError when labels are not one-dimensional or a row has none: a row without a cluster would otherwise
    count as independent and narrow every interval.
    """
    labels: NDArray[Any] = np.asarray(clusters)
    if labels.ndim != 1:
        raise DataError(f"Cluster labels have {labels.ndim} dimensions; one label a row was expected.")
    if labels.dtype.kind == "O":
        missing = np.flatnonzero(np.array([label is None for label in labels], dtype=bool))
        if len(missing):
            raise DataError(f"Row {missing[0] + 1} of {len(labels)} has no cluster.", hint="Give every row a group_id.")
    elif labels.dtype.kind == "f" and len(labels) and not np.isfinite(labels).all():
        raise DataError("A cluster label is not a finite number.", hint="Give every row a group_id.")
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return Partition(codes=codes.astype(np.intp), sizes=sizes.astype(np.intp))


def moments(values: Floats, clustered: Partition) -> Moments:
    """The mean of the rows with its cluster-robust variance. `values` (rows,), at least one, all finite.

    Raises DataError when rows and labels differ in number, there are none, or a value is not finite.
    """
    if values.shape != (clustered.rows,):
        raise DataError(
            f"{values.size} values do not fit {clustered.rows} cluster labels; one label a value is needed."
        )
    if not clustered.rows:
        raise DataError("No values: a mean of nothing has no interval.")
    if not np.isfinite(values).all():
        raise DataError(f"Value {int(np.flatnonzero(~np.isfinite(values))[0]) + 1} is not a finite number.")
    mean = float(values.mean())
    squares = float(np.square(clustered.sums(values - mean)).sum())
    sizes = float(np.square(clustered.sizes, dtype=np.float64).sum())
    return moments_from(mean, squares, clustered.rows, clustered.count, sizes, float(np.abs(values).max()))


def moments_from(
    mean: float, squares: float, rows: int, clusters: int, squared_sizes: float, greatest: float = 1.0
) -> Moments:
    """The moments from what the clusters add up to, for many means at once.

    Args:
        squares: the sum over the clusters of the squared sum of their rows' deviations from the mean.
        squared_sizes: the sum over the clusters of their rows squared.
        greatest: the largest absolute value of any row.
    """
    if clusters < 2:
        return Moments(mean, None, rows, clusters, squared_sizes)
    variance = clusters / (clusters - 1) * squares / rows**2
    # Sums of deviations that should cancel leave about 1e-17 a row; such a variance is zero, not a tiny interval.
    if variance < (1e-12 * max(1.0, greatest)) ** 2:
        variance = 0.0
    return Moments(mean, variance, rows, clusters, squared_sizes)


def design_effect(found: Moments, simple_variance: float) -> float:
    """How many times wider the variance is than that of as many independent rows, held within what clusters can do.

    `simple_variance` is the variance of the mean were the rows independent. The result lies between 1 (a sample
    never counts as more rows than it has, though a small one may look so by chance) and the greatest design effect
    of its clusters, which is also the answer when the sample cannot tell: one cluster, or rows all alike.

    Reference: Korn & Graubard 1998, Survey Methodology 24(2), 193-201.
    """
    greatest = found.greatest_design_effect
    if found.variance is None or simple_variance <= 0:
        return greatest
    return min(max(found.variance / simple_variance, 1.0), greatest)
