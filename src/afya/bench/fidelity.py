"""Does a model answer in the language it was asked in? The share of replies that do, per language.

Thinking is set aside: a model may think in English. A reply of a letter or two words names no language and is counted
apart, never as faithful and never as foreign. What a reply is in comes from `afya.text.identify`, whose own rate of
uncertain verdicts bounds what this number can say; it is printed beside it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from afya.bench.extract_fold import spoken
from afya.bench.summary import ALL, KEYS, checked, in_order
from afya.errors import DataError
from afya.statistics import accuracy_interval
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

    Each text is looked at once, however many rows have it.
    """
    import polars as pl

    rows = rows.with_columns(pl.col("text").cast(pl.String))
    found = []
    for lang, text in rows.select("lang", "text").drop_nulls().unique(maintain_order=True).rows():
        said = spoken(text).text
        same = is_language(said, lang)
        found.append((lang, text, same, identify(said).language if same is False else None))
    schema = {"lang": pl.String(), "text": pl.String(), "in_language": pl.Boolean(), "said_in": pl.String()}
    told = pl.DataFrame(found, schema=schema, orient="row")
    return rows.join(told, on=["lang", "text"], how="left", maintain_order="left")


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
    held = rows.filter(pl.col("text").is_not_null())
    both = pl.concat([held, held.with_columns(lang=pl.lit(ALL))])
    both = both.with_columns(group=pl.col("group_id").rank("dense"))
    made = []
    for key, part in both.group_by(*KEYS, "lang", maintain_order=True):
        told = part.drop_nulls("in_language")
        share: tuple[float | None, ...] = (None, None, None)
        if told.height:
            found = accuracy_interval(told["in_language"].to_numpy(), told["group"].to_numpy(), level)
            share = (found.value, found.low, found.high)
        others = Counter(told["said_in"].drop_nulls().to_list()).most_common(1)
        mostly = others[0][0] if others else None
        made.append((*key, part.height, told.height, *share, 1 - told.height / part.height, mostly))
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*KEYS, "lang")}
    schema |= {name: pl.Int64() for name in ("replies", "told")}
    schema |= {name: pl.Float64() for name in ("faithful", "faithful_low", "faithful_high", "uncertain")}
    return in_order(pl.DataFrame(made, schema={**schema, "mostly": pl.String()}, orient="row"))
