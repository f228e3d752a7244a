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

from afya.bench.analysis.clustered import CELL, Coded, coded, table_of
from afya.bench.analysis.resampling import REPLICATES, by_group
from afya.bench.analysis.run_tables import KEYS
from afya.bench.analysis.summary import REFERENCE, answers, paired_rows, reference_pairs
from afya.bench.settings import Setting, parse_setting
from afya.errors import ConfigError, DataError
from afya.statistics import bootstrap_means, bootstrap_p_value, percentile_interval

if TYPE_CHECKING:
    import polars as pl

# Columns in one product of the bootstrap: 5,000 replicates of so many take 160 MB.
_COLUMNS = 4000


def compare_models(
    scores: pl.DataFrame | Coded,
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
    needed: bool = True,
) -> pl.DataFrame:
    """One row for each setting, task, pair of labels and language, and one over all languages (`lang` 'all').

    Args:
        pairs: (a, b) labels to compare; None compares every two, in the order of the labels. The better a pair was
            known beforehand to matter, the fewer should be named: each one raises the bar for all.
        needed: whether it is an error that no two models answered the same items; else the table has no row.

    Columns: setting, task, a, b, lang, then as `summary.paired_rows` (before is a, after is b, difference b - a), and
    low_bootstrap, high_bootstrap, p_bootstrap. Pairs without a common item are left out.

    Raises DataError for a label that the scores lack, and where nothing can be compared.
    """
    import polars as pl

    data = answers(scores)
    labels = [str(label) for label in data.names["label"].unique(maintain_order=True)]
    wanted = list(combinations(labels, 2)) if pairs is None else list(pairs)
    unknown = sorted({label for pair in wanted for label in pair} - set(labels))
    if unknown:
        raise DataError(f"No scores of '{unknown[0]}'.", hint=f"Labels: {', '.join(labels)}.")
    together = _paired(data, wanted)
    if not together.rows.height:
        if not needed:
            return no_comparisons()
        raise DataError(
            "No two models have an answered item in common, so that nothing can be compared.",
            hint="Ask the models the same items: same dataset, split, languages and setting.",
        )
    table = _with_bootstrap(
        paired_rows(together, together.keys, level, family=["setting", "task"]), together, level, replicates, seed
    )
    order = {label: place for place, label in enumerate(labels)}
    places = [pl.col(side).replace_strict(order, return_dtype=pl.Int64) for side in ("a", "b")]
    return table.sort("setting", "task", *places, maintain_order=True)


def no_comparisons() -> pl.DataFrame:
    """The table of `compare_models` without a row."""
    import polars as pl

    texts = ("setting", "task", "a", "b", "lang")
    empty = pl.DataFrame(
        schema={**dict.fromkeys((*texts, "group_id"), pl.String()), "before": pl.Boolean(), "after": pl.Boolean()}
    )
    pairs = coded(empty, texts[:-1], ["before", "after"])
    return _with_bootstrap(paired_rows(pairs, pairs.keys), pairs, 0.95, 1, 0)


def _paired(data: Coded, wanted: Sequence[tuple[str, str]]) -> Coded:
    """Each item's two outcomes, for each wanted pair of labels: view, lang, group, before (a), after (b)."""
    import polars as pl

    held = data.rows.drop_nulls("correct")
    sides: dict[tuple[str, str], dict[str, list[int]]] = {}
    for view, label, setting, task in data.names.select("view", "label", "setting", "task").rows():
        sides.setdefault((setting, task), {}).setdefault(label, []).append(view)
    names: list[tuple[object, ...]] = []
    frames = []
    for (setting, task), views in sides.items():
        for a, b in wanted:
            if a not in views or b not in views:
                continue
            before, after = (held.filter(pl.col("view").is_in(views[label])) for label in (a, b))
            met = before.rename({"correct": "before"}).join(
                after.select("item", after="correct"), on="item", maintain_order="left"
            )
            if met.height:
                frames.append(
                    met.select(pl.lit(len(names), pl.UInt32).alias("view"), "lang", "group", "before", "after")
                )
                names.append((len(names), setting, task, a, b))
    keys = ("setting", "task", "a", "b")
    told = pl.DataFrame(names, schema={"view": pl.UInt32(), **dict.fromkeys(keys, pl.String())}, orient="row")
    return Coded(keys, told, pl.concat(frames) if frames else held.select(*CELL, "group").clear())


