"""One spelling for the same text: a stage that works on whole columns.

NFC, plain spaces and line ends, nothing invisible; by recipe plain quotes, digits, and options without their labels.
Tone marks, dots below and case stay. Joiners stay too: without them some words of Hindi and Arabic are other words.
Twice normalised is once normalised.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from afya.data.recipe import Normalise
from afya.executor import Output, Stage
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl

STAGE = "normalise"
TEXTS = ("question", "context", "answer_text", "rationale")

_APOSTROPHES = "‘’ʼʻ´"
_QUOTES = "“”„‟"
# Chinese and Japanese are written with full-width quotation marks, German with low ones: there they are right.
_OWN_QUOTES = ("zh", "ja", "de")
_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF10, 0xFF1A)}
_INVISIBLE = r"[[\p{Cc}\p{Cf}\p{Co}\x{FE00}-\x{FE0F}]--[\t\n\r\x{0B}\x{0C}\x{85}\x{200C}\x{200D}]]"
_NOT_PLAIN = r"[^\x20-\x7E]|  |^ | $"
_LABELS = ("ABCDEFGHIJKLMNOP", "abcdefghijklmnop", "123456789")
_LABEL = r"^\s*\(?([A-Pa-p1-9])(?:\)|[.:、．](?:\)|))\s+"
_LABEL_OF = r"^\s*\(?[A-Pa-p1-9](?:\)|[.:、．](?:\)|))\s+(\S)"


def stage(rule: Normalise) -> Stage:
    """The stage that normalises by the recipe's rule."""
    return Stage(STAGE, normalise, rule.model_dump(mode="json"), (*TEXTS, "options", "turns", "lang"))


def normalise(frame: pl.DataFrame, config: Mapping[str, Any], _state: Any) -> Output:
    """Every text of every row, normalised; no row is left out."""
    import polars as pl

    rule = Normalise.model_validate(config)
    own = pl.col("lang").is_in(list(_OWN_QUOTES))
    text = partial(text_expression, digits=rule.digits, apostrophes=rule.quotes)
    frame = _with_texts(frame, text)
    if rule.option_labels:
        frame = without_labels(frame)
    if rule.quotes and not frame.select(own.all()).item():
        plain = _with_texts(frame, _plain_quotes)
        columns = [*TEXTS, "options", "turns"]
        frame = frame.with_columns(
            pl.when(own).then(pl.col(name)).otherwise(plain[name]).alias(name) for name in columns
        )
    return Output(frame)


def _with_texts(frame: pl.DataFrame, change: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    import polars as pl

    turn = pl.struct(
        pl.element().struct.field("role").alias("role"), change(pl.element().struct.field("text")).alias("text")
    )
    columns = [change(pl.col(name)).alias(name) for name in TEXTS]
    if frame["options"].null_count() < frame.height:
        columns.append(pl.col("options").list.eval(change(pl.element())))
    if frame["turns"].null_count() < frame.height:
        columns.append(pl.col("turns").list.eval(turn))
    return frame.with_columns(columns)


def text_expression(text: pl.Expr, *, digits: bool, apostrophes: bool) -> pl.Expr:
    """A column of texts, normalised; null stays null, and a text of nothing visible becomes ""."""
    import polars as pl

    # Most texts are plain already, which one look tells; the others are worked on.
    other = text.str.contains(_NOT_PLAIN)
    return pl.when(other).then(_changed(pl.when(other).then(text), digits, apostrophes)).otherwise(text)


def _changed(text: pl.Expr, digits: bool, apostrophes: bool) -> pl.Expr:
    text = text.str.replace_all(_INVISIBLE, "").str.normalize("NFC")
    signs = dict.fromkeys(_APOSTROPHES, "'") if apostrophes else {}
    if digits:
        signs |= _digits()
    if signs:
        text = text.str.replace_many(list(signs), list(signs.values()))
    text = text.str.replace_all(r"\r\n?|[\x{0B}\x{0C}\x{85}\x{2028}\x{2029}]", "\n")
    text = text.str.replace_all(r"[\p{Zs}\t]+", " ").str.replace_all(r" *\n *", "\n")
    return text.str.replace_all(r"\n{3,}", "\n\n").str.strip_chars(" \n")


def _plain_quotes(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(list(_QUOTES), ['"'] * len(_QUOTES))


def without_labels(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows without labels such as "A. " where every option carries its own: A, B, C or a, b, c or 1, 2, 3."""
    import polars as pl

    if frame["options"].null_count() == frame.height:
        return frame
    while True:
        found = pl.col("options").list.eval(
            pl.when(pl.element().str.contains(_LABEL_OF)).then(pl.element().str.extract(_LABEL, 1))
        )
        joined = found.list.join("", ignore_nulls=False)
        labelled = pl.any_horizontal(pl.lit(labels).str.starts_with(joined) for labels in _LABELS)
        labelled = (labelled & (pl.col("options").list.len() >= 2)).fill_null(False)
        chosen = frame.select(labelled.alias("labelled"))["labelled"]
        if not chosen.any():
            return frame
        answered = pl.col("options").list.contains(pl.col("answer_text"))
        answer = pl.when(answered).then(pl.col("answer_text").str.replace(_LABEL, "")).otherwise(pl.col("answer_text"))
        bare = pl.col("options").list.eval(pl.element().str.replace(_LABEL, ""))
        frame = frame.with_columns(
            pl.when(chosen).then(answer).otherwise(pl.col("answer_text")).alias("answer_text"),
            pl.when(chosen).then(bare).otherwise(pl.col("options")).alias("options"),
        )
    return frame


@cache
def _digits() -> dict[str, str]:
    """Full-width digits, and each script's own where they are digits (not ideographs), to 0-9."""
    signs = dict(_FULL_WIDTH)
    for entry in registry().values():
        for value, digit in enumerate(entry.digits or ""):
            if unicodedata.category(digit) == "Nd":
                signs[digit] = str(value)
    return signs
