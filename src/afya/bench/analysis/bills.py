"""What replies cost, beside what they are worth: tokens and dollars a thousand items, per language.

The same question takes two or three times the tokens in Yoruba that it takes in English, and tokens are what is paid
for: the token tax (Petrov et al. 2023, arXiv:2305.15425; Ahia et al. 2023, arXiv:2305.13707).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.bench.analysis.clustered import ALL, CELL, coded
from afya.bench.analysis.run_tables import KEYS
from afya.bench.analysis.summary import REFERENCE

if TYPE_CHECKING:
    import polars as pl

_TOKENS = ("prompt_tokens", "completion_tokens")


def bills(replied: pl.DataFrame, summary: pl.DataFrame, reference: str = REFERENCE) -> pl.DataFrame:
    """One row for each label, model, setting, task and language, and one over all languages.

    Args:
        replied: scores beside replies (`run_tables.read_replied`).
        summary: accuracy of the same (`summary.summarise`); kinds without one have it null.

    Columns: the keys, lang, items (asked and answered), prompt_tokens, completion_tokens and usd a thousand items (null
    where not known of every reply), tax (prompt tokens as a multiple of the reference language's, on the groups that
    both have; null without), n, groups, accuracy, low, high.
    """
    import polars as pl

    data = coded(replied.filter(pl.col("error").is_null()), KEYS, [*_TOKENS, "cost_usd"])
    each = pl.concat([data.rows, data.rows.with_columns(lang=pl.lit(ALL, data.rows.schema["lang"]))])

    def a_thousand(name: str) -> pl.Expr:
        # A sum over what is not known would read as free of charge.
        known = pl.col(name).is_not_null().all()
        return pl.when(known).then(pl.col(name).sum().cast(pl.Float64) * 1000 / pl.len()).alias(name)

    spent = each.group_by(CELL, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("items"), *map(a_thousand, _TOKENS), a_thousand("cost_usd").alias("usd")
    )
    at_home = pl.col("lang").cast(pl.String) == reference
    home = data.rows.filter(at_home).group_by("view", "group").agg(pl.col("prompt_tokens").mean().alias("home"))
    taxed = each.join(home, on=["view", "group"]).drop_nulls(["home", "prompt_tokens"])
    tax = taxed.group_by(CELL).agg((pl.col("prompt_tokens").sum() / pl.col("home").sum()).alias("tax"))
    table = data.decoded(spent.join(tax, on=CELL, how="left", maintain_order="left"))
    told = summary.select(*KEYS, "lang", "n", "groups", "accuracy", "low", "high")
    return table.join(told, on=[*KEYS, "lang"], how="left", maintain_order="left")