def compare_with_english(
    scores: pl.DataFrame | Coded,
    reference: str = REFERENCE,
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> pl.DataFrame:
    """`summary.gaps` (each language against the reference on the same groups) with the bootstrap's columns beside it.

    `p_holm` is adjusted over the languages of a model. Empty where no group is shared.
    """
    pairs = reference_pairs(scores, reference)
    return _with_bootstrap(paired_rows(pairs, KEYS, level), pairs, level, replicates, seed)


def compare_settings(scores: pl.DataFrame | Coded, level: float = 0.95) -> pl.DataFrame:
    """What a change of the way of asking does: each setting against the plain one of its formulation, per model.

    Columns: label, model, task, plain (the setting compared with), setting, lang, then as `summary.paired_rows` (before
    is plain, difference is positive where the change helps). `p_holm` is adjusted over the settings and languages of a
    label and task. Empty where a model was asked in one setting only. Settings whose name is not one of ours (imported
    replies) are compared with none.
    """
    import polars as pl

    data = answers(scores)
    held = data.rows.drop_nulls("correct")
    at = {row[1:]: row[0] for row in data.names.select("view", *KEYS).rows()}
    keys = ("label", "model", "task", "plain", "setting")
    names: list[tuple[object, ...]] = []
    frames = []
    for label, model, setting, task in at:
        plain = _plain(setting)
        if plain is None or (label, model, plain, task) not in at:
            continue
        before, after = (held.filter(pl.col("view") == at[label, model, name, task]) for name in (plain, setting))
        met = before.rename({"correct": "before"}).join(
            after.select("item", after="correct"), on="item", maintain_order="left"
        )
        frames.append(met.select(pl.lit(len(names), pl.UInt32).alias("view"), "lang", "group", "before", "after"))
        names.append((len(names), label, model, task, plain, setting))
    told = pl.DataFrame(names, schema={"view": pl.UInt32(), **dict.fromkeys(keys, pl.String())}, orient="row")
    empty = held.select(*CELL, "group", before="correct", after="correct").clear()
    return paired_rows(Coded(keys, told, pl.concat([empty, *frames])), keys, level, family=["label", "model", "task"])


def _plain(setting: str) -> str | None:
    """The setting without its modifiers, or None where it has none."""
    try:
        told = parse_setting(setting)
    except ConfigError:
        return None
    plain = Setting(told.formulation)
    return plain.name if plain != told else None


def _with_bootstrap(table: pl.DataFrame, pairs: Coded, level: float, replicates: int, seed: int) -> pl.DataFrame:
    """The table with low_bootstrap, high_bootstrap, p_bootstrap: all pairs of a setting and task on the same draws."""
    import polars as pl

    change = pl.col("after").cast(pl.Int8) - pl.col("before").cast(pl.Int8)
    rows: list[tuple[object, ...]] = []
    for part in pairs.separate("setting", "task"):
        sums = by_group(part.having(part.rows.with_columns(change=change)), "change", whole=True)
        for start in range(0, len(sums.columns), _COLUMNS):
            some = slice(start, start + _COLUMNS)
            draws = bootstrap_means(sums.sums[:, some], sums.counts[:, some], replicates, seed)
            ends = percentile_interval(draws, level)
            values, held = sums.means[some], (sums.counts[:, some] > 0).sum(axis=0).tolist()
            for place, (key, groups) in enumerate(zip(sums.columns[some], held, strict=True)):
                p_value = bootstrap_p_value(draws[:, place], float(values[place]), groups)
                # Draws that never differ have no width: with one group, or where the two never disagree.
                low, high = (float(end) for end in ends[:, place])
                told = (low, high) if low < high else (None, None)
                rows.append((*key, *told, p_value))
    drawn = table_of(pairs, rows, dict.fromkeys(("low_bootstrap", "high_bootstrap", "p_bootstrap"), pl.Float64()))
    return table.join(drawn, on=[*pairs.keys, "lang"], how="left", maintain_order="left", nulls_equal=True)
