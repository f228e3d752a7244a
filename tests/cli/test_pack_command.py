from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.cli.pack import app
from afya.languages import core_codes
from afya.packs import builtin_folder, load_pack

runner = CliRunner()


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A folder with a copy of the English pack."""
    shutil.copytree(builtin_folder() / "en", tmp_path / "en")
    return tmp_path


def test_new_makes_a_pack_and_says_how_much_there_is_to_write(tmp_path: Path) -> None:
    result = runner.invoke(app, ["new", "rw", "--packs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert f"{len(load_pack('en').messages)} entries" in result.output
    assert "afya pack lint rw" in result.output
    linted = runner.invoke(app, ["lint", "rw", "--packs", str(tmp_path)])
    assert linted.exit_code != 0
    assert "✗ rw" in linted.output
    assert "there is no text" in linted.output


def test_lint_of_a_whole_pack_says_that_nothing_is_wrong(packs: Path) -> None:
    result = runner.invoke(app, ["lint", "en", "--packs", str(packs)])
    assert result.exit_code == 0, result.output
    assert "✓ en: nothing is wrong." in result.output


def test_lint_tells_the_first_of_each_kind_and_every_one_when_asked(packs: Path) -> None:
    path = packs / "en" / "units.yaml"
    path.write_text(path.read_text("utf-8").replace("  ml: 5\n", "").replace("  ml: 15\n", ""), encoding="utf-8")
    short = runner.invoke(app, ["lint", "en", "--packs", str(packs)])
    assert short.exit_code != 0
    assert "units.yaml 2" in " ".join(short.output.split())
    every = runner.invoke(app, ["lint", "en", "--all", "--packs", str(packs)])
    assert "units.yaml: teaspoon: needs ml or g" in every.output
    assert "units.yaml: tablespoon: needs ml or g" in every.output
    told = json.loads(runner.invoke(app, ["lint", "en", "--json", "--packs", str(packs)]).output)
    assert [finding["code"] for finding in told["en"] if finding["level"] == "error"] == ["no_volume", "no_volume"]


def test_lint_of_a_language_without_a_pack_says_so() -> None:
    result = runner.invoke(app, ["lint", "rw"])
    assert result.exit_code != 0
    assert "There is no pack for 'rw'" in result.output


def test_a_pack_that_cannot_be_read_is_told_and_the_others_are_still_looked_at(packs: Path) -> None:
    (packs / "en" / "danger.yaml").write_text("rules: [", encoding="utf-8")
    told = json.loads(runner.invoke(app, ["lint", "--json", "--packs", str(packs)]).output)
    assert [finding["code"] for finding in told["en"]] == ["unreadable"]
    assert set(core_codes()) <= set(told)


def test_test_prints_counts_and_what_came_otherwise(packs: Path) -> None:
    lines = [
        {"id": "right", "text": "she has convulsions", "route": "emergency", "danger": ["convulsions"]},
        {"id": "wrong", "text": "she has convulsions", "route": "small_talk", "must_not": ["colour.red"]},
    ]
    (packs / "en" / "tests.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    result = runner.invoke(app, ["test", "en", "--packs", str(packs)])
    assert result.exit_code != 0
    assert "1/2" in result.output
    assert "en wrong: she has convulsions" in result.output
    assert "route: expected small_talk, found emergency" in result.output
    told = json.loads(runner.invoke(app, ["test", "en", "--json", "--packs", str(packs)]).output)
    faults = {outcome["id"]: [fault["kind"] for fault in outcome["faults"]] for outcome in told["packs"]["en"]}
    assert faults == {"right": [], "wrong": ["route", "danger", "must_not"]}


def test_coverage_shows_every_pack_in_one_table() -> None:
    result = runner.invoke(app, ["coverage"])
    assert result.exit_code == 0
    first = {line.split()[0] for line in result.output.splitlines() if line.strip()}
    assert set(core_codes()) <= first
    assert "en-NG" in first
    rows = {row["lang"]: row for row in json.loads(runner.invoke(app, ["coverage", "--json"]).output)}
    assert rows["en"]["columns"]["glossary"] == {"done": 200, "all": 200}
    assert rows["en"]["reviewed"] is False
    assert rows["sw-KE"]["base"] == "sw"


def test_fill_and_tidy_change_a_pack_in_its_folder(tmp_path: Path) -> None:
    shutil.copytree(builtin_folder() / "en", tmp_path / "en")
    path = tmp_path / "en" / "units.yaml"
    path.unlink()
    result = runner.invoke(app, ["fill", "en", "--packs", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "units.yaml" in result.output
    assert "words: []" in path.read_text("utf-8")
    assert runner.invoke(app, ["tidy", "en", "--packs", str(tmp_path)]).exit_code == 0
