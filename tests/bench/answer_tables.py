"""Tables of scores for tests: who answered what correctly, in the columns of scores.parquet with a label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from afya.bench.scoring.score import scores_schema


def outcomes(label: str, told: Mapping[str, Sequence[str]], options: int = 4) -> pl.DataFrame:
    """One row for each language and group: outcomes by language, in the order of the groups."""
    rows = [
        (label, "letter", f"s:{group}:{lang}", f"s:{group}", lang, "mcq", "choice", "test", "s", 0, outcome, None, None,
         None, options, None)
        for lang, column in told.items()
        for group, outcome in enumerate(column)
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema=scores_schema(), orient="row")
    return table.insert_column(0, pl.lit(label).alias("label"))


def answers(label: str, right: Mapping[str, Sequence[bool]], options: int = 4) -> pl.DataFrame:
    """The same from whether each group's item was answered correctly."""
    told = {lang: ["correct" if hit else "wrong" for hit in column] for lang, column in right.items()}
    return outcomes(label, told, options)
