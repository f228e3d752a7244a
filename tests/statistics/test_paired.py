"""Paired differences, McNemar's exact test, Tango's interval and Holm's adjustment."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from afya.errors import DataError
from afya.statistics import holm, mcnemar_exact, mean_difference, paired_bootstrap, paired_difference, tango

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 15)), min_size=1, max_size=200)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_on_discordant_rows(gained: int, lost: int) -> None:
    expected = 1.0 if gained + lost == 0 else float(stats.binomtest(gained, gained + lost).pvalue)
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, abs=1e-10)


def test_published_tango_interval() -> None:
    # Airway hyper-responsiveness of Bentur et al. 2009 in Fagerland, Lydersen & Laake 2014: -0.286 [-0.517, -0.026].
    low, high = tango(1, 7, 21)
    assert (low, high) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_tango_without_a_discordant_row_has_its_closed_form() -> None:
    z = stats.norm.ppf(0.975)
    for n in (5, 24, 400):
        half = z**2 / (n + z**2)
        assert tango(0, 0, n) == pytest.approx((-half, half), abs=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))
def test_tango_contains_the_difference_and_turns_with_it(gained: int, lost: int, both: int, neither: int) -> None:
    n = gained + lost + both + neither
    low, high = tango(gained, lost, n)
    assert -1 <= low <= (gained - lost) / n + 1e-9
    assert (gained - lost) / n - 1e-9 <= high <= 1
    assert tango(lost, gained, n) == pytest.approx((-high, -low), abs=1e-9)


def test_tango_excludes_zero_when_mcnemars_score_test_rejects() -> None:
    # The score statistic at 0 is McNemar's (gained - lost) / sqrt(gained + lost); 1.96^2 = 3.84.
    assert tango(15, 5, 100)[0] > 0  # 10^2 / 20 = 5.00
    assert tango(13, 5, 100)[0] < 0  # 8^2 / 18 = 3.56


def test_large_independent_samples_get_the_paired_t_interval() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.random(300) < 0.5, rng.random(300) < 0.7
    found = paired_difference(a, b, np.arange(300))
    change = b.astype(float) - a
    low, high = stats.t.interval(0.95, 299, loc=change.mean(), scale=stats.sem(change))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.value == pytest.approx(change.mean())
    assert found.p_value == pytest.approx(stats.binomtest(int((change > 0).sum()), int((change != 0).sum())).pvalue)


def test_clustered_rows_get_the_t_test_of_the_cluster_means() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(40), 12)
    ease = rng.random(40)[labels]
    a, b = rng.random(480) < ease, rng.random(480) < np.minimum(ease + 0.1, 1)
    found = paired_difference(a, b, labels)
    means = (b.astype(float) - a).reshape(40, 12).mean(axis=1)
    assert found.p_value == pytest.approx(float(stats.ttest_1samp(means, 0).pvalue), rel=1e-8)
    assert (found.n, found.clusters) == (480, 40)


def test_two_that_never_disagree_differ_by_zero_give_or_take() -> None:
    values = [1, 0] * 12
    found = paired_difference(values, values, np.arange(24))
    assert (found.value, found.p_value) == (0.0, 1.0)
    assert found.low == pytest.approx(-found.high, abs=1e-9)
    assert found.high > 0.1


def test_clusters_that_all_change_alike_cannot_show_more_than_their_number_allows() -> None:
    found = paired_difference([0] * 12, [1] * 12, np.repeat(np.arange(4), 3))
    assert (found.value, found.p_value) == (1.0, 0.125)
    assert found.low < 0.7
    assert paired_difference([0, 0], [1, 1], ["one", "one"]).p_value == 1.0


@given(PAIRS)
def test_the_interval_contains_the_difference_and_turns_with_it(rows: list[tuple[bool, bool, int]]) -> None:
    a, b, clusters = ([row[index] for row in rows] for index in range(3))
    found, turned = paired_difference(a, b, clusters), paired_difference(b, a, clusters)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low), abs=1e-9)
    assert 0 < found.p_value <= 1
    assert turned.p_value == pytest.approx(found.p_value)


def test_paired_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(9)
    labels = np.repeat(np.arange(50), 6)
    covered = 0
    for _ in range(1000):
        ease = rng.beta(1.2, 1.0, size=50)[labels] * 0.8
        a, b = rng.random(300) < ease, rng.random(300) < ease + 0.1
        found = paired_difference(a, b, labels)
        covered += found.low <= 0.1 <= found.high
    assert 0.93 <= covered / 1000 <= 0.97


def test_the_bootstrap_agrees_with_the_t_interval_where_both_are_good() -> None:
    rng = np.random.default_rng(11)
    labels = np.repeat(np.arange(400), 3)
    ease = rng.random(400)[labels]
    a, b = rng.random(1200) < ease, rng.random(1200) < np.minimum(ease + 0.04, 1)
    told, drawn = paired_difference(a, b, labels), paired_bootstrap(a, b, labels, replicates=8000)
    assert drawn.value == told.value
    assert (drawn.low, drawn.high) == pytest.approx((told.low, told.high), abs=0.003)
    assert drawn.p_value == pytest.approx(told.p_value, rel=0.2, abs=0.003)
    assert paired_bootstrap(a, b, labels, seed=4) == paired_bootstrap(a, b, labels, seed=4)
    with pytest.raises(DataError, match="differ in number"):
        paired_bootstrap([1, 0], [1], ["a", "b"])


def test_the_test_that_was_made_is_named_with_the_discordant_rows() -> None:
    single = paired_difference([1, 0, 0, 0], [0, 1, 1, 0], list("abcd"))
    assert (single.test, single.gained, single.lost) == ("McNemar, exact", 2, 1)
    assert paired_difference([1, 0, 0, 0], [0, 1, 1, 0], list("aabb")).test == "cluster-robust t"


def test_without_rows_there_is_no_difference_to_report() -> None:
    found = paired_difference([], [], [])
    assert math.isnan(found.value)
    assert (found.n, found.p_value) == (0, 1.0)


def test_rows_must_pair() -> None:
    with pytest.raises(DataError, match="differ in number: 2 and 1"):
        paired_difference([1, 0], [1], ["a", "b"])


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 = 0.02, 0.03, 0.06, 0.04; never falling: 0.02, 0.03, 0.06, 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_was_not_tested() -> None:
    adjusted = holm([0.02, math.nan, 0.5])
    assert adjusted[0] == pytest.approx(0.04)
    assert math.isnan(adjusted[1])
    assert holm([]).tolist() == []
    with pytest.raises(DataError, match="outside 0 to 1"):
        holm([1.2])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    adjusted, raw = holm(p_values), np.array(p_values)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(raw), 1) + 1e-15).all()


def test_with_one_row_a_cluster_the_difference_of_means_is_the_paired_t_test() -> None:
    before, after = [0.80, 0.82, 0.79, 0.85, 0.80], [0.83, 0.84, 0.80, 0.86, 0.86]
    found = mean_difference(before, after, range(5))
    expected = stats.ttest_rel(after, before)
    interval = expected.confidence_interval(0.95)
    assert found.p_value == pytest.approx(float(expected.pvalue), abs=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-10)
    with pytest.raises(DataError, match="5 and 4"):
        mean_difference(before, after[:4], range(5))
