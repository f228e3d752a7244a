"""Hausa is added as a folder: no file of afya changes, and it asks, assesses and is counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from afya.cli.main import app
from afya.packs import available, builtin_folder, inspect, load_pack
from afya.packs.coverage import coverage
from afya.text import literals
from afya.text.literals import text_literals

HAUSA = Path(__file__).parent / "hausa"
runner = CliRunner()


def _over(above: dict[str, object], below: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(value, old) if isinstance(value, dict) and isinstance(old, dict) else value
    return merged


@pytest.fixture
def packs(tmp_path: Path) -> Iterator[Path]:
    """A folder with one pack: the English folder copied, and what is written in Hausa laid over it."""
    folder = tmp_path / "packs" / "ha"
    shutil.copytree(builtin_folder() / "en", folder)
    for path in HAUSA.rglob("*.*"):
        place = folder / path.relative_to(HAUSA)
        place.parent.mkdir(exist_ok=True)
        if place.suffix == ".yaml" and place.exists() and path.name not in ("pack.yaml", "glossary.yaml"):
            merged = _over(yaml.safe_load(path.read_text("utf-8")), yaml.safe_load(place.read_text("utf-8")))
            place.write_text(yaml.safe_dump(merged, allow_unicode=True, sort_keys=False), encoding="utf-8")
        else:
            shutil.copyfile(path, place)
    yield folder.parent
    # What the folder brought of the language goes with it.
    for key in [key for key, path in literals._supplied.items() if folder in path.parents]:
        del literals._supplied[key]
    text_literals.cache_clear()


def test_hausa_is_asked_and_answers_from_its_folder(packs: Path) -> None:
    from afya.assistant import Assistant

    assistant = Assistant("ha", packs=packs)
    answer = assistant.ask("Yarona mai watanni 8 ba ya iya sha")
    assert answer.colour == "red"
    assert "HADARI: a kai yaron asibiti da gaggawa." in answer.text
    assert answer.findings["age_months"] == 8
    denied = assistant.ask("Yaro mai watanni 14 yana tari. Babu farfadiya.")
    assert denied.route == "protocol"
    assert denied.findings["cough"] is True
    assert denied.colour != "red"


def test_hausa_is_assessed_by_the_same_protocol(packs: Path) -> None:
    from afya.protocols import evaluate, load_protocol

    pack = load_pack("ha", packs)
    protocol = load_protocol()
    found = {"age_months": 14, "cough": True, "cough_days": 3, "breaths_per_minute": 45}
    danger = {name: False for name, entry in protocol.inputs.items() if entry.danger or entry.section == "cough"}
    del danger["cough"], danger["cough_days"], danger["breaths_per_minute"]
    assessment = evaluate(protocol, {**danger, **found}, sections=("cough",))
    assert "Ciwon hakarkari" in [pack.text(f"classification.{row.result}") for row in assessment.rows]


def test_hausa_is_counted_and_what_it_lacks_is_named(packs: Path) -> None:
    pack = load_pack("ha", packs)
    row = coverage(pack)
    assert row.columns["messages"].whole
    assert (row.columns["glossary"].done, row.columns["glossary"].all) == (4, len(load_pack("en").glossary))
    found = {(finding.code, finding.file, finding.key) for finding in inspect(pack)}
    assert ("missing_term", "glossary.yaml", "cough") not in found
    assert ("missing_term", "glossary.yaml", "headache") in found
    assert ("not_translated", "messages.yaml", "action.give_amoxicillin") in found
    assert ("not_translated", "messages.yaml", "action.refer_urgently") not in found


def test_the_folder_named_by_the_environment_serves_every_command(packs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFYA_PACKS", str(packs))
    assert "ha" in available()
    assert "sw" in available(), "the packs that come with afya stay"
    result = runner.invoke(app, ["ask", "Yarona ya yi farfadiya", "--lang", "ha"])
    assert result.exit_code == 0
    assert "HADARI" in result.output
    rows = json.loads(runner.invoke(app, ["pack", "coverage", "--json"]).output)
    assert "ha" in {row["lang"] for row in rows}


def test_the_tests_of_the_folder_are_run(packs: Path) -> None:
    result = runner.invoke(app, ["pack", "test", "ha", "--packs", str(packs), "--json"])
    outcomes = json.loads(result.output)["packs"]["ha"]
    assert [(outcome["id"], outcome["passed"]) for outcome in outcomes] == [("ha1", True), ("ha2", True)]


def test_without_the_folder_there_is_no_hausa() -> None:
    assert "ha" not in available()
