"""`afya ask` as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from afya.cli.ask import ask, model_spec
from afya.errors import ConfigError, EngineError

app = typer.Typer()
app.command()(ask)


def test_the_answer_is_plain_text_with_sources_when_no_terminal_reads_it() -> None:
    result = CliRunner().invoke(app, ["--lang", "en", "14 months, fever, convulsing"])
    assert result.exit_code == 0
    assert result.stdout.startswith("DANGER: refer the child urgently.")
    assert "- Refer the child urgently to hospital." in result.stdout
    assert "\x1b" not in result.stdout
    assert "[Integrated Management of Childhood Illness" in result.stdout


def test_json_holds_the_answer_and_every_stage() -> None:
    result = CliRunner().invoke(app, ["--lang", "en", "--json", "8 months, cough, 52 breaths per minute"])
    answer = json.loads(result.stdout)
    assert answer["findings"]["breaths_per_minute"] == 52
    assert next(event["stage"] for event in answer["events"]) == "receive"
    assert answer["colour"] == "unknown"


def test_a_question_can_come_from_standard_input() -> None:
    result = CliRunner().invoke(app, ["--lang", "en", "-"], input=b"convulsions \xff\xfe")
    assert result.stdout.startswith("DANGER")


def test_a_model_is_a_folder_or_a_spec_and_anything_else_is_told(tmp_path: Path) -> None:
    assert model_spec(str(tmp_path)) == f"hf:{tmp_path}"
    assert model_spec("hf:Qwen/Qwen3-0.6B") == "hf:Qwen/Qwen3-0.6B"
    with pytest.raises(ConfigError, match=r"no such folder.*finished run.*on the hub is named hf:Qwen/Qwen3-0\.6B"):
        model_spec("Qwen/Qwen3-0.6B")
    with pytest.raises(ConfigError, match="names no model engine"):
        model_spec("gguf:model.gguf")
    result = CliRunner().invoke(app, ["--lang", "en", "cough", "--model", str(tmp_path)])
    assert isinstance(result.exception, EngineError)
    assert "config.json is missing" in str(result.exception)


def test_an_unknown_language_is_an_error_in_sentences() -> None:
    result = CliRunner().invoke(app, ["--lang", "xx", "hello"])
    assert isinstance(result.exception, ConfigError)


def test_the_process_answers_in_about_a_second(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text("import typer\nfrom afya.cli.ask import ask\ntyper.run(ask)\n", encoding="utf-8")
    command = [sys.executable, str(script), "--lang", "en", "cough, 8 months"]
    fastest = 60.0
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        fastest = min(fastest, time.perf_counter() - started)
    # Under 1 s on an idle machine; the margin is for one that is busy with other tests.
    assert fastest < 2.0
