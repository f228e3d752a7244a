"""A run with a proof says what each language gained and lost, trains the same bytes, and goes on after a kill."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from warm import run_with_kills

from afya.data.sample import sample_items
from afya.errors import ConfigError
from afya.folders import DatasetWriter
from afya.items import Item
from afya.runs import Ledger, read_json, sha256_path
from afya.training import load_recipe, train
from afya.training.loop.progress import Watcher
from afya.training.proof.again import prove_again
from afya.training.proof.proving import recipe_of

RECIPE = """
name: small
langs: en,sw
seed: 5
threads: 1
model: {pocket: {vocabulary: 900, hidden: 32, layers: 2, heads: 2, feed_forward: 64, context: 512}}
stages:
  - name: stage1
    data: [{source: sample}]
    form: instruction
    length: {steps: 4}
    pack_tokens: 512
    packs_per_step: 1
    learning_rate: 0.01
    checkpoint_every: 2
  - name: stage2
    data: [{source: vignettes, count: 20}]
    form: cloze
    length: {steps: 9}
    pack_tokens: 512
    packs_per_step: 1
    optimizer: muon
    learning_rate: 0.01
    checkpoint_every: 4
    log_every: 3
"""
PROOF = """
proof:
  data:
    - {name: cases, source: vignettes, count: 8, setting: cloze}
    - {name: letters, source: vignettes, count: 6, seed: 3, role: general}
  every: 3
  every_groups: 4
"""


class Listener(Watcher):
    def __init__(self) -> None:
        self.told: list[str] = []

    def message(self, text: str) -> None:
        self.told.append(text)


def written(folder: Path, text: str = RECIPE + PROOF) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def dataset(folder: Path, items: list[Item]) -> Path:
    writer = DatasetWriter(folder, {"command": "test"})
    for item in items:
        writer.add(item)
    ledger = Ledger()
    ledger.add("read", len(items), len(items))
    writer.finish(ledger, "# Test")
    return folder


def contents(run: Path) -> dict[str, str]:
    """Every file's hash but those that carry the time of day, as replies do until they are joined."""
    apart = ("events.jsonl", ".lock", "timings.parquet", "speed.csv")
    files = [file for file in sorted(run.rglob("*")) if file.is_file() and file.name not in apart]
    held = [file for file in files if not file.match("proof/*/*/parts/*/*")]
    return {file.relative_to(run).as_posix(): sha256_path(file) for file in held}


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A finished run with a proof, and what was told while it ran."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("proved")
    listener = Listener()
    train(load_recipe(written(folder)), folder / "run", listener)
    return folder / "run", listener.told


def test_each_stage_is_measured_and_every_figure_has_n_and_an_interval(proved: tuple[Path, list[str]]) -> None:
    run, told = proved
    proof = read_json(run / "proof" / "proof.json")
    assert proof["labels"] == ["before", "stage1", "stage2"]
    for label in proof["labels"]:
        assert (run / "proof" / label / "cases" / "scores.parquet").exists()
    assert len(proof["scores"]) == 2 * 3 * 3  # data sets, labels, two languages and all
    assert all(row["n"] > 0 and row["low"] <= row["accuracy"] <= row["high"] for row in proof["scores"])
    assert all("non_answer_rate" in row and row["chance"] == 0.25 for row in proof["scores"])
    pairs = {(row["a"], row["b"]) for row in proof["changes"]}
    assert pairs == {("before", "stage1"), ("stage1", "stage2"), ("before", "stage2")}
    for row in proof["changes"]:
        assert row["low"] <= row["difference"] <= row["high"]
        assert row["p_value"] <= row["p_holm"] <= 1
        assert row["difference"] == pytest.approx(row["after"] - row["before"], abs=2e-6)
    assert {row["who"] for row in proof["averages"]} == {"all", "high", "low"}
    assert {row["label"] for row in proof["disparity"]} == set(proof["labels"])
    assert {row["role"] for row in proof["scores"]} == {"taught", "general"}
    assert any("stage2: " in line and "unseen questions of cases, chance is 25.0 %" in line for line in told)
    assert any("fewer than 30 groups in English 8, Swahili 8" in note for note in proof["notes"])


