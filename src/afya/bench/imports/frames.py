"""Rows as tables of Polars, column by column: made from lists of Python, a column of lists is a Series for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

_END = "\x1f"


def frame_of(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """A table of rows whose cells stand in the order of the schema."""
    import polars as pl

    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    made = zip(schema.items(), columns, strict=True)
    return pl.DataFrame([series(name, values, kind) for (name, kind), values in made])


def series(name: str, values: Sequence[Any], kind: pl.DataType) -> pl.Series:
    """One column. Lists of texts and of numbers go by way of one text for each row."""
    import polars as pl

    inner = kind.inner if isinstance(kind, pl.List) else None
    if inner == pl.String:
        return _texts(name, values)
    if inner is not None and inner.is_numeric():
        texts = [None if value is None else "".join(f"{number!r}{_END}" for number in value) for value in values]
        return _split(name, texts).cast(kind)
    return pl.Series(name, values, dtype=kind)


def _texts(name: str, values: Sequence[Any]) -> pl.Series:
    import polars as pl

    texts = [None if value is None else "".join(f"{text}{_END}" for text in value) for value in values]
    ends = sum(text.count(_END) for text in texts if text)
    if ends != sum(len(value) for value in values if value) or any(None in value for value in values if value):
        return pl.Series(name, values, dtype=pl.List(pl.String))  # the sign stands in a text itself
    return _split(name, texts)


def _split(name: str, texts: Sequence[str | None]) -> pl.Series:
    """The parts of each text, each of which ends in the sign: no text is an empty list."""
    import polars as pl

    parts = pl.col(name).str.split(_END)
    kept = parts.list.slice(0, parts.list.len().cast(pl.Int64) - 1)
    return pl.DataFrame([pl.Series(name, texts, dtype=pl.String)]).select(kept)[name]


def conversations(name: str, asked: Sequence[str]) -> pl.Series:
    """A column of conversations of one turn each: what a user asked."""
    import polars as pl

    turn = pl.struct(role=pl.lit("user"), content=pl.col(name))
    return pl.DataFrame({name: pl.Series(asked, dtype=pl.String)}).select(pl.concat_list(turn).alias(name))[name]
