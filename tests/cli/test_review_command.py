"""`afya data review` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.cli.review import app
from afya.errors import ConfigError, DataError
from afya.translation.review import Queue, ReviewRow

ROW = ReviewRow("own:1:yo", "own:1", "yo", "question", "en", "Give 5 ml.", "Fún un ní milimita 5.", "own", "failed")


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    with Queue(tmp_path / "review.sqlite") as opened:
        opened.add([ROW])
    return tmp_path / "review.sqlite"


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_mistyped_queue_is_refused_instead_of_made(tmp_path: Path) -> None:
    typo = tmp_path / "reveiw.sqlite"
    for command in (
        ("status",),
        ("export", tmp_path / "a.csv", "--rater", "ade"),
        ("import", tmp_path / "a.csv", "--rater", "ade"),
        ("apply", tmp_path, "--out", tmp_path / "out"),
    ):
        with pytest.raises(DataError, match=r"reveiw\.sqlite: no such review queue"):
            run(*command, "--queue", typo)
    assert not typo.exists()


def test_a_rater_has_one_name(queue: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "a.csv"
    assert "1 texts for ade" in run("export", sheet, "--queue", queue, "--rater", "ade")
    text = sheet.read_text(encoding="utf-8-sig").replace("5.,,,,", "5.,4,4,4,")
    sheet.write_text(text, encoding="utf-8")
    assert "1 ratings taken" in run("import", sheet, "--queue", queue, "--rater", "ade")
    assert "1 known already" in run("import", sheet, "--queue", queue, "--rater", " ade ")
    with pytest.raises(ConfigError, match="names nobody"):
        run("export", sheet, "--queue", queue, "--rater", " ")
