"""Quantiles and probabilities agree with scipy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from afya.statistics import normal_quantile, t_cdf, t_quantile
from afya.statistics.distributions import incomplete_beta

DEGREES = [1, 2, 3, 5, 11, 39, 199, 1999, 2001, 1e5, 9e5, 2e6, 1e9]


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("probability", [1e-6, 0.005, 0.025, 0.3, 0.5, 0.6, 0.95, 0.975, 0.99999])
def test_t_quantile_agrees_with_scipy(degrees: float, probability: float) -> None:
    assert t_quantile(probability, degrees) == pytest.approx(float(stats.t.ppf(probability, degrees)), rel=1e-8)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("t", [-40.0, -6.0, -1.5, -1e-6, 0.0, 0.3, 2.0, 12.0])
def test_t_cdf_agrees_with_scipy_also_far_in_the_tail(degrees: float, t: float) -> None:
    assert t_cdf(t, degrees) == pytest.approx(float(stats.t.cdf(t, degrees)), rel=1e-7, abs=1e-300)


def test_published_critical_values() -> None:
    # Table 26.10 of Abramowitz & Stegun 1964, two-sided 5%.
    for degrees, value in ((1, 12.706), (4, 2.776), (10, 2.228), (30, 2.042), (120, 1.980)):
        assert t_quantile(0.975, degrees) == pytest.approx(value, abs=5e-4)
    assert normal_quantile(0.975) == pytest.approx(1.959963984540054, abs=1e-14)


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0, 1))
def test_incomplete_beta_agrees_with_scipy(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(float(special.betainc(a, b, x)), rel=1e-8, abs=1e-12)


@given(st.floats(1e-9, 1 - 1e-9), st.floats(1, 1e8))
def test_quantile_and_probability_are_inverse(probability: float, degrees: float) -> None:
    assert t_cdf(t_quantile(probability, degrees), degrees) == pytest.approx(probability, rel=1e-7)


def test_senseless_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_quantile(1.0, 5)
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_quantile(0.9, 0)
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_cdf(1.0, -1)
    with pytest.raises(ValueError, match="incomplete_beta"):
        incomplete_beta(1, 1, 1.5)
