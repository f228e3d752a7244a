"""The data plan keeps to the mixture, fills its packs and is the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.errors import ConfigError, DataError
from afya.training.examples.build import Example
from afya.training.packs.mixture import draw_balanced, language_shares
from afya.training.packs.packing import best_fit, fill
from afya.training.packs.plan import PackCollator, PackDataset, make_plan
from afya.training.recipe import DataSource, Length, StageRecipe

TOKENS = {"en": 8000, "sw": 1000, "yo": 1000}


def test_temperature_one_keeps_proportions_and_uniform_evens_them_out() -> None:
    assert language_shares(TOKENS, temperature=1) == pytest.approx({"en": 0.8, "sw": 0.1, "yo": 0.1})
    assert language_shares(TOKENS) == pytest.approx(dict.fromkeys(TOKENS, 1 / 3))
    warm = language_shares(TOKENS, temperature=3)
    assert 1 / 3 < warm["en"] < 0.8
    assert sum(warm.values()) == pytest.approx(1)


def test_a_floor_lifts_the_small_and_the_rest_keep_their_proportions() -> None:
    shares = language_shares({"en": 600, "fr": 300, "wo": 1, "yo": 99}, temperature=1, floor=0.15)
    assert shares["wo"] == shares["yo"] == pytest.approx(0.15)
    assert shares["en"] / shares["fr"] == pytest.approx(2)
    assert sum(shares.values()) == pytest.approx(1)


def test_fixed_weights_name_exactly_the_languages_there_are() -> None:
    assert language_shares(TOKENS, weights={"en": 2, "sw": 1, "yo": 1})["en"] == 0.5
    with pytest.raises(ConfigError, match="yo"):
        language_shares(TOKENS, weights={"en": 2, "sw": 1})


def test_a_language_without_examples_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="No training examples in: zu"):
        language_shares({"en": 10, "zu": 0})
    with pytest.raises(ConfigError, match="more than the whole"):
        language_shares(TOKENS, floor=0.4)


def test_drawing_follows_the_shares_at_every_moment() -> None:
    lengths = {"en": [7, 9, 30], "sw": [50, 4, 11, 12]}
    shares = {"en": 0.25, "sw": 0.75}
    seen = dict.fromkeys(lengths, 0)
    rounds: dict[str, list[int]] = {"en": [], "sw": []}
    for code, number in draw_balanced(lengths, shares, 5000, [3]):
        seen[code] += lengths[code][number]
        rounds[code].append(number)
        total = sum(seen.values())
        assert abs(seen["en"] - shares["en"] * total) <= 60
    assert sum(seen.values()) >= 5000
    for code, numbers in rounds.items():
        size = len(lengths[code])
        whole = [sorted(numbers[at : at + size]) for at in range(0, len(numbers) - size + 1, size)]
        assert all(one == list(range(size)) for one in whole)


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(50, 120))
def test_packs_hold_every_item_once_and_never_too_much(lengths: list[int], capacity: int) -> None:
    packs = best_fit(lengths, capacity)
    assert sorted(item for pack in packs for item in pack) == list(range(len(lengths)))
    assert all(sum(lengths[item] for item in pack) <= capacity for pack in packs)
    assert len(packs) <= 11 / 9 * -(-sum(lengths) // capacity) + 1 or fill(lengths, packs, capacity) > 0.5


def test_an_item_longer_than_a_pack_is_an_error() -> None:
    with pytest.raises(ValueError, match="120 tokens, a pack holds 100"):
        best_fit([20, 120], 100)


def examples(seed: int = 0) -> list[Example]:
    source = np.random.default_rng(seed)
    made = []
    for code, count in (("en", 120), ("sw", 40), ("yo", 15)):
        for number in range(count):
            length = int(source.integers(8, 60))
            learned = np.arange(length) >= length - 4
            made.append(Example(f"{code}-{number}", code, source.integers(0, 99, length).astype(np.int32), learned))
    return made


def stage(**values: Any) -> StageRecipe:
    fields: dict[str, Any] = {
        "name": "stage1",
        "data": (DataSource(source="sample"),),
        "length": Length(tokens=60_000),
        "pack_tokens": 256,
        "packs_per_step": 2,
        "learning_rate": 1e-3,
        **values,
    }
    return StageRecipe(**fields)


LANGS = ["en", "sw", "yo"]


def test_a_plan_is_balanced_full_and_repeatable() -> None:
    plan = make_plan(examples(), LANGS, stage(), [7, 0])
    tokens = plan.tokens()
    assert max(tokens.values()) / min(tokens.values()) < 1.03
    assert sum(tokens.values()) == pytest.approx(60_000, rel=0.05)
    assert plan.fill > 0.97
    assert plan.packs == make_plan(examples(), LANGS, stage(), [7, 0]).packs
    assert plan.packs != make_plan(examples(), LANGS, stage(), [8, 0]).packs
    assert plan.repeats()["yo"] > plan.repeats()["en"]


@pytest.mark.parametrize(("length", "steps"), [(Length(steps=9), 9), (Length(epochs=2), None)])
def test_a_stage_is_as_long_as_it_says(length: Length, steps: int | None) -> None:
    plan = make_plan(examples(), LANGS, stage(length=length, accumulate=2), [7, 0])
    if steps is not None:
        assert plan.steps == steps
    else:
        assert sum(plan.tokens().values()) == pytest.approx(2 * sum(plan.available.values()), rel=0.15)
    assert len(plan.packs) == plan.steps * 4


def test_few_examples_are_seen_often() -> None:
    plan = make_plan(examples()[:3], ["en"], stage(length=Length(steps=5)), [0])
    assert plan.steps == 5
    assert plan.repeats()["en"] > 10


def test_a_batch_tells_tokens_and_labels_by_language() -> None:
    plan = make_plan(examples(), LANGS, stage(), [7, 0])
    packs = PackDataset(plan)
    batch = PackCollator(LANGS)([packs[0], packs[1]])
    rows = [*packs[0], *packs[1]]
    assert batch["input_ids"].shape == (1, sum(len(row.tokens) for row in rows))
    assert batch["langs_tokens"].tolist() == [
        sum(len(row.tokens) for row in rows if row.lang == code) for code in LANGS
    ]
    assert len(batch["labels"]) == 4 * len(rows) == len(batch["kept"])
    assert batch["input_ids"][0, batch["kept"] + 1].tolist() == batch["labels"].tolist()
    assert (batch["position_ids"][0] == 0).sum() == len(rows)


def test_the_last_step_is_filled_up_and_no_example_is_left_out() -> None:
    made = examples()
    plan = make_plan(made, LANGS, stage(length=Length(epochs=1), packs_per_step=16, mixture={"temperature": 1}), [7, 0])
    assert len(plan.packs) == plan.steps * 16
    assert {number for pack in plan.packs for number in pack} == set(range(len(made)))


def test_rehearsal_takes_its_share_of_the_tokens_in_its_own_languages() -> None:
    source = np.random.default_rng(5)
    general = [
        Example(f"g-{number}", code, source.integers(0, 99, 30).astype(np.int32), np.arange(30) > 25, rehearsal=True)
        for number, code in enumerate(["en"] * 30 + ["fr"] * 10)
    ]
    rehearsal = {"share": 0.2, "data": [{"source": "sample"}]}
    plan = make_plan([*examples(), *general], LANGS, stage(rehearsal=rehearsal), [7, 0])
    assert plan.langs == ("en", "sw", "yo", "fr")
    assert plan.rehearsed() == pytest.approx(0.2, abs=0.01)
    assert plan.shares == pytest.approx({"en": 0.8 / 3 + 0.15, "sw": 0.8 / 3, "yo": 0.8 / 3, "fr": 0.05})
    total = sum(plan.tokens().values())
    assert {code: count / total for code, count in plan.tokens().items()} == pytest.approx(dict(plan.shares), abs=0.01)
    with pytest.raises(ConfigError, match="nothing is left to rehearse"):
        make_plan(examples(), LANGS, stage(rehearsal=rehearsal), [7, 0])


def test_what_cannot_be_planned_is_refused_by_stage_and_language() -> None:
    with pytest.raises(ConfigError, match="Stage 'stage1': no training examples in: zu"):
        make_plan(examples(), [*LANGS, "zu"], stage(), [0])
    with pytest.raises(ConfigError, match="Stage 'stage1' has no training examples"):
        make_plan([], LANGS, stage(), [0])
    silent = Example("set:9:en", "en", np.zeros(5, np.int32), np.zeros(5, np.bool_))
    with pytest.raises(DataError, match="set:9:en: nothing of this example is learned"):
        make_plan([*examples(), silent], LANGS, stage(), [0])


def test_a_floor_keeps_a_small_language_at_its_share_of_the_tokens_seen() -> None:
    plan = make_plan(examples(), LANGS, stage(mixture={"temperature": 1, "floor": 0.2}), [7, 0])
    total = sum(plan.tokens().values())
    assert min(plan.tokens().values()) / total == pytest.approx(0.2, abs=0.01)
    assert plan.tokens()["yo"] > 2 * plan.available["yo"] * total / sum(plan.available.values())
