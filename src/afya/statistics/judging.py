"""How far a judge agrees with physicians: Cohen's kappa and macro F1, with intervals from whole clusters.

A judge is a model or a person who gives every unit (an answer and a rubric criterion, an answer and a fact) one label
of a few. Many units belong to one answer, so the bootstrap draws whole clusters of them. A score by a judge that does
not agree with physicians is not a measurement: `withheld` says when none may be printed.

References: Cohen 1960, Educational and Psychological Measurement 20(1), 37-46 (kappa); Arora et al. 2025,
"HealthBench", arXiv:2505.08775 (macro F1 of a grader against physicians); Zheng et al. 2023, "Judging LLM-as-a-Judge",
arXiv:2306.05685.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from afya.errors import ConfigError, DataError
from afya.statistics.bootstrap import drawn_weights
from afya.statistics.clusters import Floats, partition
from afya.statistics.intervals import check_level

Measure = Literal["kappa", "macro_f1", "observed"]


@dataclass(frozen=True)
class Interval:
    """A value with its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class JudgeAgreement:
    """A judge against physicians on the units that both labelled.

    `kappa`: agreement beyond chance, 1 perfect, 0 chance; NaN where both gave one and the same label only. `macro_f1`:
    the mean over the labels of F1, the physicians' label being the truth. `observed`: share of equal labels.
    `confusion`: (labels, labels) counts, rows the physicians', columns the judge's, in the order of `labels`.
    """

    kappa: Interval
    macro_f1: Interval
    observed: Interval
    units: int
    clusters: int
    labels: tuple[Hashable, ...]
    confusion: Floats


def judge_agreement(
    judge: Sequence[Hashable],
    physicians: Sequence[Hashable],
    clusters: Sequence[Hashable],
    *,
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> JudgeAgreement:
    """Kappa, macro F1 and observed agreement.

    Args:
        judge, physicians: the label each gave to each unit; None where one gave none, and the unit is left out.
        clusters: the cluster of each unit, such as the answer or its group.

    Raises DataError for lengths that differ and where no unit has two labels.
    """
    check_level(level)
    if not len(judge) == len(physicians) == len(clusters):
        raise DataError(f"{len(judge)} labels, {len(physicians)} of physicians and {len(clusters)} clusters differ.")
    rows = [row for row in zip(physicians, judge, clusters, strict=True) if row[0] is not None and row[1] is not None]
    if not rows:
        raise DataError("No unit has a label of the judge and one of a physician.", hint="Give units that both judged.")
    labels = tuple(sorted({label for row in rows for label in row[:2]}, key=lambda label: (str(type(label)), label)))
    place = {label: index for index, label in enumerate(labels)}
    size = len(labels)
    clustered = partition(np.unique(np.array([str(row[2]) for row in rows]), return_inverse=True)[1])
    cells = np.array([place[truth] * size + place[said] for truth, said, _ in rows])
    counts = np.bincount(clustered.codes * size**2 + cells, minlength=clustered.count * size**2)
    tables = counts.reshape(clustered.count, size**2).astype(np.float64)
    confusion = tables.sum(axis=0).reshape(1, size, size)
    draws = np.concatenate([weights @ tables for _, weights in drawn_weights(clustered.count, replicates, seed)])
    drawn = draws.reshape(-1, size, size)

    def with_interval(value: Floats, resampled: Floats) -> Interval:
        known = resampled[~np.isnan(resampled)]
        if clustered.count < 2 or not len(known) or math.isnan(value[0]):
            return Interval(float(value[0]), math.nan, math.nan)
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(value[0]), float(low), float(high))

    kappa, macro_f1, observed = (
        with_interval(measure(confusion), measure(drawn)) for measure in (_kappa, _macro_f1, _observed)
    )
    return JudgeAgreement(kappa, macro_f1, observed, len(rows), clustered.count, labels, confusion[0])


def withheld(found: JudgeAgreement | None, measure: Measure, threshold: float) -> str | None:
    """Why no score of this judge may be printed, as a sentence; None where it may.

    `found` is None where physicians labelled nothing. The judge's agreement itself must reach the threshold; its
    interval is printed beside the score.

    Raises ConfigError for a threshold outside 0 to 1: such a gate would be open or shut for every judge.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"The threshold for a judge's agreement lies between 0 and 1, not at {threshold}.")
    if found is None:
        return "No score: the judge was never compared with physicians."
    name = {"kappa": "kappa", "macro_f1": "macro F1", "observed": "share of equal labels"}[measure]
    value: float = {"kappa": found.kappa, "macro_f1": found.macro_f1, "observed": found.observed}[measure].value
    if math.isnan(value):
        return f"No score: the judge's {name} with physicians is not defined on {found.units} unit(s)."
    if value < threshold:
        return f"No score: the judge's {name} with physicians is {value:.2f}, below {threshold:.2f}."
    return None


def _observed(tables: Floats) -> Floats:
    return np.asarray(np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2)))


def _kappa(tables: Floats) -> Floats:
    """(draws, labels, labels) counts -> (draws,) kappas, NaN where chance alone would agree wholly."""
    total = tables.sum(axis=(1, 2))
    expected = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1) / total**2
    beyond = 1 - expected
    defined = beyond > 1e-12
    return np.where(defined, (_observed(tables) - expected) / np.where(defined, beyond, 1.0), np.nan)


def _macro_f1(tables: Floats) -> Floats:
    """(draws,) mean over the labels that occur of 2 * hits / (given + true)."""
    hits = np.diagonal(tables, axis1=1, axis2=2)
    both = tables.sum(axis=1) + tables.sum(axis=2)
    occurs = both > 0
    return np.asarray(np.where(occurs, 2 * hits / np.where(occurs, both, 1.0), 0.0).sum(axis=1) / occurs.sum(axis=1))
