"""A recipe says what it means or is refused with the key named."""

from __future__ import annotations

from pathlib import Path

import pytest

from afya.errors import ConfigError
from afya.training import load_recipe
from afya.training.recipe import recipes_folder

GOOD = """
name: small
langs: en,sw
model: {pocket: {hidden: 32}}
stages:
  - name: stage1
    data: [{source: sample}]
    length: {steps: 2}
    learning_rate: 0.001
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hidden: 32", "hiden: 32", "unknown key 'model.pocket.hiden' .did you mean 'hidden'"),
        ("learning_rate", "learnin_rate", "did you mean 'learning_rate'"),
        ("{source: sample}", "{source: vignettes}", "'count' belongs to source 'vignettes'"),
        ("{source: sample}", "{source: sample, split: test}", "never trained on"),
        ("{steps: 2}", "{steps: 2, tokens: 5}", "exactly one"),
        ("en,sw", "en,xx", "Unknown language code 'xx'"),
        ("{pocket: {hidden: 32}}", "{}", "either 'path' or 'pocket'"),
        ("    learning_rate: 0.001", "    learning_rate: -1", "greater than 0"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=told):
        load_recipe(written(tmp_path, GOOD.replace(old, new)))


def test_a_key_can_be_changed_from_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    recipe = load_recipe(path, ["stages.stage1.learning_rate=0.5", "stages.0.length.steps=7", "seed=3"])
    assert (recipe.stages[0].learning_rate, recipe.stages[0].length.steps, recipe.seed) == (0.5, 7, 3)
    with pytest.raises(ConfigError, match="no 'stage9'"):
        load_recipe(path, ["stages.stage9.learning_rate=0.5"])
    with pytest.raises(ConfigError, match="key=value"):
        load_recipe(path, ["seed"])


def test_folders_are_taken_from_the_recipes_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    recipe = load_recipe(written(tmp_path, GOOD.replace("{source: sample}", "{source: dataset, path: data}")))
    assert recipe.stages[0].data[0].path == tmp_path / "data"


def test_an_unknown_name_lists_the_shipped_recipes() -> None:
    with pytest.raises(ConfigError, match="demo"):
        load_recipe("no-such-recipe")


@pytest.mark.parametrize("path", sorted(recipes_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    recipe = load_recipe(path.stem)
    assert recipe.name == path.stem
    assert [stage.name for stage in recipe.stages]
