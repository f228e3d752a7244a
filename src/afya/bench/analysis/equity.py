"""How unequally a model serves the languages, and what is lost on the way from English.

Disparity is taken over groups that a model answered in all languages compared, because a gap between different
questions would be a gap between questions. A language that has fewer than half of the reference's groups would cut
that set down for all others, so that it is left out and named.

References: see `afya.statistics.disparity` and `afya.statistics.ratio`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from afya.bench.analysis.clustered import ALL, CELL, Coded, cells, coded, moments_in, table_of
from afya.bench.analysis.resampling import REPLICATES, by_group
from afya.bench.analysis.summary import REFERENCE, answers, reference_pairs
from afya.languages import registry
from afya.statistics import percentile_interval, raised_interval
from afya.statistics.clusters import Floats
from afya.statistics.disparity import chance_corrected, gap_to, gini, mean_score, worst_score, worst_to_best
from afya.statistics.intervals import accuracy_of
from afya.statistics.ratio import ratio_of

if TYPE_CHECKING:
    import polars as pl

LEAST_SHARED = 0.5
"""A language with a smaller share of the reference's groups is no part of the disparity."""

_MEASURES = ("mean", "corrected", "gap", "worst", "worst_to_best", "gini", "tier_gap")
_TRANSFER = ("loss", "gain", "lost_of_known")


