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

from afya.bench.resampling import REPLICATES, by_group
from afya.bench.summary import ALL, KEYS, REFERENCE, checked, in_order, languages_in, right, shared_groups
from afya.languages import registry
from afya.statistics import percentile_interval, ratio_of_means, transfer
from afya.statistics.clusters import Floats
from afya.statistics.disparity import chance_corrected, gap_to, gini, mean_score, worst_score, worst_to_best

if TYPE_CHECKING:
    import polars as pl

LEAST_SHARED = 0.5
"""A language with a smaller share of the reference's groups is no part of the disparity."""

_MEASURES = ("mean", "corrected", "gap", "worst", "worst_to_best", "gini", "tier_gap")


def disparity(
    scores: pl.DataFrame,
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

    All are shares; null where undefined (no reference, one tier only, no common group). The worst of several uncertain
    scores is on average below the truth; its interval leans the same way.
    """
    import polars as pl

    scores = checked(scores).with_columns(correct=right())
    rows = []
    for key, part in scores.group_by(KEYS, maintain_order=True):
        answered = part.drop_nulls("correct")
        langs, left_out = _compared(answered, reference)
        if len(langs) < 2:
            continue
        whole = answered.filter(pl.col("lang").is_in(langs)).filter(
            pl.col("lang").n_unique().over("group_id") == len(langs)
        )
        listed = (",".join(langs), ",".join(left_out), whole["group_id"].n_unique())
        rows.append((*key, *listed, *_measured(whole, langs, reference, level, replicates, seed)))
    ends = [f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")]
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*KEYS, "languages", "left_out")}
    schema |= {"groups": pl.Int64(), "worst_lang": pl.String(), "high": pl.Float64(), "low": pl.Float64()}
    schema |= {name: pl.Float64() for name in ends}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _compared(answered: pl.DataFrame, reference: str) -> tuple[list[str], list[str]]:
    """The languages with enough groups in common with the reference (or with the largest, where it is absent)."""
    import polars as pl

    langs = languages_in(answered)
    held = {lang: set(answered.filter(pl.col("lang") == lang)["group_id"]) for lang in langs}
    base = held.get(reference) or max(held.values(), key=len, default=set())
    kept = [lang for lang in langs if len(held[lang] & base) >= LEAST_SHARED * len(base)]
    return kept, [lang for lang in langs if lang not in kept]


def _measured(
    whole: pl.DataFrame, langs: Sequence[str], reference: str, level: float, replicates: int, seed: int
) -> list[object]:
    import polars as pl

    if not whole.height:
        return [None] * (3 + 3 * len(_MEASURES))
    sums = by_group(whole, ["lang"])
    order = [sums.columns.index((lang,)) for lang in langs]
    shares, draws = sums.means[order], sums.draws(replicates, seed)[:, order]
    offered = pl.when(pl.col("n_options") > 1).then(pl.col("n_options").cast(pl.Float64))
    guesses = whole.group_by("lang").agg(chance=(1 / offered).mean())
    by_lang = dict(guesses.iter_rows())
    chance = np.array([_number(by_lang[lang]) for lang in langs])
    tiers = np.array([registry()[lang].tier if lang in registry() else "low" for lang in langs])

    def tier_mean(table: Floats, tier: str) -> Floats:
        return mean_score(table[..., tiers == tier]) if (tiers == tier).any() else np.full(table.shape[:-1], np.nan)

    def measures(table: Floats) -> Floats:
        """(..., languages) accuracies -> (measures, ...)."""
        corrected = mean_score(chance_corrected(table, chance)) if (chance < 1).all() else mean_score(table * np.nan)
        gap = gap_to(table, langs.index(reference)) if reference in langs else np.full(table.shape[:-1], np.nan)
        apart = tier_mean(table, "high") - tier_mean(table, "low")
        told = [mean_score(table), corrected, gap, worst_score(table), worst_to_best(table), gini(table), apart]
        return np.stack(told)

    values = measures(shares)
    ends = percentile_interval(measures(draws).T, level)
    cells: list[object] = [
        langs[int(np.argmin(shares))],
        *(_known(tier_mean(shares, tier)) for tier in ("high", "low")),
    ]
    for index in range(len(_MEASURES)):
        cells += [_known(values[index]), _known(ends[0, index]), _known(ends[1, index])]
    return cells


def transfer_loss(scores: pl.DataFrame, reference: str = REFERENCE, level: float = 0.95) -> pl.DataFrame:
    """What was right in the reference language and wrong here, against the reverse, on the same groups.

    One row for each label, model, setting, task and language, and over all languages. Columns: the keys, n, groups,
    then with {name}_low and {name}_high: loss (right in the reference, wrong here; share of n), gain (the reverse),
    lost_of_known (share wrong here of those right in the reference, `known` of them). loss - gain is the gap.
    """
    import polars as pl

    pairs = shared_groups(scores, reference)
    both = pl.concat([pairs, pairs.with_columns(lang=pl.lit(ALL))]).with_columns(group=pl.col("group_id").rank("dense"))
    rows = []
    for key, part in both.group_by(*KEYS, "lang", maintain_order=True):
        found = transfer(part["before"].to_numpy(), part["after"].to_numpy(), part["group"].to_numpy(), level)
        cells: list[object] = []
        for share in (found.loss, found.gain, found.lost_of_known):
            cells += [_known(share.value), _known(share.low), _known(share.high)]
        rows.append((*key, found.loss.n, found.loss.clusters, found.lost_of_known.n, *cells))
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*KEYS, "lang")}
    schema |= {name: pl.Int64() for name in ("n", "groups", "known")}
    names = [f"{name}{end}" for name in ("loss", "gain", "lost_of_known") for end in ("", "_low", "_high")]
    return in_order(pl.DataFrame(rows, schema={**schema, **{name: pl.Float64() for name in names}}, orient="row"))


def relative_change(pairs: pl.DataFrame, keys: Sequence[str], level: float = 0.95) -> pl.DataFrame:
    """How many times the base, beside the difference in points, on the same rows.

    Args:
        pairs: from `summary.shared_items` (a tuned model after its base) or `summary.shared_groups` (a language after
            English).
        keys: the columns that name a comparison, beside lang.

    Columns: keys, lang, n, groups, before, after (shares), points (after - before, a share), times, times_low,
    times_high (Fieller's interval), defined. Where the base cannot be told from zero `times` is null, `defined` false,
    and `times_low` is what is known: at least so many times.
    """
    import polars as pl

    both = pl.concat([pairs, pairs.with_columns(lang=pl.lit(ALL))]).with_columns(group=pl.col("group_id").rank("dense"))
    rows = []
    for key, part in both.group_by(*keys, "lang", maintain_order=True):
        before, after = part["before"].to_numpy(), part["after"].to_numpy()
        found = ratio_of_means(after, before, part["group"].to_numpy(), level)
        shares = (float(before.mean()), float(after.mean()), float(after.mean() - before.mean()))
        times = found.value if found.defined else None
        rows.append(
            (*key, found.n, found.clusters, *shares, times, _known(found.low), _known(found.high), found.defined)
        )
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*keys, "lang")}
    schema |= {"n": pl.Int64(), "groups": pl.Int64()}
    numbers = ("before", "after", "points", "times", "times_low", "times_high")
    schema |= {name: pl.Float64() for name in numbers} | {"defined": pl.Boolean()}
    return in_order(pl.DataFrame(rows, schema=schema, orient="row"))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _known(value: float | Floats) -> float | None:
    """The number, or None where it is undefined or without bound."""
    return float(value) if math.isfinite(float(value)) else None
