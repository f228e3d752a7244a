"""The shipped parts join into recipes that hold, in any order, and say what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from tiny_models import make_model
from typer.testing import CliRunner

from afya.cli.train import app
from afya.data.sample import sample_items
from afya.errors import ConfigError
from afya.folders import DatasetWriter
from afya.items import Item
from afya.runs import Ledger
from afya.training import Recipe, load_recipe, train
from afya.training.recipe.folders import check_folders, dataset_folders
from afya.training.recipe.load import part_content, part_kind, shipped_parts

PARTS = {name: part_kind(file) for name, file in shipped_parts().items()}
MODELS, METHODS, COURSES, PROOFS = (
    sorted(name for name, kind in PARTS.items() if kind == wanted) for wanted in ("model", "method", "course", "proof")
)


def meaning(recipe: Recipe) -> dict[str, object]:
    """All of a recipe but what it is called."""
    return recipe.model_dump(exclude={"name", "description"})


def test_the_models_methods_and_courses_are_there() -> None:
    qwen, llama, gemma = ["1.7b", "4b", "8b"], ["3.1-8b", "3.2-3b"], ["gemma-3-4b", "medgemma-4b"]
    assert set(MODELS) == {*(f"qwen3-{size}" for size in qwen), *(f"llama-{size}" for size in llama), *gemma}
    assert METHODS == ["full", "lora", "qlora"]
    stages = {"two-stages", "mmed-ift-mc"}
    assert set(COURSES) == {*stages, *(f"{name}-rationale" for name in stages), "mmed-ift", "globmed"}


@pytest.mark.parametrize("course", COURSES)
def test_every_model_and_method_joins_with_a_course_in_either_order(course: str) -> None:
    for model in MODELS:
        for method in METHODS:
            recipe = load_recipe(f"{model}+{method}+{course}")
            assert recipe.method == method
            assert recipe.model.path == part_content(model)["model"]["path"]
            assert recipe.precision == "bf16"
            assert all(
                stage.learning_rate == part_content(method)["defaults"]["learning_rate"] for stage in recipe.stages
            )
            assert all(stage.pack_tokens == 4096 for stage in recipe.stages)
            assert recipe.proof is not None
            assert {"taught", "general"} == {entry.role for entry in recipe.proof.data}
            assert all(stage.mixture.floor > 0 for stage in recipe.stages), "no language goes under"
            assert model.replace(".", "_") in recipe.name
    assert meaning(load_recipe(f"{course}+{method}+{model}")) == meaning(recipe)


@pytest.mark.parametrize("proof", PROOFS)
def test_a_proof_takes_the_place_of_the_courses_own(proof: str) -> None:
    recipe = load_recipe(f"llama-3.2-3b+qlora+mmed-ift-mc-rationale+{proof}")
    assert recipe.proof is not None
    assert [entry.name for entry in recipe.proof.data] == [
        entry["name"] for entry in part_content(proof)["proof"]["data"]
    ]


def test_full_training_learns_slower_than_adapters_and_small_cards_recompute() -> None:
    rates = {method: load_recipe(f"qwen3-8b+{method}+mmed-ift").stages[0].learning_rate for method in METHODS}
    assert rates["full"] < rates["lora"] <= rates["qlora"]
    assert load_recipe("qwen3-1.7b+qlora+mmed-ift").gradient_checkpointing
    assert not load_recipe("qwen3-1.7b+lora+mmed-ift").gradient_checkpointing


@pytest.mark.parametrize("name", [name for name, kind in PARTS.items() if kind in ("model", "method", "course")])
def test_numbers_that_were_not_tried_say_so(name: str) -> None:
    assert "untried here" in shipped_parts()[name].read_text(encoding="utf-8")


def test_gated_models_say_what_must_be_accepted() -> None:
    gated = {name for name in MODELS if "gated" in shipped_parts()[name].read_text(encoding="utf-8")}
    assert gated == {"llama-3.2-3b", "llama-3.1-8b", "gemma-3-4b", "medgemma-4b"}
    assert all("# Licence:" in shipped_parts()[name].read_text(encoding="utf-8") for name in MODELS)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("qwen3-4+lora+two-stages", "no recipe or part 'qwen3-4'; did you mean 'qwen3-4b'"),
        ("qwen3-4b+lora+two-stage", "did you mean 'two-stages'"),
        ("qwen3-4b+two-stages", "how it learns.*Join a method .full, lora, qlora"),
        ("lora+two-stages", "names no model.*Join a model .gemma-3-4b"),
        ("qwen3-4b+lora", "has no stages.*Join a course .globmed"),
        ("qwen3-4b+qwen3-8b+lora+two-stages", "two parts of the kind model: qwen3-4b and qwen3-8b"),
        ("qwen3-4b+lora+two-stages+", "no recipe or part ''"),
    ],
)
def test_what_does_not_join_is_told_with_what_would(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_recipe(name)


def test_a_file_may_extend_parts_and_changes_reach_every_stage(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(
        "extends: qwen3-1.7b+lora+two-stages+cases-proof\nname: ours\nlora: {rank: 64}\ndefaults: {clip: 0.3}\n",
        encoding="utf-8",
    )
    recipe = load_recipe(file, ["defaults.learning_rate=0.0003", "stages.stage2.length={steps: 7}"])
    assert (recipe.name, recipe.lora.rank, recipe.lora.alpha) == ("ours", 64, 32)
    assert [(stage.clip, stage.learning_rate) for stage in recipe.stages] == [(0.3, 0.0003)] * 2
    assert recipe.stages[1].length.steps == 7


def test_a_pocket_model_can_take_a_models_place() -> None:
    assert load_recipe("qwen3-4b+lora+demo").model.pocket is not None


def test_missing_data_is_told_with_the_command_that_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe("qwen3-4b+lora+two-stages")
    with pytest.raises(ConfigError) as caught:
        train(recipe, tmp_path / "run")
    told = str(caught.value)
    for part in (
        "datasets/mmed-ift (stage 'stage1', the rehearsal of stage 'stage2')",
        f"Looked for in {tmp_path}",
        "afya data build mmed-ift --out datasets/mmed-ift --sources FOLDER",
        "afya data build general --out datasets/general.",
        "--set stages.stage1.data.0.path=FOLDER",
    ):
        assert part in told, part
    assert not (tmp_path / "run").exists()
    for key in {key for _, key, _ in dataset_folders(recipe)}:
        recipe = load_recipe("qwen3-4b+lora+two-stages", [f"{key}={tmp_path}"])
        assert tmp_path in {folder for _, _, folder in dataset_folders(recipe)}, key


def test_data_of_one_s_own_needs_no_shipped_name(tmp_path: Path) -> None:
    recipe = load_recipe("qwen3-4b+lora+mmed-ift+cases-proof", [f"stages.stage1.data.0.path={tmp_path / 'ours'}"])
    with pytest.raises(ConfigError, match="ours") as caught:
        check_folders(recipe)
    assert "afya data build" not in str(caught.value)
    (tmp_path / "ours").mkdir()
    check_folders(recipe)


# A whole course, on a model of two layers -----------------------------------------------------------------------------


def write(folder: Path, items: list[Item]) -> None:
    writer = DatasetWriter(folder, {"command": "test"})
    for item in items:
        writer.add(item)
    ledger = Ledger()
    ledger.add("read", len(items), len(items))
    writer.finish(ledger, "# Test")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with datasets/ as the courses name them, and a tiny model."""
    items = [item for item in sample_items(["en", "sw"]) if item.split == "train"]
    write(tmp_path / "datasets" / "mmed-ift", [item for item in items if item.task == "long_form"])
    write(tmp_path / "datasets" / "mmed-ift-mc-questions", [item for item in items if item.task == "mcq"])
    make_model(tmp_path / "tiny", "qwen3", chat=True, context=1024)
    monkeypatch.chdir(tmp_path)
    return tmp_path


