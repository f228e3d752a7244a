"""A stage with rehearsal and cut examples, from its recipe to its ledger."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from afya.errors import ConfigError
from afya.training import load_recipe, train
from afya.training.examples.material import input_paths, stage_lessons
from afya.training.examples.option_order import letter_balance
from afya.training.loop.progress import Watcher

RECIPE = """
name: small
langs: en,sw,yo
seed: 5
threads: 1
model: {pocket: {vocabulary: 900, hidden: 16, layers: 1, heads: 1, feed_forward: 32, context: 256}}
stages:
  - name: stage2
    langs: [sw, yo]
    data: [{source: vignettes, count: 40}]
    form: letter
    rehearsal: {share: 0.25, data: [{source: sample, form: cloze}]}
    length: {steps: 4}
    pack_tokens: 144
    packs_per_step: 8
    learning_rate: 0.01
"""


class Told(Watcher):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def written(folder: Path, text: str = RECIPE) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_rehearsal_comes_last_in_any_of_the_recipes_languages_and_letters_are_balanced(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path))
    lessons = stage_lessons(recipe, recipe.stages[0])
    own = [lesson for lesson in lessons if not lesson.rehearsal]
    assert lessons[: len(own)] == own
    assert {lesson.item.lang for lesson in own} == {"sw", "yo"}
    assert {lesson.item.lang for lesson in lessons[len(own) :]} == {"en", "sw", "yo"}
    assert all(max(counts.values()) - min(counts.values()) <= 1 for counts in letter_balance(lessons).values())
    given = load_recipe(tmp_path / "small.yaml", ["stages.stage2.options=as_given"])
    assert stage_lessons(given, given.stages[0]) != lessons


def test_a_run_tells_and_accounts_for_what_was_cut_and_rehearsed(tmp_path: Path) -> None:
    told = Told()
    (result,) = train(load_recipe(written(tmp_path)), tmp_path / "run", told)
    ledger = pl.read_parquet(tmp_path / "run" / "ledger.parquet")
    rows = dict(ledger.filter(pl.col("reason").is_null()).select("entry", "rows").iter_rows())
    cut = ledger.filter(pl.col("reason") == "cut")
    assert rows["made"] == len(cut) > 0
    assert rows["in"] + rows["made"] == rows["out"] + len(cut) + result.rejected
    assert cut["detail"].str.contains("of the question's").all()
    assert any(f"{len(cut)} items were cut" in message for message in told.messages)
    assert any("of the tokens are rehearsal" in message for message in told.messages)
    assert result.tokens["en"] > 0


def test_folders_to_rehearse_from_are_anchored_and_hashed(tmp_path: Path) -> None:
    (tmp_path / "general").mkdir()
    text = RECIPE.replace("{source: sample, form: cloze}", "{source: dataset, path: general}")
    assert input_paths(load_recipe(written(tmp_path, text))) == [tmp_path / "general"]
    with pytest.raises(ConfigError, match="share"):
        load_recipe(written(tmp_path, text), ["stages.stage2.rehearsal.share=1"])
