"""Ranks with intervals: which places a model may hold, given that its rivals' scores are uncertain too.

A model's best possible place is one more than the number of models surely better, its worst the number of models less
those surely worse. "Surely" is decided for all pairs at once: from paired bootstrap draws, the distribution of the
largest of all studentised differences gives one critical value, so that the whole table holds together with the level
given. (Percentiles of bootstrapped ranks do not: near ties they are too narrow.) Draws know the errors better than a
sample of few clusters does, so that the value is carried over from the normal distribution to Student's t with
clusters - 1 degrees of freedom.

Where a model's interval covers every place the data give it no rank.

References: Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks with Applications to Mobility across
Neighbourhoods and Academic Achievement across Countries", Review of Economic Studies 91(1), 476-518; Hall & Miller
2009, "Using the bootstrap to quantify the authority of an empirical ranking", Annals of Statistics 37(6B), 3929-3959.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from afya.errors import DataError
from afya.statistics.clusters import Floats
from afya.statistics.distributions import t_quantile
from afya.statistics.intervals import check_level

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Ranks:
    """Places of all models, 1 the best. A model without a score has place 0 in all three.

    `observed`: (models,) place by the scores as they are, equal scores sharing the best of their places. `best`,
    `worst`: (models,) ends of the interval. `critical`: the studentised difference beyond which two models differ;
    infinite where nothing can be told.
    """

    observed: Places
    best: Places
    worst: Places
    critical: float

    @property
    def known(self) -> NDArray[np.bool_]:
        """(models,) whether the data say anything of the model's place; a sole model has nothing to be ranked with."""
        ranked = int((self.observed > 0).sum())
        known: NDArray[np.bool_] = (self.observed > 0) & (self.worst - self.best < ranked - 1)
        return known

    def text(self, model: int) -> str:
        """'3', '2-5', or '–' where the data give no rank."""
        if not self.known[model]:
            return "–"
        best, worst = int(self.best[model]), int(self.worst[model])
        return str(best) if best == worst else f"{best}-{worst}"


def rank_intervals(scores: ArrayLike, draws: ArrayLike, clusters: int, level: float = 0.95) -> Ranks:
    """Places with simultaneous intervals.

    Args:
        scores: (models,) higher is better; NaN for a model without one.
        draws: (replicates, models) the scores in paired bootstrap replicates; replicates with a NaN are left out.
        clusters: how many clusters were drawn from; with one there are no ranks.
        level: the probability with which all intervals hold together.

    Raises DataError where scores and draws do not fit.
    """
    values, table = np.asarray(scores, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    check_level(level)
    if values.ndim != 1 or table.ndim != 2 or table.shape[1] != len(values):
        raise DataError(f"Scores of {values.size} models do not fit draws of shape {table.shape}.")
    places = [np.zeros(len(values), dtype=np.int64) for _ in range(3)]
    held = np.flatnonzero(~np.isnan(values))
    table = table[:, held]
    table = table[~np.isnan(table).any(axis=1)]
    at = values[held]
    beaten, critical = _surely_better(at, table, clusters, level)
    places[0][held] = 1 + (at[None, :] > at[:, None] + 1e-12).sum(axis=1)
    places[1][held] = 1 + beaten.sum(axis=0)
    places[2][held] = len(held) - beaten.sum(axis=1)
    return Ranks(places[0], places[1], places[2], critical)


def _surely_better(values: Floats, draws: Floats, clusters: int, level: float) -> tuple[NDArray[np.bool_], float]:
    """(models, models) whether the row's model is surely better than the column's, and the critical value."""
    count = len(values)
    nothing = np.zeros((count, count), dtype=bool)
    if count < 2 or clusters < 2 or len(draws) < 2:
        return nothing, float("inf")
    spread = np.atleast_2d(np.cov(draws, rowvar=False))
    own = np.diag(spread)
    # Draws spread like the sample's own variance, which lacks the factor for few clusters.
    variances = np.maximum(own[:, None] + own[None, :] - 2 * spread, 0.0) * clusters / (clusters - 1)
    errors = np.where(variances > 1e-20, np.sqrt(variances), np.nan)
    away = np.ascontiguousarray((draws - values).T)
    # Two that never differ in any draw cannot be studentised: they count as not apart.
    per_error = np.where(np.isnan(errors), 0.0, 1 / errors)
    largest = np.zeros(len(draws))
    for model in range(count - 1):
        apart = away[model + 1 :] - away[model]
        apart *= per_error[model, model + 1 :, None]
        np.abs(apart, out=apart)
        np.maximum(largest, apart.max(axis=0), out=largest)
    # The same tail under Student's t: with ten groups and 20 models alike, every second table else told some apart.
    beyond = NormalDist().cdf(-float(np.quantile(largest, level)))
    critical = -t_quantile(max(beyond, 1e-300), clusters - 1)
    ahead = values[:, None] - values[None, :]
    with np.errstate(invalid="ignore"):
        better = ahead > critical * errors
    # Two that differ alike in every cluster: turning signs at random does as much in 2 of 2^clusters ways.
    pairs = count * (count - 1) / 2
    if pairs * 2.0 ** (1 - clusters) <= 1 - level:
        better |= np.isnan(errors) & (ahead > 1e-12)
    return better, critical
