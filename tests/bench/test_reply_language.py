"""Answer-language fidelity and what a gap is made of."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from run_folders import scored, write_run

from afya.bench.analysis.decomposition import CAUSES, causes, gap_parts
from afya.bench.analysis.fidelity import Written, fidelity, in_language
from afya.bench.analysis.run_tables import read_replied
from afya.errors import DataError

SWAHILI = "Jibu ni B kwa sababu mtoto ana homa kali na anahitaji kupelekwa hospitali haraka sana leo."
ENGLISH = "The answer is B because the child has a high fever and should be taken to the hospital as soon as possible."


TOLD = {
    "en": ["correct", "correct", "correct", "correct", "correct", "wrong", "refused", "error"],
    "sw": ["correct", "refused", "unparseable", "wrong", "unparseable", "wrong", "empty", "wrong"],
}
TEXTS: dict[str, list[str | None]] = {
    "en": [ENGLISH] * 7 + [None],
    "sw": [SWAHILI, SWAHILI, SWAHILI, ENGLISH, SWAHILI, SWAHILI, "", "B"],
}


def _run(folder: Path, told: Mapping[str, list[str]], texts: Mapping[str, list[str | None]]) -> Path:
    """A run folder in which the third reply of Swahili was cut off."""
    scores = scored(told)
    run = write_run(folder, scores, {"text": [text for column in texts.values() for text in column]})
    cut = pl.when(pl.col("item_id") == "s:2:sw").then(pl.lit("length")).otherwise("finish_reason")
    pl.read_parquet(run / "replies.parquet").with_columns(finish_reason=cut).write_parquet(run / "replies.parquet")
    return run


def _written(run: Path, most: int = 1000) -> Written:
    return in_language(read_replied([run]).with_columns(reply_lang="lang"), [run], most)


@pytest.fixture
def rows(tmp_path: Path) -> pl.DataFrame:
    return _written(_run(tmp_path / "run", TOLD, TEXTS)).rows


def test_replies_in_another_language_are_seen_and_letters_name_none(rows: pl.DataFrame) -> None:
    row = fidelity(rows).row(by_predicate=pl.col("lang") == "sw", named=True)
    # Eight replies: five in Swahili, one in English, an empty one and a letter that tell nothing.
    assert (row["replies"], row["told"], row["mostly"]) == (8, 6, "en")
    assert row["faithful"] == pytest.approx(5 / 6)
    assert row["uncertain"] == pytest.approx(2 / 8)
    english = fidelity(rows).row(by_predicate=pl.col("lang") == "en", named=True)
    assert (english["replies"], english["faithful"]) == (7, 1.0)


def test_thinking_may_be_in_another_language(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", {"sw": ["correct"]}, {"sw": [f"<think>{ENGLISH}</think>{SWAHILI}"]})
    assert _written(run).rows["in_language"].to_list() == [True]


def test_of_too_many_texts_whole_groups_are_drawn_and_it_is_said(tmp_path: Path) -> None:
    groups = 40
    told = {lang: ["correct"] * groups for lang in ("en", "sw")}
    texts: dict[str, list[str | None]] = {
        "en": [f"{ENGLISH} {number}" for number in range(groups)],
        "sw": [SWAHILI if number % 2 else f"{SWAHILI} {number}" for number in range(groups)],
    }
    run = _run(tmp_path / "run", told, texts)
    whole = _written(run)
    assert (whole.rows.height, whole.notes) == (80, ())
    some = _written(run, 30)
    counts = some.rows.group_by("group_id").len()["len"]
    assert set(counts) == {2}
    assert some.rows.select("reply_lang", "text_key").n_unique() <= 30
    assert f"in {len(counts)} of 40 groups" in some.notes[0]
    kept = whole.rows.filter(pl.col("group_id").is_in(some.rows["group_id"].unique().implode()))
    assert kept.equals(some.rows)


def test_each_reply_has_one_cause(rows: pl.DataFrame) -> None:
    told = causes(rows).filter(pl.col("lang") == "sw")["cause"].to_list()
    assert told == [
        "none", "refusal", "truncation", "wrong_language", "unparseable", "rest", "unparseable", "rest",
    ]  # fmt: skip


def test_the_parts_add_up_to_the_gap_exactly(rows: pl.DataFrame) -> None:
    row = gap_parts(causes(rows)).row(by_predicate=pl.col("lang") == "sw", named=True)
    # Group 8 is an error in English and is left out. In English 5 of 7 are right, in Swahili 1 of 7.
    assert (row["n"], row["groups"], row["gap_rows"]) == (7, 7, 4)
    assert row["gap"] == pytest.approx(4 / 7)
    assert {name: row[f"{name}_rows"] for name in CAUSES} == {
        "refusal": 0, "truncation": 1, "wrong_language": 1, "unparseable": 2, "rest": 0,
    }  # fmt: skip
    assert sum(row[f"{name}_rows"] for name in CAUSES) == row["gap_rows"]
    assert sum(row[name] for name in CAUSES) == pytest.approx(row["gap"], abs=1e-15)
    assert row["gap_low"] < row["gap"] < row["gap_high"]


def test_replies_must_fit_their_scores(tmp_path: Path) -> None:
    run = _run(tmp_path / "run", {"sw": ["correct", "wrong"]}, {"sw": [SWAHILI, "B"]})
    replies = pl.read_parquet(run / "replies.parquet")
    replies.head(1).write_parquet(run / "replies.parquet")
    with pytest.raises(DataError, match="'s:1:sw' of 'm'"):
        read_replied([run])
    pl.concat([replies, replies]).write_parquet(run / "replies.parquet")
    with pytest.raises(DataError, match="has two replies"):
        read_replied([run])
