"""Groups into train, dev and test: the same entry in twelve languages always lies in one split.

So do groups that were joined by a duplicate: where of two the English row went, its Swahili still says what the other
says in English.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data.duplicates import joined_groups
from afya.data.recipe import SplitRule
from afya.data.rows import draws
from afya.data.steps import Building
from afya.executor import Output, Stage
from afya.runs import sha256_path, write_frame

if TYPE_CHECKING:
    import polars as pl

STAGE = "split"
# What wins where the rows of one group disagree: nothing that was ever a test may be trained on.
_RANK = {"train": 0, "dev": 1, "test": 2}


def split(building: Building, parts: Sequence[Path], rule: SplitRule, seed: int) -> list[Path]:
    """Put every group into one split; no row is left out."""
    table = building.folder / "split_tables" / "groups.parquet"
    write_frame(table, _scattered(parts, joined_groups(building)))
    config = {
        "rule": rule.model_dump(mode="json"),
        "seed": seed,
        "groups": str(table.resolve()),
        "sha256": sha256_path(table),
    }
    return building.apply(Stage(STAGE, split_rows, config, ("group_id", "split"), setup=_read_groups), parts)


def _scattered(parts: Sequence[Path], joined: pl.DataFrame) -> pl.DataFrame:
    """Groups of which a part does not show the split: columns group_id, family (what they are drawn by) and rank.

    Two sources may have rows of one group, which lie in several parts and in several splits; and `joined` groups share
    a split though they lie apart. The rest the stage sees for itself.
    """
    import polars as pl

    rank = pl.col("split").replace_strict(_RANK, return_dtype=pl.Int8)
    tables = [
        pl.scan_parquet(part).group_by("group_id").agg(rank.max().alias("rank"), rank.min().alias("least"))
        for part in parts
    ]
    together = pl.concat(tables).group_by("group_id").agg(pl.col("rank").max(), pl.col("least").min(), pl.len())
    found = together.filter((pl.col("len") > 1) & (pl.col("rank") > pl.col("least")))
    alone = found.select("group_id", "rank", family="group_id").collect(engine="streaming")
    there = together.join(joined.lazy(), on="group_id").select("group_id", "rank", "family").collect(engine="streaming")
    family = there.filter(pl.len().over("family") > 1).with_columns(
        pl.col("rank").max().over("family"), pl.col("group_id").min().over("family").alias("family")
    )
    alone = alone.join(family, on="group_id", how="anti")
    return pl.concat([alone, family]).select("group_id", "family", "rank").sort("group_id")


def _read_groups(config: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(config["groups"])


def split_rows(frame: pl.DataFrame, config: Mapping[str, Any], state: Any) -> Output:
    """The rows with the split of their group. The draw depends on the group's name and the seed alone."""
    import polars as pl

    rule = SplitRule.model_validate(config["rule"])
    rank = pl.col("split").replace_strict(_RANK, return_dtype=pl.Int8)
    ranked = frame.select("group_id", rank.max().over("group_id").alias("own")).join(
        state, on="group_id", how="left", maintain_order="left"
    )
    native = ranked.select(pl.coalesce("rank", "own").replace_strict(_names(), return_dtype=pl.String)).to_series()
    drawn_by = ranked.select(pl.coalesce("family", "group_id")).to_series()
    test, dev = int(rule.test * 2**63), int((rule.test + rule.dev) * 2**63)
    number = pl.Series("draw", draws(drawn_by, config["seed"]))
    drawn = pl.DataFrame({"draw": number, "native": native}).select(
        pl.when(pl.lit(rule.keep_native) & (pl.col("native") != "train"))
        .then(pl.col("native"))
        .when(pl.col("draw") < test)
        .then(pl.lit("test"))
        .when(pl.col("draw") < dev)
        .then(pl.lit("dev"))
        .otherwise(pl.lit("train"))
        .alias("split")
    )
    return Output(frame.with_columns(drawn["split"]))


def _names() -> dict[int, str]:
    return {rank: name for name, rank in _RANK.items()}