def disparity(
    scores: pl.DataFrame | Coded,
    reference: str = REFERENCE,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> pl.DataFrame:
    """One row for each label, model, setting and task with two or more languages.

    Columns: label, model, setting, task, languages (compared), left_out (languages with too few shared groups), groups
    (answered in all of them), worst_lang, high, low (mean accuracy of high- and of low-resource languages), and each of
    these with {name}_low and {name}_high from the paired cluster bootstrap:

    mean: accuracy, each language counting once. corrected: the same after correction for chance. gap: the reference
    less the mean of the others. worst: the lowest language. worst_to_best. gini. tier_gap: high less low.

    All are shares; null where undefined (no reference, one tier only, no common group), and their ends where all draws
    are the same. Noise alone makes the worst of several scores low and scores unequal: the intervals of worst,
    worst_to_best and gini are moved by what it makes of them (`afya.statistics.bootstrap.raised_interval`).
    """
    import polars as pl

    data = answers(scores)
    rows: list[tuple[object, ...]] = []
    for part in data.separate("setting", "task"):
        answered = part.rows.filter(pl.col("correct").is_not_null())
        alike: dict[tuple[str, ...], list[int]] = {}
        left_out: dict[int, list[str]] = {}
        for (view,), own in answered.group_by("view", maintain_order=True):
            langs, apart = _compared(own, reference)
            if len(langs) >= 2:
                alike.setdefault(tuple(langs), []).append(int(str(view)))
                left_out[int(str(view))] = apart
        for same, views in alike.items():
            langs = list(same)
            shared = answered.filter(pl.col("view").is_in(views), pl.col("lang").cast(pl.String).is_in(langs))
            whole = shared.filter(pl.col("lang").n_unique().over("view", "group") == len(langs))
            measured = _measured(part.having(whole), langs, reference, level, replicates, seed)
            groups = dict(whole.group_by("view").agg(pl.col("group").n_unique()).iter_rows())
            nothing = [None] * (3 + 3 * len(_MEASURES))
            for view in views:
                listed = (",".join(langs), ",".join(left_out[view]), groups.get(view, 0))
                rows.append((view, ALL, *listed, *measured.get(view, nothing)))
    ends = [f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")]
    schema: dict[str, pl.DataType] = {"languages": pl.String(), "left_out": pl.String(), "groups": pl.Int64()}
    schema |= {"worst_lang": pl.String(), "high": pl.Float64(), "low": pl.Float64()}
    return table_of(data, rows, schema | dict.fromkeys(ends, pl.Float64())).drop("lang")


def _compared(answered: pl.DataFrame, reference: str) -> tuple[list[str], list[str]]:
    """The languages with enough groups in common with the reference (or with the largest, where it is absent)."""
    import polars as pl

    sizes = dict(answered.group_by("lang").agg(pl.col("group").n_unique()).sort("lang").iter_rows())
    base = reference if reference in sizes else max(sizes, key=lambda lang: sizes[lang])
    own = answered.filter(pl.col("lang").cast(pl.String) == base).select(pl.col("group").unique())
    held = answered.join(own, on="group", how="semi").group_by("lang").agg(pl.col("group").n_unique())
    common = dict(held.iter_rows())
    kept = [lang for lang in sizes if common.get(lang, 0) >= LEAST_SHARED * sizes[base]]
    return kept, [lang for lang in sizes if lang not in kept]


def _measured(
    whole: Coded, langs: list[str], reference: str, level: float, replicates: int, seed: int
) -> dict[int, list[object]]:
    """The cells of each view that has groups answered in all languages, the views on the same draws."""
    import polars as pl

    if not whole.rows.height:
        return {}
    sums = by_group(whole)
    views = list(dict.fromkeys(view for view, _ in sums.columns))
    at = np.array([[sums.columns.index((view, lang)) for lang in langs] for view in views])
    shares, draws = sums.means[at], sums.draws(replicates, seed)
    offered = pl.when(pl.col("n_options") > 1).then(pl.col("n_options").cast(pl.Float64))
    guesses = whole.rows.group_by(CELL).agg(chance=(1 / offered).mean())
    by_cell = {(view, lang): _number(chance) for view, lang, chance in guesses.iter_rows()}
    chance = np.array([[by_cell[view, lang] for lang in langs] for view in views])
    tiers = np.array([registry()[lang].tier if lang in registry() else "low" for lang in langs])

    def tier_mean(table: Floats, tier: str) -> Floats:
        return mean_score(table[..., tiers == tier]) if (tiers == tier).any() else np.full(table.shape[:-1], np.nan)

    def measures(table: Floats, guess: Floats) -> Floats:
        """(..., languages) accuracies -> (measures, ...)."""
        corrected = mean_score(chance_corrected(table, guess)) if (guess < 1).all() else mean_score(table * np.nan)
        gap = gap_to(table, langs.index(reference)) if reference in langs else np.full(table.shape[:-1], np.nan)
        apart = tier_mean(table, "high") - tier_mean(table, "low")
        told = [mean_score(table), corrected, gap, worst_score(table), worst_to_best(table), gini(table), apart]
        return np.stack(told)

    alone = {(row["view"], row["lang"]): moments_in(row, "correct") for row in cells(whole, ["correct"]).to_dicts()}
    found: dict[int, list[object]] = {}
    for place, view in enumerate(views):
        values = measures(shares[place], chance[place])
        rows = draws[:, at[place]]
        drawn = measures(rows, chance[place])
        # The same draws, were all languages served equally.
        equal = measures(np.clip(rows - shares[place] + shares[place].mean(), 0.0, 1.0), chance[place])
        ends = _ends(values, drawn, equal, level)
        lowest = alone[view, langs[int(np.argmin(shares[place]))]]
        if lowest is not None:
            # Draws of 0% or 100% never vary: the worst language is not known better than that language by itself.
            own, worst = accuracy_of(lowest, level), _MEASURES.index("worst")
            ends[:, worst] = np.fmin(ends[0, worst], own.low), np.fmax(ends[1, worst], own.high)
        made: list[object] = [
            langs[int(np.argmin(shares[place]))],
            *(_known(tier_mean(shares[place], tier)) for tier in ("high", "low")),
        ]
        for index in range(len(_MEASURES)):
            made += [_known(values[index]), _known(ends[0, index]), _known(ends[1, index])]
        found[view] = made
    return found


def _ends(values: Floats, drawn: Floats, equal: Floats, level: float) -> Floats:
    """(2, measures) intervals from (measures,) values, their draws, and the draws were all languages alike.

    NaN where the draws do not vary (one group, or all groups the same): nothing is known of the spread.
    """
    ends = percentile_interval(drawn.T, level)
    gini_at, ratio, worst = (_MEASURES.index(name) for name in ("gini", "worst_to_best", "worst"))
    ends[:, gini_at] = raised_interval(values[gini_at], drawn[gini_at], equal[gini_at], level)
    # What noise only lowers is what it raises, turned round.
    low, high = raised_interval(1 - values[ratio], 1 - drawn[ratio], 1 - equal[ratio], level)
    ends[:, ratio] = max(1 - high, 0.0), 1 - low
    low, high = raised_interval(-values[worst], -drawn[worst], None, level)
    ends[:, worst] = max(-high, 0.0), min(-low, 1.0)
    ends[:, np.fmax.reduce(drawn, axis=1) <= np.fmin.reduce(drawn, axis=1)] = np.nan
    return ends


def transfer_loss(scores: pl.DataFrame | Coded, reference: str = REFERENCE, level: float = 0.95) -> pl.DataFrame:
    """What was right in the reference language and wrong here, against the reverse, on the same groups.

    One row for each label, model, setting, task and language, and over all languages. Columns: the keys, n, groups,
    then with {name}_low and {name}_high: loss (right in the reference, wrong here; share of n), gain (the reverse),
    lost_of_known (share wrong here of those right in the reference, `known` of them). loss - gain is the gap.
    """
    import polars as pl

    pairs = reference_pairs(scores, reference)
    before, after = pl.col("before"), pl.col("after")
    told = pairs.rows.with_columns(
        loss=before & ~after, gain=~before & after, lost_of_known=pl.when(before).then(~after)
    )
    rows = []
    for row in cells(pairs.having(told), _TRANSFER).iter_rows(named=True):
        shares: list[object] = []
        for name in _TRANSFER:
            moments = moments_in(row, name)
            found = accuracy_of(moments, level) if moments else None
            shares += [found.value, found.low, found.high] if found else [None, None, None]
        counts = (int(row["loss.n"]), row["loss.groups"], int(row["lost_of_known.n"]))
        rows.append((row["view"], row["lang"], *counts, *shares))
    names = [f"{name}{end}" for name in _TRANSFER for end in ("", "_low", "_high")]
    schema = dict.fromkeys(("n", "groups", "known"), pl.Int64()) | dict.fromkeys(names, pl.Float64())
    return table_of(pairs, rows, schema)


def relative_change(pairs: pl.DataFrame | Coded, keys: Sequence[str], level: float = 0.95) -> pl.DataFrame:
    """How many times the base, beside the difference in points, on the same rows.

    Args:
        pairs: from `summary.shared_items` (a tuned model after its base), `summary.shared_groups` or
            `summary.reference_pairs` (a language after English).
        keys: the columns that name a comparison, beside lang.

    Columns: keys, lang, n, groups, before, after (shares), points (after - before, a share), times, times_low,
    times_high (Fieller's interval), defined. Where the base cannot be told from zero `times` is null, `defined` false,
    and `times_low` is what is known: at least so many times.
    """
    import polars as pl

    data = pairs if isinstance(pairs, Coded) else coded(pairs, keys, ["before", "after"])
    rows = []
    for row in cells(data, ["before", "after"], [("before", "after")]).iter_rows(named=True):
        before, after = moments_in(row, "before"), moments_in(row, "after")
        if before is None or after is None:
            continue
        found = ratio_of(after, before, row["before*after"], level)
        times = found.value if found.defined else None
        shares = (before.mean, after.mean, after.mean - before.mean, times, _known(found.low), _known(found.high))
        rows.append((row["view"], row["lang"], found.n, found.clusters, *shares, found.defined))
    numbers = ("before", "after", "points", "times", "times_low", "times_high")
    schema = dict.fromkeys(("n", "groups"), pl.Int64()) | dict.fromkeys(numbers, pl.Float64())
    return table_of(data, rows, schema | {"defined": pl.Boolean()})


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _known(value: float | Floats) -> float | None:
    """The number, or None where it is undefined or without bound."""
    return float(value) if math.isfinite(float(value)) else None
