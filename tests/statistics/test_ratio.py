"""Ratios of clustered means: the t test that Fieller's interval inverts, the delta method, coverage, and near zero."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from afya.errors import DataError
from afya.statistics import mean_interval, moments, partition, ratio_of_means


def _pair(
    seed: int, top: float, bottom: float, count: int = 60
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(count), 4)
    ease = rng.random(count)[labels] * 2
    a = (rng.random(len(labels)) < top * ease).astype(float)
    b = (rng.random(len(labels)) < bottom * ease).astype(float)
    return a, b, labels


def test_the_ends_are_where_the_t_test_of_the_difference_turns() -> None:
    a, b, labels = _pair(1, 0.45, 0.3)
    found = ratio_of_means(a, b, labels)
    assert found.defined
    assert found.value == pytest.approx(a.mean() / b.mean())
    assert mean_interval(a - found.low * b, labels).low == pytest.approx(0, abs=1e-9)
    assert mean_interval(a - found.high * b, labels).high == pytest.approx(0, abs=1e-9)


def test_with_much_data_it_is_the_delta_methods() -> None:
    a, b, labels = _pair(2, 0.6, 0.5, count=20000)
    found = ratio_of_means(a, b, labels)
    assert found.value is not None
    error = moments((a - found.value * b) / b.mean(), partition(labels)).standard_error
    assert error is not None
    assert (found.low, found.high) == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error), rel=1e-3)


def test_known_variances_give_the_textbook_ends() -> None:
    # Independent means 10 and 5 with errors 1 and 0.5 and t = 2: (50 +- sqrt(50^2 - 24 * 96)) / 24.
    rng = np.random.default_rng(0)
    raw = np.linalg.qr(np.column_stack([np.ones(400), rng.normal(size=(400, 2))]))[0][:, 1:]
    scale = math.sqrt(400 * 399)
    level = 2 * stats.t.cdf(2.0, 399) - 1
    found = ratio_of_means(10 + 0.1 * raw[:, 0] * scale, 5 + 0.05 * raw[:, 1] * scale, np.arange(400), level)
    a_error, b_error = 0.1 * scale / math.sqrt(400 * 399), 0.05 * scale / math.sqrt(400 * 399)
    square, constant = 25 - 4 * b_error**2, 100 - 4 * a_error**2
    root = math.sqrt(50**2 - square * constant)
    assert (found.low, found.high) == pytest.approx(((50 - root) / square, (50 + root) / square), rel=1e-9)


def test_a_base_that_is_nearly_zero_has_no_upper_end() -> None:
    a, b = np.zeros(100), np.zeros(100)
    a[:40], b[60] = 1, 1
    found = ratio_of_means(a, b, np.arange(100))
    assert found.value == pytest.approx(40)
    assert not found.defined
    assert found.high == math.inf
    # What is known is a lower bound, and it is the end at which the t test turns.
    assert 5 < found.low < 40
    assert mean_interval(a - found.low * b, np.arange(100)).low == pytest.approx(0, abs=1e-9)


def test_two_that_are_both_nearly_zero_say_nothing() -> None:
    a, b = np.zeros(100), np.zeros(100)
    a[:2], b[60] = 1, 1
    found = ratio_of_means(a, b, np.arange(100))
    assert (found.low, found.high, found.defined) == (0.0, math.inf, False)


def test_without_a_base_or_clusters_there_is_no_ratio() -> None:
    assert ratio_of_means([1, 1], [0, 0], ["a", "b"]).value is None
    assert math.isnan(ratio_of_means([1, 1], [1, 0], ["a", "a"]).low)
    assert ratio_of_means([], [], []).value is None
    with pytest.raises(DataError, match="0 or more"):
        ratio_of_means([-1, 1], [1, 0], ["a", "b"])
    with pytest.raises(DataError, match="2 and 1"):
        ratio_of_means([1, 1], [1], ["a", "b"])


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(80), 3)
    covered = 0
    for _ in range(800):
        ease = rng.random(80)[labels] * 2
        a, b = rng.random(240) < 0.4 * ease, rng.random(240) < 0.2 * ease
        found = ratio_of_means(a, b, labels)
        covered += found.low <= 2.0 <= found.high
    assert 0.93 <= covered / 800 <= 0.975
