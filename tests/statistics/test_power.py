"""The smallest detectable difference: published sample sizes, the power it promises, and its edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from afya.statistics import detectable_difference, paired_difference


def test_published_sample_size_is_turned_round() -> None:
    # Discordant shares 0.05 and 0.45 need 22 pairs for 80% power (Connor 1987, as validated in the R package MESS).
    assert detectable_difference(0.5, 22) == pytest.approx(0.4, abs=5e-4)


@given(st.floats(0.02, 0.9), st.floats(0.05, 0.95), st.sampled_from([0.8, 0.9]))
def test_connors_formula_and_the_search_agree(psi: float, part: float, power: float) -> None:
    delta = psi * part
    z_alpha, z_power = stats.norm.ppf(0.975), stats.norm.ppf(power)
    rows = ((z_alpha * math.sqrt(psi) + z_power * math.sqrt(psi - delta**2)) / delta) ** 2
    assert detectable_difference(psi, rows, power=power) == pytest.approx(delta, rel=1e-6)


def test_a_difference_of_that_size_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(3)
    rows, psi = 1200, 0.2
    delta = detectable_difference(psi, rows, rows - 1)
    assert delta is not None
    gained = rng.binomial(rows, (psi + delta) / 2, size=4000)
    lost = rng.binomial(rows - gained, (psi - delta) / 2 / (1 - (psi + delta) / 2))
    error = np.sqrt((gained + lost - (gained - lost) ** 2 / rows) / (rows * (rows - 1)))
    found = np.abs((gained - lost) / rows) / error > stats.t.ppf(0.975, rows - 1)
    # The t test takes its error from the alternative, so that it is a shade stronger than the formula says.
    assert 0.78 < found.mean() < 0.84


def test_clusters_of_copies_can_detect_what_their_number_can() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.random(200) < 0.5, rng.random(200) < 0.6
    alone = paired_difference(a, b, np.arange(200)).detectable
    copied = paired_difference(np.repeat(a, 6), np.repeat(b, 6), np.repeat(np.arange(200), 6)).detectable
    assert alone == pytest.approx(copied, rel=0.01)


def test_more_tests_need_a_larger_difference_and_few_rows_see_none() -> None:
    one, many = detectable_difference(0.2, 500), detectable_difference(0.2, 500, tests=12)
    assert one is not None
    assert many is not None
    assert many > 1.2 * one
    assert detectable_difference(0.2, 3) is None
    # Without a discordant row a difference brings its own discordance.
    lone = detectable_difference(0.0, 400)
    assert lone is not None
    assert 0.005 < lone < 0.03


def test_one_cluster_can_detect_nothing() -> None:
    assert paired_difference([0, 1, 1], [1, 1, 0], ["a", "a", "a"]).detectable is None


def test_senseless_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"discordance 1\.5"):
        detectable_difference(1.5, 100)
    with pytest.raises(ValueError, match="power between"):
        detectable_difference(0.5, 100, power=80)
