"""What an item says, as columns of text whose fields are divided by FIELD_END, for comparing items with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.data.shingles import FIELD_END

if TYPE_CHECKING:
    import polars as pl

READS = ("lang", "question", "context", "options", "answer", "answer_text", "rationale", "turns")
"""The columns that the expressions below read."""


def whole() -> pl.Expr:
    """All an item says: question, context, answer, rationale, turns of the dialogue, options."""
    import polars as pl

    return pl.concat_str([ordered(), _options()], separator=FIELD_END)


def ordered() -> pl.Expr:
    """What has its place: question, context, answer text (where it is no option), rationale, turns."""
    import polars as pl

    names = ("question", "context", "rationale")
    answer = pl.when(pl.col("options").is_null()).then(pl.col("answer_text"))
    fields = [*(pl.col(name) for name in names), answer, _turns()]
    return pl.concat_str([field.fill_null("") for field in fields], separator=FIELD_END)


def asked() -> pl.Expr:
    """The question where it is about a context, else "": of one abstract many things may be asked."""
    import polars as pl

    return pl.when(pl.col("context").is_not_null()).then(pl.col("question")).otherwise(pl.lit(""))


def options() -> pl.Expr:
    """The options; "" for an item without."""
    return _options()


def right() -> pl.Expr:
    """The options that are right; "" for an item without."""
    import polars as pl

    chosen = pl.col("options").list.gather(pl.col("answer").cast(pl.List(pl.UInt32), strict=False), null_on_oob=True)
    return chosen.list.join(FIELD_END, ignore_nulls=True).fill_null("")


def _options() -> pl.Expr:
    import polars as pl

    return pl.col("options").list.join(FIELD_END, ignore_nulls=True).fill_null("")


def _turns() -> pl.Expr:
    import polars as pl

    return pl.col("turns").list.eval(pl.element().struct.field("text")).list.join(FIELD_END, ignore_nulls=True)
