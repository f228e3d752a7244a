"""`afya translate check`: the table, the alarms, the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from afya.cli.translate_check import check
from afya.errors import ConfigError, DataError

PAIRS = "Do not eat for 2 days.\tUsile kwa siku 2.\nDo not eat for 2 days.\tKula kwa siku 20.\n"


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(check)
    return app


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    path.write_text(PAIRS, encoding="utf-8")
    return path


def test_it_prints_counts_and_the_first_alarms(app: typer.Typer, pairs: Path) -> None:
    result = CliRunner().invoke(app, [str(pairs), "--source", "en", "--target", "sw"])
    assert result.exit_code == 0, result.output
    assert "quantities" in result.output
    assert "line 2, polarity: the source denies once, the translation not at all" in result.output
    assert "1 of 2 pairs did not pass every check." in result.output


def test_only_the_named_checks_and_no_alarms_shown(app: typer.Typer, pairs: Path) -> None:
    result = CliRunner().invoke(
        app, [str(pairs), "--source", "en", "--target", "sw", "--checks", "length, language", "--show", "0"]
    )
    assert "quantities" not in result.output
    assert "0 of 2 pairs" in result.output


def test_fail_gives_the_exit_code_of_bad_data(app: typer.Typer, pairs: Path, tmp_path: Path) -> None:
    asked = [str(pairs), "--source", "en", "--target", "sw", "--fail"]
    assert CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "out.tsv")]).exit_code == 3
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").count("\n") > 1
    assert CliRunner().invoke(app, [*asked, "--checks", "language"]).exit_code == 0


def test_mistakes_are_sentences(app: typer.Typer, pairs: Path, tmp_path: Path) -> None:
    wrong = CliRunner().invoke(app, [str(pairs), "--source", "en", "--target", "sw", "--checks", "polarty"])
    assert isinstance(wrong.exception, ConfigError)
    missing = CliRunner().invoke(app, [str(tmp_path / "none.tsv"), "--source", "en", "--target", "sw"])
    assert isinstance(missing.exception, DataError)
