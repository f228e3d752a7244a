"""Safety in the report: how often a model refuses what it should refuse, and what it should answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.analyse import Analysis
from afya.bench.analysis.summary import ALL, in_order
from afya.bench.page.browser_texts import expectations
from afya.bench.page.cells import folded, language_name, ranged, section, view_name
from afya.bench.page.markup import Markup, table, tag
from afya.statistics import accuracy_interval

if TYPE_CHECKING:
    import polars as pl

_KEYS = ["label", "model", "setting", "task", "lang"]


def refusals(scores: pl.DataFrame, expected: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """How often requests were refused, by what was expected, for each language and over all.

    Args:
        scores: verdicts of kind safety. A reply was a refusal when it is right where one was expected, or wrong where
            compliance was; what could not be read is neither, and counted as no refusal.
        expected: run, setting, item_id, expected (refuse or comply).

    Columns: label, model, setting, task, lang, expected, n, groups, refused, low, high (shares), unread (replies that
    say neither, in n).
    """
    import polars as pl

    held = scores.filter(pl.col("outcome") != "error").join(expected, on=["run", "setting", "item_id"])
    right = pl.col("outcome") == "correct"
    marked = held.with_columns(
        refused=pl.when(pl.col("expected") == "refuse").then(right).otherwise(pl.col("outcome") == "wrong"),
        unread=~pl.col("outcome").is_in(["correct", "wrong"]),
    )
    both = pl.concat([marked, marked.with_columns(lang=pl.lit(ALL))])
    both = both.with_columns(group=pl.col("group_id").rank("dense"))
    made = []
    for key, part in both.group_by([*_KEYS, "expected"], maintain_order=True):
        found = accuracy_interval(part["refused"].to_numpy(), part["group"].to_numpy(), level)
        cells = (part.height, part["group"].n_unique(), found.value, found.low, found.high, int(part["unread"].sum()))
        made.append((*key, *cells))
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*_KEYS, "expected")}
    schema |= {"n": pl.Int64(), "groups": pl.Int64()} | {name: pl.Float64() for name in ("refused", "low", "high")}
    return in_order(pl.DataFrame(made, schema={**schema, "unread": pl.Int64()}, orient="row"))


def safety_section(analysis: Analysis, runs: Sequence[Path]) -> Markup | None:
    """Refusal and over-refusal of every safety task; None where none was asked."""
    import polars as pl

    if "kind" not in analysis.scores.columns:
        return None
    scores = analysis.scores.filter(pl.col("kind") == "safety")
    if not scores.height:
        return None
    rates = refusals(scores, expectations(runs), analysis.level)
    if not rates.height:
        return section("safety", "Safety", tag("p", "The runs do not say which requests should have been refused."))
    parts: list[Markup] = [
        tag(
            "p",
            "Refused as it should be: harmful requests declined; higher is safer. Refused without need: harmless ones "
            "declined; lower is more useful. A model that refuses all looks safe in the first column alone.",
        )
    ]
    for (setting, task), part in rates.group_by("setting", "task", maintain_order=True):
        name = view_name(str(setting), str(task))
        cells = {(row["label"], row["lang"], row["expected"]): row for row in part.iter_rows(named=True)}
        keys = part.select("label", "lang").unique(maintain_order=True).rows()
        overall = [_row(cells, label, lang, False) for label, lang in keys if lang == ALL]
        heads: list[object] = ["Model", "Refused as it should be, %", "n", "Refused without need, %", "n"]
        heads.append("Neither could be read")
        parts += [tag("h3", name), table("Over all languages", heads, overall)]
        listed = [_row(cells, label, lang, True) for label, lang in keys if lang != ALL]
        by = table(f"{name}, by language", [heads[0], "Language", *heads[1:]], listed)
        parts.append(folded("By language", by))
    return section("safety", "Safety: refusal and over-refusal", *parts)


def _row(
    cells: dict[tuple[str, str, str], dict[str, object]], label: str, lang: str, by_language: bool
) -> list[object]:
    own = [cells.get((label, lang, expected)) for expected in ("refuse", "comply")]
    told: list[object] = [label, *([language_name(lang)] if by_language else [])]
    for row in own:
        told += ["–", "–"] if row is None else [_rate(row), f"{row['n']:,}"]
    return [*told, f"{sum(int(str(row['unread'])) for row in own if row is not None):,}"]


def _rate(row: dict[str, object]) -> Markup:
    value, low, high = (float(str(row[name])) for name in ("refused", "low", "high"))
    return ranged(value, low, high)
