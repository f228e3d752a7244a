"""A judge against physicians: kappa as statsmodels has it, F1 by hand, clusters, and scores that are withheld."""

import math

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

from afya.errors import ConfigError, DataError
from afya.statistics import judge_agreement, withheld


def _labelled(seed: int, count: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(["met", "not met", "unclear"], size=count, p=[0.6, 0.3, 0.1])
    said = np.where(rng.random(count) < 0.7, truth, rng.choice(["met", "not met", "unclear"], size=count))
    return said.tolist(), truth.tolist()


def test_kappa_and_its_error_agree_with_statsmodels() -> None:
    judge, physicians = _labelled(1, 800)
    found = judge_agreement(judge, physicians, list(range(800)))
    expected = cohens_kappa(found.confusion)
    assert found.kappa.value == pytest.approx(float(expected.kappa), abs=1e-12)
    error = (found.kappa.high - found.kappa.low) / (2 * 1.96)
    assert error == pytest.approx(float(expected.std_kappa), rel=0.06)


def test_published_kappa() -> None:
    # Fleiss, Levin & Paik 2003, table 18.1: 100 subjects, three categories, kappa 0.68.
    table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    pairs = [(row, column) for row in range(3) for column in range(3) for _ in range(table[row][column])]
    found = judge_agreement([pair[1] for pair in pairs], [pair[0] for pair in pairs], list(range(100)))
    assert found.kappa.value == pytest.approx(0.68, abs=0.005)
    assert found.observed.value == pytest.approx(0.89)
    assert found.confusion.tolist() == table


def test_macro_f1_by_hand() -> None:
    # 'no': 2 hits, 2 + 3 given and true: 0.8; 'yes': 1 hit, 2 + 1: 2/3.
    found = judge_agreement(["no", "no", "yes", "yes"], ["no", "no", "no", "yes"], [1, 2, 3, 4])
    assert found.macro_f1.value == pytest.approx((0.8 + 2 / 3) / 2)


def test_units_of_one_answer_are_drawn_together() -> None:
    judge, physicians = _labelled(2, 120)
    alone = judge_agreement(judge * 5, physicians * 5, list(range(600)))
    together = judge_agreement(judge * 5, physicians * 5, list(range(120)) * 5)
    assert together.kappa.high - together.kappa.low > 2 * (alone.kappa.high - alone.kappa.low)
    assert together.clusters == 120


def test_units_without_a_label_of_both_are_left_out() -> None:
    found = judge_agreement([True, None, False], [True, True, None], ["a", "b", "c"])
    assert (found.units, found.clusters) == (1, 1)
    assert math.isnan(found.kappa.value)
    assert math.isnan(found.observed.low)
    with pytest.raises(DataError, match="No unit has a label"):
        judge_agreement([None], [True], ["a"])
    with pytest.raises(DataError, match="differ"):
        judge_agreement([True], [True, False], ["a"])


def test_no_score_is_printed_below_the_threshold() -> None:
    judge, physicians = _labelled(3, 300)
    found = judge_agreement(judge, physicians, list(range(300)))
    assert withheld(found, "kappa", 0.4) is None
    assert (
        withheld(found, "kappa", 0.9)
        == f"No score: the judge's kappa with physicians is {found.kappa.value:.2f}, below 0.90."
    )
    assert "never compared" in str(withheld(None, "macro_f1", 0.5))
    same = judge_agreement(["met"] * 5, ["met"] * 5, list(range(5)))
    assert "not defined on 5 unit" in str(withheld(same, "kappa", 0.0))
    assert withheld(same, "observed", 1.0) is None
    with pytest.raises(ConfigError, match="between 0 and 1"):
        withheld(found, "kappa", 60)
