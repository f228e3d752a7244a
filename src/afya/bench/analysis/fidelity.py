"""Does a model answer in the language it was asked in? The share of replies that do, per language.

Thinking is set aside: a model may think in English. A reply of a letter or two words names no language and is counted
apart, never as faithful and never as foreign. What a reply is in comes from `afya.text.identify`, whose own rate of
uncertain verdicts bounds what this number can say; it is printed beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.bench.analysis.clustered import ALL, CELL, cells, coded, moments_in
from afya.bench.analysis.run_tables import KEYS, checked
from afya.bench.reading.extract_fold import spoken
from afya.errors import DataError
from afya.statistics.intervals import accuracy_of
from afya.text.identify import identify, is_language

if TYPE_CHECKING:
    import polars as pl


def with_replies(scores: pl.DataFrame, replies: pl.DataFrame) -> pl.DataFrame:
    """The scores with what the model said: text, finish_reason and option_logprobs of each reply, where there are any.

    Rows meet by label where the replies have one, else by model, and by setting and item.

    Raises DataError where an item has two replies, or a score none.
    """
    import polars as pl

    scores = checked(scores)
    told = {"text": pl.String(), "finish_reason": pl.String(), "option_logprobs": pl.List(pl.Float64())}
    absent = [pl.lit(None, kind).alias(name) for name, kind in told.items() if name not in replies.columns]
    keys = ["label" if "label" in replies.columns else "model", "setting", "item_id"]
    held = replies.with_columns(absent).select(*keys, *told)
    double = held.filter(pl.struct(keys).is_duplicated())
    if double.height:
        raise DataError(
            f"Item '{double['item_id'][0]}' has two replies of '{double[keys[0]][0]}'.",
            hint="Give the replies of each run its label.",
        )
    lone = scores.join(held, on=keys, how="anti")
    if lone.height:
        raise DataError(
            f"{lone.height} score(s) have no reply, the first item '{lone['item_id'][0]}' of '{lone[keys[0]][0]}'."
        )
    return scores.join(held, on=keys, how="left", maintain_order="left")


def in_language(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (lang, text) with `in_language` (null where that cannot be told) and `said_in` (another language, sure).

    Where rows have a `reply_lang` a reply is held against that: the language that it was asked for in. Each text is
    looked at once, however many rows have it.
    """
    import polars as pl

    wanted = "reply_lang" if "reply_lang" in rows.columns else "lang"
    rows = rows.with_columns(pl.col("text").cast(pl.String))
    found = []
    for lang, text in rows.select(wanted, "text").drop_nulls().unique(maintain_order=True).iter_rows():
        said = spoken(text).text
        same = is_language(said, lang)
        found.append((lang, text, same, identify(said).language if same is False else None))
    schema = {wanted: pl.String(), "text": pl.String(), "in_language": pl.Boolean(), "said_in": pl.String()}
    told = pl.DataFrame(found, schema=schema, orient="row")
    return rows.join(told, on=[wanted, "text"], how="left", maintain_order="left")


def fidelity(rows: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """One row for each label, model, setting, task and language, and one over all languages.

    `rows` comes from `with_replies`, and from `in_language` where that was asked before; rows without a text are left
    out. Columns: the keys, replies, told (whose language could be told), faithful (share of told in the item's
    language), faithful_low, faithful_high, uncertain (share of replies whose language could not be told), mostly (the
    language that most of the others were in, null where none was named). Null shares where nothing could be told.
    """
    import polars as pl

    if "in_language" not in rows.columns:
        rows = in_language(rows)
    data = coded(rows.filter(pl.col("text").is_not_null()), KEYS, ["in_language", "said_in"])
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
