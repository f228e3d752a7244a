"""Parts of the proof on their own: a model is asked and left as it was, means over languages, the table of steps."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from afya.models.base import Generation, LanguageModel, ModelIdentity, OptionRequest, OptionScores, Prompt, Sampling
from afya.models.live import held, holding
from afya.models.load import identify, load_model
from afya.training.proof.averages import average_changes, averages
from afya.training.proof.wide import change_text, times


def scores(rights: dict[str, dict[str, list[int]]]) -> pl.DataFrame:
    """Scores from 0 and 1 by label and language; the same place is the same group."""
    rows = [
        {
            "label": label,
            "model": label,
            "setting": "letter",
            "task": "exams",
            "item_id": f"g{place}:{lang}",
            "group_id": f"g{place}",
            "lang": lang,
            "outcome": "correct" if right else "wrong",
            "n_options": 4,
        }
        for label, langs in rights.items()
        for lang, answers in langs.items()
        for place, right in enumerate(answers)
    ]
    return pl.DataFrame(rows)


def test_each_language_counts_once_in_the_means() -> None:
    table = averages(scores({"before": {"en": [1] * 40, "fr": [1, 0] * 20, "sw": [0, 1, 0, 0] * 3}}))
    found = {row["who"]: row for row in table.iter_rows(named=True)}
    assert found["all"]["mean"] == pytest.approx((1 + 0.5 + 0.25) / 3)
    assert found["high"]["mean"] == pytest.approx(0.75)
    assert found["low"]["mean"] == pytest.approx(0.25)
    assert (found["all"]["languages"], found["all"]["n"], found["all"]["groups"]) == (3, 92, 40)
    assert found["high"]["low"] < 0.75 < found["high"]["high"]


def test_a_change_of_the_means_is_drawn_with_both_stages_together() -> None:
    # Whatever a group gives before it gives after, but for one more right answer in Swahili's.
    base = [1, 0] * 30
    more = [1, 0, 1, 1] * 15
    found = scores({"before": {"en": base, "sw": base}, "after": {"en": base, "sw": more}})
    table = average_changes(found, [("before", "after")])
    rows = {row["who"]: row for row in table.iter_rows(named=True)}
    assert rows["low"]["difference"] == pytest.approx(0.25)
    assert rows["all"]["difference"] == pytest.approx(0.125)
    assert rows["high"]["difference"] == 0
    assert rows["high"]["p_value"] == 1
    assert rows["low"]["low"] > 0
    assert rows["low"]["p_holm"] < 0.01


def test_a_language_that_one_stage_lacks_is_in_no_mean() -> None:
    found = scores({"before": {"en": [1] * 10, "sw": [0] * 10}, "after": {"en": [1] * 10}})
    table = averages(found)
    assert table["who"].to_list() == ["all", "all"]
    assert table["mean"].to_list() == [1.0, 1.0]
    assert table["low"].to_list() == [None, None]  # nothing is known of the spread


def test_points_and_times_are_written_with_their_ends() -> None:
    row = {"difference": -0.076, "low": -0.12, "high": -0.031, "defined": True, "times": 1.5, "times_low": 1.25}
    assert change_text(row) == "−7.6 [−12.0, −3.1]"
    assert times({**row, "times_high": 2.0}) == "1.50 [1.25, 2.00]"
    assert times({**row, "defined": False, "times_low": 2.5}) == "at least 2.50"
    assert times({**row, "defined": False, "times_low": 0.0}) == "–"


class Answering:
    """A model in memory."""

    identity = ModelIdentity("mine", "live", "0" * 64)
    scores_options = True

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]:
        return []

    def score_options(self, requests: Sequence[OptionRequest]) -> list[OptionScores]:
        return []


def test_a_model_in_memory_has_a_spec_while_it_is_held() -> None:
    from afya.errors import ConfigError, EngineError

    model: LanguageModel = Answering()
    with holding(model) as spec:
        assert load_model(spec) is model
        assert identify(spec) == model.identity
        with pytest.raises(EngineError, match="is being asked already"), holding(model):
            pass
    with pytest.raises(EngineError, match="No model called 'mine' is in memory"):
        held("mine")
    with pytest.raises(ConfigError) as told:
        load_model("nothing:mine")
    assert "live" not in str(told.value)


def drawn() -> tuple[float, float, float]:
    import torch

    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_a_model_that_is_asked_while_it_learns_is_left_as_it_was(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from tiny_models import make_model
    from transformers import AutoModelForCausalLM

    from afya.training.proof.steps import undisturbed

    def seeded() -> None:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)

    model = AutoModelForCausalLM.from_pretrained(make_model(tmp_path / "model"))
    model.train()
    model.lm_head.train(False)
    model.config.use_cache = False
    modes = [module.training for module in model.modules()]
    seeded()
    wanted = drawn()
    seeded()
    with undisturbed(model):
        model.train(False)
        model.config.use_cache = True
        assert not torch.is_grad_enabled()
        drawn()
    assert [module.training for module in model.modules()] == modes
    assert not model.config.use_cache
    assert torch.is_grad_enabled()
    assert drawn() == wanted


def test_the_table_of_steps_forgets_what_is_made_again(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from afya.bench.analysis.summary import summarise
    from afya.training.proof.steps import StepsTable

    table = StepsTable(tmp_path)
    summary = summarise(scores({"x": {"en": [1, 0]}}))
    for stage, step in (("stage1", 2), ("stage1", 4), ("stage2", 2), ("stage2", 4)):
        table.add(stage, step, "exams", summary)
    with table.path.open("a", encoding="utf-8") as handle:
        handle.write("stage2,6,exa")  # torn
    table.rewind(["stage1"], "stage2", 2)
    rows = pl.read_csv(table.path)
    held_steps = rows.filter(lang="all").select("stage", "step").rows()
    assert held_steps == [("stage1", 2), ("stage1", 4), ("stage2", 2)]
    assert rows["accuracy"].unique().to_list() == [0.5]
    table.rewind([], "stage1", 0)
    assert not table.path.exists()
