"""Calibration from option scores, and what the order of the options does."""

import numpy as np
import polars as pl
import pytest
from answer_tables import answers

from afya.bench.analysis.calibration import calibrate, confidences, order_sensitivity
from afya.errors import DataError
from afya.statistics import calibration


def _scored(boast: float) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.3, 0.95, size=400)
    right = rng.random(400) < sure - boast
    table = answers("m", {"yo": right.tolist()})
    logs = [[float(np.log(p)), *([float(np.log((1 - p) / 3))] * 3)] for p in sure]
    return table.with_columns(
        pl.Series("option_logprobs", logs, dtype=pl.List(pl.Float64)),
        pl.Series("chosen", [[0]] * 400, dtype=pl.List(pl.Int16)),
    )


def test_confidence_is_the_chosen_options_share() -> None:
    rows = confidences(_scored(0.0))
    assert rows["confidence"].to_numpy() == pytest.approx([np.exp(logs[0]) for logs in rows["option_logprobs"]])
    with pytest.raises(DataError, match="option 7 was chosen of 4"):
        confidences(_scored(0.0).with_columns(chosen=pl.lit([7], pl.List(pl.Int16))))
    unscored = _scored(0.0).with_columns(option_logprobs=pl.lit(None, pl.List(pl.Float64)))
    assert confidences(unscored).is_empty()


def test_a_boastful_model_is_told_from_a_modest_one() -> None:
    modest, _ = calibrate(confidences(_scored(0.0)), bins=10)
    boastful, bins = calibrate(confidences(_scored(0.25)), bins=10)
    told = boastful.row(by_predicate=pl.col("lang") == "yo", named=True)
    assert told["overconfidence"] == pytest.approx(0.25, abs=0.06)
    assert told["low"] > 0.15
    assert modest.row(by_predicate=pl.col("lang") == "yo", named=True)["ece"] < 2.5 * told["floor"]
    rows = confidences(_scored(0.25))
    direct = calibration(rows["confidence"], rows["outcome"] == "correct", rows["group_id"].rank("dense"), bins=10)
    assert told["ece"] == pytest.approx(direct.ece)
    assert bins.filter(pl.col("lang") == "yo")["n"].sum() == 400


def _orders(chosen_place: list[list[int | None]]) -> pl.DataFrame:
    """Items of three options whose right answer is option 0, asked in three rotations."""
    rows = [
        ("m", "m", "letter", "mcq", "zu", f"i{item}", f"g{item}", order, None if at is None else (at + order) % 3, at,
         (0 - order) % 3)
        for item, places in enumerate(chosen_place)
        for order, at in enumerate(places)
    ]  # fmt: skip
    names = ("label", "model", "setting", "task", "lang", "item_id", "group_id", "order")
    return pl.DataFrame(rows, schema=[*names, "chosen_option", "chosen_place", "answer_place"], orient="row")


def test_a_model_that_knows_is_consistent_and_one_that_likes_a_place_is_not() -> None:
    knows = order_sensitivity(_orders([[0, 2, 1]] * 20)).row(by_predicate=pl.col("lang") == "zu", named=True)
    assert (knows["consistent"], knows["accuracy"], knows["right_in_all"]) == (1.0, 1.0, 1.0)
    assert (knows["spread"], knows["place_bias"]) == (0.0, 0.0)
    likes_a = order_sensitivity(_orders([[0, 0, 0]] * 20)).row(by_predicate=pl.col("lang") == "zu", named=True)
    assert (likes_a["consistent"], likes_a["right_in_all"], likes_a["spread"]) == (0.0, 0.0, 1.0)
    assert likes_a["accuracy"] == pytest.approx(1 / 3)
    # Recalls 1, 0, 0 over the three places.
    assert likes_a["place_bias"] == pytest.approx(np.std([1, 0, 0]))


def test_no_choice_is_no_agreement_and_one_order_says_nothing() -> None:
    table = order_sensitivity(_orders([[0, 2, None], [0, 2, 1]]))
    row = table.row(by_predicate=pl.col("lang") == "zu", named=True)
    assert (row["items"], row["consistent"]) == (2, 0.5)
    assert order_sensitivity(_orders([[0], [0]])).is_empty()
    with pytest.raises(DataError, match="no place of the right answer"):
        order_sensitivity(_orders([[0, 1]]).with_columns(answer_place=pl.lit(None, pl.Int64)))
