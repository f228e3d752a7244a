"""`afya train` runs a recipe, continues it, and tells mistakes in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from afya.cli.train import train
from afya.errors import ConfigError

RECIPE = """
name: small
langs: en,sw
model: {pocket: {vocabulary: 600, hidden: 16, layers: 1, heads: 2, feed_forward: 32, context: 512}}
stages:
  - name: stage1
    data: [{source: sample}]
    length: {steps: 2}
    pack_tokens: 512
    learning_rate: 0.01
"""


def test_a_recipe_is_run_and_its_mixture_and_result_are_told(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(train)
    recipe = tmp_path / "small.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    arguments = [str(recipe), "--out", str(tmp_path / "run"), "--set", "seed=4"]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    for part in ("the mixture", "50.", "2 steps", "Tokens seen", "hf:"):
        assert part in told.output
    assert (tmp_path / "run" / "stage1" / "README.md").exists()
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 0
    assert "the mixture" not in again.output


def test_an_unknown_recipe_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recipe or part 'nowhere'"):
        train("nowhere", tmp_path / "run")
