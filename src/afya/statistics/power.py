"""How large a difference must be for a paired comparison to see it.

A comparison that finds nothing says something only together with what it could have found. For two shares on the same
rows the number that decides is the discordance: how often exactly one of the two is right. With discordance psi and n
independent rows, a difference delta is found with the power wanted when

    delta * sqrt(n) = t(1 - alpha / 2) * sqrt(psi) + t(power) * sqrt(psi - delta^2)

n being the effective rows (rows over the design effect of the differences) and t having clusters - 1 degrees of
freedom. A difference is never larger than the discordance, so that a delta above psi raises psi to delta.

References: Connor 1987, "Sample size for testing differences in proportions for the paired-sample design", Biometrics
43(1), 207-211; Miettinen 1968, Biometrics 24(2), 339-352; Miller 2024, arXiv:2411.00640, section 5 (for evaluations).
"""

from __future__ import annotations

import math

from afya.statistics.distributions import t_quantile

POWER = 0.8


def detectable_difference(
    discordance: float,
    rows: float,
    degrees: float = math.inf,
    *,
    alpha: float = 0.05,
    power: float = POWER,
    tests: int = 1,
) -> float | None:
    """The smallest difference of two shares on the same rows that a two-sided test finds with this power.

    Args:
        discordance: share of rows on which exactly one of the two is right, 0 to 1.
        rows: independent rows, or effective ones where rows are clustered; above 0.
        degrees: degrees of freedom of the standard error, clusters - 1; infinite for the normal distribution.
        tests: how many tests share `alpha` (Holm's first step, the strictest).

    Returns a share, 0 to 1; None where even a difference of 1 would not be found. Raises ValueError for a discordance,
    rows, alpha or power outside their ranges.
    """
    if not (0 <= discordance <= 1 and rows > 0 and degrees > 0 and tests >= 1):
        raise ValueError(f"No difference is detectable with discordance {discordance}, rows {rows}, degrees {degrees}.")
    if not (0 < alpha < 1 and 0.5 <= power < 1):
        raise ValueError(f"alpha lies between 0 and 1 and power between 0.5 and 1, not {alpha} and {power}.")
    against_chance = _quantile(1 - alpha / (2 * tests), degrees)
    for_power = _quantile(power, degrees)

    def found(difference: float) -> bool:
        psi = max(discordance, difference)
        needed = against_chance * math.sqrt(psi) + for_power * math.sqrt(max(psi - difference**2, 0.0))
        return difference * math.sqrt(rows) >= needed

    if not found(1.0):
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def _quantile(probability: float, degrees: float) -> float:
    # Above this the two distributions agree to ten digits, and the expansion takes no infinity.
    return t_quantile(probability, min(degrees, 1e12))
