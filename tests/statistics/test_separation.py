"""The area under the ROC curve: Mann and Whitney's statistic, DeLong's error, clusters."""

import math

import numpy as np
import pytest
from scipy import stats

from afya.errors import DataError
from afya.statistics.separation import separation


def test_the_area_is_mann_and_whitneys_statistic() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 12, 70), rng.integers(0, 10, 45)
    found = separation(one, np.arange(70), other, np.arange(45))
    assert found.area == pytest.approx(stats.mannwhitneyu(one, other).statistic / (70 * 45))


def test_the_error_is_delongs() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.normal(0.6, 1, 80), rng.normal(0, 1, 60)
    wins = (one[:, None] > other[None, :]).astype(float)
    variance = wins.mean(axis=1).var(ddof=1) / 80 + wins.mean(axis=0).var(ddof=1) / 60
    found = separation(one, np.arange(80), other, np.arange(60))
    half = stats.norm.ppf(0.975) * math.sqrt(variance)
    assert (found.low, found.high) == pytest.approx((found.area - half, found.area + half))


def test_copies_add_rows_but_no_knowledge() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(0.4, 1, 60), rng.normal(0, 1, 50)
    alone = separation(one, np.arange(60), other, np.arange(50))
    copied = separation(np.repeat(one, 4), np.repeat(np.arange(60), 4), np.tile(other, 3), np.tile(np.arange(50), 3))
    assert (copied.area, copied.low, copied.high) == pytest.approx((alone.area, alone.low, alone.high))


def test_sets_that_are_apart_or_empty() -> None:
    assert separation([2, 3], ["a", "b"], [0, 1], ["c", "d"]).area == 1.0
    assert math.isnan(separation([2, 3], ["a", "a"], [0, 1], ["c", "d"]).low)
    with pytest.raises(DataError, match="both have rows"):
        separation([], [], [1.0], ["a"])
