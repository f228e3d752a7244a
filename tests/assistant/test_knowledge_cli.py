"""`afya knowledge` does by command what the docs say, and measures the abstention rule on written questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.assistant.knowledge import open_knowledge
from afya.assistant.knowledge.measuring import measure, read_questions
from afya.cli.knowledge import app
from afya.errors import DataError

QUESTIONS = Path(__file__).with_name("test_knowledge_questions.jsonl")


def _run(*words: str | Path) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    file = tmp_path / "nets.md"
    file.write_text("# Bed nets\nWash the net with mild soap and cold water.\n", encoding="utf-8")
    told = _run("add", file, "--to", tmp_path / "kept", "--lang", "en", "--licence", "CC0-1.0", "--title", "Nets")
    assert "nets.md: added, 1 passages" in told
    return tmp_path / "kept"


def test_a_document_is_added_listed_searched_shown_and_removed(kept: Path) -> None:
    listed = _run("list", kept)
    assert "1 documents, 1 passages." in listed
    found = _run("search", "How do I wash a bed net?", "--lang", "en", "--in", kept, "--limit", "1")
    assert "These passages answer it." in found
    identity = found.split()[1]
    assert "Nets; Bed nets; CC0-1.0" in _run("show", identity, "--in", kept)
    assert "abstain" in _run("search", "What does a bicycle cost?", "--lang", "en", "--in", kept)
    assert "0 errors, 1 warnings." in _run("check", kept)
    assert "1 passages indexed" in _run("rebuild", kept)
    assert "removed" in _run("remove", listed.split()[0], "--in", kept)
    assert "0 documents, 0 passages." in _run("list", kept)


def test_an_experts_answer_goes_through_its_states(kept: Path) -> None:
    where = ("--in", kept)
    told = _run(
        "propose", "May a mother with flu breastfeed?", "Yes, with a mask.", *where, "--lang", "en", "--name", "Asha",
        "--basis", "Feeding guide, p. 12", "--expires", "2999-01-01",
    )  # fmt: skip
    identity = told.split(":")[0]
    assert "waiting" in _run("answers", kept)
    assert "1 more must endorse it" in _run("endorse", identity, *where, "--name", "Ngozi")
    assert "it is used now" in _run("endorse", identity, *where, "--name", "Bello")
    assert "used: May a mother" in _run("answers", kept)
    assert "with a mask" in _run("search", "flu and breastfeeding", "--lang", "en", *where, "--limit", "1")


def test_the_rule_is_measured_by_part_language_and_kind(kept: Path, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "How do I wash a bed net?", "answerable": True},
        {"id": "b", "text": "Which motorcycle is cheapest?", "answerable": False},
        {"id": "c", "text": "Who built the mosque?", "answerable": True},
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    told = {row.answerable: row for row in measure(open_knowledge(kept, []), [path])}
    assert (told[True].n, told[True].abstained, told[True].wrong) == (2, 1, ["c: Who built the mosque?"])
    assert (told[False].n, told[False].share) == (1, 1.0)
    path.write_text('{"id": "a"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 1: text"):
        read_questions([path])


def test_the_written_questions_are_whole_and_no_question_is_in_both_parts() -> None:
    questions = read_questions([QUESTIONS])
    assert len({question.id for question in questions}) == len(questions)
    assert len({question.text.casefold() for question in questions}) == len(questions)
    counts = {(part, kind): 0 for part in ("develop", "held_out") for kind in (True, False)}
    for question in questions:
        counts[question.part, question.answerable] += 1
    assert min(counts.values()) >= 60


def test_questions_outside_health_are_declined_and_kb_questions_answered() -> None:
    from afya.packs import load_pack

    knowledge = open_knowledge(None, [load_pack("en")])
    outside = [question for question in read_questions([QUESTIONS]) if not question.answerable]
    answered = [row for row in measure(knowledge, [QUESTIONS]) if not row.answerable]
    assert sum(row.n for row in answered) == len(outside)
    assert sum(row.abstained for row in answered) / len(outside) >= 0.95
