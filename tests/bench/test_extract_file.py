"""`afya bench extract` reads one's own replies, whatever the columns are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afya.bench.reading.extract_file import read_replies
from afya.cli.main import app
from afya.errors import ConfigError, DataError

COLUMNS = {"reply": "model_output", "options": "a+b+c+d", "expected": "gold"}


def table(tmp_path: Path) -> Path:
    path = tmp_path / "replies.csv"
    path.write_text(
        'id,a,b,c,d,model_output,gold\n1,x1,y,z,w,Jibu: B,B\n2,x1,y,z,w,Sijui,A\n3,x1,y,z,w,Majibu: A na C,"A,C"\n',
        encoding="utf-8",
    )
    return path


def test_columns_are_mapped_and_expected_answers_compared(tmp_path: Path) -> None:
    rows = list(read_replies(table(tmp_path), COLUMNS, "sw", None))
    assert [row.found.chosen for row in rows] == [(1,), None, (0, 2)]
    assert [row.as_expected for row in rows] == [True, False, True]


def test_json_lines_with_nested_fields_and_without_options(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(json.dumps({"out": {"text": "정답: ③"}, "gold": 2}), encoding="utf-8")
    (only,) = read_replies(path, {"reply": "out.text", "expected": "gold"}, "ko", 4)
    assert (only.found.chosen, only.as_expected) == ((2,), True)


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        ('{"reply": "B"}', {}, "row 1: no language"),
        ('{"reply": "B", "lang": "en"}', {}, "row 1: no options"),
        ('{"text_": "B", "lang": "en", "options": ["x", "y"]}', {}, "row 1: no reply"),
        ('{"reply": "B", "lang": "en", "options": ["x", "y"], "expected": "Q"}', {}, "is no option"),
        ('{"reply": "B"}\n{"reply": ', {}, "line 2: not JSON"),
        ("", {}, "holds no replies"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_row(
    tmp_path: Path, content: str, columns: dict[str, str], told: str
) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(content, encoding="utf-8")
    lang = "en" if "line 2" in told else None
    with pytest.raises(DataError, match=told):
        list(read_replies(path, columns, lang, 2 if lang else None))


def test_an_unknown_field_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such field"):
        list(read_replies(table(tmp_path), {"replies": "x"}, "sw", 4))


def test_the_command_prints_the_reasons_and_writes_each_row(tmp_path: Path) -> None:
    out = tmp_path / "read.csv"
    asked = [f"--column={field}={name}" for field, name in COLUMNS.items()]
    result = CliRunner().invoke(app, ["bench", "extract", str(table(tmp_path)), "--lang=sw", *asked, f"--out={out}"])
    assert result.exit_code == 0, result.output
    assert "66.7" in result.output
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("1,sw,1,B,")
    assert lines[3].startswith("3,sw,0 2,A C,")


def test_columns_of_other_names_are_found(tmp_path: Path) -> None:
    path = tmp_path / "medqa.jsonl"
    row = {"question": "q", "options": {"A": "zinc", "B": "iron"}, "answer_idx": "B", "gpt4_output": "The answer is B."}
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "answer_idx": "A"}), encoding="utf-8")
    told = CliRunner().invoke(app, ["bench", "extract", str(path), "--lang", "en"])
    assert told.exit_code == 0
    assert "reply=gpt4_output" in told.output
    assert "expected=answer_idx" in told.output


def test_a_reply_that_is_an_object_is_not_taken_for_a_text(tmp_path: Path) -> None:
    path = tmp_path / "batch.jsonl"
    path.write_text(json.dumps({"response": {"status_code": 200, "body": {}}, "lang": "en"}), encoding="utf-8")
    with pytest.raises(DataError, match="no text but holds status_code, body"):
        list(read_replies(path, {}, None, 4))
