"""`afya eval`: cases are counted, and a missed threshold ends the command with an error that names it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.assistant.evaluation.metrics import ThresholdError
from afya.cli.evaluate import app


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """Two cases: one that is seen, one that no phrase can see."""
    folder = tmp_path / "cases" / "en"
    folder.mkdir(parents=True)
    lines = [
        {"id": f"en-danger-{n:03d}", "text": text, "expected": ["convulsions"], "kind": "plain", "part": "held_out"}
        for n, text in enumerate(["she has convulsions", "something is odd with her"], 1)
    ]
    (folder / "danger.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return folder.parent


def test_cases_are_counted_by_kind(cases: Path) -> None:
    shown = CliRunner().invoke(app, ["cases", "en", "--cases", str(cases)])
    assert shown.exit_code == 0
    assert "plain 2" in shown.output


def test_a_missed_threshold_is_an_error_only_when_strict(cases: Path, tmp_path: Path) -> None:
    asked = ["assistant", "-l", "en", "--set", "danger", "--cases", str(cases), "--workers", "1", "--out"]
    lenient = CliRunner().invoke(app, [*asked, str(tmp_path / "one")])
    assert lenient.exit_code == 0, lenient.output
    assert (tmp_path / "one" / "report.html").stat().st_size > 5000
    strict = CliRunner().invoke(app, [*asked, str(tmp_path / "two"), "--strict"])
    assert isinstance(strict.exception, ThresholdError)
    assert "danger sign seen (en)" in str(strict.exception)
    assert strict.exception.exit_code == 9
