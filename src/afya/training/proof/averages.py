"""Means over languages, each language counting once: of all, of the high-resource and of the low-resource ones.

Intervals and p-values are of the paired cluster bootstrap: groups are drawn, with all their languages and all stages
together, so that a change is compared on the same draws. With fewer than some 30 groups they are too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from afya.bench.analysis.clustered import ALL
from afya.bench.analysis.resampling import REPLICATES, GroupSums, by_group
from afya.bench.analysis.summary import answers
from afya.languages import registry
from afya.statistics import bootstrap_p_value, holm, percentile_interval
from afya.statistics.clusters import Floats
from afya.statistics.disparity import mean_score

if TYPE_CHECKING:
    import polars as pl

WHO = (ALL, "high", "low")
"""All languages, and those of each resource tier."""


@dataclass(frozen=True)
class _Drawn:
    """One data set: the mean over some languages of each label, (labels,) and (replicates, labels)."""

    setting: str
    task: str
    who: str
    langs: tuple[str, ...]
    labels: tuple[str, ...]
    values: Floats
    draws: Floats
    n: tuple[int, ...]
    groups: int


def averages(scores: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """One row for each setting, task, who (all, high, low) and label: languages, n, groups, mean, low, high (shares;
    ends null with one group, or where no draw differs)."""
    import polars as pl

    rows: list[tuple[object, ...]] = []
    for one in _drawn(scores):
        ends = percentile_interval(one.draws, level)
        for place, label in enumerate(one.labels):
            told = (one.setting, one.task, one.who, label, len(one.langs), one.n[place], one.groups)
            rows.append((*told, float(one.values[place]), *_ends(ends[:, place])))
    texts = dict.fromkeys(("setting", "task", "who", "label"), pl.String())
    counts = dict.fromkeys(("languages", "n", "groups"), pl.Int64())
    shares = dict.fromkeys(("mean", "low", "high"), pl.Float64())
    return pl.DataFrame(rows, schema={**texts, **counts, **shares}, orient="row")


def average_changes(scores: pl.DataFrame, pairs: Sequence[tuple[str, str]], level: float = 0.95) -> pl.DataFrame:
    """One row for each setting, task, who and pair (a, b) of labels: languages, n, groups, before, after, difference,
    low, high (shares), p_value, p_holm (over the rows of a setting and task)."""
    import polars as pl

    rows: list[tuple[object, ...]] = []
    for one in _drawn(scores):
        for a, b in pairs:
            if a not in one.labels or b not in one.labels:
                continue
            before, after = one.labels.index(a), one.labels.index(b)
            value = float(one.values[after] - one.values[before])
            change = one.draws[:, after] - one.draws[:, before]
            ends = percentile_interval(change[:, None], level)[:, 0]
            p_value = bootstrap_p_value(change, value, one.groups)
            told = (one.setting, one.task, one.who, a, b, len(one.langs), one.n[after], one.groups)
            rows.append((*told, float(one.values[before]), float(one.values[after]), value, *_ends(ends), p_value))
    texts = dict.fromkeys(("setting", "task", "who", "a", "b"), pl.String())
    counts = dict.fromkeys(("languages", "n", "groups"), pl.Int64())
    shares = dict.fromkeys(("before", "after", "difference", "low", "high", "p_value"), pl.Float64())
    table = pl.DataFrame(rows, schema={**texts, **counts, **shares}, orient="row")
    adjusted: list[float] = []
    for _, part in table.group_by("setting", "task", maintain_order=True):
        adjusted += holm(part["p_value"].to_numpy()).tolist()
    return table.with_columns(p_holm=pl.Series(adjusted, dtype=pl.Float64))


def _drawn(scores: pl.DataFrame) -> Iterator[_Drawn]:
    """Each data set's means for all languages and, where both tiers are there, for each tier."""
    import polars as pl

    data = answers(scores)
    for part in data.separate("setting", "task"):
        answered = part.rows.filter(pl.col("correct").is_not_null())
        if not answered.height:
            continue
        sums = by_group(part)
        draws = sums.draws(REPLICATES)
        labels = dict(part.names.select("view", "label").iter_rows())
        setting, task = part.names.row(0, named=True)["setting"], part.names.row(0, named=True)["task"]
        langs = list(dict.fromkeys(lang for _, lang in sums.columns))
        # Only languages that every label answered: a mean over other languages would be another mean.
        common = [lang for lang in langs if all((view, lang) in sums.columns for view in labels)]
        tiers = {code: registry()[code].tier if code in registry() else "low" for code in common}
        for who in WHO:
            own = tuple(code for code in common if who in (ALL, tiers[code]))
            if not own or (who != ALL and len(own) == len(common)):
                continue
            yield _mean(sums, draws, labels, own, setting, task, who)


def _mean(
    sums: GroupSums,
    draws: Floats,
    labels: dict[int, str],
    own: tuple[str, ...],
    setting: str,
    task: str,
    who: str,
) -> _Drawn:
    at = np.array([[sums.columns.index((view, lang)) for lang in own] for view in labels])
    held = sums.counts[:, at]  # (groups, labels, languages)
    return _Drawn(
        setting,
        task,
        who,
        own,
        tuple(labels.values()),
        mean_score(sums.means[at]),
        mean_score(draws[:, at]),
        tuple(int(number) for number in held.sum(axis=(0, 2))),
        int((held.sum(axis=(1, 2)) > 0).sum()),
    )


def _ends(ends: Floats) -> tuple[float | None, float | None]:
    """The interval's ends; none where the draws never differ."""
    low, high = (float(end) for end in ends)
    return (low, high) if low < high else (None, None)
