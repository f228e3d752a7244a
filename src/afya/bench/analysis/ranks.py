"""Places of the models, with intervals that hold together, and no place where the data give none.

See `afya.statistics.ranks` for the method. In a language models are ranked by their accuracy there; over all languages
(`lang` 'all') by the mean over the languages, each counting once, so that a language with more items does not decide.

A model that answered too few of the items (the others were errors: too long for it, say) has a score of other questions
than its rivals, and is given no place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from afya.bench.analysis.clustered import ALL, Coded, table_of
from afya.bench.analysis.resampling import REPLICATES, by_group
from afya.bench.analysis.summary import answers
from afya.statistics import Ranks, rank_intervals
from afya.statistics.clusters import Floats

if TYPE_CHECKING:
    import polars as pl

LEAST_ANSWERED = 0.8
"""Of the items of a language that any model answered; a model with a smaller share is not ranked."""


def rank_models(
    scores: pl.DataFrame | Coded, *, level: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> pl.DataFrame:
    """One row for each setting, task, language and label, and over all languages.

    Columns: label, model, setting, task, lang, score (share), observed (place by the score alone), best, worst (ends of
    the interval, simultaneous over the models of a setting, task and language), rank ('3', '2-5', or '–' where the data
    give X
    """
    import polars as pl

    data = answers(scores)
    rows: list[tuple[object, ...]] = []
    for part in data.separate("setting", "task"):
        if part.rows["correct"].null_count() == part.rows.height:
            continue
        sums = by_group(part)
        means, draws = sums.means, sums.draws(replicates, seed)
        views = list(dict.fromkeys(column[0] for column in sums.columns))
        langs = list(dict.fromkeys(column[1] for column in sums.columns))
        place = {column: index for index, column in enumerate(sums.columns)}
        at = np.array([[place.get((view, lang), -1) for lang in langs] for view in views])
        at = np.where(_answered_enough(part, views, langs), at, -1)
        table = np.where(at >= 0, means[at], np.nan)
        for column, lang in enumerate(langs):
            held = np.asarray(at[:, column] >= 0)
            if not held.any():
                rows += [(view, lang, None, None, None, None, "–", 0) for view in views]
                continue
            drawn = draws[:, at[held, column]]
            groups = int((sums.counts[:, at[held, column]] > 0).any(axis=1).sum())
            found = rank_intervals(table[held, column], drawn, groups, level)
            rows += _rows(views, lang, held, table[:, column], found)
        if len(langs) > 1:
            held = np.asarray((at >= 0).all(axis=1))
            drawn = np.empty((len(draws), int(held.sum())))
            for index, places in enumerate(at[held]):
                drawn[:, index] = draws[:, places].mean(axis=1)
            overall = rank_intervals(table[held].mean(axis=1), drawn, sums.groups, level)
            rows += _rows(views, ALL, held, table.mean(axis=1), overall)
    counts = dict.fromkeys(("observed", "best", "worst"), pl.Int64())
    return table_of(data, rows, {"score": pl.Float64(), **counts, "rank": pl.String(), "models": pl.Int64()})


def _answered_enough(part: Coded, views: list[int], langs: list[str]) -> NDArray[np.bool_]:
    """(views, languages) whether the model answered four in five of the items that any answered in the language."""
    import polars as pl

    held = part.rows.filter(pl.col("correct").is_not_null())
    every = held.group_by("lang").agg(every=pl.col("item").n_unique())
    own = held.group_by("view", "lang").agg(own=pl.col("item").n_unique()).join(every, on="lang")
    enough = own.filter(pl.col("own") >= LEAST_ANSWERED * pl.col("every"))
    pairs = set(enough.select("view", pl.col("lang").cast(pl.String)).rows())
    return np.array([[(view, lang) in pairs for lang in langs] for view in views])


def _rows(
    views: list[int], lang: str, held: NDArray[np.bool_], scores: Floats, found: Ranks
) -> list[tuple[object, ...]]:
    """A row for each view; `found` ranks those that are `held`."""
    rows: list[tuple[object, ...]] = []
    ranked = int(held.sum())
    index = -1
    for view, known, score in zip(views, held, scores, strict=True):
        if known:
            index += 1
            places = [int(table[index]) for table in (found.observed, found.best, found.worst)]
            rows.append((view, lang, float(score), *places, found.text(index), ranked))
        else:
            rows.append((view, lang, None, None, None, None, "–", ranked))
    return rows
