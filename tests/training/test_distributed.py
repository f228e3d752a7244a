"""Several processes train as one does: the same recipe, the same loss curve, the same weights, whatever learns."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from warm import crew_runs

from afya.errors import ConfigError
from afya.training.loop.distributed import Crew, join

# Many processes on few cores; on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(600)

RECIPE = """
name: crew
langs: en,sw
seed: 5
threads: 1
model: {pocket: {vocabulary: 700, hidden: 32, layers: 2, heads: 2, feed_forward: 64, context: 256}}
stages:
  - name: stage1
    data: [{source: sample}]
    form: instruction
    length: {steps: 5}
    pack_tokens: 256
    packs_per_step: 2
    learning_rate: 0.01
    checkpoint_every: 2
  - name: stage2
    data: [{source: sample}]
    form: cloze
    length: {steps: 5}
    pack_tokens: 256
    packs_per_step: 1
    accumulate: 2
    optimizer: muon
    learning_rate: 0.01
    checkpoint_every: 2
"""
LORA = ["method=lora", "lora.rank=4", "lora.dropout=0.0", "average={kind: ema, decay: 0.9}"]
BF16 = ["precision=bf16", "gradient_checkpointing=true"]


def crew(folder: Path, *jobs: dict[str, Any]) -> tuple[list[list[int]], str]:
    """The exit codes of each job's processes, and all that was told; see crew_run.py."""
    recipe = folder / "crew.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return crew_runs(recipe, list(jobs))


def curve(run: Path) -> list[tuple[str, str, str, float]]:
    rows = csv.DictReader((run / "training.csv").open(encoding="utf-8"))
    return [(row["stage"], row["step"], row["tokens"], float(row["loss"])) for row in rows]


def assert_same_curve(one: Path, other: Path, within: float) -> None:
    left, right = curve(one), curve(other)
    assert [row[:3] for row in left] == [row[:3] for row in right]
    assert len(left) == 10
    assert max(abs(a[3] - b[3]) for a, b in zip(left, right, strict=True)) < within


def weights(run: Path, file: str = "model.safetensors") -> dict[str, torch.Tensor]:
    return load_file(run / "stage2" / file)


def torchrun(folder: Path, out: str) -> str:
    """What two processes that torchrun starts tell of the same recipe."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "afya.cli.main", "train", str(folder / "crew.yaml"), "--out", str(folder / out)]
    done = subprocess.run([*launcher, *command], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crew")
    codes, told = crew(
        folder,
        {"out": "one", "size": 1},
        {"out": "lora-one", "size": 1, "set": LORA},
        {"out": "lora-two", "size": 2, "set": LORA},
        {"out": "four-bits-one", "size": 1, "set": ["method=qlora"]},
        {"out": "four-bits-two", "size": 2, "set": ["method=qlora"]},
        {"out": "low-two", "size": 2, "set": BF16},
        {"out": "three", "size": 3},
    )
    assert codes == [[0], [0], [0, 0], [0], [0, 0], [0, 0], [2, 2, 2]], told
    (folder / "torchrun").write_text(torchrun(folder, "two"), encoding="utf-8")
    return folder


def test_two_processes_learn_what_one_learns_with_adamw_and_with_muon(runs: Path) -> None:
    assert_same_curve(runs / "one", runs / "two", 1e-4)
    one, two = weights(runs / "one"), weights(runs / "two")
    assert one.keys() == two.keys()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-4


def test_only_the_first_of_them_talks(runs: Path) -> None:
    told = (runs / "torchrun").read_text(encoding="utf-8")
    assert told.count("stage2: done in") == 1
    assert told.count("trained") == 1


@pytest.mark.parametrize("method", ["lora", "four-bits"])
def test_so_with_adapters_and_their_moving_average(runs: Path, method: str) -> None:
    assert_same_curve(runs / f"{method}-one", runs / f"{method}-two", 1e-4)
    file = "adapter_model.safetensors"
    one, two = weights(runs / f"{method}-one", file), weights(runs / f"{method}-two", file)
    assert one.keys() == two.keys()
    assert all(two[name].shape == one[name].shape for name in one)
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-4


def test_so_in_bf16_up_to_its_rounding(runs: Path) -> None:
    assert_same_curve(runs / "one", runs / "low-two", 0.03)
    assert curve(runs / "low-two") != curve(runs / "two")
    assert {tensor.dtype for tensor in weights(runs / "low-two").values()} == {torch.float32}


def test_each_process_holds_its_part_of_the_weights_and_all_of_those_in_four_bits(runs: Path) -> None:
    told = (runs / "told").read_text(encoding="utf-8")
    held = re.findall(r"process . of 2 held (0\.\d\d) of the weights", told)
    # Two processes in two stages, of three runs; the layers' weights in four bits are a quarter of this small model.
    assert Counter(held) == {"0.50": 8, "0.63": 4}


def test_the_run_folder_of_two_is_that_of_one(runs: Path) -> None:
    def names(run: Path) -> set[str]:
        return {file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file()}

    assert names(runs / "two") == names(runs / "one")
    summaries = [json.loads((runs / name / "summary.json").read_text(encoding="utf-8")) for name in ("one", "two")]
    for left, right in zip(*summaries, strict=True):
        assert left | {"loss": 0} == right | {"loss": 0}


def test_processes_that_cannot_share_a_step_are_refused_once_with_the_numbers_that_work(runs: Path) -> None:
    told = (runs / "told").read_text(encoding="utf-8")
    assert told.count("which 3 processes cannot share equally") == 1
    assert "divide 2 (1, 2)" in told
    assert "multiple of 3, such as 3" in told
    assert not (runs / "three").exists()


def test_a_step_is_shared_so_that_no_process_holds_more_than_the_recipe_says() -> None:
    assert Crew().share_packs(4, 8, "s") == (4, 8)
    assert Crew(0, 8).share_packs(4, 8, "s") == (4, 1)
    assert Crew(0, 16).share_packs(4, 8, "s") == (2, 1)
    assert Crew(0, 6).share_packs(4, 9, "s") == (3, 2)
    with pytest.raises(ConfigError, match=r"12 packs in a step.*8 processes.*divide 12 \(1, 2, 3, 4, 6, 12\)"):
        Crew(0, 8).share_packs(4, 3, "s")


def test_processes_that_cannot_find_each_other_are_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ConfigError, match=r"WORLD_SIZE is 4.*RANK.*is not set.*torchrun"):
        join()
