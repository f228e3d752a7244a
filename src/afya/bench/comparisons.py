"""Every two models side by side, on the items that both answered: differences that hold after all were tried.

The p-value is McNemar's exact one where a group has one item, and a t test over the groups otherwise (`test` says
which); beside it stands the paired cluster bootstrap. Both are to be read with `p_holm`, adjusted over all pairs and
languages of a table, and with `detectable`: a difference below it would have been missed more often than not.

References: see `afya.statistics.paired`, `afya.statistics.power` and `afya.statistics.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from afya.bench.resampling import REPLICATES, by_group
from afya.bench.summary import ALL, KEYS, checked, paired_rows, right, shared_groups
from afya.errors import DataError
from afya.statistics import bootstrap_p_value, percentile_interval

if TYPE_CHECKING:
    import polars as pl

# Columns in one product of the bootstrap: 5,000 replicates of so many take 160 MB.
_COLUMNS = 4000


def compare_models(
    scores: pl.DataFrame,
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> pl.DataFrame:
    """One row for each setting, task, pair of labels and language, and one over all languages (`lang` 'all').

    Args:
        pairs: (a, b) labels to compare; None compares every two, in the order of the labels. The better a pair was
            known beforehand to matter, the fewer should be named: each one raises the bar for all.

    Columns: setting, task, a, b, lang, then as `summary.paired_rows` (before is a, after is b, difference b - a), and
    low_bootstrap, high_bootstrap, p_bootstrap. Pairs without a common item are left out.

    Raises DataError for a label that the scores lack, and where nothing can be compared.
    """
    import polars as pl

    scores = checked(scores)
    labels = [str(label) for label in scores["label"].unique(maintain_order=True)]
    wanted = list(combinations(labels, 2)) if pairs is None else list(pairs)
    unknown = sorted({label for pair in wanted for label in pair} - set(labels))
    if unknown:
        raise DataError(f"No scores of '{unknown[0]}'.", hint=f"Labels: {', '.join(labels)}.")
    sides = {
        str(key[0]): part.drop("label")
        for key, part in scores.select("label", "setting", "task", "item_id", "group_id", "lang", correct=right())
        .drop_nulls("correct")
        .group_by("label")
    }
    joined = [
        sides[a]
        .join(sides[b].select("setting", "task", "item_id", after="correct"), on=["setting", "task", "item_id"])
        .rename({"correct": "before"})
        .with_columns(pl.lit(a).alias("a"), pl.lit(b).alias("b"))
        for a, b in wanted
        if a in sides and b in sides
    ]
    together = pl.concat(joined) if joined else pl.DataFrame()
    if not together.height:
        raise DataError(
            "No two models have an answered item in common, so that nothing can be compared.",
            hint="Ask the models the same items: same dataset, split, languages and setting.",
        )
    keys = ["setting", "task", "a", "b"]
    table = paired_rows(together, keys, level, family=["setting", "task"])
    order = {label: place for place, label in enumerate(labels)}
    places = [pl.col(side).replace_strict(order, return_dtype=pl.Int64) for side in ("a", "b")]
    table = table.sort("setting", "task", *places, maintain_order=True)
    return _with_bootstrap(table, together, keys, level, replicates, seed)


def compare_with_english(
    scores: pl.DataFrame, *, level: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> pl.DataFrame:
    """`summary.gaps` (each language against English on the same groups) with the bootstrap's columns beside it.

    `p_holm` is adjusted over the languages of a model. Empty where no group is shared.
    """
    pairs = shared_groups(scores)
    table = paired_rows(pairs, list(KEYS), level)
    return _with_bootstrap(table, pairs, list(KEYS), level, replicates, seed)


def _with_bootstrap(
    table: pl.DataFrame, pairs: pl.DataFrame, keys: Sequence[str], level: float, replicates: int, seed: int
) -> pl.DataFrame:
    """The table with low_bootstrap, high_bootstrap, p_bootstrap: all pairs of a setting, task and language at once."""
    import polars as pl

    from afya.statistics import bootstrap_means

    change = pl.col("after").cast(pl.Float64) - pl.col("before").cast(pl.Float64)
    changed = pairs.with_columns(change=change)
    both = pl.concat([changed, changed.with_columns(lang=pl.lit(ALL))])
    named = [*keys, "lang"]
    rows = []
    for _, part in both.group_by("setting", "task", "lang", maintain_order=True):
        sums = by_group(part, named, "change")
        for start in range(0, len(sums.columns), _COLUMNS):
            some = slice(start, start + _COLUMNS)
            draws = bootstrap_means(sums.sums[:, some], sums.counts[:, some], replicates, seed)
            ends = percentile_interval(draws, level)
            values = sums.means[some]
            for place, key in enumerate(sums.columns[some]):
                p_value = bootstrap_p_value(draws[:, place], float(values[place]))
                rows.append((*key, float(ends[0, place]), float(ends[1, place]), p_value))
    numbers = ("low_bootstrap", "high_bootstrap", "p_bootstrap")
    schema = {**{name: pl.String() for name in named}, **{name: pl.Float64() for name in numbers}}
    return table.join(pl.DataFrame(rows, schema=schema, orient="row"), on=named, how="left", maintain_order="left")
