"""The cluster bootstrap against the closed form, against itself row by row, and on missing rows."""

import numpy as np
import pytest
from numpy.typing import NDArray

from afya.errors import DataError
from afya.statistics import cluster_bootstrap, moments, partition, percentile_interval


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
