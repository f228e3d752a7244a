"""Scores summed up: accuracy with intervals per language, paired changes, gaps to English.

Takes `scores.parquet` of one or more bench runs (one row a reply's verdict) and returns tables. An `error` (the engine
failed, the context was too long) says nothing about the model and is left out of n; a refusal, an unreadable or an
empty reply is no answer, counts as not correct, and has a column of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.clustered import ALL, CELL, Coded, cells, coded, moments_in, ordered, table_of
from afya.bench.analysis.run_tables import KEYS, NON_ANSWERS, OUTCOMES, checked, read_measures, read_scores
from afya.errors import DataError
from afya.languages import registry
from afya.runs import atomic_path
from afya.statistics import holm
from afya.statistics.intervals import accuracy_of, cut, mean_of
from afya.statistics.paired import difference_of

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "ALL",
    "KEYS",
    "NON_ANSWERS",
    "OUTCOMES",
    "REFERENCE",
    "RUBRIC",
    "checked",
    "compare",
    "gaps",
    "in_order",
    "languages_in",
    "measure_means",
    "paired_rows",
    "percent",
    "read_measures",
    "read_scores",
    "right",
    "shared_groups",
    "shared_items",
    "summarise",
    "summarise_tiers",
    "views",
    "with_interval",
    "write_csv",
]

REFERENCE = "en"
RUBRIC = "rubric"
"""The measure of which one answer's score may lie below 0."""
_DECIMALS = 6


def answers(scores: pl.DataFrame | Coded) -> Coded:
    """Checked scores, coded: what the tables are computed from. Rows: `item` (number of the item_id), `outcome`,
    `n_options`, and `correct` (null for an error). Scores that were coded before are given back."""
    import polars as pl

    if isinstance(scores, Coded):
        return scores
    scores = checked(scores)
    items = scores.select(pl.col("item_id").unique(maintain_order=True)).with_row_index("item")
    numbered = scores.join(items, on="item_id", how="left", maintain_order="left")
    return coded(numbered, KEYS, ["item", "outcome", "n_options", right().alias("correct")])


def summarise(scores: pl.DataFrame | Coded, level: float = 0.95) -> pl.DataFrame:
    """One row for each label, model, setting, task and language, and one over all languages (`lang` 'all').

    Columns: label, model, setting, task, lang, n, groups, accuracy, low, high (shares), method, chance (mean of
    1 / options, for one right option out of several), correct, wrong, refused, unparseable, empty, errors (not in n),
    non_answer_rate. Shares are null where n is 0, chance where items have no options.
    """
    return _summed(answers(scores), level, whole=True)


def summarise_tiers(scores: pl.DataFrame | Coded, level: float = 0.95) -> pl.DataFrame:
    """As `summarise`, with the languages' resource tiers ('high', 'low') in place of languages."""
    import polars as pl

    tiers = {code: entry.tier for code, entry in registry().items()}
    data = answers(scores)
    tier = pl.col("lang").cast(pl.String).replace_strict(tiers, default="low").cast(pl.Enum(["high", "low"]))
    return _summed(data.having(data.rows.with_columns(lang=tier)), level, whole=False)


def _summed(data: Coded, level: float, *, whole: bool) -> pl.DataFrame:
    import polars as pl

    counted = pl.col("outcome") != "error"
    offered = (1 / pl.col("n_options").cast(pl.Float64)).filter(counted)
    counts = data.rows.group_by(CELL, maintain_order=True).agg(
        offered.sum().alias("offered"),
        offered.count().alias("with_options"),
        *((pl.col("outcome") == name).sum().cast(pl.Int64).alias(name) for name in OUTCOMES),
    )
    if whole:
        total = counts.group_by("view", maintain_order=True).agg(pl.exclude(*CELL).sum())
        total = total.with_columns(lang=pl.lit(ALL, counts.schema["lang"]))
        counts = pl.concat([counts, total.select(counts.columns)])
    rows: list[tuple[object, ...]] = []
    for row in cells(data, ["correct"], whole=whole).iter_rows(named=True):
        moments = moments_in(row, "correct")
        if moments is None:
            rows.append((row["view"], row["lang"], 0, 0, None, None, None, None))
            continue
        found = accuracy_of(moments, level)
        told = (found.n, found.clusters, found.value, found.low, found.high, found.method)
        rows.append((row["view"], row["lang"], *told))
    shares = {"accuracy": pl.Float64(), "low": pl.Float64(), "high": pl.Float64(), "method": pl.String()}
    schema = {"view": pl.UInt32(), "lang": data.rows.schema["lang"], "n": pl.Int64(), "groups": pl.Int64(), **shares}
    intervals = pl.DataFrame(rows, schema=schema, orient="row")
    summed = intervals.join(counts, on=CELL, how="left", maintain_order="left").select(
        *CELL,
        "n",
        "groups",
        *shares,
        pl.when(pl.col("with_options") > 0).then(pl.col("offered") / pl.col("with_options")).alias("chance"),
        *OUTCOMES[:-1],
        pl.col("error").alias("errors"),
        pl.when(pl.col("n") > 0).then(pl.sum_horizontal(NON_ANSWERS) / pl.col("n")).alias("non_answer_rate"),
    )
    return data.decoded(summed)


