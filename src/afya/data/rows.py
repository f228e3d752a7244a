"""What the stages of a build share: how rows are rejected or marked, and how groups are drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from afya.executor import Output
from afya.runs import Rejection, write_frame

if TYPE_CHECKING:
    import polars as pl

_WHY, _DETAIL = "__why", "__detail"


def reject(frame: pl.DataFrame, stage: str, why: pl.Expr, detail: pl.Expr) -> Output:
    """The rows for which `why` is null, and a rejection for each other one; its value is the reason.

    `detail` is only reckoned for rejected rows: what exactly was found takes longer to say than that it was found.
    """
    marked = frame.with_columns(why.alias(_WHY))
    refused = marked[_WHY].is_not_null()
    if not refused.any():
        return Output(frame)
    told = marked.filter(refused).select("item_id", _WHY, detail.alias(_DETAIL))
    return Output(frame.filter(~refused), tuple(Rejection(stage, *row) for row in told.iter_rows()))


def draw(name: str, seed: int) -> int:
    """A number below 2**63 that depends on the name and the seed alone: what groups are drawn by."""
    return int.from_bytes(blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest(), "big") >> 1


def draws(names: pl.Series, seed: int) -> pl.Series:
    """`draw` for each name of a column, reckoned once for each different name."""
    import polars as pl

    different = names.unique(maintain_order=True)
    numbers = pl.Series([draw(name, seed) for name in different], dtype=pl.Int64)
    return names.to_frame("name").join(
        pl.DataFrame({"name": different, "draw": numbers}), on="name", how="left", maintain_order="left"
    )["draw"]


def share(number: int) -> float:
    """A draw as a number from 0 to 1."""
    return number / 2**63


def lost(before: Sequence[Path], after: Sequence[Path], file: Path) -> Path:
    """Write the rows of `before` that are gone from `after` while others of their group are still there to `file`.

    A translation whose original was left out says what the original said, and cannot be judged without it.
    """
    import polars as pl

    there = pl.concat([pl.scan_parquet(path).select("item_id", "group_id") for path in after])
    rows = pl.concat([pl.scan_parquet(path) for path in before])
    gone = rows.join(there, on="item_id", how="anti").join(there, on="group_id", how="semi")
    write_frame(file, gone.collect(engine="streaming").sort("item_id"))
    return file


def first_of(cases: Iterable[tuple[pl.Expr, pl.Expr, pl.Expr]]) -> tuple[pl.Expr, pl.Expr]:
    """Of (condition, reason, detail): the reason and the detail of the first condition that holds, else null."""
    import polars as pl

    why, details = pl.lit(None, pl.String), pl.lit(None, pl.String)
    for condition, reason, detail in reversed(list(cases)):
        holds = condition.fill_null(False)
        why, details = pl.when(holds).then(reason).otherwise(why), pl.when(holds).then(detail).otherwise(details)
    return why, details
