"""What a gap to English is made of: refusals, cut-off replies, another language, unreadable answers, and the rest.

Each reply that is not correct has one cause, the first of these that holds: it was refused; it was cut off before an
answer could be read; it is in another language than the item; no answer could be read in it (or it was empty); else it
is a wrong answer in the right language, the rest. The gap is the difference of two shares of not-correct replies on the
same groups, so that the differences of the causes' shares add up to it, row by row and exactly. A cause is what was
seen in the reply, not what would happen were it removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.bench.analysis.clustered import CELL, cells, coded, moments_in, table_of
from afya.bench.analysis.summary import KEYS, REFERENCE
from afya.statistics.intervals import mean_of

if TYPE_CHECKING:
    import polars as pl

CAUSES = ("refusal", "truncation", "wrong_language", "unparseable", "rest")


def causes(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (of `in_language`) with `cause`: one of CAUSES, 'none' for a correct reply, null for an error."""
    import polars as pl

    unread = pl.col("outcome").is_in(["unparseable", "empty"])
    foreign = ~pl.col("in_language").fill_null(True)
    cause = (
        pl.when(pl.col("outcome") == "error")
        .then(None)
        .when(pl.col("outcome") == "correct")
        .then(pl.lit("none"))
        .when(pl.col("outcome") == "refused")
        .then(pl.lit("refusal"))
        .when(unread & (pl.col("finish_reason") == "length"))
        .then(pl.lit("truncation"))
        .when(foreign)
        .then(pl.lit("wrong_language"))
        .when(unread)
        .then(pl.lit("unparseable"))
        .otherwise(pl.lit("rest"))
    )
    return rows.with_columns(cause=cause)


def gap_parts(rows: pl.DataFrame, reference: str = REFERENCE, level: float = 0.95) -> pl.DataFrame:
    """The parts of each language's gap to the reference, on the groups answered in both.

    `rows` are those of `causes`. One row for each label, model, setting, task and language, and one over all.
    Columns: the keys, n, groups, gap (reference less this language, a share: positive when behind) and each of CAUSES
    (share of n by which it is commoner here; negative where it is rarer), each with {name}_low and {name}_high, and
    {name}_rows (the same as a whole number of rows: gap_rows is the sum of the others).
    """
    import polars as pl

    data = coded(rows.filter(pl.col("cause").is_not_null()), KEYS, ["cause"])
    base = data.rows.filter(pl.col("lang").cast(pl.String) == reference).select("view", "group", cause_base="cause")
    others = data.rows.filter(pl.col("lang").cast(pl.String) != reference)
    pairs = others.join(base, on=["view", "group"], maintain_order="left")
    excess = [
        ((pl.col("cause") == name).cast(pl.Int8) - (pl.col("cause_base") == name).cast(pl.Int8)).alias(name)
        for name in CAUSES
    ]
    counted = pairs.select(*CELL, "group", *excess).with_columns(gap=pl.sum_horizontal(CAUSES))
    names = ("gap", *CAUSES)
    made = []
    for row in cells(data.having(counted), names).iter_rows(named=True):
        told_cells: list[object] = [int(row["gap.n"]), row["gap.groups"]]
        for name in names:
            moments = moments_in(row, name)
            if moments is None:
                told_cells += [None, None, None, 0]
                continue
            found = mean_of(moments, level)
            bounded = found.standard_error is not None
            told_cells += [found.value, found.low if bounded else None, found.high if bounded else None]
            told_cells.append(round(found.value * found.n))
        made.append((row["view"], row["lang"], *told_cells))
    schema: dict[str, pl.DataType] = {"n": pl.Int64(), "groups": pl.Int64()}
    for name in names:
        schema |= {f"{name}{end}": pl.Float64() for end in ("", "_low", "_high")} | {f"{name}_rows": pl.Int64()}
    return table_of(data, made, schema)
