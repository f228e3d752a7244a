"""No source and no language takes over: the surplus is left out, chosen by a draw of groups.

Groups are drawn once for all languages, so that what is kept in Swahili is, as far as it goes, what is kept in Zulu.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.recipe import Balance
from afya.data.rows import draws, first_of, reject
from afya.data.steps import Building
from afya.executor import Output, Stage
from afya.runs import sha256_path, write_frame

if TYPE_CHECKING:
    import polars as pl

STAGE = "balance"
# Which limit is over which columns, and whether groups are counted, not rows.
_LIMITS: dict[str, tuple[tuple[str, ...], bool]] = {
    "groups_per_source": (("source",), True),
    "rows_per_source_and_language": (("source", "lang"), False),
    "rows_per_language": (("lang",), False),
}


def balance(building: Building, parts: Sequence[Path], rule: Balance, seed: int) -> list[Path]:
    """Leave out what is over the recipe's limits: reason over_limit.

    A limit on groups is applied first, then those on rows, each to what the ones before it leave.
    """
    import polars as pl

    drawn = building.derive(Stage("balance-draws", draw_rows, {"seed": seed}, ("group_id", "source", "lang")), parts)
    rows = pl.concat([pl.scan_parquet(path) for path in drawn])
    limits: dict[str, dict[str, str]] = {}
    for name, (columns, by_group) in _LIMITS.items():
        most = getattr(rule, name)
        if most is None:
            continue
        counted = rows.unique([*columns, "draw"]) if by_group else rows
        table = (
            counted.group_by(columns)
            .agg(pl.len().alias("rows"), pl.col("draw").bottom_k(most).max().alias("last"))
            .filter(pl.col("rows") > most)
            .sort(columns)
            .collect()
        )
        path = building.folder / "balance_tables" / f"{name}.parquet"
        write_frame(path, table)
        limits[name] = {"path": str(path.resolve()), "sha256": sha256_path(path)}
        over = pl.col("draw") > pl.col("last").fill_null(2**63 - 1)
        rows = rows.join(table.lazy(), on=columns, how="left").filter(~over).drop("rows", "last")
    config = {"limits": limits, "rule": rule.model_dump(mode="json"), "seed": seed}
    return building.apply(
        Stage(STAGE, leave_out, config, ("item_id", "group_id", "source", "lang"), setup=_read_limits), parts
    )


def draw_rows(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """Source, language and draw of each row."""
    return Output(frame.select("source", "lang").with_columns(draws(frame["group_id"], config["seed"]).alias("draw")))


def _read_limits(config: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    import polars as pl

    return {name: pl.read_parquet(entry["path"]) for name, entry in config["limits"].items()}


def leave_out(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """The rows whose draw is not beyond the last one that their source or language has room for."""
    import polars as pl

    columns = frame.columns
    marked = frame.with_columns(draws(frame["group_id"], config["seed"]).alias("__draw"))
    cases = []
    for name, table in state.items():
        over, of = _LIMITS[name][0], f"__{name}"
        limit = table.select(*over, pl.col("last").alias(of))
        marked = marked.join(limit, on=over, how="left", maintain_order="left")
        detail = f"{name.replace('_', ' ')}: {config['rule'][name]}"
        cases.append((pl.col("__draw") > pl.col(of), pl.lit("over_limit"), pl.lit(detail)))
    output = reject(marked, STAGE, *first_of(cases))
    return Output(output.frame.select(columns), output.rejections)
