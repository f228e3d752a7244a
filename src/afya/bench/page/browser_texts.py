"""What run folders hold of items and replies as text, read only for the items that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import DataError

if TYPE_CHECKING:
    import polars as pl

REPLY_KEYS = ("run", "model", "setting", "item_id")
"""What tells a reply to an item's own order of options; `run` is a place in the list of runs."""


def reply_lengths(runs: Sequence[Path]) -> pl.DataFrame:
    """item_id, bytes: how long all replies to an item are together."""
    import polars as pl

    found = [pl.DataFrame(schema={"item_id": pl.String(), "bytes": pl.UInt64()})]
    for _, path, frame in _replies(runs):
        size = pl.col("text").str.len_bytes().sum().cast(pl.UInt64).alias("bytes")
        found.append(_collected(frame.group_by("item_id").agg(size), path))
    return pl.concat(found).group_by("item_id").agg(pl.col("bytes").sum())


def reply_texts(rows: pl.DataFrame, runs: Sequence[Path]) -> pl.DataFrame:
    """What was said in reply to the rows (REPLY_KEYS): the keys and `text`, at most one for each.

    Replies without a text (scored options, errors) are left out. Raises DataError for a table that cannot be read.
    """
    import polars as pl

    found = [rows.select(REPLY_KEYS).clear().with_columns(text=pl.lit(None, pl.String))]
    wanted = rows["item_id"].unique()
    for number, path, frame in _replies(runs):
        said = frame.filter(pl.col("item_id").is_in(wanted.implode()), pl.col("text").is_not_null())
        told = _collected(said.select("model", "setting", "item_id", "text"), path)
        found.append(told.select(pl.lit(number, pl.Int32).alias("run"), pl.all()))
    return pl.concat(found, how="vertical_relaxed").unique(list(REPLY_KEYS), keep="first", maintain_order=True)


def item_texts(wanted: pl.Series, runs: Sequence[Path]) -> pl.DataFrame:
    """item_id, question, context, options, answer, answer_text of the wanted items.

    From items.parquet, else as they were asked, from the prompt parts; what neither holds is left out. Raises DataError
    for a table that cannot be read.
    """
    import polars as pl

    schema = {
        "item_id": pl.String(),
        "question": pl.String(),
        "context": pl.String(),
        "options": pl.List(pl.String()),
        "answer": pl.List(pl.Int16()),
        "answer_text": pl.String(),
    }
    found = [pl.DataFrame(schema=schema)]
    for run in runs:
        path = run / "items.parquet"
        if run.is_dir() and path.exists():
            frame = pl.scan_parquet(path)
            lacking = [
                pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in _names(frame, path)
            ]
            rows = frame.filter(pl.col("item_id").is_in(wanted.implode())).with_columns(lacking).select(list(schema))
            found.append(_collected(rows, path).cast(pl.Schema(schema)))
    known = pl.concat(found).unique("item_id", keep="first", maintain_order=True)
    left = wanted.filter(~wanted.is_in(known["item_id"].implode()))
    if left.len():
        known = pl.concat([known, *_as_asked(left, runs, schema)]).unique("item_id", keep="first", maintain_order=True)
    return known


def _as_asked(wanted: pl.Series, runs: Sequence[Path], schema: dict[str, pl.DataType]) -> list[pl.DataFrame]:
    """Items from the prompt parts: the last message, the options and the right ones, the shortest message first."""
    import polars as pl

    found = [pl.DataFrame(schema=schema)]
    for run in runs:
        for path in sorted(run.glob("parts/prompts-*/*.parquet")) if run.is_dir() else ():
            frame = pl.scan_parquet(path).filter(pl.col("item_id").is_in(wanted.implode()))
            rows = _own_order(frame, path).select(
                "item_id",
                pl.col("messages").list.last().struct.field("content").alias("question"),
                pl.lit(None, pl.String).alias("context"),
                pl.col("choices").alias("options"),
                "answer",
                pl.lit(None, pl.String).alias("answer_text"),
            )
            found.append(_collected(rows, path).cast(pl.Schema(schema)))
    # A part that scores option texts holds the bare question; one that lists the options repeats them.
    return [pl.concat(found).sort(pl.col("question").str.len_bytes(), maintain_order=True)]


def _replies(runs: Sequence[Path]) -> Iterator[tuple[int, Path, pl.LazyFrame]]:
    """(place, file, lazy table) of every run that has replies, without those to further orders of options."""
    import polars as pl

    for number, run in enumerate(runs):
        path = run / "replies.parquet"
        if run.is_dir() and path.exists():
            yield number, path, _own_order(pl.scan_parquet(path), path)


def _own_order(frame: pl.LazyFrame, where: Path) -> pl.LazyFrame:
    import polars as pl

    return frame.filter(pl.col("rotation") == 0) if "rotation" in _names(frame, where) else frame


def _names(frame: pl.LazyFrame, where: Path) -> list[str]:
    import polars as pl

    try:
        return frame.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(where, error) from error


def _collected(frame: pl.LazyFrame, where: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return frame.collect(engine="streaming")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(where, error) from error


def _unreadable(where: Path, error: Exception) -> DataError:
    return DataError(
        f"{where}: this table of the run cannot be read ({error}).",
        hint="Run 'afya bench rescore' on the run folder, or start its command again.",
    )


def expectations(runs: Sequence[Path]) -> pl.DataFrame:
    """run, setting, item_id, expected (refuse or comply) of the safety items, from the prompt parts."""
    import polars as pl

    schema = {"run": pl.Int32(), "setting": pl.String(), "item_id": pl.String(), "expected": pl.String()}
    found = [pl.DataFrame(schema=schema)]
    for number, run in enumerate(runs):
        for path in sorted(run.glob("parts/prompts-*/*.parquet")) if run.is_dir() else ():
            frame = pl.scan_parquet(path)
            if not {"expected", "setting"} <= set(_names(frame, path)):
                continue
            told = frame.filter(pl.col("expected").is_not_null()).select("setting", "item_id", "expected")
            found.append(_collected(told, path).select(pl.lit(number, pl.Int32).alias("run"), pl.all()))
    return pl.concat(found).unique(["run", "setting", "item_id"], keep="first", maintain_order=True)


def open_verdicts(scores: pl.DataFrame, runs: Sequence[Path], labels: Sequence[str] | None) -> pl.DataFrame:
    """The verdicts of open kinds (answered or not, neither right nor wrong), labelled as the scores are."""
    import polars as pl

    names = {(run, model): label for run, model, label in scores.select("run", "model", "label").unique().rows()}
    found = []
    for number, run in enumerate(runs):
        path = run / "scores.parquet" if run.is_dir() else run
        frame = pl.scan_parquet(path)
        if "kind" not in _names(frame, path):
            continue
        held = _own_order(frame, path).filter(pl.col("kind").is_in(["written", "translation"]))
        told = _collected(held, path).with_columns(pl.lit(number, pl.Int32).alias("run"))
        models = [str(model) for model in told["model"].unique(maintain_order=True)]
        given = None if labels is None else labels[number]
        own = {
            model: model if given is None else given if len(models) == 1 else f"{given}: {model}" for model in models
        }
        own |= {model: names[number, model] for model in models if (number, model) in names}
        label = pl.col("model").replace_strict(own, return_dtype=pl.String) if own else pl.col("model")
        found.append(told.with_columns(label.alias("label")))
    return pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame()
