"""Does a model answer in the language it was asked in? The share of replies that do, per language.

Thinking is set aside: a model may think in English. A reply of a letter or two words names no language and is counted
apart, never as faithful and never as foreign. What a reply is in comes from `afya.text.identify`, whose own rate of
uncertain verdicts bounds what this number can say; it is printed beside it.

Texts are read a slice of a file at a time, and each different one is looked at once; of more than 200,000 a sample of
groups is, and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.clustered import ALL, CELL, cells, coded, moments_in
from afya.bench.analysis.run_tables import KEYS, read_texts
from afya.bench.reading.extract_fold import spoken
from afya.runs import sha256_text
from afya.statistics.intervals import accuracy_of
from afya.text.identify import agrees, identify

if TYPE_CHECKING:
    import polars as pl

MOST_TOLD = 200_000
"""Different texts whose language is told, a minute or two of work; beyond them groups are drawn."""
READ_CHARACTERS = 600
"""Of what a reply says; more tells no more about its language."""


@dataclass(frozen=True)
class Written:
    """Replies of which it was asked what language they are in.

    `rows`: scores beside replies (`run_tables.read_replied`) with `in_language` (null where that cannot be told) and
    `said_in` (another language, sure). `notes`: sentences on what was left out.
    """

    rows: pl.DataFrame
    notes: tuple[str, ...] = ()


def in_language(replied: pl.DataFrame, runs: Sequence[Path], most: int = MOST_TOLD) -> Written:
    """The replies that have a text, held against the language that they were asked for in.

    Args:
        replied: of `run_tables.read_replied`, with `reply_lang`: the language that each was asked for in.
        runs: the folders that it was read from.
        most: texts to look at. Where there are more, each task has as many groups, chosen by a hash of their names,
            as keep within it: the same groups for all models and languages.

    Each text is looked at once, however many replies have it.
    """
    import polars as pl

    rows, notes = _within(replied.filter(pl.col("text_key").is_not_null()), most)
    pairs = rows.select("reply_lang", "text_key").unique()
    asked: dict[int, list[str]] = {}
    for lang, key in pairs.iter_rows():
        asked.setdefault(key, []).append(lang)
    found = []
    for key, text in read_texts(runs, pairs["text_key"]):
        said = spoken(text).text[:READ_CHARACTERS]
        verdict = identify(said)
        for lang in asked[key]:
            same = agrees(verdict, said, lang)
            found.append((lang, key, same, verdict.language if same is False else None))
    schema = {"reply_lang": pl.String(), "text_key": pl.UInt64(), "in_language": pl.Boolean(), "said_in": pl.String()}
    told = pl.DataFrame(found, schema=schema, orient="row")
    return Written(rows.join(told, on=["reply_lang", "text_key"], how="left", maintain_order="left"), notes)


def _within(rows: pl.DataFrame, most: int) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows of so many groups of each task that no more than `most` different texts are left."""
    import polars as pl

    if rows.select("reply_lang", "text_key").n_unique() <= most:
        return rows, ()
    groups = rows.select("task", "group_id").unique()
    named = groups.with_columns(pl.Series("hash", [sha256_text(group) for group in groups["group_id"]]))
    ranked = named.with_columns(pl.col("hash").rank("ordinal").over("task").alias("place")).drop("hash")
    placed = rows.join(ranked, on=["task", "group_id"], maintain_order="left")
    first = placed.group_by("reply_lang", "text_key").agg(pl.col("place").min())["place"].sort()
    # Never fewer than one group of each task.
    kept = max(int(first[most]) - 1, 1)
    notes = tuple(
        f"{task}: the language of replies was told in {kept:,} of {count:,} groups, chosen by a hash of their names; "
        "the tables of languages and of what gaps are made of count these."
        for task, count in groups.group_by("task", maintain_order=False).len().sort("task").iter_rows()
        if count > kept
    )
    return placed.filter(pl.col("place") <= kept).drop("place"), notes


def fidelity(rows: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """One row for each label, model, setting, task and language, and one over all languages.

    `rows` comes from `in_language`. Columns: the keys, replies, told (whose language could be told), faithful (share of
    told in the item's language), faithful_low, faithful_high, uncertain (share of replies whose language could not be
    told), mostly (the language that most of the others were in, null where none was named). Null shares where nothing
    could be told.
    """
    import polars as pl

    data = coded(rows, KEYS, ["in_language", "said_in"])
    each = pl.concat([data.rows, data.rows.with_columns(lang=pl.lit(ALL, data.rows.schema["lang"]))])
    counts = each.group_by(CELL).agg(
        pl.len().cast(pl.Int64).alias("replies"),
        # The commonest, and of equals the first by its code.
        pl.col("said_in").drop_nulls().mode().sort().first().alias("mostly"),
    )
    made = []
    for row in cells(data, ["in_language"]).iter_rows(named=True):
        moments = moments_in(row, "in_language")
        found = accuracy_of(moments, level) if moments else None
        share = (found.value, found.low, found.high) if found else (None, None, None)
        made.append((row["view"], row["lang"], found.n if found else 0, *share))
    shares = dict.fromkeys(("faithful", "faithful_low", "faithful_high"), pl.Float64())
    schema = {"view": pl.UInt32(), "lang": data.rows.schema["lang"], "told": pl.Int64(), **shares}
    table = pl.DataFrame(made, schema=schema, orient="row").join(counts, on=CELL, how="left", maintain_order="left")
    uncertain = (1 - pl.col("told") / pl.col("replies")).alias("uncertain")
    return data.decoded(table.select(*CELL, "replies", "told", *shares, uncertain, "mostly"))
