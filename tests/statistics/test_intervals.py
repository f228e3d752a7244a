"""Accuracy intervals: closed forms, hand-calculated values, properties, and coverage on simulated clusters."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from afya.errors import DataError
from afya.statistics import accuracy_interval, mean_interval, moments, partition, t_quantile, wilson

BINARY = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=260)


def test_hand_calculated_cluster_robust_error() -> None:
    # Three clusters (1, 1), (1, 0), (0, 0, 0): mean 3/7; sums of deviations 8/7, 1/7, -9/7.
    # variance = 3/2 * (64 + 1 + 81) / 49 / 49 = 219 / 2401.
    found = moments(np.array([1, 1, 1, 0, 0, 0, 0.0]), partition(["a", "a", "b", "b", "c", "c", "c"]))
    assert found.mean == pytest.approx(3 / 7)
    assert found.variance == pytest.approx(219 / 2401)
    assert found.degrees == 2
    assert found.greatest_design_effect == pytest.approx((4 + 4 + 9) / 7)


def test_single_row_clusters_give_the_textbook_t_interval() -> None:
    values = np.random.default_rng(1).random(150) < 0.4
    estimate = accuracy_interval(values, np.arange(150))
    low, high = stats.t.interval(0.95, 149, loc=values.mean(), scale=stats.sem(values))
    assert estimate.method == "cluster-robust t"
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-9)


def test_equal_clusters_give_the_t_interval_of_the_cluster_means() -> None:
    rng = np.random.default_rng(2)
    table = (rng.random((40, 12)) < rng.random((40, 1))).astype(float)
    estimate = accuracy_interval(table.ravel(), np.repeat(np.arange(40), 12))
    low, high = stats.t.interval(0.95, 39, loc=table.mean(), scale=stats.sem(table.mean(axis=1)))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-9)
    assert (estimate.n, estimate.clusters) == (480, 40)


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (7, 20), (20, 20), (81, 263), (1, 29)])
def test_wilson_agrees_with_scipy(hits: int, n: int) -> None:
    interval = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits / n, n) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_published_wilson_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17, 857-872, Table I, method 3.
    for hits, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(hits / n, n) == pytest.approx((low, high), abs=5e-5)


def test_small_independent_samples_get_plain_wilson() -> None:
    values = [1] * 7 + [0] * 13
    estimate = accuracy_interval(values, np.arange(20))
    assert estimate.method == "Wilson, effective n"
    assert (estimate.low, estimate.high) == pytest.approx(wilson(0.35, 20), abs=1e-12)


def test_rows_all_alike_count_as_one_row_a_cluster() -> None:
    estimate = accuracy_interval(np.ones(480), np.repeat(np.arange(40), 12))
    assert (estimate.low, estimate.high) == pytest.approx(wilson(1.0, 40), abs=1e-12)


def test_copies_add_rows_but_no_knowledge() -> None:
    values = np.array([1, 0, 1, 1, 0, 1, 0, 0])
    single = accuracy_interval(values, np.arange(8))
    copied = accuracy_interval(np.repeat(values, 5), np.repeat(np.arange(8), 5))
    # The effective rows are the 8 clusters; few degrees of freedom can only widen it further.
    assert copied.high - copied.low >= single.high - single.low - 1e-12
    assert copied.value == single.value


def test_few_wrong_rows_get_wilson_although_there_are_many_rows() -> None:
    values = np.ones(400)
    values[:3] = 0
    estimate = accuracy_interval(values, np.arange(400))
    assert estimate.method == "Wilson, effective n"
    assert estimate.high < 1.0


def test_one_cluster_is_worth_one_row() -> None:
    estimate = accuracy_interval([1] * 60 + [0] * 60, ["same"] * 120)
    assert (estimate.low, estimate.high) == pytest.approx(wilson(0.5, 1), abs=1e-12)
    assert estimate.standard_error is None
    assert mean_interval([0.2, 0.4], ["same", "same"]).high == math.inf


def test_no_rows_give_no_number() -> None:
    estimate = accuracy_interval([], [])
    assert math.isnan(estimate.value)
    assert (estimate.n, estimate.clusters, estimate.method) == (0, 0, "no rows")


@given(BINARY, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_contains_the_estimate_and_stays_between_0_and_1(
    rows: list[tuple[bool, int]], level: float
) -> None:
    estimate = accuracy_interval([row[0] for row in rows], [row[1] for row in rows], level)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high


@given(BINARY)
def test_a_higher_level_is_wider_and_the_order_of_rows_is_nothing(rows: list[tuple[bool, int]]) -> None:
    values, clusters = [row[0] for row in rows], [f"g{row[1]}" for row in rows]
    narrow, wide = accuracy_interval(values, clusters, 0.8), accuracy_interval(values, clusters, 0.99)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high
    turned = accuracy_interval(values[::-1], clusters[::-1], 0.8)
    assert (turned.low, turned.high) == pytest.approx((narrow.low, narrow.high), abs=1e-9)


@settings(max_examples=30)
@given(st.integers(2, 30), st.integers(2, 8))
def test_more_clusters_of_the_same_kind_are_narrower(count: int, times: int) -> None:
    values = np.tile([1, 1, 0, 1, 0, 0], count)
    clusters = np.repeat(np.arange(2 * count), 3)
    few = accuracy_interval(values, clusters)
    many = accuracy_interval(np.tile(values, times), np.repeat(np.arange(2 * count * times), 3))
    assert many.high - many.low < few.high - few.low


@pytest.mark.parametrize(
    ("clusters", "size", "share", "alike"),
    [(40, 1, 0.5, 5.0), (40, 12, 0.6, 2.0), (25, 4, 0.8, 1.0), (100, 12, 0.3, 0.5), (60, 1, 0.9, 5.0)],
)
def test_intervals_cover_the_truth_about_as_often_as_they_say(
    clusters: int, size: int, share: float, alike: float
) -> None:
    """Clustered data are drawn from a beta-binomial of known mean; a nominal 95% interval should cover 93 to 98%."""
    rng = np.random.default_rng(7)
    labels = np.repeat(np.arange(clusters), size)
    covered = 0
    trials = 1500
    for _ in range(trials):
        own = rng.beta(share * alike, (1 - share) * alike, size=clusters)
        estimate = accuracy_interval(rng.random(clusters * size) < own[labels], labels)
        covered += estimate.low <= share <= estimate.high
    assert 0.93 <= covered / trials <= 0.98


def test_ignoring_clusters_would_not_cover() -> None:
    """The reason for all this: with the rows taken as independent, coverage collapses."""
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(40), 12)
    covered = 0
    for _ in range(300):
        own = rng.beta(0.6, 0.4, size=40)
        estimate = accuracy_interval(rng.random(480) < own[labels], np.arange(480))
        covered += estimate.low <= 0.6 <= estimate.high
    assert covered / 300 < 0.75


def test_faulty_input_is_named() -> None:
    with pytest.raises(DataError, match=r"row 2: 0\.5 is neither"):
        accuracy_interval([1, 0.5], ["a", "b"])
    with pytest.raises(DataError, match="Row 2 of 2 has no cluster"):
        accuracy_interval([1, 0], np.array(["a", None], dtype=object))
    with pytest.raises(DataError, match="do not fit"):
        accuracy_interval([1, 0], ["a"])
    with pytest.raises(DataError, match="not a finite number"):
        mean_interval([1.0, math.nan], ["a", "b"])
    with pytest.raises(ValueError, match="level"):
        accuracy_interval([1], ["a"], level=95)


def test_mean_interval_is_the_textbook_one_for_independent_scores() -> None:
    scores = np.random.default_rng(3).normal(size=30)
    estimate = mean_interval(scores, np.arange(30), 0.9)
    half = t_quantile(0.95, 29) * float(stats.sem(scores))
    assert (estimate.low, estimate.high) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=1e-9)
