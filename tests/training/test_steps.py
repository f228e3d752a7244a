"""One step at a time: precision, recomputed activations, schedule, clipping, callbacks."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from test_runs_and_kills import Interrupted, Interrupter, contents, small
from transformers import TrainerCallback

from afya.training import train
from afya.training.examples.build import build_examples
from afya.training.examples.material import stage_lessons
from afya.training.loop.log import TrainingTable
from afya.training.loop.trainer import StageTrainer
from afya.training.packs.plan import make_plan
from afya.training.recipe import Recipe
from afya.training.weights.folders import load_for_training

ONE = ("stages.stage1.length.steps=5", "stages.stage1.accumulate=2", "stages.stage1.packs_per_step=1")


def rows(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "training.csv").open(encoding="utf-8")))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    train(small(folder, *ONE), folder / "run", until="stage1")
    return folder / "run"


def test_recomputed_activations_change_neither_loss_nor_gradients(plain: Path, tmp_path: Path) -> None:
    train(small(tmp_path, *ONE, "gradient_checkpointing=true"), tmp_path / "run", until="stage1")
    assert rows(tmp_path / "run") == rows(plain)


def test_in_bf16_a_stopped_run_goes_on_to_the_same_bytes(plain: Path, tmp_path: Path) -> None:
    recipe = small(tmp_path, *ONE, "precision=bf16")
    train(recipe, tmp_path / "whole", until="stage1")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "run", Interrupter("stage1", 3))
    train(recipe, tmp_path / "run", until="stage1")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")
    low, high = ([float(row["loss"]) for row in rows(run)] for run in (tmp_path / "run", plain))
    assert low != high
    assert max(abs(a - b) for a, b in zip(low, high, strict=True)) < 0.03
    with safe_open(tmp_path / "run" / "stage1" / "model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float32}  # noqa: SIM118


def test_the_learning_rate_rises_and_falls_as_a_cosine(tmp_path: Path) -> None:
    steps, warm = 12, 3
    settings = (f"stages.stage1.length.steps={steps}", "stages.stage1.warmup=0.25", "stages.stage1.packs_per_step=1")
    train(small(tmp_path, *settings), tmp_path / "run", until="stage1")
    expected = [
        step / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
        for step in range(steps)
    ]
    found = [float(row["learning_rate"]) for row in rows(tmp_path / "run")]
    assert found == pytest.approx([0.01 * share for share in expected])


class Norms(TrainerCallback):
    """The norm of the gradients that the optimiser gets."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        gradients = [weight.grad.flatten() for weight in kwargs["model"].parameters() if weight.grad is not None]
        self.seen.append(float(torch.cat(gradients).norm()))


def stage_trainer(recipe: Recipe, start: Path, folder: Path, *callbacks: TrainerCallback) -> StageTrainer:
    stage = recipe.stages[0]
    model, tokenizer = load_for_training(str(start), recipe)
    built = build_examples(stage_lessons(recipe, stage), tokenizer, stage.pack_tokens, stage.name)
    plan = make_plan(built.examples, recipe.stage_langs(stage), stage, [recipe.seed, 0])
    table = TrainingTable(folder / "training.csv", recipe.langs)
    table.rewind([], stage.name, 0)
    where = folder / "checkpoints" / stage.name
    return StageTrainer(model, tokenizer, recipe, stage, plan, where, table, lambda *told: None, callbacks=callbacks)


def test_gradients_are_cut_to_the_recipes_norm_and_callbacks_are_told(plain: Path, tmp_path: Path) -> None:
    free, cut = Norms(), Norms()
    stage_trainer(small(tmp_path, *ONE, "stages.stage1.clip=1000"), plain / "start", tmp_path / "free", free).train()
    stage_trainer(small(tmp_path, *ONE, "stages.stage1.clip=0.3"), plain / "start", tmp_path / "cut", cut).train()
    assert free.seen == pytest.approx([float(row["gradient_norm"]) for row in rows(tmp_path / "free")], rel=1e-5)
    assert min(free.seen) > 0.3
    assert cut.seen == pytest.approx([0.3] * 5, rel=1e-4)
    assert float(rows(tmp_path / "cut")[0]["gradient_norm"]) == pytest.approx(free.seen[0], rel=1e-5)


def test_a_step_in_parts_has_the_gradients_of_the_step_at_once(plain: Path, tmp_path: Path) -> None:
    train(
        small(tmp_path, *ONE, "stages.stage1.accumulate=1", "stages.stage1.packs_per_step=2"),
        tmp_path / "run",
        until="stage1",
    )
    for at_once, in_parts in zip(rows(tmp_path / "run"), rows(plain), strict=True):
        assert float(at_once["loss"]) == pytest.approx(float(in_parts["loss"]), abs=1e-4)
        assert float(at_once["gradient_norm"]) == pytest.approx(float(in_parts["gradient_norm"]), abs=1e-4)
