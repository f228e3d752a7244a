"""Student's t and the normal distribution by numbers, so that intervals need no scipy.

The t distribution goes through the regularised incomplete beta function, evaluated by its continued fraction
(DLMF 8.17.22, https://dlmf.nist.gov/8.17, with the modified Lentz method); the quantile inverts it by bracketing and
bisection with Newton steps. Agreement with scipy is tested to 1e-8.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_PRECISION = 1e-16
# Beyond this many degrees of freedom the fraction loses digits and the expansions about the normal distribution
# (Abramowitz & Stegun 1964, 26.7.5 and 26.7.8) have an error below 1e-10.
_MANY_DEGREES = 1e6


def normal_quantile(probability: float) -> float:
    """The z with P(Z <= z) = probability, for 0 < probability < 1."""
    return NormalDist().inv_cdf(probability)


def incomplete_beta(a: float, b: float, x: float, complement: float | None = None) -> float:
    """The regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1.

    `complement` is 1 - x where the caller knows it to more digits than x holds (x close to 1, large a).
    Raises ValueError outside these ranges.
    """
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        raise ValueError(f"incomplete_beta needs a, b > 0 and 0 <= x <= 1, not a={a}, b={b}, x={x}.")
    rest = 1.0 - x if complement is None else complement
    if x == 0.0 or rest == 0.0:
        return x
    # The fraction converges quickly only left of the mean; the symmetry I_x(a, b) = 1 - I_(1-x)(b, a) covers the rest.
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, rest, x)
    log_x = math.log(x) if x < 0.5 else math.log1p(-rest)
    log_rest = math.log(rest) if rest < 0.5 else math.log1p(-x)
    return math.exp(a * log_x + b * log_rest - _log_beta(a, b) - math.log(a)) * _beta_fraction(a, b, x)


def _log_beta(a: float, b: float) -> float:
    small, large = sorted((a, b))
    if small == 0.5 and large > 1e3:
        return math.lgamma(0.5) - _log_half_step(large)
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_half_step(a: float) -> float:
    """log Gamma(a + 1/2) - log Gamma(a): the difference of two large numbers, by its series where digits would go."""
    if a <= 1e3:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return 0.5 * math.log(a) - 1 / (8 * a) + 1 / (192 * a**3)


def _beta_fraction(a: float, b: float, x: float) -> float:
    numerator = 1.0
    denominator = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = denominator
    for step in range(1, 10_000):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            denominator = 1.0 / _away_from_zero(1.0 + term * denominator)
            numerator = _away_from_zero(1.0 + term / numerator)
            change = numerator * denominator
            value *= change
        if abs(change - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def t_cdf(t: float, degrees: float) -> float:
    """P(T <= t) for Student's t with `degrees` > 0 degrees of freedom."""
    if not degrees > 0:
        raise ValueError(f"Student's t needs more than 0 degrees of freedom, not {degrees}.")
    square = t * t
    if degrees > _MANY_DEGREES:
        return NormalDist().cdf(t * (1 - 1 / (4 * degrees)) / math.sqrt(1 + square / (2 * degrees)))
    if square <= 3:
        # Near the middle the distance from 1/2 is what is small, far out the tail is; the small one is computed
        # directly, so that it keeps its digits.
        half = incomplete_beta(0.5, degrees / 2, square / (degrees + square), degrees / (degrees + square)) / 2
        return 0.5 + math.copysign(half, t)
    tail = incomplete_beta(degrees / 2, 0.5, degrees / (degrees + square), square / (degrees + square)) / 2
    return 1.0 - tail if t > 0 else tail


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: float) -> float:
    """The t with P(T <= t) = probability, for 0 < probability < 1 and `degrees` > 0.

    Raises ValueError outside these ranges.
    """
    if not 0 < probability < 1:
        raise ValueError(f"A quantile needs a probability between 0 and 1, not {probability}.")
    if not degrees > 0:
        raise ValueError(f"Student's t needs more than 0 degrees of freedom, not {degrees}.")
    if probability == 0.5:
        return 0.0
    if degrees > _MANY_DEGREES:
        z = normal_quantile(probability)
        return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)
    # Working in the lower tail keeps the small probability exact; the distribution is symmetric.
    tail = min(probability, 1.0 - probability)
    low, high = -1.0, 0.0
    while t_cdf(low, degrees) > tail:
        low, high = low * 2.0, low
    t = (low + high) / 2
    for _ in range(200):
        excess = t_cdf(t, degrees) - tail
        if excess > 0:
            high = t
        else:
            low = t
        step = t - excess / _t_density(t, degrees)
        following = step if low < step < high else (low + high) / 2
        if abs(following - t) <= 1e-14 * abs(following):
            t = following
            break
        t = following
    return t if probability < 0.5 else -t


def _t_density(t: float, degrees: float) -> float:
    log_scale = _log_half_step(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(log_scale - (degrees + 1) / 2 * math.log1p(t * t / degrees))
