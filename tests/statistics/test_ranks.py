"""Ranks: Tukey's critical value, paired draws, coverage of true places, and no rank without data for one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from afya.errors import DataError
from afya.statistics import cluster_bootstrap, rank_intervals


def _ranked(
    rng: np.random.Generator, shares: NDArray[np.float64], groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ease = rng.random(groups)[:, None]
    table = (rng.random((groups, len(shares))) < shares + 0.3 * (ease - 0.5)).astype(float)
    return table.mean(axis=0), cluster_bootstrap(table, np.arange(groups), 400, seed=1)


@pytest.mark.parametrize("models", [2, 5, 20])
def test_the_critical_value_of_independent_models_is_tukeys(models: int) -> None:
    draws = np.random.default_rng(1).normal(size=(20000, models))
    found = rank_intervals(np.zeros(models), draws, clusters=10**9)
    expected = float(stats.studentized_range.ppf(0.95, models, np.inf)) / np.sqrt(2)
    assert found.critical == pytest.approx(expected, rel=0.015)


def test_models_far_apart_have_one_place_each() -> None:
    scores, draws = _ranked(np.random.default_rng(2), np.array([0.3, 0.8, 0.55]), 2000)
    found = rank_intervals(scores, draws, 2000)
    assert found.observed.tolist() == found.best.tolist() == found.worst.tolist() == [3, 1, 2]
    assert [found.text(model) for model in range(3)] == ["3", "1", "2"]


def test_models_alike_have_no_rank() -> None:
    scores, draws = _ranked(np.random.default_rng(3), np.full(6, 0.5), 300)
    found = rank_intervals(scores, draws, 300)
    assert not found.known.any()
    assert {found.text(model) for model in range(6)} == {"–"}
    assert (found.best.tolist(), found.worst.tolist()) == ([1] * 6, [6] * 6)


def test_a_pair_in_the_lead_shares_the_first_two_places() -> None:
    scores, draws = _ranked(np.random.default_rng(4), np.array([0.7, 0.7, 0.4, 0.2]), 1500)
    found = rank_intervals(scores, draws, 1500)
    assert [found.text(model) for model in range(4)] == ["1-2", "1-2", "3", "4"]


def test_pairing_tells_apart_what_single_intervals_do_not() -> None:
    rng = np.random.default_rng(5)
    first = (rng.random(1000) < 0.5).astype(float)
    second = np.where((rng.random(1000) < 0.04) & (first == 0), 1.0, first)
    table = np.column_stack([first, second])
    draws = cluster_bootstrap(table, np.arange(1000), 1000)
    assert rank_intervals(table.mean(axis=0), draws, 1000).text(1) == "1"
    alone = np.column_stack([draws[:, 0], cluster_bootstrap(table, np.arange(1000), 1000, seed=9)[:, 1]])
    assert rank_intervals(table.mean(axis=0), alone, 1000).text(1) == "–"


def test_all_true_places_are_covered_together() -> None:
    rng = np.random.default_rng(6)
    shares = np.array([0.45, 0.46, 0.47, 0.55, 0.55, 0.65])
    # Equal models share the places from the best to the worst of them.
    best, worst = np.array([6, 5, 4, 2, 2, 1]), np.array([6, 5, 4, 3, 3, 1])
    covered = 0
    for _ in range(150):
        found = rank_intervals(*_ranked(rng, shares, 250), 250)
        covered += bool(((found.best <= best) & (found.worst >= worst)).all())
    assert covered / 150 >= 0.92


def test_equal_scores_share_a_place_and_missing_ones_have_none() -> None:
    found = rank_intervals([0.5, 0.5, np.nan], np.tile([0.5, 0.5, np.nan], (50, 1)), 40)
    assert found.observed.tolist() == [1, 1, 0]
    assert [found.text(model) for model in range(3)] == ["–", "–", "–"]


def test_a_difference_without_spread_needs_enough_clusters() -> None:
    draws = np.tile([1.0, 0.0], (50, 1))
    assert rank_intervals([1.0, 0.0], draws, 6).text(0) == "1"
    assert rank_intervals([1.0, 0.0], draws, 4).text(0) == "–"
    assert rank_intervals([1.0, 0.0], draws, 1).text(0) == "–"
    assert rank_intervals([0.7], draws[:, :1], 9).text(0) == "–"


def test_scores_and_draws_must_fit() -> None:
    with pytest.raises(DataError, match="Scores of 3 models"):
        rank_intervals([0.1, 0.2, 0.3], np.zeros((10, 2)), 10)


@pytest.mark.parametrize("groups", [4, 10, 40])
def test_few_groups_do_not_make_places_of_models_alike(groups: int) -> None:
    rng = np.random.default_rng(8)
    told = 0
    for sample in range(100):
        ease = rng.normal(0.5, 0.15, (groups, 1))
        table = (rng.random((groups, 20)) < ease).astype(float)
        draws = cluster_bootstrap(table, np.arange(groups), 400, seed=sample)
        told += bool(rank_intervals(table.mean(axis=0), draws, groups).known.any())
    # At the level of 5%; with the normal distribution's value it is 60 of 100 with four groups.
    assert told <= 15
