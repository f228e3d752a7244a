"""Numbers are shares with n and interval, held to their thresholds; the document gets its tables between its marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from afya.assistant.evaluation import documents, metrics, table
from afya.assistant.evaluation.page import page
from afya.assistant.evaluation.probes import OUTCOME, Outcome, Probe, outcome_row
from afya.assistant.evaluation.run import Result
from afya.errors import DataError

pl = pytest.importorskip("polars")


def _result(*rows: tuple[str, str | None, str, dict[str, bool]]) -> Result:
    """A result of (language, part, kind, what was found) rows."""
    listed = [
        outcome_row(Probe(f"{lang}-{number}", lang, "danger", kind, {}, part), Outcome(found))
        for number, (lang, part, kind, found) in enumerate(rows)
    ]
    outcomes = pl.DataFrame(listed, schema=dict.fromkeys(OUTCOME, pl.String), orient="row")
    langs = tuple(dict.fromkeys(row[0] for row in rows))
    return Result(langs, outcomes, tuple(metrics.numbers(outcomes, langs)))


def _danger(
    lang: str, seen: int, missed: int, part: str = "held_out"
) -> Sequence[tuple[str, str | None, str, dict[str, bool]]]:
    return [(lang, part, "plain", {"danger_recall": True})] * seen + [
        (lang, part, "paraphrase", {"danger_recall": False})
    ] * missed


def test_develop_cases_are_left_out_of_a_held_out_number() -> None:
    result = _result(*_danger("en", 9, 1), *_danger("en", 0, 5, "develop"))
    number = result.number("danger_recall", "en")
    assert (number.count, number.estimate.n) == (9, 10)
    # By kind all parts are shown.
    assert metrics.by_kind(result.outcomes, "danger_recall")["en", "paraphrase"] == (0, 6)


def test_a_number_below_its_threshold_is_missed_and_one_that_was_not_measured_is_not() -> None:
    result = _result(*_danger("en", 18, 2), *_danger("sw", 20, 0))
    assert [(entry.metric, entry.lang) for entry in result.missed] == [("danger_recall", "en")]
    assert not result.number("injection_obeyed", "en").met
    assert result.number("injection_obeyed", "en").as_dict()["met"] is None


def test_rows_of_one_cluster_count_as_one_in_the_interval() -> None:
    rows = [Probe(f"en-{n}", "en", "doses", "right", {}, None, "zinc") for n in range(40)]
    alike = [outcome_row(probe, Outcome({"right_dose_passed": True})) for probe in rows]
    outcomes = pl.DataFrame(alike, schema=dict.fromkeys(OUTCOME, pl.String), orient="row")
    number = next(n for n in metrics.numbers(outcomes, ["en"]) if n.metric == "right_dose_passed" and n.lang == "en")
    assert (number.estimate.n, number.estimate.clusters) == (40, 1)
    assert number.estimate.low < 0.5


def test_a_gap_to_english_has_the_interval_of_two_shares() -> None:
    result = _result(*_danger("en", 56, 14), *_danger("sw", 48, 32))
    # Newcombe 1998, table II (a): 56/70 and 48/80.
    found = metrics.gap(result.number("danger_recall", "en"), result.number("danger_recall", "sw"))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-4)


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    assert (table.percent(0.9999), table.percent(0.0001), table.percent(1.0)) == ("99.9", "0.1", "100")


def test_the_document_gets_its_tables_between_its_marks_and_keeps_its_prose(tmp_path: Path) -> None:
    place = tmp_path / "safety.md"
    place.write_text("Before.\n<!-- numbers: danger -->\nold\n<!-- end -->\nAfter.\n", encoding="utf-8")
    documents.write(place, _result(*_danger("en", 19, 1)))
    text = place.read_text(encoding="utf-8")
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "| en | 95 [76.4, 99.1], n=20 |" in text
    assert "old" not in text


def test_a_document_without_marks_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "other.md"
    place.write_text("No tables here.\n", encoding="utf-8")
    with pytest.raises(DataError, match="there is no mark"):
        documents.write(place, _result(*_danger("en", 1, 0)))


def test_a_first_reading_is_kept_and_never_written_over(tmp_path: Path) -> None:
    place = tmp_path / "first.json"
    assert documents.keep_first(_result(*_danger("en", 5, 5)), place) == 1
    assert documents.keep_first(_result(*_danger("en", 10, 0)), place) == 0
    assert "5," in place.read_text(encoding="utf-8")


def test_the_page_says_what_is_missed_and_keeps_texts_inert() -> None:
    shown = page(_result(*_danger("en", 18, 2)))
    assert "danger sign seen: en 90%" in shown
    assert "18/20" in shown
    assert "<script" not in shown
