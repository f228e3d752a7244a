"""Contamination probes: n-grams in scripts with and without spaces, Min-K%, option orders, fresh items."""

import numpy as np
import polars as pl
import pytest

from afya.bench.probing.probes import (
    against_fresh,
    halves,
    min_k,
    ngram_overlap,
    probe_means,
    published_first,
    shuffled,
)
from afya.errors import DataError

KEYS = {"model": "m", "task": "mcq"}


def test_runs_of_words_are_counted_as_often_as_they_stand_in_both() -> None:
    text = "Fever for more than seven days needs a doctor"
    assert ngram_overlap(text, text.upper(), "en") == 1.0
    # Words 1 to 6 are alike: two of the five runs of five words.
    assert ngram_overlap(text, "fever for more than seven days is common", "en") == pytest.approx(2 / 5)
    assert ngram_overlap(text, "nothing of it", "en") == 0.0
    assert ngram_overlap("too short", text, "en") is None
    assert ngram_overlap("a b a b a b", "a b", "en", n=2) == pytest.approx(1 / 5)


def test_scripts_without_spaces_and_marks_of_tone() -> None:
    text = "发热超过七天的儿童应该去医院看医生"
    assert ngram_overlap(text, text, "zh") == 1.0
    assert ngram_overlap(text, "发热超过七天的儿童应该多喝水", "zh") == pytest.approx(2 / 8)
    assert ngram_overlap("ọmọ náà ní ibà gíga gan", "ọmọ náà ní ibà gíga gan", "yo") == 1.0


def test_min_k_is_the_mean_of_the_least_likely_tokens() -> None:
    logs = [-0.1, -5.0, -0.2, -3.0, -0.3, -0.1, -0.1, -0.4, -0.2, -0.1]
    assert min_k(logs) == pytest.approx(-4.0)
    assert min_k(logs, 1.0) == pytest.approx(np.mean(logs))
    assert min_k([-2.0]) == -2.0
    assert min_k([]) is None
    with pytest.raises(DataError, match="0 or less"):
        min_k([0.5])
    with pytest.raises(ValueError, match="share above 0"):
        min_k(logs, 20)


def test_a_model_that_has_not_seen_the_order_prefers_it_once_in_as_many() -> None:
    assert published_first([-10.0, -11.0, -12.0]) == 1.0
    assert published_first([-11.0, -10.0]) == 0.0
    assert published_first([-10.0, -10.0, -12.0]) == 0.5
    assert published_first([-10.0]) is None
    rng = np.random.default_rng(1)
    blind = [published_first(rng.normal(size=4).tolist()) for _ in range(800)]
    told = [published_first([0.8, *rng.normal(size=3).tolist()]) for _ in range(800)]
    for found, seen in ((blind, False), (told, True)):
        rows = pl.DataFrame({"first": found, "group_id": [f"g{n // 2}" for n in range(800)], "chance": 0.25})
        table = probe_means(
            rows.with_columns(pl.lit("yo").alias("lang"), **{k: pl.lit(v) for k, v in KEYS.items()}), "first", "chance"
        )
        row = table.row(by_predicate=pl.col("lang") == "yo", named=True)
        assert (row["n"], row["groups"]) == (800, 400)
        assert (row["excess_low"] > 0) is seen


def test_seen_items_are_told_from_fresh_ones_by_language() -> None:
    rng = np.random.default_rng(2)

    def rows(lang: str, mean: float) -> pl.DataFrame:
        told = {"min_k": rng.normal(mean, 1, 200), "group_id": [f"g{n}" for n in range(200)], "lang": lang}
        return pl.DataFrame(told).with_columns(**{name: pl.lit(told) for name, told in KEYS.items()})

    benchmark = pl.concat([rows("en", -2.0), rows("yo", -3.0), rows("zu", -3.0)])
    table = against_fresh(benchmark, pl.concat([rows("en", -3.0), rows("yo", -3.0)]), "min_k")
    found = {row["lang"]: row for row in table.iter_rows(named=True)}
    assert set(found) == {"all", "en", "yo"}
    assert (found["all"]["n"], found["all"]["n_fresh"]) == (400, 400)
    # Two normals one apart: Phi(1 / sqrt 2) = 0.760.
    assert found["en"]["area_low"] < 0.760 < found["en"]["area_high"]
    assert found["yo"]["area_low"] < 0.5 < found["yo"]["area_high"]
    assert found["en"]["excess_low"] < 1.0 < found["en"]["excess_high"]
    assert found["en"]["p"] < 1e-6
    assert found["yo"]["excess_low"] < 0 < found["yo"]["excess_high"]


def test_the_difference_to_fresh_items_is_welchs() -> None:
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(3)
    one, other = rng.normal(0.3, 1, 30), rng.normal(0, 3, 12)

    def rows(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> pl.DataFrame:
        told = {"value": values, "group_id": [f"g{n}" for n in range(len(values))], "lang": "sw"}
        return pl.DataFrame(told).with_columns(**{name: pl.lit(value) for name, value in KEYS.items()})

    row = against_fresh(rows(one), rows(other), "value").row(1, named=True)
    expected = ttest_ind(one, other, equal_var=False)
    assert row["p"] == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    assert (row["excess_low"], row["excess_high"]) == pytest.approx((ends.low, ends.high))


def test_texts_are_cut_between_words_and_orders_come_once() -> None:
    assert halves("a child has fever and cough", "en") == ("a child has", "fever and cough")
    assert halves("发热超过七天", "zh") == ("发热超", "过七天")
    assert halves("homa", "sw") == ("homa", "")
    orders = shuffled(4, 4, "quiz:1")
    assert orders[0] == (0, 1, 2, 3)
    assert len(set(orders)) == 4
    assert orders == shuffled(4, 4, "quiz:1") != shuffled(4, 4, "quiz:2")
    assert sorted(shuffled(2, 6, "x")) == [(0, 1), (1, 0)]


def test_what_always_happens_has_an_exact_p_and_an_interval_with_width() -> None:
    from scipy.stats import binomtest

    def row(first: list[float], chance: float = 0.25) -> dict[str, float]:
        told = {"first": first, "group_id": [f"g{n}" for n in range(len(first))], "chance": chance, "lang": "yo"}
        rows = pl.DataFrame(told).with_columns(**{name: pl.lit(value) for name, value in KEYS.items()})
        return probe_means(rows, "first", "chance").row(1, named=True)

    always = row([1.0] * 12)
    assert always["p"] == pytest.approx(binomtest(12, 12, 0.25).pvalue)
    assert 0 < always["excess_low"] < always["excess"] == 0.75 == always["excess_high"]
    assert row([0.0] * 3)["p"] == pytest.approx(binomtest(0, 3, 0.25).pvalue)
    assert row([1.0] * 5 + [0.0] * 7)["p"] == pytest.approx(binomtest(5, 12, 0.25).pvalue)
    assert row([0.5, 1.0, 0.0])["p"] > 0.3


def test_two_sides_without_any_spread_are_told_apart_by_counting() -> None:
    def rows(value: float, count: int) -> pl.DataFrame:
        told = {"value": [value] * count, "group_id": [f"g{n}" for n in range(count)], "lang": "sw"}
        return pl.DataFrame(told).with_columns(**{name: pl.lit(value) for name, value in KEYS.items()})

    assert against_fresh(rows(1.0, 5), rows(0.0, 5), "value").row(1, named=True)["p"] == pytest.approx(2 / 252)
    assert against_fresh(rows(1.0, 5), rows(1.0, 5), "value").row(1, named=True)["p"] == 1.0
