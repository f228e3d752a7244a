"""How far raters agree beyond chance: Krippendorff's alpha, with an interval from the bootstrap over rated units.

Any number of raters, each rating any of the units; units with fewer than two ratings say nothing and are left out.
alpha = 1 - D_o / D_e, the observed over the expected disagreement, both from the coincidence matrix
o[c, k] = sum over units of the pairs rated (c, k) / (ratings of the unit - 1).

References: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania; Krippendorff
2019, "Content Analysis" (4th ed.), chapter 12. The interval resamples units rather than pairs (Zapf, Castell, Morawietz
& Karch 2016, BMC Medical Research Methodology 16:93).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from afya.errors import DataError
from afya.statistics.bootstrap import CHUNK
from afya.statistics.clusters import Floats, partition

Level = Literal["nominal", "ordinal", "interval"]


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha: 1 perfect, 0 what chance gives, below 0 systematic disagreement.

    `alpha` is None where it is not defined: no unit with two ratings, or all ratings the same. `low` and `high` are
    None where fewer than two units were rated twice. `units` and `ratings` count what entered.
    """

    alpha: float | None
    low: float | None
    high: float | None
    units: int
    ratings: int


def krippendorff(
    ratings: Sequence[Sequence[float]],
    level: Level = "ordinal",
    *,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Alpha of the units' ratings.

    Args:
        ratings: for each unit the ratings it was given, in any order; the raters need not be the same ones.
        level: how far two ratings differ: not at all or wholly (nominal), by the ranks between them (ordinal), by
            their squared difference (interval).
        clusters: the cluster of each unit (sentences of one text); whole clusters are drawn. None: each unit its own.

    Raises:
        DataError: a rating is not a number, or the clusters are not as many as the units.
    """
    labels = list(range(len(ratings))) if clusters is None else list(clusters)
    if len(labels) != len(ratings):
        raise DataError(f"{len(labels)} clusters do not fit {len(ratings)} units.")
    kept = [(list(unit), label) for unit, label in zip(ratings, labels, strict=True) if len(unit) >= 2]
    count = sum(len(unit) for unit, _ in kept)
    if not kept:
        return Agreement(None, None, None, 0, 0)
    values = np.unique(np.concatenate([np.asarray(unit, dtype=np.float64) for unit, _ in kept]))
    if not np.isfinite(values).all():
        raise DataError("A rating is not a number.")
    coincidences = np.stack([_coincidences(unit, values) for unit, _ in kept])
    alpha = _alpha(coincidences.sum(axis=0)[None], values, level)[0]
    clustered = partition(np.unique(np.array([str(label) for _, label in kept]), return_inverse=True)[1])
    if clustered.count < 2 or np.isnan(alpha):
        return Agreement(None if np.isnan(alpha) else float(alpha), None, None, len(kept), count)
    size = len(values)
    sums = clustered.sums(coincidences.reshape(len(kept), size * size))
    generator = np.random.default_rng(seed)
    draws = []
    for start in range(0, replicates, CHUNK):
        many = min(CHUNK, replicates - start)
        weights = generator.multinomial(clustered.count, np.full(clustered.count, 1 / clustered.count), size=many)
        draws.append(_alpha((weights @ sums).reshape(many, size, size), values, level))
    known = np.concatenate(draws)
    known = known[~np.isnan(known)]
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Agreement(float(alpha), float(low), float(high), len(kept), count)


def _coincidences(unit: Sequence[float], values: Floats) -> Floats:
    """(values, values): how often two of the unit's ratings were these, each rating counting once in all."""
    counts = (np.asarray(unit, dtype=np.float64)[:, None] == values).sum(axis=0).astype(np.float64)
    pairs: Floats = np.outer(counts, counts) - np.diag(counts)
    return pairs / (len(unit) - 1)


def _alpha(coincidences: Floats, values: Floats, level: Level) -> Floats:
    """(draws, values, values) coincidences -> (draws,) alphas, NaN where all ratings are the same."""
    marginals = coincidences.sum(axis=2)
    total = marginals.sum(axis=1)
    distance = _distances(marginals, values, level)
    observed = (coincidences * distance).sum(axis=(1, 2)) / total
    expected = (marginals[:, :, None] * marginals[:, None, :] * distance).sum(axis=(1, 2)) / (total * (total - 1))
    varied = expected > 0
    alpha: Floats = np.where(varied, 1 - observed / np.where(varied, expected, 1.0), np.nan)
    return alpha


def _distances(marginals: Floats, values: Floats, level: Level) -> Floats:
    """(draws, values, values) squared differences between two ratings."""
    if level == "nominal":
        return np.broadcast_to(1.0 - np.eye(len(values)), (len(marginals), len(values), len(values)))
    if level == "interval":
        return np.broadcast_to((values[:, None] - values) ** 2, (len(marginals), len(values), len(values)))
    # The ranks between two values: all ratings from the one to the other, the ends counted half.
    middle = np.cumsum(marginals, axis=1) - marginals / 2
    return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2)
