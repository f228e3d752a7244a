"""Disparity: closed forms of Gini, ratios and gaps, chance correction, and what is lost between languages."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.errors import DataError
from afya.statistics import chance_corrected, gap_to, gini, paired_difference, transfer, worst_score, worst_to_best

SHARES = st.lists(st.floats(0.01, 1), min_size=1, max_size=14)


def test_gini_by_hand() -> None:
    # 1, 2, 3, 4: the sixteen absolute differences sum to 20; 20 / (2 * 16 * 2.5) = 0.25.
    assert float(gini([4, 1, 3, 2])) == pytest.approx(0.25)
    assert float(gini([0.6] * 12)) == pytest.approx(0)
    assert float(gini([1, 0, 0, 0])) == pytest.approx(3 / 4)
    assert math.isnan(float(gini([0, 0])))


@given(SHARES, st.floats(0.1, 10))
def test_gini_is_the_mean_difference_over_twice_the_mean(shares: list[float], factor: float) -> None:
    values = np.array(shares)
    expected = np.abs(values[:, None] - values).mean() / (2 * values.mean())
    assert float(gini(values)) == pytest.approx(expected, abs=1e-12)
    assert float(gini(values * factor)) == pytest.approx(expected, abs=1e-12)


def test_gini_of_a_straight_line_is_a_third() -> None:
    assert float(gini(np.arange(1, 2001))) == pytest.approx(1 / 3, abs=1e-3)


def test_measures_take_draws_as_well_as_scores() -> None:
    scores = np.array([[0.8, 0.6, 0.4], [0.5, np.nan, 0.1]])
    assert gap_to(scores, 0) == pytest.approx([0.3, 0.4])
    assert worst_score(scores) == pytest.approx([0.4, 0.1])
    assert worst_to_best(scores) == pytest.approx([0.5, 0.2])
    assert gini(scores) == pytest.approx([float(gini(scores[0])), float(gini([0.5, 0.1]))])
    assert math.isnan(float(worst_score([np.nan, np.nan])))
    assert math.isnan(float(worst_to_best([0.0, 0.0])))


def test_chance_correction_sets_guessing_to_zero() -> None:
    assert chance_corrected([0.25, 1.0, 0.1], 0.25) == pytest.approx([0, 1, -0.2])
    with pytest.raises(DataError, match="one option"):
        chance_corrected(0.5, 1.0)


def test_gini_takes_no_negative_scores() -> None:
    with pytest.raises(DataError, match="0 or more"):
        gini([-0.1, 0.5])


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 9)), min_size=1, max_size=150))
def test_loss_less_gain_is_the_gap(rows: list[tuple[bool, bool, int]]) -> None:
    there, here, groups = ([row[index] for row in rows] for index in range(3))
    found = transfer(there, here, groups)
    gap = paired_difference(here, there, groups)
    assert found.loss.value - found.gain.value == pytest.approx(gap.value)
    assert found.lost_of_known.n == sum(there)


def test_loss_by_hand() -> None:
    found = transfer([1, 1, 1, 0, 0], [1, 0, 0, 1, 0], list("abcde"))
    assert (found.loss.value, found.gain.value) == (0.4, 0.2)
    assert found.lost_of_known.value == pytest.approx(2 / 3)
    assert math.isnan(transfer([0], [1], ["a"]).lost_of_known.value)
    with pytest.raises(DataError, match="2 and 1"):
        transfer([1, 0], [1], ["a", "b"])
