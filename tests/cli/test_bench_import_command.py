"""`afya bench import-replies`: what it shows, and that it fails where a published figure differs."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from afya.cli.main import app

ROWS = [{"qid": at, "gt": "A", "pred": "A" if at < 3 else "B", "is_correct": at < 3} for at in range(4)]


def call(*told: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["bench", "import-replies", *told])
    return result.exit_code, result.output


def written(tmp_path: Path) -> str:
    path = tmp_path / "gpt-4.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(path)


def test_a_dry_run_shows_the_fields_and_writes_nothing(tmp_path: Path) -> None:
    code, output = call(written(tmp_path), "--dry-run")
    assert code == 0, output
    assert "prediction" in output
    assert "guessed" in output
    assert [path.name for path in tmp_path.iterdir()] == ["gpt-4.jsonl"]


def test_a_published_figure_is_met_or_the_command_fails(tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    code, output = call(written(tmp_path), "--out", out, "--published", "75")
    assert code == 0, output
    assert "equal (3 of 4" in output
    code, output = call(written(tmp_path), "--out", out, "--published", "gpt-4=50.0", "--replace")
    assert code == 7
    assert "1 right more" in output


def test_real_keys_are_joined(tmp_path: Path, shared: Path) -> None:
    key = shared / "data" / "igakuqa119" / "results" / "correct_answers.csv"
    lines = [line.split(",") for line in key.read_text(encoding="utf-8").splitlines()[1:]]
    path = tmp_path / "model.jsonl"
    # The first 300 right with the labels in another order, the rest of no use.
    rows = [
        {
            "problem_id": name,
            "prediction": ",".join(reversed(right))
            if right.isalpha() and at < 300
            else right
            if at < 300
            else "わからない",
        }
        for at, (name, right) in enumerate(lines)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    code, output = call(
        str(path), "--key", str(key), "--lang", "ja", "--out", str(tmp_path / "run"), "--published", "300/400"
    )
    assert code == 0, output