TINY = (
    "model.path=tiny",
    "langs=[en, sw]",
    "proof=null",
    "precision=fp32",
    "threads=1",
    "defaults.pack_tokens=512",
    "defaults.accumulate=1",
    "defaults.checkpoint_every=1",
)


def test_the_shipped_course_trains_from_the_working_directory_and_stage_2_goes_on_from_stage_1_alone(
    place: Path,
) -> None:
    lengths = [f"stages.{name}.length={{steps: 2}}" for name in ("stage1", "stage2")]
    both = train(load_recipe("qwen3-1.7b+full+two-stages", [*TINY, *lengths]), place / "both")
    assert [result.name for result in both] == ["stage1", "stage2"]
    train(load_recipe("qwen3-1.7b+full+mmed-ift", [*TINY, lengths[0]]), place / "first")
    changed = [*TINY, lengths[1], "model.path=first/stage1"]
    (second,) = train(load_recipe("qwen3-1.7b+full+mmed-ift-mc", changed), place / "second")
    assert second.tokens.keys() == {"en", "sw"}
    assert (place / "first" / "stage1" / "model.safetensors").read_bytes() == (
        place / "both" / "stage1" / "model.safetensors"
    ).read_bytes()
    shutil.rmtree(place / "second")


def test_the_command_lists_parts_and_prints_a_joined_recipe() -> None:
    listed = CliRunner().invoke(app, ["recipes"], env={"COLUMNS": "160"})
    assert listed.exit_code == 0
    for name in PARTS:
        assert name in listed.output
    for part in ("model", "method", "course", "proof", "qwen3-4b+qlora+two-stages"):
        assert part in listed.output
    shown = CliRunner().invoke(app, ["recipes", "qwen3-4b+qlora+two-stages", "--set", "lora.rank=8"])
    content = yaml.safe_load(shown.stdout)
    assert content["lora"]["rank"] == 8
    assert [stage["learning_rate"] for stage in content["stages"]] == [0.0002, 0.0002]
    assert "&id" not in shown.stdout
    alone = CliRunner().invoke(app, ["recipes", "qwen3-4b"])
    assert alone.exit_code == 0
    assert "Not a whole recipe" in alone.output


def test_what_is_printed_is_a_recipe_file(tmp_path: Path) -> None:
    name = "llama-3.1-8b+lora+two-stages-rationale"
    file = tmp_path / "whole.yaml"
    file.write_text(CliRunner().invoke(app, ["recipes", name]).stdout, encoding="utf-8")
    assert meaning(load_recipe(file)) == meaning(load_recipe(name))
