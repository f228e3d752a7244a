"""`afya data` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.cli.data import app
from afya.errors import DataError
from afya.sources import SOURCES

ROW = {"question": "How many [bold] fingers?", "options": {"A": "One", "B": "Five"}, "answer_idx": "B"}


@pytest.fixture
def medqa(tmp_path: Path) -> Path:
    file = tmp_path / "dev.jsonl"
    file.write_text("".join(json.dumps({**ROW, "answer_idx": letter}) + "\n" for letter in "ABZ"), encoding="utf-8")
    return file


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_import_prints_what_became_of_every_row(medqa: Path, tmp_path: Path) -> None:
    output = run("import", "medqa", medqa, "--out", tmp_path / "out")

    assert "English (en)" in output
    assert "answer_outside_options" in output
    assert "dev.jsonl:3: 'Z' is none of A, B" in output
    assert "3 rows read, 2 written" in output
    assert (tmp_path / "out" / "manifest.json").exists()


def test_import_can_be_strict_and_choose_the_split(medqa: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dev\.jsonl:3"):
        run("import", "medqa", medqa, "--out", tmp_path / "strict", "--strict")

    run("import", "medqa", medqa, "--out", tmp_path / "out", "--split", "test", "--langs", "all")
    assert [file.name for file in (tmp_path / "out" / "data" / "en").iterdir()] == ["test-00000-of-00001.parquet"]


def test_sources_lists_each_with_its_licence_and_tells_more_of_one() -> None:
    output = run("sources")
    for name, entry in SOURCES.items():
        assert name in output
        assert entry.licence.split("-")[0] in output
    told = run("sources", "medquad")
    assert SOURCES["medquad"].reads in told
    assert SOURCES["medquad"].url in told


def test_build_prints_the_account_and_a_second_run_says_that_it_is_done(medqa: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "name: mine\nsources:\n  - {source: medqa, path: dev.jsonl}\n  - {source: headqa}\n"
        "on_missing: skip\nscreen: {language: false}\n"
    )
    output = run("build", recipe, "--out", tmp_path / "out", "--set", "seed=3")
    assert "answer_outside_options 1" in output
    assert "Not read: headqa." in output
    assert "publish" in output
    assert "English (en)" in output
    assert not (tmp_path / "out.work").exists()
    assert "was built before by this very recipe" in run("build", recipe, "--out", tmp_path / "out", "--set", "seed=3")
    run("build", recipe, "--out", tmp_path / "kept", "--sources", tmp_path, "--workers", "1", "--keep-work")
    assert (tmp_path / "kept.work" / "parts" / "read").is_dir()


def test_recipes_lists_what_is_shipped() -> None:
    output = run("recipes")
    for name in ("globmed", "globmed-published", "mmed-ift", "mmed-ift-mc", "shared-real"):
        assert name in output
