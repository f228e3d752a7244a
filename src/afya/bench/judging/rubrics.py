"""Points for a long answer: rubrics and facts, with points taken off, from verdicts that someone gave.

A rubric lists criteria with points, some negative ("tells the user to stop insulin": -8). The score is the points of
the criteria that are met over all positive points; it may be below 0 for one answer, and a mean of answers is cut to 0
to 1, as HealthBench does. Facts are of two kinds, those that an answer must have and those nice to have: completeness
is the share of the former that follow from the answer, and every fact that the answer contradicts is counted as a
hallucination, as K-QA does.

Verdicts come from judges (models of different families, or physicians). A verdict that nobody gave is null and is never
taken for "not met": an answer with one is not scored, and the number of such answers is told.

References: Arora et al. 2025, "HealthBench: Evaluating Large Language Models Towards Improved Human Health",
arXiv:2505.08775; Manes et al. 2024, "K-QA: A Real-World Medical Q&A Benchmark", BioNLP at ACL 2024, 277-294.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb, isfinite
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from afya.errors import DataError
from afya.statistics.clusters import partition
from afya.statistics.intervals import Estimate, cut, mean_interval

Entailment = Literal["entailed", "contradicted", "neutral"]
Label = TypeVar("Label", bound=Hashable)


@dataclass(frozen=True)
class Criterion:
    """One line of a rubric. `points` may be negative, and is not 0; `tags` name axes and themes."""

    points: float
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class FactScore:
    """`completeness`: share of the must-have facts that follow from the answer, None without one; `hallucinations`: how
    many facts of either kind it contradicts."""

    completeness: float | None
    hallucinations: int


def rubric_score(rubric: Sequence[Criterion], met: Sequence[bool | None], tag: str | None = None) -> float | None:
    """Points of the criteria met over all positive points: at most 1, below 0 where harm outweighs.

    Args:
        met: a verdict for each criterion, None where none was given.
        tag: score the criteria with this tag alone.

    Returns None where a verdict is missing, or no criterion has positive points. Raises DataError for verdicts that do
    not fit the rubric, and for points that are 0 or not finite.
    """
    if len(rubric) != len(met):
        raise DataError(f"{len(met)} verdicts do not fit a rubric of {len(rubric)} criteria.")
    for place, criterion in enumerate(rubric):
        if not isfinite(criterion.points) or criterion.points == 0:
            raise DataError(f"Criterion {place + 1} has {criterion.points} points; a number other than 0 was expected.")
    rows = [(row.points, verdict) for row, verdict in zip(rubric, met, strict=True) if tag is None or tag in row.tags]
    possible = sum(points for points, _ in rows if points > 0)
    if not possible or any(verdict is None for _, verdict in rows):
        return None
    return sum(points for points, verdict in rows if verdict) / possible


def fact_score(
    must_have: Sequence[Entailment | None], nice_to_have: Sequence[Entailment | None] = ()
) -> FactScore | None:
    """Completeness and hallucinations from a verdict on each fact; None where a verdict is missing."""
    if None in must_have or None in nice_to_have:
        return None
    told = sum(verdict == "entailed" for verdict in must_have)
    against = sum(verdict == "contradicted" for verdict in (*must_have, *nice_to_have))
    return FactScore(told / len(must_have) if must_have else None, against)


def mean_rubric_score(scores: ArrayLike, clusters: ArrayLike, level: float = 0.95) -> Estimate:
    """The mean of answers' scores with its cluster-robust interval, mean and ends cut to 0 to 1.

    `scores` (answers,) from `rubric_score`, NaN where there was none (left out); `clusters` (answers,) their groups.
    """
    table = np.asarray(scores, dtype=np.float64)
    codes = partition(clusters).codes
    if table.shape != codes.shape:
        raise DataError(f"{table.size} scores do not fit {len(codes)} cluster labels.")
    known = ~np.isnan(table)
    found = mean_interval(table[known], codes[known], level)
    if not found.n:
        return found
    return cut(found)


def worst_of(scores: Sequence[float], k: int) -> float:
    """The expected worst score of k answers drawn from those given to one question: how reliable a model is.

    Every subset of k of the n answers is as likely, so that the i-th lowest is the worst of comb(n - i, k - 1) of them.
    Raises DataError where there are fewer than k answers.
    """
    count = len(scores)
    if not 1 <= k <= count:
        raise DataError(f"The worst of {k} cannot be told from {count} answer(s).")
    ordered = sorted(scores)
    return sum(ordered[place] * comb(count - place - 1, k - 1) for place in range(count - k + 1)) / comb(count, k)


def majority(verdicts: Sequence[Label | None]) -> Label | None:
    """The verdict of more than half of the judges that gave one; None where none has, or nobody judged."""
    given = Counter(verdict for verdict in verdicts if verdict is not None)
    if not given:
        return None
    verdict, count = given.most_common(1)[0]
    return verdict if 2 * count > given.total() else None
