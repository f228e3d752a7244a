"""`afya audit` as a person meets it: from a question that is kept to its check, replay, export and answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from afya.assistant import Assistant
from afya.assistant.audit import Trail, turns
from afya.cli.audit import app
from afya.cli.main import app as main
from afya.errors import DataError

DANGER = "Mtoto wa miezi 14 ana degedege tangu asubuhi"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log and a queue with two turns: one that refers, one that does not."""
    folder = tmp_path_factory.mktemp("audit")
    assistant = Assistant("sw")
    trail = Trail(folder / "audit.jsonl", queue=folder / "queue.sqlite")
    trail.attach(assistant.resources)
    for text in (DANGER, "habari"):
        assistant.ask(text)
    trail.close()
    return folder


@pytest.fixture(scope="module")
def names(folder: Path) -> list[str]:
    return [events[0].turn for events in turns(folder / "audit.jsonl")]


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def failed(*words: str | Path) -> tuple[str, str]:
    """What a command printed before it failed, and its error."""
    result = run(*words)
    assert isinstance(result.exception, DataError)
    return result.stdout, str(result.exception)


def copied(folder: Path, to: Path) -> Path:
    log = to / "audit.jsonl"
    log.write_bytes((folder / "audit.jsonl").read_bytes())
    return log


def test_a_question_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    asked: Sequence[str] = ["ask", "--lang", "sw", DANGER, "--audit", str(tmp_path / "log" / "audit.jsonl")]
    result = CliRunner().invoke(main, [*asked, "--queue", str(tmp_path / "log" / "queue.sqlite")])
    assert result.exit_code == 0
    assert "The log holds" in run("verify", tmp_path / "log" / "audit.jsonl").stdout
    assert "escalated" in run("queue", "list", tmp_path / "log" / "queue.sqlite").stdout


def test_a_question_that_could_not_be_kept_is_answered_and_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = CliRunner().invoke(main, ["ask", "-l", "sw", DANGER, "--audit", str(tmp_path / "file" / "audit.jsonl")])
    assert result.exit_code == 0
    assert "HATARI" in result.stdout
    assert "was not kept" in result.stderr


def test_a_log_that_holds_prints_its_head_and_an_anchor_is_taken(folder: Path) -> None:
    head = run("head", folder / "audit.jsonl").stdout.strip()
    result = run("verify", folder / "audit.jsonl", "--anchor", head)
    assert result.exit_code == 0
    assert result.stdout.strip().endswith(f"Head {head}")


def test_a_changed_event_is_told_with_its_place_and_fails(folder: Path, tmp_path: Path) -> None:
    log = copied(folder, tmp_path)
    log.write_bytes(log.read_bytes().replace(b"degedege", b"kikohozi", 1))
    printed, error = failed("verify", log)
    assert f"{log}, line 1: changed: event 1" in printed
    assert "1 faults" in error


def test_turns_are_listed_and_shown(folder: Path, names: list[str]) -> None:
    listed = run("turns", folder / "audit.jsonl").stdout
    assert all(name in listed for name in names)
    assert "emergency" in listed
    shown = run("show", folder / "audit.jsonl", names[0]).stdout.splitlines()
    assert shown[0].split()[:2] == ["1", "turn"]
    last = run("turns", folder / "audit.jsonl", "--last", "1").stdout
    assert names[0] not in last
    assert names[1] in last


def test_a_replay_says_that_all_is_the_same(folder: Path, names: list[str]) -> None:
    result = run("replay", folder / "audit.jsonl")
    assert result.exit_code == 0, result.exception
    assert "2 turns, 0 decided otherwise, 0 could not be replayed." in result.stdout
    assert failed("replay", folder / "audit.jsonl", "--turn", "none")[1].startswith(
        f"{folder / 'audit.jsonl'}: no turn"
    )


def test_a_replay_with_another_pack_says_what_differs_and_what_changed(
    folder: Path, names: list[str], tmp_path: Path
) -> None:
    import shutil

    from afya.packs import builtin_folder

    shutil.copytree(builtin_folder() / "sw", tmp_path / "packs" / "sw")
    danger = tmp_path / "packs" / "sw" / "danger.yaml"
    danger.write_text(danger.read_text(encoding="utf-8").replace("degedege", "degeyyy"), encoding="utf-8")
    printed, error = failed("replay", folder / "audit.jsonl", "--turn", names[0], "--packs", tmp_path / "packs")
    assert "differs first at triage" in printed
    assert "changed since: pack" in printed
    assert "1 decided otherwise" in error


def test_a_referral_is_exported_and_small_talk_is_not(folder: Path, names: list[str], tmp_path: Path) -> None:
    pytest.importorskip("fhir.resources")
    out = tmp_path / "referral.json"
    result = run("fhir", folder / "audit.jsonl", names[0], "--out", out)
    assert result.exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["entry"][0]["resource"]["resourceType"] == "ServiceRequest"
    assert "was no referral" in failed("fhir", folder / "audit.jsonl", names[1], "--out", tmp_path / "no.json")[1]


def test_a_supervisor_answers_and_the_log_keeps_it(folder: Path, names: list[str], tmp_path: Path) -> None:
    log, queue = copied(folder, tmp_path), tmp_path / "queue.sqlite"
    queue.write_bytes((folder / "queue.sqlite").read_bytes())
    assert DANGER in run("queue", "show", queue, names[0]).stdout
    answered = run("queue", "answer", queue, names[0], "--text", "Nakuja sasa.", "--by", "Dk Asha", "--log", log)
    assert answered.exit_code == 0
    assert "Nakuja sasa." in run("queue", "show", queue, names[0]).stdout
    assert names[0] not in run("queue", "list", queue).stdout
    assert names[0] in run("queue", "list", queue, "--all").stdout
    assert run("verify", log).exit_code == 0
    assert "Nakuja sasa." in log.read_text(encoding="utf-8")
    assert "answered by Dk Asha" in failed("queue", "answer", queue, names[0], "--text", "x", "--by", "B")[1]


def test_nothing_expires_before_its_time(folder: Path, tmp_path: Path) -> None:
    queue = tmp_path / "queue.sqlite"
    queue.write_bytes((folder / "queue.sqlite").read_bytes())
    assert run("queue", "expire", queue).stdout == "0 turns expired.\n"
    assert run("queue", "expire", queue, "--hours", "0").stdout == "1 turn expired.\n"
