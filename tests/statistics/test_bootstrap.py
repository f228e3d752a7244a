"""The cluster bootstrap against the closed form, against itself row by row, and on missing rows."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from afya.errors import DataError
from afya.statistics import (
    bootstrap_means,
    bootstrap_p_value,
    cluster_bootstrap,
    gini,
    moments,
    partition,
    percentile_interval,
    raised_interval,
)
from afya.statistics.bootstrap import drawn_weights


def _clustered(seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(80), 4)
    ease = rng.random(80)[labels]
    return (rng.random((320, 3)) < ease[:, None]).astype(float), labels


def test_its_spread_is_the_cluster_robust_error() -> None:
    values, labels = _clustered()
    draws = cluster_bootstrap(values, labels, replicates=6000, seed=1)
    for column in range(3):
        found = moments(values[:, column], partition(labels))
        assert found.standard_error is not None
        # The bootstrap's variance lacks the G / (G - 1) factor; 6000 replicates know a spread to about 1%.
        expected = found.standard_error * np.sqrt(79 / 80)
        assert draws[:, column].std() == pytest.approx(expected, rel=0.04)
        assert draws[:, column].mean() == pytest.approx(found.mean, abs=0.003)


def test_one_replicate_is_the_mean_of_the_drawn_clusters_rows() -> None:
    values, labels = _clustered()
    drawn = np.random.default_rng(5).integers(0, 80, size=(1, 80))[0]
    rows = np.concatenate([np.flatnonzero(labels == cluster) for cluster in drawn])
    assert cluster_bootstrap(values, labels, replicates=1, seed=5)[0] == pytest.approx(values[rows].mean(axis=0))


def test_same_seed_same_draws_and_more_replicates_begin_alike() -> None:
    values, labels = _clustered()
    first = cluster_bootstrap(values, labels, replicates=600, seed=2)
    assert np.array_equal(first, cluster_bootstrap(values, labels, replicates=600, seed=2))
    assert np.array_equal(first[:300], cluster_bootstrap(values, labels, replicates=300, seed=2))
    assert not np.array_equal(first, cluster_bootstrap(values, labels, replicates=600, seed=3))


def test_columns_share_their_draws() -> None:
    values, labels = _clustered()
    draws = cluster_bootstrap(np.column_stack([values[:, 0], values[:, 0] - 0.25]), labels, replicates=50)
    assert (draws[:, 0] - draws[:, 1]) == pytest.approx(np.full(50, 0.25))


def test_missing_rows_are_left_out_of_their_column_alone() -> None:
    values = np.array([[1.0, 1.0], [0.0, np.nan], [1.0, np.nan], [0.0, np.nan]])
    draws = cluster_bootstrap(values, ["a", "b", "c", "d"], replicates=400)
    assert np.isfinite(draws[:, 0]).all()
    held = ~np.isnan(draws[:, 1])
    assert (draws[held, 1] == 1.0).all()
    # A resample lacks the only cluster of column 2 with probability (3/4)^4 = 0.32.
    assert 0.2 < (~held).mean() < 0.45
    low, high = percentile_interval(draws)[:, 1]
    assert (low, high) == (1.0, 1.0)


def test_a_column_without_rows_has_no_interval() -> None:
    draws = cluster_bootstrap(np.array([[1.0, np.nan], [0.0, np.nan]]), [0, 1], replicates=20)
    ends = percentile_interval(draws)
    assert np.isfinite(ends[:, 0]).all()
    assert np.isnan(ends[:, 1]).all()


def test_faulty_input_is_named() -> None:
    with pytest.raises(DataError, match="2 rows do not fit 1"):
        cluster_bootstrap(np.ones((2, 1)), ["a"])
    with pytest.raises(DataError, match="1 dimension"):
        cluster_bootstrap(np.ones(2), ["a", "b"])
    with pytest.raises(DataError, match="at least one"):
        cluster_bootstrap(np.ones((1, 1)), ["a"], replicates=0)


def test_whole_numbers_are_exact_and_fractions_agree_with_them() -> None:
    values, labels = _clustered()
    draws = cluster_bootstrap(values, labels, replicates=300, seed=2)
    exact = np.array([(weights @ partition(labels).sums(values)) / 320 for weights in _weights(80, 300, 2)])
    assert np.array_equal(draws, exact)
    fractions = cluster_bootstrap(values / 7, labels, replicates=300, seed=2)
    assert fractions == pytest.approx(draws / 7, rel=1e-12)


def _weights(clusters: int, replicates: int, seed: int) -> NDArray[np.float64]:
    return np.concatenate([weights for _, weights in drawn_weights(clusters, replicates, seed)]).astype(np.float64)


def test_sums_and_counts_give_the_same_draws_as_rows() -> None:
    values, labels = _clustered()
    values[::7, 1] = np.nan
    clustered = partition(labels)
    sums, counts = clustered.sums(np.nan_to_num(values)), clustered.sums((~np.isnan(values)).astype(float))
    assert np.array_equal(bootstrap_means(sums, counts, 400, 3), cluster_bootstrap(values, labels, 400, 3))
    with pytest.raises(DataError, match="do not fit each other"):
        bootstrap_means(sums, counts[:, :2])


def test_weights_are_multinomial() -> None:
    weights = _weights(40, 4000, 1)
    assert (weights.sum(axis=1) == 40).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(40), abs=0.08)
    # Variance of one count (1 - 1/G), covariance of two -1/G.
    covariance = np.cov(weights, rowvar=False)
    assert np.diag(covariance).mean() == pytest.approx(39 / 40, rel=0.02)
    assert covariance[~np.eye(40, dtype=bool)].mean() == pytest.approx(-1 / 40, rel=0.02)


def test_the_p_value_of_draws_is_that_of_a_test_in_the_normal_case() -> None:
    draws = np.random.default_rng(4).normal(0.5, 0.25, size=40000)
    assert bootstrap_p_value(draws, 0.5) == pytest.approx(2 * stats.norm.sf(2), rel=0.06)
    assert bootstrap_p_value(draws, 0.0) == 1.0
    assert bootstrap_p_value([np.nan], 0.3) == 1.0


def _coverage(truth: list[float], groups: int, samples: int = 120) -> tuple[float, float]:
    """How often intervals of Gini's coefficient hold the truth: moved ones, and percentiles of the draws."""
    rng = np.random.default_rng(11)
    shares = np.array(truth)
    moved = plain = 0
    for sample in range(samples):
        table = (rng.random((groups, len(shares))) < shares).astype(float)
        means = table.mean(axis=0)
        draws = bootstrap_means(table, np.ones((groups, 1)), 400, sample)
        alike = np.clip(draws - means + means.mean(), 0, 1)
        low, high = raised_interval(float(gini(means)), gini(draws), gini(alike))
        moved += low <= float(gini(shares)) <= high
        low, high = percentile_interval(gini(draws)[:, None])[:, 0]
        plain += low <= float(gini(shares)) <= high
    return moved / samples, plain / samples


@pytest.mark.parametrize("truth", [[0.5] * 12, [0.7] * 8 + [0.45] * 4, [0.7] * 11 + [0.4]])
def test_an_interval_of_inequality_holds_the_truth_where_percentiles_do_not(truth: list[float]) -> None:
    moved, plain = _coverage(truth, 150)
    assert moved >= 0.88
    assert plain < 0.75


def test_draws_that_are_missing_leave_no_interval_and_small_figures_may_be_nothing() -> None:
    assert np.isnan(raised_interval(0.2, [np.nan, np.nan], None)).all()
    draws = np.random.default_rng(3).normal(0.21, 0.02, 2000)
    assert raised_interval(0.2, draws, draws)[0] == 0
    assert raised_interval(0.2, draws, draws - 0.2)[0] > 0


def test_few_clusters_cannot_show_much() -> None:
    draws = np.ones(5000)
    assert bootstrap_p_value(draws, 1.0) == pytest.approx(1 / 5001)
    assert [bootstrap_p_value(draws, 1.0, clusters) for clusters in (1, 2, 5)] == [1.0, 0.5, 1 / 16]
