"""The main job end to end, with a smaller model, two languages and few steps than `make demo` takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

RECIPE = """
name: tiny
model:
  pocket: {vocabulary: 600, hidden: 32, layers: 1, heads: 2, feed_forward: 64, context: 512}
langs: [en, sw]
threads: 1
stages:
  - {name: stage1, data: [{source: sample}], form: instruction, length: {steps: 4}, pack_tokens: 512,
     packs_per_step: 1, learning_rate: 0.003}
  - {name: stage2, data: [{source: vignettes, count: 60}], form: cloze, length: {steps: 6}, pack_tokens: 512,
     packs_per_step: 1, learning_rate: 0.003}
"""


def run_demo(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["-m", "afya.cli.main", "demo", "--out", str(folder / "out"), "--groups", "12"]
    return subprocess.run(
        [sys.executable, *command, "--recipe", str(folder / "tiny.yaml")], capture_output=True, text=True, check=False
    )


def test_the_main_job_runs_end_to_end_and_a_second_start_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    first = run_demo(tmp_path)
    assert first.returncode == 0, first.stderr
    out = tmp_path / "out"
    summary = pl.read_csv(out / "summary.csv")
    assert set(summary["label"]) == {"before", "stage1", "stage2"}
    assert set(summary["lang"]) == {"all", "en", "sw"}
    assert (summary["n"] >= 12).all()
    report = (out / "report.html").read_text()
    assert "Kiswahili" in report
    assert "The aim is" in first.stdout
    # The two questions: fast breathing in Swahili, a danger sign in Yoruba.
    assert "Nimonia" in first.stdout
    assert "EWU" in first.stdout
    before = {file: file.read_bytes() for file in (out / "summary.csv", out / "report.html")}
    second = run_demo(tmp_path)
    assert second.returncode == 0, second.stderr
    assert {file: file.read_bytes() for file in before} == before
