"""Two stages of adapters from start to use: trained, killed and continued, moved, measured, asked and exported."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from warm import run_with_kills

from afya.bench.running.run import bench_run
from afya.folders import DatasetWriter
from afya.items import Item
from afya.models import identify
from afya.runs import Ledger, read_json, sha256_path
from afya.training import load_recipe, train
from afya.training.exporting import export

RECIPE = """
name: small-lora
langs: en,sw
seed: 5
threads: 1
method: lora
lora: {rank: 4, alpha: 8}
model: {pocket: {vocabulary: 700, hidden: 32, layers: 2, heads: 2, feed_forward: 64, context: 1024}}
stages:
  - name: stage1
    data: [{source: sample}]
    form: instruction
    length: {steps: 4}
    pack_tokens: 256
    packs_per_step: 2
    learning_rate: 0.01
    checkpoint_every: 2
  - name: stage2
    data: [{source: sample}]
    form: cloze
    length: {steps: 4}
    pack_tokens: 256
    packs_per_step: 1
    optimizer: muon
    learning_rate: 0.01
    checkpoint_every: 2
"""


def written(folder: Path) -> Path:
    path = folder / "small-lora.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def with_kills(folder: Path, places: list[list[Any]]) -> Path:
    run_with_kills(written(folder), folder / "run", places)
    return folder / "run"


def models(run: Path) -> dict[str, str]:
    """The hashes of the files that a run's stages consist of."""
    files = [file for stage in ("start", "stage1", "stage2") for file in sorted((run / stage).iterdir())]
    return {file.relative_to(run).as_posix(): sha256_path(file) for file in files}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, moved to another place than where it was trained."""
    folder = tmp_path_factory.mktemp("lora")
    return with_kills(folder, []).rename(folder / "moved")


def test_killed_in_both_stages_and_while_saving_it_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    places: list[list[Any]] = [
        ["saving", "stage1", 4],
        ["step", "stage2", 3],
    ]
    assert models(with_kills(tmp_path, places)) == models(run)


def test_stages_are_adapters_of_the_start_and_their_cards_say_what_learned(run: Path) -> None:
    for stage in ("stage1", "stage2"):
        assert not (run / stage / "model.safetensors").exists()
        assert read_json(run / stage / "adapter_config.json")["base_model_name_or_path"] == "../start"
        card = (run / stage / "README.md").read_text(encoding="utf-8")
        assert "library_name: peft" in card
        assert "- method lora: 4,352 parameters learned (" in card
        assert "in matrices of rank 4, alpha 8, beside every linear layer but the output layer" in card
    sizes = [(run / stage / "adapter_model.safetensors").stat().st_size for stage in ("stage1", "stage2")]
    assert max(sizes) < (run / "start" / "model.safetensors").stat().st_size


def quiz(path: Path) -> Path:
    writer, ledger = DatasetWriter(path, {"name": "quiz"}), Ledger()
    writer.add(
        Item(
            item_id="quiz:1:sw",
            group_id="quiz:1",
            lang="sw",
            task="mcq",
            split="test",
            question="Mtoto anaharisha. Apewe nini?",
            options=("maji", "chumvi", "sukari"),
            answer=(0,),
            source="quiz",
            licence="CC0-1.0",
            origin="human",
        )
    )
    ledger.add("make", 1, 1)
    writer.finish(ledger, "# A quiz")
    return path


def test_the_run_is_measured_asked_and_exported_by_its_folder(run: Path, tmp_path: Path) -> None:
    from afya.cli.main import app

    bench_run([f"hf:{run / 'stage1'}", f"hf:{run}"], [quiz(tmp_path / "quiz")], tmp_path / "bench", settings=["cloze"])
    asked = read_json(tmp_path / "bench" / "manifest.json")["recipe"]["models"]
    assert [model["name"] for model in asked] == ["stage1", "moved-stage2"]
    assert asked[1]["sha256"] == identify(f"hf:{run}").sha256

    done = export(run, "safetensors", tmp_path / "out", bench=[tmp_path / "bench"])
    assert done.parity.replies_same == 12
    assert done.parity.most < 1e-4
    assert not list(done.folder.glob("adapter*"))
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    assert "1 set(s) of adapters merged" in card
    assert "library_name: transformers" in card
    assert "base_model" not in card
    assert "| after stage1 |" in card
    assert "| this model |" in card

    answers = [
        CliRunner().invoke(app, ["ask", "--lang", "sw", "Mtoto wa miezi 8 ana kikohozi", "--model", str(model)])
        for model in (run, done.folder)
    ]
    assert [answer.exit_code for answer in answers] == [0, 0]
    assert answers[0].stdout == answers[1].stdout


def test_a_probe_of_a_prompt_shows_what_adapters_read(run: Path) -> None:
    from afya.models import Message, Prompt, load_model
    from afya.models.hf import HfModel

    model = load_model(f"hf:{run}")
    assert isinstance(model, HfModel)
    shown = model.shown(Prompt((Message("user", "Mtoto ana homa."),)))
    assert shown.text == "<|user|>Mtoto ana homa.<|end|><|assistant|>"


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes (extra qlora)")
def test_frozen_weights_of_four_bits_train_through_both_stages_on_a_cpu(tmp_path: Path) -> None:
    changed = ["method=qlora", "precision=bf16", "gradient_checkpointing=true"]
    results = train(load_recipe(written(tmp_path), changed), tmp_path / "run")
    assert [result.name for result in results] == ["stage1", "stage2"]
    assert (
        "the other weights were frozen, in four bits (NF4)" in (tmp_path / "run" / "stage2" / "README.md").read_text()
    )
