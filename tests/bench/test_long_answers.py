"""ROUGE-L and chrF in every script, rubrics with negative points, facts, and scores that are withheld."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from afya.bench.judging.rubrics import (
    Criterion,
    FactScore,
    fact_score,
    majority,
    mean_rubric_score,
    rubric_score,
    worst_of,
)
from afya.bench.scoring.longform import chrf, rouge_l
from afya.errors import DataError


def test_rouge_l_by_hand_and_as_its_own_cutter_has_it_in_english() -> None:
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

    # Lin 2004, section 3.1: "police killed the gunman" against "police kill the gunman": 3 of 4 words in order.
    assert rouge_l("police killed the gunman", "police kill the gunman", "en") == pytest.approx(0.75)
    assert rouge_l("police killed the gunman", "the gunman kill police", "en") == pytest.approx(0.5)
    reference, reply = "give the child water with salt and sugar", "give salt and water to the child"
    own = RougeScorer(["rougeL"]).score(reference, reply)["rougeL"].fmeasure
    assert rouge_l(reference, reply, "en") == pytest.approx(own)


def test_words_beyond_a_to_z_count() -> None:
    assert rouge_l("ọmọ náà ní ibà", "ọmọ náà ní ikọ́", "yo") == pytest.approx(0.75)
    assert rouge_l("儿童发热", "儿童咳嗽", "zh") == pytest.approx(0.5)
    assert rouge_l("아이가 열이 있다", "아이가 열이 있다", "ko") == 1.0


def test_chrf_is_sacrebleus() -> None:
    reference, reply = "Mtoto ana homa kali.", "Mtoto ana homa."
    assert chrf(reference, reply) == pytest.approx(sacrebleu.sentence_chrf(reply, [reference]).score / 100)


RUBRIC = (Criterion(5, ("accuracy",)), Criterion(3, ("tone",)), Criterion(-8, ("accuracy", "safety")))


def test_negative_points_are_taken_off_and_do_not_count_as_possible() -> None:
    assert rubric_score(RUBRIC, [True, True, False]) == 1.0
    assert rubric_score(RUBRIC, [True, False, True]) == pytest.approx((5 - 8) / 8)
    assert rubric_score(RUBRIC, [True, False, False], tag="accuracy") == 1.0
    assert rubric_score(RUBRIC, [True, False, False], tag="safety") is None
    assert rubric_score(RUBRIC, [True, None, False]) is None
    # A missing verdict on another axis takes nothing from this one.
    assert rubric_score(RUBRIC, [True, None, False], tag="accuracy") == 1.0
    with pytest.raises(DataError, match="2 verdicts do not fit a rubric of 3"):
        rubric_score(RUBRIC, [True, False])
    with pytest.raises(DataError, match="Criterion 1 has 0 points"):
        rubric_score([Criterion(0)], [True])


def test_real_rubrics_reach_one_when_all_good_is_met_and_no_harm(shared: Path) -> None:
    for file in sorted((shared / "data" / "healthbench_examples").glob("*.json")):
        rubric = [Criterion(float(row["points"])) for row in json.loads(file.read_text("utf-8"))["rubrics"]]
        assert rubric_score(rubric, [row.points > 0 for row in rubric]) == pytest.approx(1.0)
        everything = rubric_score(rubric, [True] * len(rubric))
        assert everything is not None
        assert everything == pytest.approx(
            sum(r.points for r in rubric) / sum(r.points for r in rubric if r.points > 0)
        )


def test_a_mean_is_cut_to_0_to_1_and_single_answers_are_not() -> None:
    found = mean_rubric_score([-0.5, -0.2, 0.1, math.nan], ["a", "b", "c", "d"])
    assert (found.value, found.low, found.n) == (0.0, 0.0, 3)
    mixed = mean_rubric_score([-0.5, 1.0, 1.0, 0.5], list("abcd"))
    assert mixed.value == pytest.approx(0.5)
    assert mean_rubric_score([math.nan], ["a"]).n == 0


def test_facts_left_out_and_facts_denied() -> None:
    found = fact_score(["entailed", "neutral", "contradicted", "entailed"], ["contradicted", "entailed"])
    assert found == FactScore(0.5, 2)
    assert fact_score([], ["contradicted"]) == FactScore(None, 1)
    assert fact_score(["entailed", None]) is None


@given(st.lists(st.integers(0, 10), min_size=1, max_size=7), st.data())
def test_the_worst_of_k_is_the_mean_over_all_subsets(scores: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    expected = np.mean([min(chosen) for chosen in itertools.combinations(scores, k)])
    assert worst_of(scores, k) == pytest.approx(expected)


def test_the_worst_of_more_than_there_are_is_refused() -> None:
    with pytest.raises(DataError, match="worst of 3"):
        worst_of([0.1, 0.2], 3)


def test_several_judges_decide_by_majority() -> None:
    assert majority([True, True, False]) is True
    assert majority([True, False]) is None
    assert majority([None, "entailed", None]) == "entailed"
    assert majority([None]) is None
