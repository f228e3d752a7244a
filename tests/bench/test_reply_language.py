"""Answer-language fidelity and what a gap is made of."""

import polars as pl
import pytest
from answer_tables import outcomes

from afya.bench.analysis.decomposition import CAUSES, causes, gap_parts
from afya.bench.analysis.fidelity import fidelity, in_language, with_replies
from afya.errors import DataError

SWAHILI = "Jibu ni B kwa sababu mtoto ana homa kali na anahitaji kupelekwa hospitali haraka sana leo."
ENGLISH = "The answer is B because the child has a high fever and should be taken to the hospital as soon as possible."


def _replies(scores: pl.DataFrame, texts: dict[str, list[str | None]], reasons: dict[str, list[str]]) -> pl.DataFrame:
    return scores.select("label", "model", "setting", "item_id").with_columns(
        text=pl.Series([text for column in texts.values() for text in column], dtype=pl.String),
        finish_reason=pl.Series([reason for column in reasons.values() for reason in column]),
        option_logprobs=pl.lit(None, pl.List(pl.Float64)),
    )


def _rows() -> pl.DataFrame:
    told = {
        "en": ["correct", "correct", "correct", "correct", "correct", "wrong", "refused", "error"],
        "sw": ["correct", "refused", "unparseable", "wrong", "unparseable", "wrong", "empty", "wrong"],
    }
    texts: dict[str, list[str | None]] = {
        "en": [ENGLISH] * 7 + [None],
        "sw": [SWAHILI, SWAHILI, SWAHILI, ENGLISH, SWAHILI, SWAHILI, "", "B"],
    }
    reasons = {"en": ["stop"] * 7 + ["error"], "sw": ["stop", "stop", "length", "stop", "stop", "stop", "stop", "stop"]}
    scores = outcomes("m", told)
    return with_replies(scores, _replies(scores, texts, reasons))


def test_replies_in_another_language_are_seen_and_letters_name_none() -> None:
    rows = in_language(_rows())
    row = fidelity(rows).row(by_predicate=pl.col("lang") == "sw", named=True)
    # Eight replies: five in Swahili, one in English, an empty one and a letter that tell nothing.
    assert (row["replies"], row["told"], row["mostly"]) == (8, 6, "en")
    assert row["faithful"] == pytest.approx(5 / 6)
    assert row["uncertain"] == pytest.approx(2 / 8)
    english = fidelity(rows).row(by_predicate=pl.col("lang") == "en", named=True)
    assert (english["replies"], english["faithful"]) == (7, 1.0)


def test_thinking_may_be_in_another_language() -> None:
    scores = outcomes("m", {"sw": ["correct"]})
    replies = _replies(scores, {"sw": [f"<think>{ENGLISH}</think>{SWAHILI}"]}, {"sw": ["stop"]})
    assert in_language(with_replies(scores, replies))["in_language"].to_list() == [True]


def test_each_reply_has_one_cause() -> None:
    told = causes(_rows()).filter(pl.col("lang") == "sw")["cause"].to_list()
    assert told == [
        "none", "refusal", "truncation", "wrong_language", "unparseable", "rest", "unparseable", "rest",
    ]  # fmt: skip


def test_the_parts_add_up_to_the_gap_exactly() -> None:
    row = gap_parts(_rows()).row(by_predicate=pl.col("lang") == "sw", named=True)
    # Group 8 is an error in English and is left out. In English 5 of 7 are right, in Swahili 1 of 7.
    assert (row["n"], row["groups"], row["gap_rows"]) == (7, 7, 4)
    assert row["gap"] == pytest.approx(4 / 7)
    assert {name: row[f"{name}_rows"] for name in CAUSES} == {
        "refusal": 0, "truncation": 1, "wrong_language": 1, "unparseable": 2, "rest": 0,
    }  # fmt: skip
    assert sum(row[f"{name}_rows"] for name in CAUSES) == row["gap_rows"]
    assert sum(row[name] for name in CAUSES) == pytest.approx(row["gap"], abs=1e-15)
    assert row["gap_low"] < row["gap"] < row["gap_high"]


def test_replies_must_fit_their_scores() -> None:
    scores = outcomes("m", {"sw": ["correct", "wrong"]})
    replies = _replies(scores, {"sw": [SWAHILI, "B"]}, {"sw": ["stop", "stop"]})
    with pytest.raises(DataError, match="'s:1:sw' of 'm'"):
        with_replies(scores, replies.head(1))
    with pytest.raises(DataError, match="has two replies"):
        with_replies(scores, pl.concat([replies, replies]))
