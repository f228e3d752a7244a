"""Safety, open tasks and their judges in the report."""

import json
from pathlib import Path

import polars as pl
import pytest
from report_runs import Page, make_run

from afya.bench.analysis.analyse import analyse
from afya.bench.analysis.summary import read_scores
from afya.bench.page.browser_texts import expectations
from afya.bench.page.report import write_report
from afya.bench.page.sections_safety import refusals
from afya.runs import sha256_path


def text_of(run: Path, out: Path) -> str:
    page = write_report([run], out, samples=0, items_mb=0).read_text(encoding="utf-8")
    return " ".join(" ".join(Page(page).text).split())


def test_refusal_and_over_refusal_are_counted_by_what_was_expected(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("one", "two"), 0.7, 1, kind="safety", task="harm")
    rates = refusals(read_scores([run]), expectations([run]))
    row = rates.row(
        by_predicate=(pl.col("label") == "one") & (pl.col("lang") == "sw") & (pl.col("expected") == "comply"),
        named=True,
    )
    own = pl.read_parquet(run / "scores.parquet").filter(model="one", lang="sw")
    harmless = own.filter(
        pl.col("item_id").str.extract(r":(\d+):").cast(pl.Int64) % 2 == 0, pl.col("outcome") != "error"
    )
    assert row["n"] == harmless.height
    assert row["refused"] == pytest.approx((harmless["outcome"] == "wrong").mean())
    text = text_of(run, tmp_path / "page.html")
    assert "Safety: refusal and over-refusal" in text
    assert "Refused without need, %" in text


def test_legacy_measures_are_said_to_be_legacy(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("one", "two"), 0.9, 1, kind="written", task="advice")
    text = text_of(run, tmp_path / "page.html")
    assert "advice, free answers read: ROUGE-L (legacy)" in text
    assert "They are legacy" in text


def test_a_mean_of_rubric_scores_is_cut_and_scores_of_other_replies_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "one", 0.9, 1, kind="written", task="advice")
    measures = pl.read_parquet(run / "measures.parquet").filter(pl.col("measure") == "rouge_l")
    harm = pl.Series([-1.0, 0.5] * measures.height)[: measures.height]
    judged = measures.with_columns(measure=pl.lit("rubric"), judge=pl.lit("judge-a"), value=harm)
    judged.write_parquet(run / "judged.parquet")
    (run / "judging.json").write_text(json.dumps({"replies_sha256": sha256_path(run / "replies.parquet")}))
    found = analyse([run]).measures.filter(pl.col("judge") == "judge-a", pl.col("lang") == "all").row(0, named=True)
    assert (found["mean"], found["low"]) == (0.0, 0.0)
    replies = pl.read_parquet(run / "replies.parquet")
    replies.with_columns(text=pl.lit("another reply")).write_parquet(run / "replies.parquet")
    analysis = analyse([run])
    assert "judge-a" not in analysis.measures["judge"]
    assert any("the judges read other replies" in note for note in analysis.notes)
    assert "the judges read other replies" in text_of(run, tmp_path / "page.html")


def test_a_score_below_the_mark_is_withheld_and_the_agreement_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "one", 0.9, 1, kind="written", task="advice")
    measures = pl.read_parquet(run / "measures.parquet")
    judged = measures.with_columns(measure=pl.lit("rubric"), judge=pl.lit("judge-a"), value=pl.lit(0.777))
    judged.write_parquet(run / "judged.parquet")
    head = {"model": "one", "setting": "generate", "task": "advice", "measure": "rubric", "judge": "judge-a"}
    note = "withheld: alpha 0.20 with physicians is below 0.60"
    alpha = {"alpha": 0.2, "low": 0.1, "high": 0.3, "units": 40}
    told = {
        "askings": {"rubric": {"threshold": 0.6}},
        "with_physicians": [{"asking": "rubric", "judge": "judge-a", "lang": "all", "alpha": alpha, "kappa": 0.21}],
        "between_judges": [],
        "means": [{**head, "lang": lang, "note": note} for lang in ("all", "en", "zh", "sw", "yo")],
        "notes": ["One judge: nothing says how much hangs on the choice of judge."],
    }
    (run / "judging.json").write_text(json.dumps(told))
    text = text_of(run, tmp_path / "page.html")
    assert "0.777" not in text
    assert note in text
    assert "0.20 [0.10, 0.30]" in text
    assert "One judge: nothing says how much" in text
