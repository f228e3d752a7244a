"""What the stages of a build share: how rows are rejected, and how groups are drawn."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

from afya.executor import Output
from afya.runs import Rejection

if TYPE_CHECKING:
    import polars as pl

_WHY, _DETAIL = "__why", "__detail"


def reject(frame: pl.DataFrame, stage: str, why: pl.Expr, detail: pl.Expr) -> Output:
    """The rows for which `why` is null, and a rejection for each other one; its value is the reason."""
    marked = frame.with_columns(why.alias(_WHY), detail.alias(_DETAIL))
    kept = marked.filter(marked[_WHY].is_null()).drop(_WHY, _DETAIL)
    if kept.height == frame.height:
        return Output(frame)
    refused = marked.filter(marked[_WHY].is_not_null()).select("item_id", _WHY, _DETAIL)
    return Output(kept, tuple(Rejection(stage, *row) for row in refused.iter_rows()))


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


def first_of(cases: Iterable[tuple[pl.Expr, pl.Expr, pl.Expr]]) -> tuple[pl.Expr, pl.Expr]:
    """Of (condition, reason, detail): the reason and the detail of the first condition that holds, else null."""
    import polars as pl

    why, details = pl.lit(None, pl.String), pl.lit(None, pl.String)
    for condition, reason, detail in reversed(list(cases)):
        holds = condition.fill_null(False)
        why, details = pl.when(holds).then(reason).otherwise(why), pl.when(holds).then(detail).otherwise(details)
    return why, details
