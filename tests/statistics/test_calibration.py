"""Calibration: by hand, parts that add up, a calibrated model at its floor, and clusters in the interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.errors import DataError
from afya.statistics import brier_multiclass, calibration, softmax
from afya.statistics.calibration import calibrations, equal_mass


def test_two_bins_by_hand() -> None:
    # Bins (0.2, 0.4) with 0 and 1 right, (0.6, 1.0) with 1 and 1 right: |0.3 - 0.5| / 2 + |0.8 - 1| / 2 = 0.2.
    found = calibration([0.2, 0.6, 0.4, 1.0], [0, 1, 1, 1], list("abcd"), bins=2)
    assert found.ece == pytest.approx(0.2)
    assert found.brier == pytest.approx((0.04 + 0.16 + 0.36 + 0) / 4)
    assert found.overconfidence == pytest.approx(0.55 - 0.75)
    assert found.bins == pytest.approx(np.array([[0.3, 0.5, 2], [0.8, 1.0, 2]]))
    assert (found.reliability, found.resolution) == pytest.approx((0.04, 0.0625))
    assert found.uncertainty == pytest.approx(0.1875)


def test_forecasts_of_few_values_decompose_as_murphy_did() -> None:
    # With one value a bin nothing is left within bins, and Murphy's three parts are all there is.
    rng = np.random.default_rng(1)
    sure = rng.choice([0.1, 0.4, 0.7, 0.9], size=2000)
    right = rng.random(2000) < sure**1.5
    found = calibration(sure, right, np.arange(2000), bins=40)
    assert len(found.bins) == 4
    assert found.within == pytest.approx(0, abs=1e-12)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.brier)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 9)), min_size=1, max_size=80))
def test_the_parts_of_the_brier_score_add_up(rows: list[tuple[float, bool, int]]) -> None:
    sure, right, groups = ([row[index] for row in rows] for index in range(3))
    found = calibration(sure, right, groups, bins=5, replicates=20)
    parts = found.reliability - found.resolution + found.uncertainty + found.within
    assert parts == pytest.approx(found.brier, abs=1e-12)
    assert 0 <= found.ece <= 1
    assert found.bins[:, 2].sum() == len(rows)


def test_a_calibrated_model_errs_by_its_floor_and_an_overconfident_one_by_more() -> None:
    rng = np.random.default_rng(2)
    errors, floors = [], []
    for _ in range(60):
        sure = rng.beta(4, 2, size=600)
        found = calibration(sure, rng.random(600) < sure, np.arange(600), replicates=100)
        errors.append(found.ece)
        floors.append(found.floor)
    assert np.mean(errors) == pytest.approx(np.mean(floors), rel=0.08)
    boastful = calibration(np.full(600, 0.95), rng.random(600) < 0.6, np.arange(600))
    assert boastful.ece == pytest.approx(boastful.overconfidence, abs=1e-12)
    assert boastful.low > 0.25 > boastful.floor


@pytest.mark.parametrize("error", [0.0, 0.03, 0.15])
def test_the_interval_covers_a_known_error(error: float) -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(100):
        sure = rng.uniform(0.3, 0.9, size=500)
        found = calibration(sure, rng.random(500) < sure - error, np.arange(500), bins=10, replicates=200)
        assert found.low <= found.ece <= found.high
        covered += found.low <= error <= found.high
    assert 0.89 <= covered / 100 <= 0.99


def test_copies_in_a_cluster_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(3)
    sure = rng.random(150)
    right = rng.random(150) < sure * 0.7
    alone = calibration(sure, right, np.arange(150), bins=5)
    copied = calibration(np.repeat(sure, 4), np.repeat(right, 4), np.repeat(np.arange(150), 4), bins=5)
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high), abs=1e-9)


def test_bins_hold_equal_numbers_and_equal_values_stay_together() -> None:
    assert np.bincount(equal_mass(np.random.default_rng(4).random(1500), 15)).tolist() == [100] * 15
    assert equal_mass(np.array([0.5, 0.5, 0.5, 0.9]), 4).tolist() == [0, 0, 0, 1]


def test_softmax_and_briers_own_score() -> None:
    assert softmax([np.log(2), np.log(6), -np.inf]) == pytest.approx([0.25, 0.75, 0])
    # (0.7 - 1)^2 + 0.3^2 where what happened was thought likely, (0.9 - 0)^2 + (0.1 - 1)^2 where not.
    assert brier_multiclass([[0.7, 0.3], [0.9, 0.1]], [0, 1]) == pytest.approx([0.18, 1.62])


def test_faulty_input_is_named() -> None:
    with pytest.raises(DataError, match=r"row 2: 1\.2 is no probability"):
        calibration([0.5, 1.2], [0, 1], ["a", "b"])
    with pytest.raises(DataError, match="do not fit"):
        calibration([0.5], [0, 1], ["a", "b"])
    with pytest.raises(DataError, match="at least one row"):
        calibration([], [], [])


def test_many_cells_at_once_are_each_cell_alone() -> None:
    rng = np.random.default_rng(4)
    groups, models = 120, 5
    sure = rng.uniform(0.2, 1.0, size=groups * models)
    right = (rng.random(groups * models) < sure * 0.8).astype(np.float64)
    clusters = np.tile(np.arange(groups), models)
    cells = np.repeat(np.arange(models), groups)
    together = calibrations(sure, right, clusters, cells, bins=8, replicates=300)
    for model, found in enumerate(together):
        own = cells == model
        alone = calibration(sure[own], right[own], clusters[own], bins=8, replicates=300)
        assert found.n == alone.n
        assert (found.ece, found.low, found.high, found.floor) == pytest.approx(
            (alone.ece, alone.low, alone.high, alone.floor)
        )
        assert found.bins == pytest.approx(alone.bins)
