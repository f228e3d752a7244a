"""Pairs of models and languages against English: the tests made, the family adjusted over, and the bootstrap beside."""

import numpy as np
import polars as pl
import pytest
from answer_tables import answers
from scipy import stats

from afya.bench.analysis.comparisons import compare_models, compare_with_english
from afya.bench.analysis.summary import ALL, gaps
from afya.errors import DataError
from afya.statistics import holm, paired_bootstrap


def three_models(groups: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    ease = rng.random(groups)
    skill = {"weak": 0.1, "strong": 0.35, "stronger": 0.4}
    return pl.concat(
        answers(
            name,
            {lang: (rng.random(groups) < ease * 0.6 + more * part).tolist() for lang, part in (("en", 1), ("yo", 0.6))},
        )
        for name, more in skill.items()
    )


def test_every_pair_and_language_is_a_row_of_one_family() -> None:
    table = compare_models(three_models(), replicates=200)
    assert table.height == 3 * 3
    assert table.select("a", "b").unique(maintain_order=True).rows() == [
        ("weak", "strong"),
        ("weak", "stronger"),
        ("strong", "stronger"),
    ]
    family = table.filter(pl.col("lang") != ALL)
    assert family["p_holm"].to_list() == pytest.approx(holm(family["p_value"].to_numpy()).tolist())
    overall = table.filter(pl.col("lang") == ALL)
    assert overall["p_holm"].to_list() == pytest.approx(holm(overall["p_value"].to_numpy()).tolist())


def test_the_test_is_mcnemars_in_a_language_and_clustered_over_all() -> None:
    table = compare_models(three_models(), [("weak", "stronger")], replicates=2000)
    single = table.row(by_predicate=(pl.col("lang") == "yo"), named=True)
    discordant = single["gained"] + single["lost"]
    assert single["test"] == "McNemar, exact"
    assert single["p_value"] == pytest.approx(stats.binomtest(single["gained"], discordant).pvalue)
    assert table.filter(pl.col("lang") == ALL)["test"].item() == "cluster-robust t"
    assert single["difference"] == pytest.approx((single["gained"] - single["lost"]) / single["n"])
    drawn = (single["low_bootstrap"], single["high_bootstrap"])
    assert drawn == pytest.approx((single["low"], single["high"]), abs=0.02)
    assert 0 < single["detectable"] < 0.2


def test_batched_bootstrap_is_that_of_the_pair_alone() -> None:
    scores = three_models(60)
    row = compare_models(scores, replicates=300, seed=4).row(
        by_predicate=(pl.col("a") == "weak") & (pl.col("b") == "strong") & (pl.col("lang") == "en"), named=True
    )
    english = scores.filter(pl.col("lang") == "en").sort("group_id")
    sides = [english.filter(pl.col("label") == name) for name in ("weak", "strong")]
    a, b = ((side["outcome"] == "correct").to_numpy() for side in sides)
    alone = paired_bootstrap(a, b, sides[0]["group_id"].rank("dense").to_numpy(), replicates=300, seed=4)
    assert (row["low_bootstrap"], row["high_bootstrap"]) == pytest.approx((alone.low, alone.high))
    assert row["p_bootstrap"] == pytest.approx(alone.p_value)


def test_english_comparison_is_the_gap_table_with_the_bootstrap_beside() -> None:
    scores = three_models(80)
    table = compare_with_english(scores, replicates=200)
    plain = gaps(scores)
    assert table.select(plain.columns).equals(plain)
    assert table["p_bootstrap"].null_count() == 0


def test_more_comparisons_raise_what_can_be_detected() -> None:
    scores = three_models()
    table = compare_models(scores, [("weak", "strong")], replicates=20)
    one = table.filter(pl.col("lang") == "en")["detectable"].item()
    all_pairs = compare_models(scores, replicates=20)
    same = all_pairs.filter((pl.col("a") == "weak") & (pl.col("b") == "strong") & (pl.col("lang") == "en"))
    assert same["detectable"].item() > one


def test_what_cannot_be_compared_is_named() -> None:
    scores = three_models(10)
    with pytest.raises(DataError, match="No scores of 'other'"):
        compare_models(scores, [("weak", "other")])
    apart = pl.concat([answers("a", {"en": [True] * 3}), answers("b", {"yo": [True] * 3})])
    with pytest.raises(DataError, match="No two models"):
        compare_models(apart)
    assert compare_models(apart, needed=False).is_empty()


def test_one_group_shows_nothing_by_the_bootstrap_either() -> None:
    both = pl.concat([answers("a", {"en": [False], "yo": [False]}), answers("b", {"en": [True], "yo": [True]})])
    row = compare_models(both, replicates=200).row(by_predicate=pl.col("lang") == ALL, named=True)
    assert (row["difference"], row["p_value"], row["p_bootstrap"]) == (1, 1, 1)
    assert (row["low_bootstrap"], row["high_bootstrap"]) == (None, None)
