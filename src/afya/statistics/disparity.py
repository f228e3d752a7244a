"""How unequally a model serves its languages: measures over the scores of one model in several languages.

Every function takes scores with the languages on the last axis, (..., languages), and reduces that axis, so that the
same line serves a model's scores, (languages,), and their bootstrap draws, (replicates, languages). NaN (a language
without a score) is left out; where nothing is left the result is NaN.

References: Gini 1912 in the form of mean absolute differences, see Sen 1973, "On Economic Inequality", chapter 2; worst
group accuracy: Sagawa, Koh, Hashimoto & Liang 2020, "Distributionally Robust Neural Networks", arXiv:1911.08731; ratio
of worst to best: the "four-fifths" ratio of 29 CFR 1607.4(D).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.clusters import Floats, partition
from afya.statistics.intervals import Estimate, accuracy_interval, binary


def chance_corrected(accuracy: ArrayLike, chance: ArrayLike) -> Floats:
    """(accuracy - chance) / (1 - chance): 0 what guessing gives, 1 perfect, below 0 worse than guessing.

    A fair comparison of items with two options and items with five. `chance` between 0 and 1, 1 excluded.
    """
    shares, guesses = np.asarray(accuracy, dtype=np.float64), np.asarray(chance, dtype=np.float64)
    if np.any((guesses < 0) | (guesses >= 1)):
        raise DataError("Chance lies from 0 to below 1: a question with one option cannot be answered wrong.")
    corrected: Floats = (shares - guesses) / (1 - guesses)
    return corrected


def mean_score(scores: ArrayLike) -> Floats:
    """The mean over the languages, each counting once."""
    return _quietly(np.nanmean, scores)


def gap_to(scores: ArrayLike, reference: int) -> Floats:
    """The reference language's score less the mean of the others', in the scores' unit: positive when it is ahead."""
    table = np.asarray(scores, dtype=np.float64)
    return np.asarray(table[..., reference] - mean_score(np.delete(table, reference, axis=-1)))


def worst_score(scores: ArrayLike) -> Floats:
    """The lowest score of any language."""
    return _quietly(np.nanmin, scores)


def worst_to_best(scores: ArrayLike) -> Floats:
    """The lowest score over the highest, 0 to 1; NaN where the highest is not above 0."""
    best = _quietly(np.nanmax, scores)
    return np.asarray(np.divide(worst_score(scores), best, out=np.full(best.shape, np.nan), where=best > 0))


def gini(scores: ArrayLike) -> Floats:
    """Gini's coefficient: 0 all languages equal, (k - 1) / k all in one of k. For scores of 0 or more; NaN if all 0.

    The mean absolute difference of all pairs (each language with itself included) over twice the mean.
    """
    table = np.asarray(scores, dtype=np.float64)
    if np.any(table < 0):
        raise DataError("Gini's coefficient takes scores of 0 or more; chance-corrected ones may lie below.")
    ordered = np.sort(table, axis=-1)  # NaN go last
    held = ~np.isnan(ordered)
    number = held.sum(axis=-1)
    places = np.arange(1, table.shape[-1] + 1)
    total = np.nansum(ordered, axis=-1)
    weighted = np.nansum(np.where(held, (2 * places - number[..., None] - 1) * ordered, 0.0), axis=-1)
    return np.asarray(np.divide(weighted, number * total, out=np.full(total.shape, np.nan), where=total > 0))


@dataclass(frozen=True)
class Transfer:
    """What of the knowledge shown in the reference language is lost in another, on the same groups.

    `loss`: share of rows right in the reference and wrong here; `gain`: the reverse; `lost_of_known`: share wrong here
    among those right in the reference. loss - gain is the gap in accuracy.
    """

    loss: Estimate
    gain: Estimate
    lost_of_known: Estimate


def transfer(reference: ArrayLike, here: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> Transfer:
    """Right in the reference language and wrong here, against the reverse.

    Args:
        reference, here: (rows,) 0 and 1 or booleans: correct in the reference language, and in this one.
        clusters: (rows,) label of each row's cluster.

    Raises DataError as `accuracy_interval` does.
    """
    there, now = binary(reference, "reference"), binary(here, "here")
    if there.shape != now.shape:
        raise DataError(f"Paired rows differ in number: {len(there)} and {len(now)}.")
    codes = partition(clusters).codes
    known = there == 1
    return Transfer(
        loss=accuracy_interval((there == 1) & (now == 0), codes, level),
        gain=accuracy_interval((there == 0) & (now == 1), codes, level),
        lost_of_known=accuracy_interval(now[known] == 0, codes[known], level),
    )


def _quietly(reduce: np.ufunc | object, scores: ArrayLike) -> Floats:
    """A NaN-aware reduction of the last axis without numpy's warning for an axis that holds nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(reduce(np.asarray(scores, dtype=np.float64), axis=-1))  # type: ignore[operator]