def measure_means(measures: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """Means of open kinds' measures (rows of `read_measures`), for each language and over all languages.

    Columns: the keys, kind, measure, judge, lang, n, groups, missing (replies without a value, not in n), mean, low,
    high (null with one group, and where all values are the same: nothing is known of the spread). No chance is taken
    off: open answers have none. A mean of rubric scores is cut to 0 to 1, as HealthBench does.
    """
    import polars as pl

    data = coded(measures, [*KEYS, "kind", "measure", "judge"], ["value", pl.col("value").is_null().alias("missing")])
    rubrics = set(data.names.filter(pl.col("measure") == RUBRIC)["view"])
    rows = []
    for row in cells(data, ["value", "missing"]).iter_rows(named=True):
        moments, missing = moments_in(row, "value"), round(row["missing.mean"] * row["missing.n"])
        if moments is None:
            rows.append((row["view"], row["lang"], 0, 0, missing, None, None, None))
            continue
        found = mean_of(moments, level)
        found = cut(found) if row["view"] in rubrics else found
        ends = (found.low, found.high) if found.standard_error else (None, None)
        rows.append((row["view"], row["lang"], found.n, found.clusters, missing, found.value, *ends))
    counts = dict.fromkeys(("n", "groups", "missing"), pl.Int64())
    return table_of(data, rows, counts | dict.fromkeys(("mean", "low", "high"), pl.Float64()))


def in_order(table: pl.DataFrame) -> pl.DataFrame:
    """Labels as they came; then setting, task, and the languages in the registry's order with 'all' last."""
    import polars as pl

    known = ordered(table["lang"].unique().to_list())
    labels = table["label"].unique(maintain_order=True).to_list() if "label" in table.columns else []
    ranks = [pl.col("lang").replace_strict({code: rank for rank, code in enumerate(known)}, return_dtype=pl.Int64)]
    if labels:
        by_label = pl.col("label").replace_strict({name: i for i, name in enumerate(labels)}, return_dtype=pl.Int64)
        return table.sort(by_label, "model", "setting", "task", *ranks)
    return table.sort("setting", "task", *ranks)


def languages_in(table: pl.DataFrame) -> list[str]:
    """The languages of a table, without 'all', in the registry's order."""
    present = set(table["lang"]) - {ALL}
    return [code for code in [*registry(), *sorted(present - set(registry()))] if code in present]


def compare(before: pl.DataFrame, after: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """What changed between two sets of scores, on the items both answered: paired, per language and over all.

    Each frame holds one model (a base and its tuned form, or two models). Columns: setting, task, lang, n, groups,
    before, after, difference, low, high (shares), p_value, p_holm (over the languages of a setting and task; null for
    'all', which is no part of that family), and what else `paired_rows` gives.

    Raises DataError when a frame holds several models or the two have no item in common.
    """
    return paired_rows(shared_items(before, after), ["setting", "task"], level)


def shared_items(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The items that two models both answered: setting, task, item_id, group_id, lang, before, after (correct or not).

    Raises DataError as `compare` does.
    """
    sides = []
    for name, scores in (("before", before), ("after", after)):
        scores = checked(scores, f"The scores {name}")
        labels = scores["label"].unique(maintain_order=True).to_list()
        if len(labels) != 1:
            raise DataError(f"The scores {name} hold {len(labels)} models ({', '.join(labels[:4])}), not one.")
        sides.append(scores.select(*_PAIR, "group_id", "lang", correct=right()))
    pairs = sides[0].join(sides[1].drop("group_id", "lang"), on=list(_PAIR), suffix="_after")
    pairs = pairs.drop_nulls(["correct", "correct_after"])
    if not pairs.height:
        raise DataError(
            "The two runs have no answered item in common, so that nothing can be compared.",
            hint="Run both on the same dataset, split, languages and setting.",
        )
    return pairs.rename({"correct": "before", "correct_after": "after"})


def gaps(scores: pl.DataFrame | Coded, reference: str = REFERENCE, level: float = 0.95) -> pl.DataFrame:
    """How far each language lies behind the reference language, on the groups answered in both.

    Columns: label, model, setting, task, lang, n, groups, before (the reference's accuracy), after (the language's),
    difference (negative: behind), low, high, p_value, p_holm (over the languages of a label, setting and task).
    Only shared groups count: a gap between different questions would be a gap between questions. Empty where no group
    is shared.
    """
    return paired_rows(reference_pairs(scores, reference), KEYS, level)


def reference_pairs(scores: pl.DataFrame | Coded, reference: str = REFERENCE) -> Coded:
    """Each answer beside the answer to the same group in the reference language; rows that are errors are left out.

    Rows: view, lang, group, before (correct in the reference), after (correct in lang).
    """
    import polars as pl

    data = answers(scores)
    held = data.rows.select(*CELL, "group", pl.col("correct").alias("after")).drop_nulls("after")
    base = held.filter(pl.col("lang").cast(pl.String) == reference).select("view", "group", before="after")
    others = held.filter(pl.col("lang").cast(pl.String) != reference)
    return data.having(others.join(base, on=["view", "group"], maintain_order="left"))


def shared_groups(scores: pl.DataFrame, reference: str = REFERENCE) -> pl.DataFrame:
    """Outcomes of each language beside the reference's, on the groups answered in both.

    Columns: label, model, setting, task, group_id, lang, before (correct in the reference), after (correct in lang).
    """
    import polars as pl

    held = checked(scores).select(*KEYS, "group_id", "lang", correct=right()).drop_nulls("correct")
    base = held.filter(pl.col("lang") == reference).drop("lang")
    pairs = held.filter(pl.col("lang") != reference).join(base, on=[*KEYS, "group_id"], suffix="_base")
    return pairs.rename({"correct_base": "before", "correct": "after"})


_PAIR = ("setting", "task", "item_id")


def right() -> pl.Expr:
    """Whether an answer is correct; null for an error, which no comparison counts."""
    import polars as pl

    return pl.when(pl.col("outcome") != "error").then(pl.col("outcome") == "correct")


def paired_rows(
    pairs: pl.DataFrame | Coded, keys: Sequence[str], level: float = 0.95, family: Sequence[str] | None = None
) -> pl.DataFrame:
    """One row for each key and language, and one over all languages, of paired outcomes.

    Args:
        pairs: the keys, lang, group_id, and whether each was correct `before` and `after`.
        family: the keys within which p-values are adjusted, all others (and the languages) being alternatives that
            were tried. None: all keys, so that a family is the languages.

    Columns: keys, lang, n, groups, before, after, difference, low, high (shares), p_value, p_holm, test, gained, lost
    (numbers of discordant rows), detectable (smallest difference found with 80% power after the adjustment). Rows over
    all languages are a family of their own, and have no p_holm where they are alone in it.
    """
    import polars as pl

    data = pairs if isinstance(pairs, Coded) else coded(pairs, keys, ["before", "after"])
    within = list(keys if family is None else family)
    before, after = pl.col("before").cast(pl.Int8), pl.col("after").cast(pl.Int8)
    changed = data.rows.with_columns(change=after - before, gained=after > before, lost=after < before)
    found = cells(data.having(changed), ["before", "after", "change", "gained", "lost"])
    families = found.join(data.names.select("view", *within), on="view", how="left", maintain_order="left")
    tried = families.with_columns(whole=pl.col("lang") == ALL).select(pl.len().over(*within, "whole"))["len"].to_list()
    rows = []
    for row, tests in zip(found.iter_rows(named=True), tried, strict=True):
        moments = moments_in(row, "change")
        if moments is None:
            continue
        gained, lost = (round(row[f"{name}.mean"] * moments.rows) for name in ("gained", "lost"))
        told = difference_of(moments, gained, lost, level, tests=tests)
        shares = (row["before.mean"], row["after.mean"], told.value, told.low, told.high, told.p_value)
        counts = (told.n, told.clusters)
        rows.append((row["view"], row["lang"], *counts, *shares, told.test, told.gained, told.lost, told.detectable))
    numbers = ("before", "after", "difference", "low", "high", "p_value")
    schema: dict[str, pl.DataType] = {"n": pl.Int64(), "groups": pl.Int64(), **dict.fromkeys(numbers, pl.Float64())}
    schema |= {"test": pl.String(), "gained": pl.Int64(), "lost": pl.Int64(), "detectable": pl.Float64()}
    table = table_of(data, rows, schema)
    adjusted: list[float | None] = [None] * table.height
    whole = (pl.col("lang") == ALL).alias("whole")
    for key, part in table.with_row_index("row").with_columns(whole).group_by(*within, "whole", maintain_order=True):
        if key[-1] and part.height == 1:
            continue
        for place, value in zip(part["row"].to_list(), holm(part["p_value"].to_numpy()).tolist(), strict=True):
            adjusted[place] = value
    return table.insert_column(table.columns.index("p_value") + 1, pl.Series("p_holm", adjusted, dtype=pl.Float64))


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """Write a summary (or comparison) as CSV: six decimals, empty for null, the same bytes for the same table."""
    with atomic_path(path) as temporary:
        table.write_csv(temporary, float_precision=_DECIMALS, line_terminator="\n")


def percent(value: float | None, decimals: int = 1) -> str:
    """A share as a percentage without its sign, '63.2'; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    # Adding zero turns -0.0 into 0.0, so that no report shows '-0.0'.
    return f"{round(100 * value, decimals) + 0.0:.{decimals}f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """'63.2 [58.1, 68.0]' in per cent; a dash where there is no value."""
    if value is None or math.isnan(value):
        return "–"
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"


def views(table: pl.DataFrame) -> Iterable[tuple[str, str, pl.DataFrame]]:
    """The parts of a summary that may stand side by side: (setting, task, rows), in the table's order."""
    for (setting, task), part in table.group_by("setting", "task", maintain_order=True):
        yield str(setting), str(task), part
