"""The plan of a translation run: parameters as published, steps as the run will make them, and what to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_translating_runs import TRAIN, prepared, write_tsv
from typer.testing import CliRunner

from afya.cli.main import app
from afya.errors import ConfigError
from afya.training.planning.memory import GIB
from afya.training.planning.shapes import shapes
from afya.training.translating import load_translation_recipe, train_translation
from afya.training.translating.planning import plan_translation

RECIPE = """
kind: translation
name: planned
seed: 1
threads: 1
model: {path: model}
pairs: [en-sw]
both_directions: true
stages:
  - name: first
    data: [{source: tsv, path: lesson.tsv, pair: en-sw}]
    length: {epochs: 4}
    batch_tokens: 200
    packs_per_step: 2
    longest: 60
    learning_rate: 0.01
"""
HUB = """
kind: translation
name: hub
model: {path: NAME}
pairs: [en-sw]
precision: bf16
stages:
  - name: only
    data: [{source: tsv, path: absent.tsv, pair: en-sw}]
    length: {steps: 100}
    batch_tokens: 8192
    learning_rate: 0.0001
"""


def on_hub(folder: Path, name: str, *changes: str) -> object:
    path = folder / "hub.yaml"
    path.write_text(HUB.replace("NAME", name), encoding="utf-8")
    return load_translation_recipe(path, list(changes))


@pytest.mark.parametrize("row", [row for row in shapes() if row.type == "m2m_100"], ids=lambda row: row.names[0])
def test_counts_are_the_published_ones(row: object, tmp_path: Path) -> None:
    plan = plan_translation(on_hub(tmp_path, row.names[0], "stages.only.batch_tokens=96"), gpu="A100-80")  # type: ignore
    assert plan.parameters.all / 1e9 == pytest.approx(row.published.all, rel=0.015)  # type: ignore
    assert plan.parameters.trained == plan.parameters.all


def test_steps_and_tokens_are_those_of_the_run(tmp_path: Path) -> None:
    path = prepared(tmp_path, "nllb", RECIPE)
    write_tsv(tmp_path / "lesson.tsv", TRAIN)
    recipe = load_translation_recipe(path)
    (planned,) = plan_translation(recipe, gpu="cpu").stages
    (done,) = train_translation(recipe, tmp_path / "run").stages
    assert planned.exact
    assert (planned.steps, planned.tokens) == (done.steps, sum(done.tokens.values()))
    assert planned.hours is not None
    assert planned.memory.fits


def test_what_does_not_fit_is_told_with_what_to_change(tmp_path: Path) -> None:
    name = "facebook/nllb-200-distilled-600M"
    whole = plan_translation(on_hub(tmp_path, name), gpu="RTX4090-24")  # type: ignore[arg-type]
    assert not whole.fits
    (change,) = whole.changes
    assert change.options == ("--set loss_chunk=512",)
    # 1,536 fewer learned tokens at a time, of 256,206 logits and what is made of them in fp32.
    assert whole.needed - change.plan.needed > 3 * 4 * 1536 * 256_206
    adapters = plan_translation(on_hub(tmp_path, name, "method=lora", "loss_chunk=512"), gpu="RTX4090-24")  # type: ignore[arg-type]
    assert adapters.needed < change.plan.needed - 5 * GIB
    assert 0 < adapters.parameters.adapters == adapters.parameters.trained
    (stage,) = adapters.stages
    assert not stage.exact
    assert "absent.tsv is not here" in stage.told


def test_the_command_plans_both_kinds_of_recipe(tmp_path: Path) -> None:
    path = prepared(tmp_path, "nllb", RECIPE)
    write_tsv(tmp_path / "lesson.tsv", TRAIN)
    told = CliRunner().invoke(app, ["train", "plan", str(path), "--gpu", "A100-80"], env={"COLUMNS": "120"})
    assert told.exit_code == 0, told.output
    assert "planned: what it will take" in told.output
    assert "It fits" in told.output
    with pytest.raises(ConfigError, match="one process"):
        plan_translation(load_translation_recipe(path), gpu="A100-80", gpus=2)
