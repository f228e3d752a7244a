"""Small run folders for tests: the tables that a bench run writes, from a few outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from answer_tables import outcomes

from afya.bench.scoring.measures import measures_schema


def scored(
    told: Mapping[str, Sequence[str]], model: str = "m", setting: str = "letter", task: str = "mcq"
) -> pl.DataFrame:
    """Rows of scores.parquet: outcomes by language, in the order of the groups."""
    table = outcomes(model, told).drop("label")
    return table.with_columns(setting=pl.lit(setting), task=pl.lit(task))


def write_run(
    folder: Path,
    scores: pl.DataFrame,
    replies: Mapping[str, Sequence[object]] | None = None,
    measures: Sequence[tuple[object, ...]] = (),
) -> Path:
    """A run folder with these scores, replies to them (columns that differ from an empty reply), and measures."""
    folder.mkdir(parents=True)
    scores.write_parquet(folder / "scores.parquet")
    if replies is not None:
        empty = {
            "text": pl.String(),
            "option_logprobs": pl.List(pl.Float64()),
            "prompt_tokens": pl.Int32(),
            "completion_tokens": pl.Int32(),
            "cost_usd": pl.Float64(),
            "error": pl.String(),
        }
        said = scores.select("model", "setting", "item_id", "lang", "rotation").with_columns(
            pl.lit("stop").alias("finish_reason"),
            *(pl.Series(name, replies[name], kind) if name in replies else pl.lit(None, kind).alias(name)
              for name, kind in empty.items()),
        )  # fmt: skip
        said.write_parquet(folder / "replies.parquet")
    if measures:
        frame = pl.DataFrame(list(measures), schema=measures_schema(), orient="row")
        frame.write_parquet(folder / "measures.parquet")
    return folder
