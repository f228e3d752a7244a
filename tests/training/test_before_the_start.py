"""What cannot be is told before anything is measured or learned, and the folder is free for a corrected recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tiny_models import make_model

from afya.errors import AfyaError, ConfigError, RunError
from afya.folders import DatasetWriter
from afya.items import Item
from afya.runs import Ledger, RunFolder
from afya.training import load_recipe, train
from afya.training.planning.shapes import model_config
from afya.training.recipe import Recipe

RECIPE = """
name: own
langs: en,sw
threads: 1
model: {path: MODEL}
stages:
  - name: stage1
    data: [{source: dataset, path: clinic}, {source: sample}]
    length: {steps: 1}
    pack_tokens: 512
    packs_per_step: 1
    learning_rate: 0.01
  - name: stage2
    data: [{source: vignettes, count: 4}]
    form: letter
    length: {steps: 1}
    pack_tokens: 512
    packs_per_step: 1
    learning_rate: 0.01
proof: {data: [{name: cases, source: vignettes, count: 2}]}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of Qwen3's kind, an English dataset of one's own, and the recipe."""
    folder = tmp_path_factory.mktemp("own")
    make_model(folder / "qwen", "qwen3", chat=True, context=512)
    writer = DatasetWriter(folder / "clinic", {"command": "test"})
    writer.add(
        Item(
            item_id="clinic:1:en",
            group_id="clinic:1",
            lang="en",
            task="long_form",
            split="train",
            question="What helps a child with diarrhoea?",
            answer_text="Salts, water and zinc.",
            source="clinic",
            licence="CC-BY-NC-4.0",
            origin="native",
        )
    )
    ledger = Ledger()
    ledger.add("import", 1, 1)
    writer.finish(ledger, "# Clinic\n")
    (folder / "own.yaml").write_text(RECIPE.replace("MODEL", str(folder / "qwen")), encoding="utf-8")
    return folder


def changed(place: Path, *overrides: str) -> Recipe:
    return load_recipe(place / "own.yaml", overrides)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("stages.stage2.mixture={weights: {en: 1}}", "Stage 'stage2', mixture: .*differ in: sw"),
        ("lora.targets=[q_prj]", "no linear layer called q_prj"),
        ("model.path=nowhere/at/all", "nowhere/at/all: no such model folder"),
        (
            "stages.stage1.data=[{source: dataset, path: clinic}]",
            r"Stage 'stage1': no training examples in: sw\. .*--set 'stages\.stage1\.langs=\[en\]'",
        ),
        ("stages.stage2.data=[{source: dataset, path: clinic}]", "clinic' has no train items of the tasks mcq, nli"),
        ("stages.stage2.pack_tokens=30", "Stage 'stage2': every one of 8 items was rejected .*a pack holds 30"),
        ("proof.data.cases.split=train", "The proof's data 'cases' is not held out"),
    ],
)
def test_a_fault_of_any_stage_is_told_before_the_first(
    place: Path, tmp_path: Path, change: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(AfyaError, match=told):
        train(changed(place, "method=lora", change), tmp_path / "run")
    assert [file.name for file in (tmp_path / "run").iterdir()] == [".lock"]


def test_a_dataset_gives_the_languages_it_has_and_the_card_tells_the_data_of_all_stages(
    place: Path, tmp_path: Path
) -> None:
    train(changed(place, "proof=null"), tmp_path / "run")
    card = (tmp_path / "run/stage2/README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["license"] == "other"
    assert "| stage1 | clinic | CC-BY-NC-4.0 | native | 1 |" in card
    assert "| stage2 | vignette | Apache-2.0 | synthetic | 8 |" in card
    assert "The licence of the model it started from is not known here" in card
    weights = tmp_path / "run/stage2/model.safetensors"
    assert weights.stat().st_mode & 0o777 == (tmp_path / "run/stage2/config.json").stat().st_mode & 0o777


def test_a_language_that_an_entry_names_must_be_there(place: Path, tmp_path: Path) -> None:
    with pytest.raises(AfyaError, match=r"clinic has nothing in Swahili \(sw\)\. It has: en"):
        train(changed(place, "stages.stage1.data.0.langs=[sw]"), tmp_path / "run")


def test_a_whole_stage_is_replaced_by_its_name(place: Path) -> None:
    told = changed(place, "stages.stage2={name: last, data: [{source: sample}], length: {steps: 2}, learning_rate: 1}")
    assert [stage.name for stage in told.stages] == ["stage1", "last"]
    with pytest.raises(ConfigError, match="'learning_rate' is no key of this place"):
        changed(place, "learning_rate=0.1")


def test_the_folder_of_another_command_is_named_so(tmp_path: Path, place: Path) -> None:
    with RunFolder.open(tmp_path / "run", "bench run", {}):
        pass
    with pytest.raises(RunError, match="holds a run of afya bench run, not a run of afya train"):
        train(changed(place), tmp_path / "run")


def test_two_inputs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    inputs = [tmp_path / "a/data.txt", tmp_path / "b/data.txt"]
    for path in inputs:
        path.parent.mkdir()
        path.write_text("one")
    with RunFolder.open(tmp_path / "run", "train", {}, inputs=inputs):
        inputs[0].write_text("two")
    with pytest.raises(RunError, match=r"a/data\.txt"):
        RunFolder.open(tmp_path / "run", "train", {}, inputs=inputs)


def test_adapters_that_note_their_base_beside_them_have_its_shape(place: Path, tmp_path: Path) -> None:
    (tmp_path / "start").symlink_to(place / "qwen")
    (tmp_path / "stage1").mkdir()
    (tmp_path / "stage1/adapter_config.json").write_text('{"base_model_name_or_path": "../start"}')
    (tmp_path / "stage1/adapter_model.safetensors").touch()
    assert model_config(str(tmp_path / "stage1")).model_type == "qwen3"
