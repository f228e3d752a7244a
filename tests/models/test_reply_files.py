"""Files of replies in the layouts that others write: one row each, whatever surrounds it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from afya.errors import DataError
from afya.models.reply_files import Reading, read_rows

ROWS = [{"id": "1", "said": "A"}, {"id": "2", "said": "B, and\nmore"}]


def rows(path: Path, **told: object) -> list[dict[str, object]]:
    return [row for _, row in read_rows(path, Reading(**told))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        ROWS,
        {"model": "x", "results": ROWS},
        {"a": {"deep": {"samples": ROWS}}, "other": 1},
        {"id": ["1", "2"], "said": ["A", "B, and\nmore"]},
        {"id": {"0": "1", "1": "2"}, "said": {"0": "A", "1": "B, and\nmore"}},
        {"columns": ["id", "said"], "index": [0, 1], "data": [["1", "A"], ["2", "B, and\nmore"]]},
        {"q1": ROWS[0], "q2": ROWS[1]},
        {"set": {"q1": ROWS[0], "q2": ROWS[1]}},
        {"results": {"q1": ROWS[0], "q2": ROWS[1]}, "model": "x"},
        {"one": [ROWS[0]], "two": [ROWS[1]]},
        [["id", "said"], ["1", "A"], ["2", "B, and\nmore"]],
    ],
)
def test_json_is_read_in_any_layout(tmp_path: Path, value: object) -> None:
    path = tmp_path / "r.json"
    for indent in (None, 1):
        path.write_text("\ufeff" + json.dumps(value, indent=indent), encoding="utf-8")
        assert [(row["id"], row["said"]) for row in rows(path)] == [("1", "A"), ("2", "B, and\nmore")]


def test_rows_may_be_named_and_keep_what_stands_around_them(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"run": {"q1": {"gold": "A", "answers": [{"model": "m", "said": "B"}]}, "q2": {}}}))
    assert rows(path, rows="run.*.answers") == [{"_key": "q1", "gold": "A", "model": "m", "said": "B"}]
    with pytest.raises(DataError, match="no rows under 'runs'"):
        rows(path, rows="runs")


def test_objects_after_one_another_and_a_large_list_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("\n".join(json.dumps(row, indent=2) for row in ROWS))
    assert rows(path) == ROWS
    many = [{"id": str(at), "said": "x" * 999} for at in range(3000)]
    path.write_text(json.dumps(many))
    assert rows(path) == many


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_separators_and_byte_orders_are_found(tmp_path: Path, sign: str, encoding: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(f'id{sign}said\r\n1{sign}A\r\n2{sign}"B, and\nmore"\r\n'.encode(encoding))
    assert rows(path) == ROWS


def test_a_table_whose_first_line_is_a_row_has_numbers_for_names(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("What?,x,y,B\nWhy?,v,w,A\n")
    assert rows(path)[0] == {"1": "What?", "2": "x", "3": "y", "4": "B"}
    assert len(rows(path, header=True)) == 1


def test_parquet_and_workbooks_are_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    path = tmp_path / "r.parquet"
    pl.DataFrame(ROWS).write_parquet(path)
    assert rows(path) == ROWS
    book = openpyxl.Workbook()
    for row in (("id", "said"), *(tuple(row.values()) for row in ROWS)):
        book.active.append(row)
    book.save(tmp_path / "r.xlsx")
    assert rows(tmp_path / "r.xlsx") == ROWS


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("r.jsonl", '{"id": 1}\n{"id": ', "cut off"),
        ("r.json", '[{"id": 1}, {"id": ', "cut off"),
        ("r.json", '[{"id": 1}', "not closed"),
        ("r.csv", "id,said\n1,A\n2", "cut off"),
        ("r.jsonl", '{"id": 1}\n[2]', "JSON object was expected"),
    ],
)
def test_a_torn_end_costs_one_row(tmp_path: Path, name: str, text: str, what: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    told: list[str] = []
    assert len(rows(path, faults=lambda place, fault: told.append(fault))) == 1
    assert len(told) == 1
    assert what in told[0]
    with pytest.raises(DataError, match=what):
        rows(path)


def test_titles_above_a_table_and_sheets_without_one_are_passed_over(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["Supplement"])
    sheet = book.create_sheet("Step 1")
    for row in (["Table S2"], [], ["No.", "Answer"], [1, "B"], [2, "C"]):
        sheet.append(row)
    path = tmp_path / "supplement.xlsx"
    book.save(path)
    assert [row for _, row in read_rows(path)] == [{"No.": 1, "Answer": "B"}, {"No.": 2, "Answer": "C"}]
    second = book.create_sheet("Step 2")
    for row in (["No.", "Answer"], [1, "D"]):
        second.append(row)
    book.save(path)
    with pytest.raises(DataError, match="2 sheets hold tables") as caught:
        list(read_rows(path))
    assert "--rows 'Step 1'" in str(caught.value.hint)
    assert [row["_sheet"] for _, row in read_rows(path, Reading("*"))] == ["Step 1", "Step 1", "Step 2"]
    text = tmp_path / "titled.csv"
    text.write_text("Table S2;;\n\nid;said;key\n1;a, b;B\n", encoding="utf-8")
    assert [row for _, row in read_rows(text)] == [{"id": "1", "said": "a, b", "key": "B"}]


def test_lists_of_samples_are_no_table_and_arrow_is_read(tmp_path: Path) -> None:
    path = tmp_path / "generations.json"
    path.write_text('[["Answer: A"], ["Answer: B"]]', encoding="utf-8")
    assert [row for _, row in read_rows(path)] == [{"value": ["Answer: A"]}, {"value": ["Answer: B"]}]
    path.write_text('[["id", "pred"], ["1", "B"]]', encoding="utf-8")
    assert [row for _, row in read_rows(path)] == [{"id": "1", "pred": "B"}]
    stream = tmp_path / "data-00000-of-00001.arrow"
    pl.DataFrame({"id": [1]}).write_ipc_stream(stream)
    assert [row for _, row in read_rows(stream)] == [{"id": 1}]


@pytest.mark.parametrize(
    ("encoding", "text"), [("cp1252", "Lösung für Fälle"), ("cp932", "患者は何ですか"), ("euc_kr", "정답은 무엇입니까")]
)
def test_the_encoding_that_fits_is_named_first(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(f"id,text\n1,{text}\n".encode(encoding))
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert str(caught.value.hint).startswith(f"Name the encoding: --encoding {encoding} reads")
