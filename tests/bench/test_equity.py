"""Disparity, transfer loss and relative change of whole tables."""

import numpy as np
import polars as pl
import pytest
from answer_tables import answers, outcomes

from afya.bench.analysis.equity import disparity, relative_change, transfer_loss
from afya.bench.analysis.summary import ALL, gaps, shared_groups, shared_items
from afya.statistics import accuracy_interval

KEYS = ["label", "model", "setting", "task"]


def _model(label: str, shares: dict[str, float], groups: int = 300, seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ease = rng.random(groups)
    return answers(label, {lang: (ease < share).tolist() for lang, share in shares.items()})


def test_disparity_by_hand() -> None:
    scores = answers("m", {
        "en": [True] * 8 + [False] * 2, "de": [True] * 6 + [False] * 4,
        "yo": [True] * 4 + [False] * 6, "wo": [True] * 2 + [False] * 8,
    })  # fmt: skip
    row = disparity(scores, replicates=400).row(0, named=True)
    assert (row["languages"], row["left_out"], row["groups"], row["worst_lang"]) == ("en,de,wo,yo", "", 10, "wo")
    assert row["mean"] == pytest.approx(0.5)
    assert row["corrected"] == pytest.approx((0.5 - 0.25) / 0.75)
    assert row["gap"] == pytest.approx(0.8 - 0.4)
    assert (row["worst"], row["worst_to_best"]) == pytest.approx((0.2, 0.25))
    assert row["gini"] == pytest.approx(0.25)
    assert (row["high"], row["low"], row["tier_gap"]) == pytest.approx((0.7, 0.3, 0.4))
    for name in ("mean", "gap", "worst", "gini", "tier_gap"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]


def test_a_gap_is_paired_and_so_narrower_than_its_parts() -> None:
    row = disparity(_model("m", {"en": 0.7, "sw": 0.6}), replicates=1000).row(0, named=True)
    # Sorted by ease the two never cross: the gap varies as a share of 10%, not as the difference of two samples.
    assert row["gap_high"] - row["gap_low"] < 0.09
    assert row["mean_high"] - row["mean_low"] > 0.09


def test_questions_that_not_all_languages_have_do_not_count() -> None:
    scores = answers("m", {"en": [True] * 40, "sw": [True] * 30, "yo": [False] * 5})
    row = disparity(scores, replicates=50).row(0, named=True)
    assert (row["languages"], row["left_out"], row["groups"]) == ("en,sw", "yo", 30)
    assert row["gap"] == 0.0
    assert disparity(answers("m", {"en": [True, False]})).is_empty()


def test_languages_served_alike_are_not_shown_to_be_served_unequally() -> None:
    rng = np.random.default_rng(4)
    alike = answers("m", {lang: (rng.random(200) < 0.6).tolist() for lang in ("en", "de", "fr", "sw", "yo", "zu")})
    row = disparity(alike, replicates=500).row(0, named=True)
    assert (row["gini_low"], row["worst_to_best_high"]) == (0, 1)
    assert row["worst_low"] < 0.6 < row["worst_high"]


def test_what_does_not_vary_has_no_interval_and_the_worst_that_of_its_language() -> None:
    row = disparity(answers("m", {"en": [True] * 20, "sw": [True] * 20}), replicates=50).row(0, named=True)
    assert all(
        row[f"{name}_{end}"] is None for name in ("mean", "gap", "gini", "worst_to_best") for end in ("low", "high")
    )
    assert row["worst_low"] == pytest.approx(accuracy_interval(np.ones(20), np.arange(20)).low)


def test_without_english_or_a_tier_there_is_no_such_gap() -> None:
    row = disparity(_model("m", {"sw": 0.6, "yo": 0.4}), replicates=50).row(0, named=True)
    assert (row["gap"], row["high"], row["tier_gap"]) == (None, None, None)
    assert row["low"] == pytest.approx(row["mean"])


def test_items_without_options_have_no_chance_to_correct_for() -> None:
    scores = _model("m", {"en": 0.6, "yo": 0.4}).with_columns(n_options=pl.lit(None, pl.Int16))
    row = disparity(scores, replicates=50).row(0, named=True)
    assert row["corrected"] is None
    assert row["gap"] is not None


def test_loss_and_gain_make_the_gap() -> None:
    scores = outcomes("m", {
        "en": ["correct", "correct", "wrong", "correct", "error"],
        "yo": ["correct", "wrong", "correct", "refused", "correct"],
    })  # fmt: skip
    row = transfer_loss(scores).row(by_predicate=pl.col("lang") == "yo", named=True)
    assert (row["n"], row["known"]) == (4, 3)
    assert (row["loss"], row["gain"], row["lost_of_known"]) == pytest.approx((0.5, 0.25, 2 / 3))
    gap = gaps(scores).row(by_predicate=pl.col("lang") == "yo", named=True)
    assert row["gain"] - row["loss"] == pytest.approx(gap["difference"])
    assert (gap["gained"], gap["lost"]) == (1, 2)


def test_a_tripling_from_near_zero_is_no_number() -> None:
    rng = np.random.default_rng(5)
    base = answers("base", {"en": (rng.random(300) < 0.5).tolist(), "wo": [True] + [False] * 299})
    tuned = answers("tuned", {"en": (rng.random(300) < 0.75).tolist(), "wo": [True] * 3 + [False] * 297})
    table = relative_change(shared_items(base, tuned), ["setting", "task"])
    english = table.row(by_predicate=pl.col("lang") == "en", named=True)
    assert english["defined"]
    assert english["times_low"] < english["times"] < english["times_high"]
    wolof = table.row(by_predicate=pl.col("lang") == "wo", named=True)
    assert not wolof["defined"]
    assert wolof["times"] is None
    assert wolof["times_high"] is None
    assert wolof["points"] == pytest.approx(2 / 300)
    assert ALL in set(table["lang"])


def test_a_language_relative_to_english() -> None:
    table = relative_change(shared_groups(_model("m", {"en": 0.8, "yo": 0.4}, 2000)), KEYS)
    row = table.row(by_predicate=pl.col("lang") == "yo", named=True)
    assert row["times"] == pytest.approx(0.5, abs=0.03)