def test_the_report_and_the_cards_say_it(proved: tuple[Path, list[str]]) -> None:
    run, _ = proved
    page = (run / "proof" / "report.html").read_text(encoding="utf-8")
    for part in (
        "Proof of a training run",
        "what must not be forgotten",
        "Kiswahili",
        "Times the base",
        "Gini",
        "<svg",
    ):
        assert part in page
    assert "While the stages ran" in page
    first, last = ((run / stage / "README.md").read_text(encoding="utf-8") for stage in ("stage1", "stage2"))
    for card in (first, last):
        assert card.count("## Measured before and after each stage") == 1
        assert card.index("### What became worse") < card.index("## Limits")
        assert "Not for clinical use" in card
    assert "| stage2 |" in last
    assert "| stage2 |" not in first
    assert "| Swahili | 8 | 8 | 25.0 |" in last


def test_the_model_is_measured_while_a_stage_runs(proved: tuple[Path, list[str]]) -> None:
    run, told = proved
    with (run / "proof" / "steps.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    # The last step of a stage is the proof of the whole stage.
    steps = [(stage, step) for stage, last in (("stage1", 4), ("stage2", 9)) for step in range(3, last, 3)]
    assert [
        (row["stage"], int(row["step"])) for row in rows if row["data"] == "cases" and row["lang"] == "all"
    ] == steps
    assert all(row["n"] == "4" for row in rows if row["lang"] == "sw")
    assert any(line.startswith("stage2, step 6: cases") and "(n = 8)" in line for line in told)


def test_training_gives_the_same_bytes_with_and_without_a_proof(proved: tuple[Path, list[str]], tmp_path: Path) -> None:
    run, _ = proved
    train(load_recipe(written(tmp_path, RECIPE)), tmp_path / "run")
    for name in ("training.csv", *(f"{stage}/model.safetensors" for stage in ("start", "stage1", "stage2"))):
        assert sha256_path(tmp_path / "run" / name) == sha256_path(run / name), name


def test_killed_and_continued_it_gives_the_same_bytes(proved: tuple[Path, list[str]], tmp_path: Path) -> None:
    run, _ = proved
    # Three steps after a checkpoint, with a measurement between; and before the last proof is noted.
    places: list[list[Any]] = [["step", "stage2", 7], ["told", "proof-stage2", 0]]
    run_with_kills(written(tmp_path), tmp_path / "run", places)
    assert contents(tmp_path / "run") == contents(run)


def test_a_second_start_measures_nothing_again(proved: tuple[Path, list[str]]) -> None:
    run, _ = proved
    before = contents(run)
    listener = Listener()
    train(load_recipe(run.parent / "small.yaml"), run, listener)
    assert contents(run) == before
    assert not [line for line in listener.told if "measuring" in line]


# Held out means held out ---------------------------------------------------------------------------------------------


def entry(**told: Any) -> str:
    return f"{RECIPE}\nproof: {json.dumps({'data': [told]})}\n"


def test_a_group_that_a_stage_learns_is_refused_and_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    learned = dataset(tmp_path / "data", [item for item in sample_items(["en", "sw"]) if item.task == "mcq"])
    text = entry(name="same", source="dataset", path=str(learned), split="train")
    text = text.replace("form: instruction", "form: rationale")
    with pytest.raises(ConfigError, match=r"'same' is not held out: stage 'stage1' learns .* \(afya-sample:"):
        train(load_recipe(written(tmp_path, text)), tmp_path / "run")
    assert not (tmp_path / "run" / "stage1").exists()


def test_cases_of_a_split_that_is_learned_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text = entry(name="cases", source="vignettes", count=4, seed=9, split="train")
    with pytest.raises(ConfigError, match=r"stage 'stage2' learns from cases of the train split too"):
        train(load_recipe(written(tmp_path, text)), tmp_path / "run")


def test_groups_that_read_as_a_lesson_are_in_no_figure(proved: tuple[Path, list[str]], tmp_path: Path) -> None:
    from dataclasses import replace

    from afya.protocols.vignettes import generate
    from afya.training.examples.material import stage_lessons
    from afya.training.proof.held_out import prepare

    run, _ = proved
    recipe = recipe_of(run)
    items = list(generate(("en", "sw"), 5, 0, "train"))  # the first five cases of stage 2
    renamed = [
        replace(item, item_id=f"other:{item.item_id}", group_id=f"other:{item.group_id}", split="test")
        for item in [*items, *generate(("en", "sw"), 3, 4, "test")]
    ]
    told: list[str] = []
    proof_data = load_recipe(
        written(tmp_path, entry(name="mixed", source="dataset", path=str(dataset(tmp_path / "data", renamed))))
    ).proof
    assert proof_data is not None
    lessons = [(stage.name, stage_lessons(recipe, stage)) for stage in recipe.stages]
    (found,) = prepare(recipe, proof_data.data, tmp_path / "run", lessons, told.append)
    assert len(found.left_out) == 5
    assert all(name.startswith("other:vignette:train") for name in found.left_out)
    assert "5 groups of 'mixed' read as a lesson does" in told[0]


def test_a_finished_run_is_proved_on_other_data(proved: tuple[Path, list[str]], tmp_path: Path) -> None:
    import shutil

    from afya.training.recipe import ProofData

    run = shutil.copytree(proved[0], tmp_path / "run")
    items = [item for item in sample_items(["en", "sw"]) if item.task == "mcq" and item.split == "test"]
    data = dataset(tmp_path / "other", items)
    added = ProofData(name="other", source="dataset", path=data, setting="cloze", role="general")
    found = prove_again(run, recipe_of(run), [added])
    assert found.roles == {"cases": "taught", "letters": "general", "other": "general"}
    whole = found.summary.filter(task="other", lang="all")
    assert whole["label"].to_list() == ["before", "stage1", "stage2"]
    assert set(whole["n"]) == {len(items)}
    with pytest.raises(ConfigError, match=r"measured on other data called 'other'.*--name"):
        prove_again(run, recipe_of(run), [added.model_copy(update={"setting": "letter"})])


def test_the_commands_prove_again_and_publish(proved: tuple[Path, list[str]], tmp_path: Path) -> None:
    import shutil

    from typer.testing import CliRunner

    from afya.cli.train import app

    run = shutil.copytree(proved[0], tmp_path / "run")
    items = [item for item in sample_items(["en", "sw"]) if item.task == "nli" and item.split == "test"]
    data = dataset(tmp_path / "Inference Set", items)
    told = CliRunner().invoke(app, ["prove", str(run), "--data", str(data), "--setting", "cloze", "--role", "general"])
    assert told.exit_code == 0, told.output
    assert "inference-set, what must not be forgotten" in told.output
    assert {row["name"] for row in read_json(run / "proof" / "proof.json")["data"]} == {
        "cases",
        "letters",
        "inference-set",
    }
    given = ["publish", str(run), "--to", str(tmp_path / "given"), "--stage", "stage1", "--no-guard"]
    told = CliRunner().invoke(app, given)
    assert told.exit_code == 0, told.output
    assert "stage1 is published in" in told.output
    assert "inference-set" in (tmp_path / "given" / "README.md").read_text(encoding="utf-8")
    wrong = CliRunner().invoke(app, ["prove", str(run), "--data", str(data), "--role", "other"])
    assert isinstance(wrong.exception, ConfigError)
    assert "role" in str(wrong.exception)
