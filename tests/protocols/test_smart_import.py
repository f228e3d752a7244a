"""Importing decision-support workbooks: what is read, what is listed, and that nothing is lost between the two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import SHARED
from typer.testing import CliRunner

from afya.cli.main import app
from afya.errors import ConfigError, DataError
from afya.protocols import Protocol, check, evaluate, load_protocol
from afya.protocols.smart import Report, import_workbook
from afya.protocols.smart.statements import Compared, Is, Joined, Unreadable, read_statement

openpyxl = pytest.importorskip("openpyxl")

REAL = SHARED / "data" / "who_smart_anc" / "input" / "l2"

Cells = Sequence[str | None]


def table(
    code: str, *rows: Cells, headings: Cells = (None, "Inputs", None, "Output", "Action", "Annotations", "Reference(s)")
) -> list[Cells]:
    return [
        (None, "Decision ID", f"{code} Fever check"),
        (None, "Business Rule", "If she is hot, act"),
        (None, "Trigger", "B5 Quick check"),
        headings,
        *rows,
    ]


HOT = '"Body temperature" ≥ 38.5 °C'
COLD = '"Body temperature" < 35.5 °C'


def workbook(folder: Path, **sheets: list[Cells]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for number, cells in enumerate(rows, 1):
            for column, cell in enumerate(cells, 1):
                if cell is not None:
                    sheet.cell(number, column, cell)
    path = folder / "logic.xlsx"
    book.save(path)
    return path


def imported(folder: Path, *rows: Cells, **more: list[Cells]) -> tuple[Report, Protocol]:
    report = import_workbook(workbook(folder, Fever=table("X.DT.01", *rows), **more), folder / "out", subject="woman")
    assert report.adds_up
    return report, load_protocol("x_dt_01_fever_check", folder / "out")


def results(protocol: Protocol, **found: object) -> set[str]:
    return {row.result for row in evaluate(protocol, found).rows}  # type: ignore[arg-type]


def test_a_decision_becomes_a_draft_that_answers_as_the_table_does(tmp_path: Path) -> None:
    report, protocol = imported(
        tmp_path,
        (None, HOT, None, "Fever", "Refer urgently", "She is hot", "Guide (2015)"),
        (None, COLD, '"Age" > 14 years', "Too cold", "Keep warm", None, None),
        (None, '"Danger signs" = "Shivering" OR "Rash"', None, "Fever", "Refer urgently", None, None),
    )
    assert (report.read, report.unread) == (3, ())
    assert check(protocol) == []
    assert results(protocol, body_temperature=38.5, age=20, danger_signs="other") == {"fever"}
    assert results(protocol, body_temperature=38.4, age=20, danger_signs="other") == set()
    assert results(protocol, body_temperature=35.4, age=15, danger_signs="rash") == {"too_cold", "fever"}
    assert results(protocol, body_temperature=35.4, age=14, danger_signs="other") == set()
    rows = [row for entry in protocol.tables.values() for row in entry.rows]
    assert [row.citation.page for row in rows] == ["sheet Fever, row 5", "sheet Fever, row 7", "sheet Fever, row 6"]
    assert rows[0].note == "She is hot Reference: Guide (2015)"
    assert {row.reviewed for row in rows} == {False}
    assert [row.colour for row in rows] == ["red", "red", "yellow"]
    assert protocol.subject == "woman"


def test_rows_that_are_true_together_each_give_their_output(tmp_path: Path) -> None:
    _, protocol = imported(
        tmp_path,
        (None, '"Pallor" = TRUE', None, "Anaemia", "Test the blood", None, None),
        (None, '"Fever" = TRUE', None, "Infection", "Refer", None, None),
    )
    assert results(protocol, pallor=True, fever=True) == {"anaemia", "infection"}


def test_a_label_asked_for_twice_in_a_row_becomes_yes_or_no_questions(tmp_path: Path) -> None:
    _, protocol = imported(
        tmp_path, (None, '"Symptoms" = "Back pain"', '"Symptoms" ≠ "Contractions"', "Back pain", "Exercise", None, None)
    )
    assert results(protocol, symptoms_back_pain=True, symptoms_contractions=False) == {"back_pain"}
    assert results(protocol, symptoms_back_pain=True, symptoms_contractions=True) == set()


def test_every_row_is_read_a_heading_or_listed_with_its_reason(tmp_path: Path) -> None:
    report, _ = imported(
        tmp_path,
        (None, HOT, None, "Fever", "Refer", None, None),
        (None, '60 > "Pulse" > 100', None, "Pulse", "Refer", None, None),
        (None, '"Tobacco" = TRUE ON MORE THAN ONE CONTACT', None, "Advice", "Advise", None, None),
        (None, '"Rash" = yes it is', None, "Rash", "Look", None, None),
        (None, '"Rash = TRUE', None, "Rash", "Look", None, None),
        (None, "#REF!", None, "Rash", "Look", None, None),
        (None, None, None, "Rash", "Look", None, None),
        ("half", '"Rash" = TRUE', None, "Rash", "Look", None, None),
        (None, '"Rash" = TRUE', None, None, None, "Note", None),
        (None, '"Weight" > 5 kg', '"Weight" < 9 lb', "Thin", "Feed", None, None),
        (None, "See the annex", None, None, None, None, None),
        Cover=[("A title",), (None, "Decision ID", "the name of the decision"), (None, "something")],
        Dates=[("Schedule ID", "X.S.01 Visits"), ("First visit", "12 weeks")],
    )
    reasons = {(entry.sheet, entry.row): entry.reason for entry in report.unread}
    assert report.read == 1
    assert report.structure == 4
    assert report.rows_in == 4 + 11 + 3 + 2
    assert len(reasons) == len(report.unread) == report.rows_in - 5
    assert "No number fits it" in reasons["Fever", 6]
    assert "neither a number" in reasons["Fever", 7]
    assert "neither a number" in reasons["Fever", 8]
    assert "do not pair" in reasons["Fever", 9]
    assert "broken cell reference" in reasons["Fever", 10]
    assert "no input" in reasons["Fever", 11]
    assert "to the left" in reasons["Fever", 12]
    assert "neither an output nor an action" in reasons["Fever", 13]
    assert "different units (kg, lb)" in reasons["Fever", 14]
    assert "compares nothing" in reasons["Fever", 15]
    assert "without a code" in reasons["Cover", 2]
    assert "a schedule is no decision table" in reasons["Dates", 2]
    text = (tmp_path / "out" / "REPORT.md").read_text(encoding="utf-8")
    assert all(f"| {entry.sheet} | {entry.row} |" in text for entry in report.unread)


def test_a_condition_that_cannot_be_read_never_leaves_the_other_half_of_its_row(tmp_path: Path) -> None:
    _, protocol = imported(
        tmp_path,
        (None, HOT, '"Visits" are many', "Fever", "Refer", None, None),
        (None, COLD, None, "Too cold", "Keep warm", None, None),
    )
    assert [row.result for entry in protocol.tables.values() for row in entry.rows] == ["too_cold"]


def test_a_value_merged_downwards_counts_in_each_of_its_rows(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        Fever=table(
            "X.DT.01",
            (None, HOT, '"Pale" = TRUE', "A", "Refer", None, None),
            (None, None, '"Pale" = FALSE', "B", "Refer", None, None),
        ),
    )
    book = openpyxl.load_workbook(path)
    book["Fever"].merge_cells("B5:B6")
    book.save(path)
    import_workbook(path, tmp_path / "out")
    protocol = load_protocol("x_dt_01_fever_check", tmp_path / "out")
    assert results(protocol, body_temperature=39.0, pale=False) == {"b"}
    assert results(protocol, body_temperature=37.0, pale=False) == set()


def test_the_data_dictionary_gives_definitions_and_answers(tmp_path: Path) -> None:
    dictionary: list[Cells] = [
        (
            "Data Element ID",
            "Data Element Label",
            "Description and Definition",
            "Multiple Choice Type (if applicable)",
            "Data Type",
        ),
        ("X.DE.1", "HIV status", "What the last test showed", "Select one", "Coding"),
        ("X.DE.2", "HIV positive", "Positive", None, "Codes"),
        ("X.DE.3", "HIV negative", "Negative", None, "Codes"),
        ("X.DE.4", "Danger signs", "Signs seen today", "Select all that apply", "Coding"),
        ("X.DE.5", "Fever", "Hot", None, "Codes"),
        ("X.DE.6", "Fits", "Convulsions", None, "Codes"),
    ]
    report, protocol = imported(
        tmp_path,
        (None, '"HIV status" ≠ "HIV negative"', None, "Counsel", "Counsel", None, None),
        (None, '"Danger signs" = "Fever"', None, "Refer", "Refer", None, None),
        Dictionary=dictionary,
    )
    assert report.structure == 4 + len(dictionary)
    assert protocol.inputs["hiv_status"].values == ("hiv_positive", "hiv_negative")
    assert results(protocol, hiv_status="hiv_positive", danger_signs_fever=True, danger_signs_fits=False) == {
        "counsel",
        "refer",
    }
    text = (tmp_path / "out" / "x_dt_01_fever_check.yaml").read_text(encoding="utf-8")
    assert "# HIV status (X.DE.1: What the last test showed)" in text


def test_what_a_person_must_complete_is_said(tmp_path: Path) -> None:
    report, _ = imported(tmp_path, (None, HOT, '"Rash" = "Red"', "Fever", "Refer", None, None))
    todo = " ".join(map(str, report.todo))
    assert "Confirm the colour of every row" in todo
    assert "body_temperature: confirm the range" in todo
    assert "rash: 'other' stands for the answers" in todo


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"A" = TRUE', Is("A", (True,))),
        ('A" ≠ "B" OR "C"', Is("A", ("B", "C"), denied=True)),
        ("IF “A” = “B”", Is("A", ("B",))),
        ('"A" ≥ 100 per 100 000 population', Compared("A", ">=", 100, "per 100 000 population")),
        ('"A" > 16 000', Compared("A", ">", 16000, "")),
        ('90 mmHg ≤ "A" < 110 mmHg', Joined("all", (Compared("A", ">=", 90, "mmHg"), Compared("A", "<", 110, "mmHg")))),
        ('"A" = TRUE AND "B" = FALSE', Joined("all", (Is("A", (True,)), Is("B", (False,))))),
        ('"A" = TRUE OR "B" > 2', Joined("any", (Is("A", (True,)), Compared("B", ">", 2, "")))),
        ('"A" = TRUE\n"B" = FALSE', Joined("all", (Is("A", (True,)), Is("B", (False,))))),
    ],
)
def test_conditions_are_read_as_they_are_written(text: str, expected: object) -> None:
    assert read_statement(text) == expected


@pytest.mark.parametrize(
    "text", ['"A"', '"A" = B', "= TRUE", '"A" = 3 WHEN "B"', '"A" < 3 < 4 < 5', '"A" ≠ 3', "1 < 2"]
)
def test_a_condition_that_is_not_wholly_understood_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_statement(text)


def test_a_folder_that_holds_files_and_an_unknown_subject_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path, Fever=table("X.DT.01", (None, HOT, None, "Fever", "Refer", None, None)))
    with pytest.raises(ConfigError, match="not empty"):
        import_workbook(path, tmp_path)
    with pytest.raises(ConfigError, match="cannot be 'cat'"):
        import_workbook(path, tmp_path / "out", subject="cat")


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("no workbook")
    with pytest.raises(DataError, match="no XLSX workbook"):
        import_workbook(tmp_path / "a.xlsx", tmp_path / "out")
    with pytest.raises(DataError, match="no such file"):
        import_workbook(tmp_path / "b.xlsx", tmp_path / "out")


def test_the_command_prints_the_account(tmp_path: Path) -> None:
    path = workbook(
        tmp_path, Fever=table("X.DT.01", (None, HOT, None, "Fever", "Refer", None, None), (None, "x", None, "y"))
    )
    done = CliRunner().invoke(app, ["protocol", "import", str(path), "--to", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "6 rows: 1 read as rules, 4 headings, 1 not read and listed." in done.output
    assert "1 drafts in" in done.output


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_the_antenatal_workbook_is_accounted_for_to_the_last_row(tmp_path: Path) -> None:
    report = import_workbook(REAL / "WHO-SRH-21.2-eng.xlsx", tmp_path / "out", subject="woman")
    assert report.adds_up
    codes = {match[0] for draft in report.written if (match := re.match(r"ANC\.DT\.\d+", draft.decision))}
    assert codes == {f"ANC.DT.{number:02d}" for number in range(1, 39)}
    assert report.read >= 360
    for draft in report.written:
        protocol = load_protocol(draft.protocol, tmp_path / "out")
        assert {finding.code for finding in check(protocol)} <= {"unreachable", "too_many"}
    hypertension = load_protocol("anc_dt_17_pre_eclampsia_severe_pre_eclampsia_and_hyperte", tmp_path / "out")
    found = {
        "systolic_blood_pressure": 160,
        "repeat_systolic_blood_pressure": 160,
        "urine_dipstick_result_protein": "none",
    }
    assert "severe_hypertension_true" in results(hypertension, **found)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_a_workbook_without_decision_tables_is_listed_row_by_row(tmp_path: Path) -> None:
    report = import_workbook(REAL / "WHO-SRH-21.3-eng.xlsx", tmp_path / "out")
    assert (report.read, report.written) == (0, ())
    assert report.rows_in == len(report.unread) > 20
