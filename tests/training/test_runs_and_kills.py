"""A run that was killed and continued gives the same bytes as one that was not; what cannot go on says why."""

from __future__ import annotations

import csv
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from warm import run_with_kills

from afya.errors import ConfigError, RunError
from afya.runs import read_json, sha256_path
from afya.training import load_recipe, train
from afya.training.loop import checkpoints
from afya.training.loop.progress import Watcher
from afya.training.loop.stopping import Stopped
from afya.training.packs.plan import DataPlan
from afya.training.recipe import Recipe, StageSettings

RECIPE = """
name: small
langs: en,sw
seed: 5
threads: 1
model: {pocket: {vocabulary: 700, hidden: 32, layers: 2, heads: 2, feed_forward: 64, context: 256}}
stages:
  - name: stage1
    data: [{source: sample}]
    form: instruction
    length: {steps: 6}
    pack_tokens: 256
    packs_per_step: 2
    learning_rate: 0.01
    checkpoint_every: 2
  - name: stage2
    data: [{source: sample}]
    form: cloze
    length: {steps: 9}
    pack_tokens: 256
    packs_per_step: 1
    accumulate: 2
    optimizer: muon
    learning_rate: 0.01
    checkpoint_every: 4
    log_every: 3
"""


def written(folder: Path, text: str = RECIPE) -> Path:
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def contents(run: Path) -> dict[str, str]:
    """Every file's hash but those that carry the time of day or the speed."""
    files = [file for file in sorted(run.rglob("*")) if file.is_file() and file.name not in ("events.jsonl", ".lock")]
    files = [file for file in files if file.parent != run / "logs"]
    return {file.relative_to(run).as_posix(): sha256_path(file) for file in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    run_with_kills(written(folder), folder / "run", [])
    return folder / "run"


def test_killed_at_steps_and_in_writing_it_gives_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    places: list[list[Any]] = [
        ["step", "stage1", 3],
        ["saving", "stage1", 4],
        ["told", "stage1", 0],
        ["between", "stage1", 0],
        ["step", "stage2", 5],
        ["saving", "stage2", 8],
        ["told", "stage2", 0],
    ]
    run_with_kills(written(tmp_path), tmp_path / "run", places)
    assert contents(tmp_path / "run") == contents(whole)


def test_killed_with_adapters_that_drop_out_it_gives_the_same_bytes(tmp_path: Path) -> None:
    text = RECIPE.replace("threads: 1", "threads: 1\nmethod: lora\nlora: {rank: 4, dropout: 0.2}")
    recipe = written(tmp_path, text)
    run_with_kills(recipe, tmp_path / "run", [["step", "stage1", 3], ["saving", "stage2", 8]])
    assert train(load_recipe(recipe), tmp_path / "whole")
    assert contents(tmp_path / "run") == contents(tmp_path / "whole")


def test_a_checkpoint_holds_the_adapters_and_not_the_base(tmp_path: Path) -> None:
    from safetensors import safe_open

    with pytest.raises(Interrupted):
        train(small(tmp_path, "method=lora"), tmp_path / "run", Interrupter("stage1", 5))
    folder = checkpoints.checkpoint_path(tmp_path / "run" / "checkpoints" / "stage1", 4)
    with safe_open(folder / "model.safetensors", "pt") as file:
        names = list(file.keys())
    assert names
    assert all("lora_" in name for name in names)


def test_a_checkpoint_of_another_recipe_in_the_same_place_is_refused_by_key(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small(tmp_path), tmp_path / "run", Interrupter("stage1", 5))
    other, changes = tmp_path / "other", ("stages.stage1.learning_rate=0.5", "seed=6")
    with pytest.raises(Interrupted):
        train(small(tmp_path, *changes), other, Interrupter("stage1", 1))
    (other / "checkpoints").rename(other / "its-own")
    shutil.copytree(tmp_path / "run" / "checkpoints", other / "checkpoints")
    with pytest.raises(RunError, match=r"step-000004 is a checkpoint of another recipe.*seed: 5 -> 6.*learning_rate"):
        train(small(tmp_path, *changes), other)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_the_step_and_goes_on_to_the_same_bytes(
    whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    class Asker(Interrupter):
        def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
            if (self.stage, step) == self.wanted:
                os.kill(os.getpid(), number)

    recipe, before = small(tmp_path), signal.getsignal(number)
    with pytest.raises(Stopped, match=r"after step 4 of 6 of stage 'stage1'; a checkpoint is written. Start the same"):
        train(recipe, tmp_path / "run", Asker("stage1", 3))
    assert signal.getsignal(number) is before
    with pytest.raises(Stopped, match="after step 6 of 9 of stage 'stage2'"):
        train(recipe, tmp_path / "run", Asker("stage2", 5))
    assert checkpoints.steps_saved(tmp_path / "run" / "checkpoints" / "stage2") == [6, 4]
    train(recipe, tmp_path / "run")
    assert contents(tmp_path / "run") == contents(whole)


def test_the_run_folder_holds_what_it_promises(whole: Path) -> None:
    assert not (whole / "checkpoints").exists()
    ledger = pl.read_parquet(whole / "ledger.parquet")
    assert set(ledger["stage"]) == {"stage1", "stage2"}
    rows = list(csv.DictReader((whole / "training.csv").open(encoding="utf-8")))
    assert [(row["stage"], int(row["step"])) for row in rows] == [
        *(("stage1", step) for step in range(1, 7)),
        *(("stage2", step) for step in (3, 6, 9)),
    ]
    assert all(float(row["loss"]) > 0 and (row["loss_en"] or row["loss_sw"]) for row in rows)
    last = rows[-1]
    summary = read_json(whole / "summary.json")
    tokens = summary[1]["tokens"]
    assert sum(tokens.values()) == int(last["tokens"])
    assert abs(tokens["en"] - tokens["sw"]) < 0.15 * sum(tokens.values())
    card = (whole / "stage2" / "README.md").read_text(encoding="utf-8")
    for told in (
        "not-for-clinical-use",
        "Not for clinical use",
        "pocket model",
        "Swahili (sw)",
        "afya-sample",
        "seed 5",
    ):
        assert told in card
    assert "torch" not in {file.suffix.strip(".") for file in whole.rglob("*")}
    assert not [file for file in whole.rglob("*") if file.suffix in (".bin", ".pt", ".pth", ".pkl")]


def test_the_model_folders_answer_through_the_engine(whole: Path) -> None:
    from afya.bench.asking.prompts import render_item
    from afya.data.sample import sample_items
    from afya.models import OptionRequest, load_model

    item = next(item for item in sample_items(["sw"]) if item.task == "mcq")
    request = render_item(item, "cloze")
    assert isinstance(request, OptionRequest)
    scores = [
        load_model(f"hf:{whole / name}", device="cpu").score_options([request])[0] for name in ("start", "stage2")
    ]
    assert all(one.logprobs is not None and len(one.logprobs) == 4 for one in scores)
    assert scores[0].logprobs != scores[1].logprobs


def test_another_recipe_in_the_same_folder_is_refused_by_key(whole: Path, tmp_path: Path) -> None:
    other = load_recipe(written(tmp_path), ["stages.stage2.learning_rate=0.5"])
    with pytest.raises(RunError, match="learning_rate"):
        train(other, whole)


class Interrupted(Exception):
    pass


class Interrupter(Watcher):
    """Stops a run after a step, leaving its checkpoints; keeps what it was told."""

    def __init__(self, stage: str, step: int) -> None:
        self.wanted = (stage, step)
        self.stage, self.told, self.began = "", "", -1

    def message(self, text: str) -> None:
        self.told += text

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        self.stage, self.began = stage.name, done

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        if (self.stage, step) == self.wanted:
            raise Interrupted


def small(tmp_path: Path, *overrides: str) -> Recipe:
    return load_recipe(written(tmp_path), overrides)


def test_a_run_can_stop_after_a_stage_and_go_on_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    recipe, out = small(tmp_path), tmp_path / "run"
    assert train(recipe, out, until="start") == []
    assert [result.name for result in train(recipe, out, until="stage1")] == ["stage1"]
    assert not (out / "stage2").exists()
    assert [result.name for result in train(recipe, out)] == ["stage1", "stage2"]
    assert contents(out) == contents(whole)
    with pytest.raises(ConfigError, match="no stage 'stage3'"):
        train(recipe, out, until="stage3")


def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "run", Interrupter("stage1", 5))
    where = tmp_path / "run" / "checkpoints" / "stage1"
    assert checkpoints.steps_saved(where) == [4, 2]
    damaged = checkpoints.checkpoint_path(where, 4) / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    again = Interrupter("stage1", 3)
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "run", again)
    assert "step-000004 is not used: model.safetensors is damaged" in again.told
    assert again.began == 2
    for step in (2, 4):
        (checkpoints.checkpoint_path(where, step) / "checkpoint.json").unlink()
    with pytest.raises(RunError, match="every checkpoint is damaged"):
        train(recipe, tmp_path / "run")


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from afya.training.loop import trainer
    from afya.training.loop.loss import document_losses

    real = document_losses
    calls = 0

    def broken(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        losses, outputs = real(*args, **kwargs)
        return (losses * torch.nan if calls == 3 else losses), outputs

    monkeypatch.setattr(trainer, "document_losses", broken)
    with pytest.raises(RunError, match=r"not a number at step 3.*bad-batch-stage1-3.json"):
        train(small(tmp_path), tmp_path / "run")
    batch = read_json(tmp_path / "run" / "bad-batch-stage1-3.json")
    assert all(name.startswith("afya-sample:") for name in batch["item_ids"])
    assert not (tmp_path / "run" / "stage1").exists()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkpoints.seal

    def full(folder: Path, described: Mapping[str, Any]) -> None:
        if "000004" in folder.name:
            raise OSError(28, "No space left on device")
        real(folder, described)

    monkeypatch.setattr(checkpoints, "seal", full)
    with pytest.raises(RunError, match="No space left on device"):
        train(small(tmp_path), tmp_path / "run")
    where = tmp_path / "run" / "checkpoints" / "stage1"
    assert [child.name for child in where.iterdir()] == ["step-000002"]
    assert checkpoints.fault(where / "step-000002") is None


def test_a_stage_whose_items_are_all_too_long_says_so(tmp_path: Path) -> None:
    recipe = small(tmp_path, "stages.stage1.pack_tokens=8")
    with pytest.raises(ConfigError, match=r"every one of 8 items was rejected .too_long 8"):
        train(recipe, tmp_path / "run")


def test_any_causal_model_and_dataset_folder_can_be_trained(shared: Path, tmp_path: Path) -> None:
    from afya.data.sample import sample_items
    from afya.folders import DatasetWriter
    from afya.runs import Ledger

    writer = DatasetWriter(tmp_path / "data", {"command": "test"})
    items = [item for item in sample_items(["en"]) if item.task == "mcq"]
    for item in items:
        writer.add(item)
    ledger = Ledger()
    ledger.add("read", len(items), len(items))
    writer.finish(ledger, "# Test")
    text = f"""
name: stories
langs: en
model: {{path: {shared / "models" / "stories260k"}}}
stages:
  - name: stage2
    data: [{{source: dataset, path: data}}]
    form: letter
    length: {{steps: 12}}
    pack_tokens: 512
    packs_per_step: 2
    learning_rate: 0.002
"""
    (result,) = train(load_recipe(written(tmp_path, text)), tmp_path / "run")
    losses = [float(row["loss"]) for row in csv.DictReader((tmp_path / "run" / "training.csv").open(encoding="utf-8"))]
    assert result.examples == sum(item.split == "train" for item in items)
    assert losses[-1] < 0.6 * losses[0]
    inputs = read_json(tmp_path / "run" / "manifest.json")["inputs"]
    assert set(inputs) == {"data", "stories260k"}
