"""Summaries of scores: counts, intervals, chance, order, paired changes and gaps."""

from pathlib import Path

import polars as pl
import pytest

from afya.bench.analysis.summary import (
    ALL,
    compare,
    gaps,
    percent,
    read_scores,
    summarise,
    summarise_tiers,
    with_interval,
    write_csv,
)
from afya.bench.scoring.score import scores_schema
from afya.errors import ConfigError, DataError
from afya.statistics import accuracy_interval, holm


def scores(outcomes: dict[str, list[str]], model: str = "m", setting: str = "letter", options: int = 4) -> pl.DataFrame:
    """One row for each language and group: outcomes by language, in the order of the groups."""
    rows = [
        (model, setting, f"s:{group}:{lang}", f"s:{group}", lang, "mcq", "choice", "test", "s", 0, outcome, None, None,
         None, options, None)
        for lang, column in outcomes.items()
        for group, outcome in enumerate(column)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=scores_schema(), orient="row")


def row(table: pl.DataFrame, lang: str) -> dict[str, object]:
    return table.filter(pl.col("lang") == lang).row(0, named=True)


def test_every_outcome_has_its_column_and_errors_are_not_in_n() -> None:
    outcomes = ["correct", "correct", "wrong", "refused", "unparseable", "empty", "error", "error"]
    found = row(summarise(scores({"sw": outcomes})), "sw")
    assert (found["n"], found["groups"], found["errors"]) == (6, 6, 2)
    assert [found[name] for name in ("correct", "wrong", "refused", "unparseable", "empty")] == [2, 1, 1, 1, 1]
    assert found["accuracy"] == pytest.approx(2 / 6)
    assert found["non_answer_rate"] == pytest.approx(0.5)


def test_languages_stand_in_the_registrys_order_with_all_last() -> None:
    table = summarise(scores({"zu": ["correct"] * 3, "en": ["wrong"] * 3, "yo": ["correct"] * 3}))
    assert table["lang"].to_list() == ["en", "yo", "zu", ALL]


def test_the_overall_interval_takes_groups_as_clusters_across_languages() -> None:
    column = ["correct", "wrong"] * 30
    table = summarise(scores({"en": column, "sw": column, "yo": column}))
    overall = row(table, ALL)
    alone = accuracy_interval([1, 0] * 30, list(range(60)))
    assert (overall["n"], overall["groups"]) == (180, 60)
    # Copies in three languages know no more than one language does.
    assert float(str(overall["high"])) - float(str(overall["low"])) > 0.95 * (alone.high - alone.low)


def test_chance_is_the_mean_of_one_over_the_options() -> None:
    mixed = pl.concat([scores({"en": ["correct", "wrong"]}), _renamed(scores({"en": ["correct", "wrong"]}, options=2))])
    assert row(summarise(mixed), "en")["chance"] == pytest.approx((0.25 + 0.25 + 0.5 + 0.5) / 4)


