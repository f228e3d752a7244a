"""Rows summed up by cell and group, all cells at once: what every clustered figure of a table is computed from.

A cell is one row of a table: a model in a setting, task and language, or over all languages. Rows are summed up within
each group once, millions of them in one pass; means, their cluster-robust variances and tests then need a handful of
numbers a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.languages import registry
from afya.statistics.clusters import Moments, moments_from

if TYPE_CHECKING:
    import polars as pl

ALL = "all"
"""The `lang` of a row over all languages. Its clusters are the groups, which run across the languages."""

CELL = ("view", "lang")
_GROUP = (*CELL, "group")


@dataclass(frozen=True)
class Coded:
    """Rows whose keys are numbers, which sort, join and group many times as fast as text.

    `names`: view (0, 1, ...) and the keys' values that it stands for, labels in the order in which they came, the rest
    by text. `rows`: view, lang (an Enum in the registry's order, 'all' last), group (number of the group_id), and the
    columns kept.
    """

    keys: tuple[str, ...]
    names: pl.DataFrame
    rows: pl.DataFrame

    def having(self, rows: pl.DataFrame) -> Coded:
        """Other rows under the same names."""
        return Coded(self.keys, self.names, rows)

    def decoded(self, table: pl.DataFrame) -> pl.DataFrame:
        """A table by view and lang with the keys' values in their place, in order."""
        import polars as pl

        named = table.sort(CELL, maintain_order=True).join(self.names, on="view", how="left", maintain_order="left")
        return named.select(*self.keys, pl.col("lang").cast(pl.String), pl.exclude(*self.keys, *CELL))

    def separate(self, *keys: str) -> Iterator[Coded]:
        """The rows apart by some of the keys, in their order."""
        import polars as pl

        for _, names in self.names.group_by(keys, maintain_order=True):
            rows = self.rows.filter(pl.col("view").is_in(names["view"].to_list()))
            if rows.height:
                yield Coded(self.keys, names, rows)


def coded(rows: pl.DataFrame, keys: Sequence[str], keep: Sequence[str | pl.Expr]) -> Coded:
    """The rows (the keys, lang, group_id and what `keep` names) with keys, languages and groups as numbers."""
    import polars as pl

    listed = list(keys)
    names = rows.select(listed).unique(maintain_order=True)
    order: list[pl.Expr | str] = [name for name in listed if name != "label"]
    if "label" in listed:
        labels = names["label"].unique(maintain_order=True).to_list()
        came = {label: place for place, label in enumerate(labels)}
        order.insert(0, pl.col("label").replace_strict(came, return_dtype=pl.Int64))
    names = names.sort(order, maintain_order=True).with_row_index("view")
    groups = rows.select(pl.col("group_id").unique().sort()).with_row_index("group")
    numbered = (
        rows.select(*listed, pl.col("lang").cast(pl.Enum(ordered(rows["lang"].unique().to_list()))), "group_id", *keep)
        .join(names, on=listed, how="left", maintain_order="left", nulls_equal=True)
        .join(groups, on="group_id", how="left", maintain_order="left")
        .drop(*listed, "group_id")
    )
    return Coded(tuple(listed), names, numbered)


def ordered(langs: Sequence[str]) -> list[str]:
    """The registry's languages, others by their codes, and 'all': the order of a table's rows."""
    return [*registry(), *sorted(set(langs) - {*registry(), ALL}), ALL]


def cells(
    data: Coded, values: Sequence[str], products: Sequence[tuple[str, str]] = (), *, whole: bool = True
) -> pl.DataFrame:
    """For each view and language, and (`whole`) over all languages, what `moments_in` needs of each value.

    Values are numbers or booleans; null is no row of that value. `products`: pairs of values on the same rows whose
    deviations are multiplied, for covariances: column {a}*{b}. Cells without a row of a value have its n 0.
    """
    import polars as pl

    number = [pl.col(name).cast(pl.Float64) for name in values]
    summed = data.rows.group_by(_GROUP, maintain_order=True).agg(
        *(value.sum() for value in number),
        *(value.count().cast(pl.Float64).alias(f"{name}#") for name, value in zip(values, number, strict=True)),
    )
    if whole:
        total = summed.group_by("view", "group", maintain_order=True).agg(pl.exclude("lang", *_GROUP).sum())
        total = total.with_columns(lang=pl.lit(ALL, summed.schema["lang"]))
        summed = pl.concat([summed, total.select(summed.columns)])
    told = []
    for name in values:
        count = pl.col(f"{name}#")
        told += [
            count.sum().alias(f"{name}.n"),
            (count > 0).sum().alias(f"{name}.groups"),
            count.pow(2).sum().alias(f"{name}.sizes"),
            (pl.col(name).sum() / count.sum()).alias(f"{name}.mean"),
        ]
    found = summed.group_by(CELL, maintain_order=True).agg(told)
    means = summed.join(found.select(*CELL, *(f"{name}.mean" for name in values)), on=CELL, maintain_order="left")
    away = {name: pl.col(name) - pl.col(f"{name}.mean") * pl.col(f"{name}#") for name in values}
    # A group without a row of the value deviates by nothing, also where the cell has no mean.
    apart = means.select(
        *CELL, *(pl.when(pl.col(f"{name}#") > 0).then(rest).otherwise(0.0).alias(name) for name, rest in away.items())
    )
    squared = apart.group_by(CELL, maintain_order=True).agg(
        *(pl.col(name).pow(2).sum().alias(f"{name}.squares") for name in values),
        *((pl.col(one) * pl.col(other)).sum().alias(f"{one}*{other}") for one, other in products),
    )
    return found.join(squared, on=CELL, maintain_order="left").sort(CELL)


def moments_in(row: Mapping[str, Any], value: str) -> Moments | None:
    """The moments of a value from a row of `cells`; None where the cell has no row of it."""
    rows = int(row[f"{value}.n"])
    if not rows:
        return None
    sizes = float(row[f"{value}.sizes"])
    return moments_from(
        float(row[f"{value}.mean"]), float(row[f"{value}.squares"]), rows, row[f"{value}.groups"], sizes
    )


def table_of(data: Coded, rows: Sequence[Sequence[object]], columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """The finished table: rows that begin with view and lang, and then hold the columns; keys and lang in front."""
    import polars as pl

    lang = data.rows.schema["lang"]
    made = pl.DataFrame(rows, schema={"view": pl.UInt32(), "lang": pl.String(), **columns}, orient="row")
    return data.decoded(made.with_columns(pl.col("lang").cast(lang)))
