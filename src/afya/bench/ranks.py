"""Places of the models, with intervals that hold together, and no place where the data give none.

See `afya.statistics.ranks` for the method. In a language models are ranked by their accuracy there; over all languages
(`lang` 'all') by the mean over the languages, each counting once, so that a language with more items does not decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from afya.bench.resampling import REPLICATES, by_group
from afya.bench.summary import ALL, checked, in_order, right
from afya.statistics import Ranks, rank_intervals
from afya.statistics.clusters import Floats

if TYPE_CHECKING:
    import polars as pl


def rank_models(
    scores: pl.DataFrame, *, level: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> pl.DataFrame:
    """One row for each setting, task, language and label, and over all languages.

    Columns: label, model, setting, task, lang, score (share), observed (place by the score alone), best, worst (ends of
    the interval, simultaneous over the models of a setting, task and language), rank ('3', '2-5', or '–' where the data
    give none), models (how many were ranked). Over all languages only models that answered in every language of the
    setting and task are ranked; others have place null.
    """
    import polars as pl

    scores = checked(scores).with_columns(correct=right())
    rows: list[tuple[object, ...]] = []
    for (setting, task), part in scores.group_by("setting", "task", maintain_order=True):
        if part["correct"].null_count() == part.height:
            continue
        sums = by_group(part, ["label", "model", "lang"])
        means, draws = sums.means, sums.draws(replicates, seed)
        labels = list(dict.fromkeys(column[:2] for column in sums.columns))
        langs = list(dict.fromkeys(column[2] for column in sums.columns))
        place = {column: index for index, column in enumerate(sums.columns)}
        at = np.array([[place.get((*label, lang), -1) for lang in langs] for label in labels])
        table = np.where(at >= 0, means[at], np.nan)
        drawn = np.where(at >= 0, draws[:, at], np.nan)
        for column, lang in enumerate(langs):
            groups = int((sums.counts[:, at[at[:, column] >= 0, column]] > 0).any(axis=1).sum())
            found = rank_intervals(table[:, column], drawn[:, :, column], groups, level)
            rows += _rows(labels, str(setting), str(task), lang, table[:, column], found)
        if len(langs) > 1:
            overall = rank_intervals(table.mean(axis=1), drawn.mean(axis=2), sums.groups, level)
            rows += _rows(labels, str(setting), str(task), ALL, table.mean(axis=1), overall)
    schema: dict[str, pl.DataType] = {name: pl.String() for name in ("label", "model", "setting", "task", "lang")}
    schema |= {"score": pl.Float64()} | {name: pl.Int64() for name in ("observed", "best", "worst")}
    return in_order(pl.DataFrame(rows, schema={**schema, "rank": pl.String(), "models": pl.Int64()}, orient="row"))


def _rows(
    labels: list[tuple[str, ...]], setting: str, task: str, lang: str, scores: Floats, found: Ranks
) -> list[tuple[object, ...]]:
    ranked = int((found.observed > 0).sum())
    rows: list[tuple[object, ...]] = []
    for index, label in enumerate(labels):
        if found.observed[index]:
            places = [int(table[index]) for table in (found.observed, found.best, found.worst)]
            rows.append((*label, setting, task, lang, float(scores[index]), *places, found.text(index), ranked))
        else:
            rows.append((*label, setting, task, lang, None, None, None, None, "–", ranked))
    return rows