def _renamed(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(pl.col("item_id") + "b", pl.col("group_id") + "b")


def test_a_language_of_errors_alone_has_no_accuracy() -> None:
    found = row(summarise(scores({"en": ["correct"], "wo": ["error", "error"]})), "wo")
    assert (found["n"], found["accuracy"], found["low"], found["non_answer_rate"]) == (0, None, None, None)
    assert found["errors"] == 2


def test_tiers_sum_up_high_and_low_resource_languages() -> None:
    table = summarise_tiers(scores({"en": ["correct"] * 4, "de": ["correct"] * 4, "yo": ["wrong"] * 4}))
    assert dict(zip(table["lang"], table["accuracy"], strict=True)) == {"high": 1.0, "low": 0.0}


def test_paired_change_with_holm_over_the_languages() -> None:
    before = scores({"en": ["wrong"] * 20, "sw": ["wrong"] * 20, "yo": ["correct", "wrong"] * 10})
    after = scores({"en": ["correct"] * 20, "sw": ["wrong"] * 12 + ["correct"] * 8, "yo": ["correct", "wrong"] * 10})
    table = compare(before, after)
    assert table["lang"].to_list() == ["en", "sw", "yo", ALL]
    assert row(table, "en")["difference"] == pytest.approx(1.0)
    assert row(table, "en")["p_value"] == pytest.approx(2 * 0.5**20)
    assert row(table, "sw")["p_value"] == pytest.approx(2 * 0.5**8)
    assert row(table, "yo")["p_value"] == 1.0
    assert table["p_holm"].to_list()[:3] == pytest.approx(holm(table["p_value"].to_list()[:3]).tolist())
    assert row(table, ALL)["p_holm"] is None
    assert row(table, ALL)["n"] == 60


def test_a_change_counts_only_items_answered_on_both_sides() -> None:
    before = scores({"en": ["correct", "error", "wrong", "wrong"]})
    after = scores({"en": ["correct", "correct", "error", "correct", "correct"]})
    found = row(compare(before, after), "en")
    assert (found["n"], found["before"], found["after"]) == (2, 0.5, 1.0)


def test_runs_that_share_no_item_are_not_compared() -> None:
    with pytest.raises(DataError, match="no answered item in common"):
        compare(scores({"en": ["correct"]}), scores({"sw": ["correct"]}))
    two = pl.concat([scores({"en": ["correct"]}), scores({"en": ["correct"]}, model="other")])
    with pytest.raises(DataError, match="hold 2 models"):
        compare(two, scores({"en": ["correct"]}))


def test_the_gap_to_english_is_taken_on_shared_groups() -> None:
    table = gaps(scores({"en": ["correct"] * 30, "yo": ["wrong"] * 10 + ["correct"] * 10}))
    found = row(table, "yo")
    assert (found["n"], found["before"], found["after"]) == (20, 1.0, 0.5)
    assert found["difference"] == pytest.approx(-0.5)
    assert gaps(scores({"sw": ["correct"], "yo": ["wrong"]})).height == 0


def test_scores_that_cannot_be_trusted_are_refused_by_name() -> None:
    table = scores({"en": ["correct", "wrong"]})
    with pytest.raises(DataError, match="'s:0:en' is scored twice"):
        summarise(pl.concat([table, table.head(1)]))
    with pytest.raises(DataError, match="outcome 'right' is none of"):
        summarise(scores({"en": ["right"]}))
    with pytest.raises(DataError, match="no group_id"):
        summarise(table.with_columns(group_id=pl.lit(None, pl.String())))
    with pytest.raises(DataError, match=r"column\(s\) outcome are missing"):
        summarise(table.drop("outcome"))


def _run(folder: Path, table: pl.DataFrame) -> Path:
    folder.mkdir()
    table.write_parquet(folder / "scores.parquet")
    return folder


def test_runs_are_named_by_model_by_label_or_by_folder(tmp_path: Path) -> None:
    one = _run(tmp_path / "one", scores({"en": ["correct"]}))
    two = _run(tmp_path / "two", scores({"en": ["wrong"]}))
    other = _run(tmp_path / "other", scores({"en": ["wrong"]}, model="n"))
    assert read_scores([one, other])["label"].to_list() == ["m", "n"]
    assert read_scores([one, two])["label"].to_list() == ["m (one)", "m (two)"]
    assert read_scores([one, two], ["before", "after"])["label"].to_list() == ["before", "after"]
    with pytest.raises(ConfigError, match="2 runs need as many different labels"):
        read_scores([one, two], ["before"])
    with pytest.raises(DataError, match="no such file"):
        read_scores([tmp_path / "nothing"])
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "scores.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_scores([tmp_path / "torn"])


def test_the_csv_has_fixed_decimals_and_the_same_bytes(tmp_path: Path) -> None:
    table = summarise(scores({"en": ["correct", "wrong", "wrong"], "wo": ["error"]}))
    write_csv(table, tmp_path / "a.csv")
    write_csv(table, tmp_path / "b.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert lines[0].startswith("label,model,setting,task,lang,n,groups,accuracy,low,high,method,chance,correct")
    assert ",0.333333," in lines[1]
    assert lines[2].startswith("m,m,letter,mcq,wo,0,0,,,,,,")


def test_numbers_are_written_the_same_everywhere() -> None:
    assert with_interval(0.632, 0.581, 0.68) == "63.2 [58.1, 68.0]"
    assert with_interval(None, None, None) == "–"
    assert percent(-0.0001) == "0.0"
