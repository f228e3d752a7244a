from __future__ import annotations

import numpy as np
import pytest

from afya.errors import DataError
from afya.statistics.agreement import krippendorff

# The worked example of Krippendorff 2011, section D: four observers, twelve units, 41 ratings in pairs of 40.
EXAMPLE = [
    [1, 1, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [5, 5, 5],
    [1, 1],
    [3],
]


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level: str, alpha: float) -> None:
    found = krippendorff(EXAMPLE, level, replicates=50)  # type: ignore[arg-type]
    assert found.alpha == pytest.approx(alpha, abs=0.0006)
    assert (found.units, found.ratings) == (11, 40)


def test_the_interval_holds_the_value_and_narrows_with_more_units() -> None:
    few = krippendorff(EXAMPLE, seed=1)
    many = krippendorff(EXAMPLE * 8, seed=1)
    for found in (few, many):
        assert found.low is not None
        assert found.high is not None
        assert found.alpha is not None
        assert found.low <= found.alpha <= found.high
    assert many.high - many.low < 0.6 * (few.high - few.low)  # type: ignore[operator]


def test_units_of_one_cluster_are_drawn_together() -> None:
    copies = [unit for unit in EXAMPLE for _ in range(8)]
    alone = krippendorff(copies, seed=1)
    together = krippendorff(copies, clusters=[index // 8 for index in range(len(copies))], seed=1)
    assert together.high - together.low > 2 * (alone.high - alone.low)  # type: ignore[operator]


def test_ratings_at_random_agree_by_chance_only() -> None:
    drawn = np.random.default_rng(3).integers(1, 6, size=(400, 2))
    found = krippendorff(drawn.tolist())
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0 < found.high


def test_without_variation_or_pairs_there_is_no_alpha() -> None:
    assert krippendorff([[4, 4], [4, 4]]).alpha is None
    assert krippendorff([[4], [2]]).units == 0
    assert krippendorff([[4, 2]]).low is None


def test_what_is_no_rating_is_refused() -> None:
    with pytest.raises(DataError, match="not a number"):
        krippendorff([[4, float("nan")]])
    with pytest.raises(DataError, match="1 clusters do not fit 2"):
        krippendorff([[1, 2], [1, 1]], clusters=["a"])
