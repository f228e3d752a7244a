"""Spreadsheets of the review queue, out and back."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from afya.errors import ConfigError, DataError
from afya.translation.review import Queue, Rating, ReviewRow
from afya.translation.review_files import COLUMNS, export_rows, import_ratings

ROWS = [
    ReviewRow("own:1:yo", "own:1", "yo", "question", "en", "Give 5 ml.", "Fún un ní milimita 5.", "own", "failed"),
    ReviewRow("own:2:yo", "own:2", "yo", "question", "en", "=1+1 is\ntwo", "+1 ni\n'méjì'", "own", "sample"),
    ReviewRow("own:3:yo", "own:3", "yo", "option.0", "en", "'Quoted'", "'=A1", "own", "sample"),
]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with Queue(tmp_path / "review.sqlite") as opened:
        opened.add(ROWS)
        yield opened


def fill(path: Path, values: dict[str, dict[str, object]]) -> None:
    """Write `values` (by translation) into an exported file, as a rater would."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = list(csv.DictReader(handle))
        for line in lines:
            line.update({key: str(value) for key, value in values.get(line["Row"], {}).items()})
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, COLUMNS, delimiter=";")
            writer.writeheader()
            writer.writerows(lines)
        return
    from openpyxl import load_workbook

    book = load_workbook(path)
    sheet = book.active
    for row in sheet.iter_rows(min_row=2):
        for name, value in values.get(row[COLUMNS.index("Row")].value, {}).items():
            row[COLUMNS.index(name)].value = value
    book.save(path)


SCALES: dict[str, object] = {"Accuracy": 4, "Fluency": 5, "Completeness": 3}


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_filled_in_sheet_comes_home(queue: Queue, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sheet.{ending}"
    assert export_rows(queue.waiting("ade"), path) == 3
    edit = "Fún un ní mílílítà 5."
    fill(
        path,
        {
            ROWS[0].row_id: {**SCALES, "Expert_Revised": edit, "Comment": "Ọ̀rọ̀ tó tọ́"},
            ROWS[1].row_id: SCALES,
        },
    )
    imported = import_ratings(queue, path, "ade")
    assert (imported.counts.added, imported.blank) == (2, 1)
    found = {entry.row: entry.ratings for entry in queue.rows()}
    assert set(found) == set(ROWS)
    assert found[ROWS[0]] == (Rating(ROWS[0].row_id, "ade", 4, 5, 3, edit=edit, comment="Ọ̀rọ̀ tó tọ́"),)
    assert import_ratings(queue, path, "ade").counts.present == 2


def test_formulas_stay_texts(queue: Queue, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    export_rows(queue.waiting("ade"), tmp_path / "sheet.xlsx")
    sheet = load_workbook(tmp_path / "sheet.xlsx").active
    assert sheet["B3"].value == "=1+1 is\ntwo"
    assert sheet["B3"].data_type == "s"
    export_rows(queue.waiting("ade"), tmp_path / "sheet.csv")
    with (tmp_path / "sheet.csv").open(encoding="utf-8-sig", newline="") as handle:
        assert [line["EN_Data"] for line in csv.DictReader(handle)][1:] == ["'=1+1 is\ntwo", "''Quoted'"]


def test_what_other_programs_make_of_a_sheet_is_still_read(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    export_rows(queue.waiting("ade"), path)
    fill(
        path,
        {
            ROWS[0].row_id: {"Accuracy": "4.0", "Fluency": "5,00", "Completeness": " 3 ", "Expert_Revised": "\u200b"},
            ROWS[1].row_id: {"Expert_Revised": "\u200b \u200e"},
        },
    )
    imported = import_ratings(queue, path, "ade")
    assert (imported.counts.added, imported.blank) == (1, 2)
    found = {entry.row: entry.ratings for entry in queue.rows()}
    assert found[ROWS[0]] == (Rating(ROWS[0].row_id, "ade", 4, 5, 3),)


def test_every_wrong_line_is_named_and_nothing_is_taken(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "sheet.xlsx"
    export_rows(queue.waiting("ade"), path)
    fill(path, {ROWS[0].row_id: SCALES, ROWS[1].row_id: {**SCALES, "Fluency": 7}, ROWS[2].row_id: {"Accuracy": 3}})
    with pytest.raises(DataError, match=r"line 3: Fluency is '7'.*line 4: Fluency is empty") as error:
        import_ratings(queue, path, "ade")
    assert "nothing was taken, 2 line(s)" in str(error.value)
    assert all(not entry.ratings for entry in queue.rows())


def test_a_changed_translation_and_a_foreign_row_are_refused(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    export_rows(queue.waiting("ade"), path)
    fill(path, {ROWS[0].row_id: {**SCALES, "MT_Data": "Fún un."}, ROWS[1].row_id: {**SCALES, "Row": "other"}})
    with pytest.raises(DataError, match=r"MT_Data was changed.*no row 'other'"):
        import_ratings(queue, path, "ade")


def test_an_edit_that_a_check_disputes_goes_to_another_person(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    export_rows(queue.waiting("ade"), path)
    fill(path, {ROWS[0].row_id: {**SCALES, "Expert_Revised": "Fún un ní milimita 50."}})

    def check(source: str, edit: str, source_lang: str, lang: str) -> str | None:
        return "5 became 50" if (source, source_lang, lang) == ("Give 5 ml.", "en", "yo") and "50" in edit else None

    assert "5 became 50" in import_ratings(queue, path, "ade", check=check).warnings[0]
    queue.rate([Rating(ROWS[0].row_id, "bisi", 4, 5, 3)])
    assert next(entry for entry in queue.rows() if entry.row == ROWS[0]).state == "disputed"
    export_rows(queue.waiting("third", disputed=True), tmp_path / "disputes.csv")
    assert "Fún un ní milimita 50." in (tmp_path / "disputes.csv").read_text(encoding="utf-8")


def test_what_is_no_spreadsheet_is_refused(queue: Queue, tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"no zip")
    (tmp_path / "b.csv").write_text("Language,EN_Data\n")
    (tmp_path / "c.csv").write_text("")
    for name, told in (
        ("a.xlsx", "not a workbook"),
        ("b.csv", "column"),
        ("c.csv", "empty"),
        ("d.csv", "no such file"),
    ):
        with pytest.raises(DataError, match=told):
            import_ratings(queue, tmp_path / name, "ade")
    with pytest.raises(ConfigError, match=r"ends in \.xlsx or \.csv"):
        export_rows([], tmp_path / "e.ods")


def test_a_text_too_long_for_a_cell_is_named(queue: Queue, tmp_path: Path) -> None:
    queue.add([replace(ROWS[0], item_id="own:9:yo", translation="a" * 40_000)])
    with pytest.raises(DataError, match=r"own:9:yo.*MT_Data has 40,000 characters"):
        export_rows(queue.waiting("ade"), tmp_path / "sheet.xlsx")
    assert not (tmp_path / "sheet.xlsx").exists()
