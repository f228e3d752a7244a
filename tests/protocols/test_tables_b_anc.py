"""The pregnancy protocol compared, row by row, with the antenatal decision tables of WHO's SMART guidelines.

The workbook is read here as the importer reads it; the thresholds and intervals are those of its cells.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from conftest import SHARED

from afya.protocols import Assessment, Citation, evaluate, load_protocol
from afya.protocols.conditions import Value
from afya.protocols.smart.statements import Compared, Is, Joined, Statement, Unreadable, read_statement
from afya.protocols.smart.workbook import Found, RawRow, read_workbook

WORKBOOK = SHARED / "data" / "who_smart_anc" / "input" / "l2" / "WHO-SRH-21.2-eng.xlsx"
PASSAGES = SHARED / "data" / "who_smart_anc" / "who_anc_passages.jsonl"
pytestmark = pytest.mark.skipif(not WORKBOOK.is_file(), reason=f"{WORKBOOK} is absent")


@cache
def found() -> Found:
    return read_workbook(WORKBOOK)


@cache
def sheet_rows() -> dict[tuple[str, int], dict[int, str]]:
    """Every cell that holds anything, by sheet and row, then column."""
    pytest.importorskip("openpyxl")
    from openpyxl import load_workbook

    book = load_workbook(WORKBOOK, read_only=True, data_only=True)
    rows = {}
    for sheet in book.worksheets:
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            known = {place: str(cell) for place, cell in enumerate(cells, 1) if cell is not None}
            if known:
                rows[sheet.title, number] = known
    return rows


def sheet_row(sheet: str, number: int) -> str:
    return " | ".join(sheet_rows()[sheet, number].values())


def decision(code: str) -> list[RawRow]:
    rows = [row for entry in found().decisions if entry.code == code and entry.sheet != "Dev" for row in entry.rows]
    assert rows, code
    return rows


WELL: dict[str, Value] = {
    "age_years": 25,
    "pregnancy_weeks": 22,
    "systolic": 118,
    "diastolic": 76,
    "urine_protein": "none_or_trace",
    "pallor": "none",
    "last_sp": "never",
    "tetanus": "complete",
    "blood_tests": "before_29_weeks",
}


def assess(**change: Value) -> Assessment:
    protocol = load_protocol("pregnancy")
    no = {name: False for name, entry in protocol.inputs.items() if entry.kind == "bool"}
    return evaluate(protocol, {**no, **WELL, **change})


def results(**change: Value) -> set[str]:
    return {row.result for row in assess(**change).rows}


def citations() -> Iterator[tuple[str, Citation]]:
    for table in load_protocol("pregnancy").tables.values():
        for row in table.rows:
            for citation in (row.citation, *row.also):
                if citation.source.key == "smart_anc":
                    yield table.name, citation


TOPIC = {
    "danger": "danger sign",
    "labour_begun": "labour|delivery",
    "pressure": "blood pressure|hypertension",
    "anaemia": "anaemia",
    "trimester": "gestational age",
    "malaria_prevention": "malaria|iptp",
    "tetanus_vaccine": "tetanus|ttcv",
    "hiv_syphilis": "hiv|syphilis",
    "birth_plan": "birth",
    "next_visit": "week|contact",
}


def test_every_place_that_is_cited_exists_and_speaks_of_the_matter() -> None:
    cited = list(citations())
    assert len(cited) > 60
    for table, citation in cited:
        match = re.fullmatch(r"sheet (.+), row (\d+)", citation.page)
        assert match, citation.page
        text = sheet_row(match[1], int(match[2]))
        assert re.search(TOPIC[table], text, re.IGNORECASE), f"{table}: {citation.page} says: {text[:200]}"


# How each danger sign of the workbook is asked here.
DANGER = {
    "Central cyanosis": "not_breathing",
    "Bleeding vaginally": "bleeding_in_pregnancy",
    "Convulsing": "convulsions",
    "Fever": "fever",
    "Severe headache": "severe_headache_blurred_vision",
    "Visual disturbance": "severe_headache_blurred_vision",
    "Imminent delivery": "labour",
    "Labour": "labour",
    "Looks very ill": "very_ill",
    "Severe vomiting": "vomits_everything",
    "Severe pain": "very_ill",
    "Severe abdominal pain": "severe_belly_pain",
    "Unconscious": "lethargic_or_unconscious",
}


def test_each_danger_sign_of_the_workbook_is_red_here() -> None:
    stated = [read_statement(text) for row in decision("ANC.DT.01") for text in row.inputs]
    signs = {str(part.values[0]) for part in stated if isinstance(part, Is)}
    assert signs - {"No danger signs"} == set(DANGER)
    for sign, asked in DANGER.items():
        assert assess(**{asked: True}).colour == "red", sign


PROTEIN = {"None": "none_or_trace", "+": "one_plus", "++": "two_plus_or_more", "+++": "two_plus_or_more"}
SYMPTOM = {
    "Severe headache": "severe_headache_blurred_vision",
    "Blurred vision": "severe_headache_blurred_vision",
    "Epigastric pain": "dizzy_or_vomiting",
    "Dizziness": "dizzy_or_vomiting",
    "Vomiting": "dizzy_or_vomiting",
}


def leaves(statement: Statement) -> Iterator[Is | Compared]:
    if isinstance(statement, Joined):
        for part in statement.parts:
            yield from leaves(part)
    else:
        yield statement


def pressure_case(row: RawRow) -> dict[str, Value] | None:
    """The mildest woman of whom a row of the blood pressure table is true; None for a row that does not measure."""
    case: dict[str, Value] = {}
    for text in row.inputs:
        for part in leaves(read_statement(text)):
            label = part.label.casefold()
            if isinstance(part, Compared):
                if part.sign in (">", ">="):
                    name = "systolic" if "systolic" in label else "diastolic"
                    case[name] = int(part.number) + (part.sign == ">")
            elif "protein" in label:
                case["urine_protein"] = PROTEIN.get(str(part.values[0]), "two_plus_or_more")
            elif "symptoms" in label and part.values[0] in SYMPTOM:
                case[SYMPTOM[str(part.values[0])]] = True
    return case if {"systolic", "diastolic"} & set(case) else None


def test_every_blood_pressure_row_gives_the_same_or_a_more_urgent_answer() -> None:
    compared, unread, left_out = 0, [], []
    for row in decision("ANC.DT.17"):
        try:
            case = pressure_case(row)
        except Unreadable:
            unread.append(row.number)
            continue
        if case is None:
            left_out.append(row.number)
            continue
        compared += 1
        colour = assess(**case).colour
        if any("urgently" in action for action in row.actions):
            assert colour == "red", f"row {row.number}: {case}"
        else:
            assert colour in ("red", "yellow"), f"row {row.number}: {case}"
    assert compared >= 29
    # Row 28 has a dash for a sign of comparison. Row 24 says "140 or less" where its annotation says 140 and above, and
    # row 35 asks for a known disease.
    assert unread == [28]
    assert left_out == [24, 35]
    assert "140 mmHg or above" in " ".join(sheet_row("ANC.DT.17–24 Diagnosis & treat", 24).split())


def test_a_first_measurement_of_140_over_90_is_measured_again_after_rest() -> None:
    for number, limit in ((8, 140), (9, 90)):
        text = sheet_row("ANC.DT.04-05 Physical exam", number)
        assert f"≥ {limit} mmHg" in text
        assert "10–15 minutes rest" in text
    assert "raised_pressure_in_pregnancy" in results(systolic=140)
    assert "raised_pressure_in_pregnancy" in results(diastolic=90)
    assert "normal_pressure_in_pregnancy" in results(systolic=139, diastolic=89)


def test_pallor_without_a_blood_test_is_anaemia_and_everyone_gets_iron_and_folic_acid() -> None:
    yes = sheet_row("ANC.DT.25 Anaemia IFA", 9)
    assert '"Pallor present" = TRUE' in yes
    assert '"Amount of iron prescribed" = 120 mg' in yes
    assert "anaemia" in results(pallor="some")
    no = sheet_row("ANC.DT.25 Anaemia IFA", 13)
    assert '"Amount of iron prescribed" = 60 mg' in no
    assert "= 0.4 mg" in no
    strength = load_protocol("pregnancy").medicines["iron_folic_acid"].strength
    assert strength == "60 mg iron and 400 microgram folic acid"
    assert [dose.medicine for dose in assess(pallor="none").doses] == ["iron_folic_acid"]


def test_sp_begins_in_the_second_trimester_and_comes_four_weeks_apart() -> None:
    weeks = sheet_row("ANC.DT.25 Anaemia IFA", 12)
    second = re.search(r"(\d+) weeks ≤ \"Gestational age\" ≤ (\d+) weeks", weeks)
    assert second
    start, end = int(second[1]), int(second[2])
    assert "starting in the 2nd trimester" in sheet_row("ANC.S.05 Malaria prophylaxis sc", 4)
    assert "sp_later" in results(malaria_area=True, pregnancy_weeks=start - 1)
    assert "sp_due" in results(malaria_area=True, pregnancy_weeks=start)
    trimesters = load_protocol("pregnancy").tables["trimester"].rows
    assert [row.params["weeks"] for row in trimesters] == [start, end + 1, end + 1]
    for number in (5, 6):
        assert "+ 4 weeks" in sheet_row("ANC.S.05 Malaria prophylaxis sc", number)
    again = [action.values for action in assess(malaria_area=True).actions if action.name == "sp_again"]
    assert again == [{"weeks": 4}]
    assert "co-trimoxazole SHOULD NOT receive" in sheet_row("ANC.DT.38 Deworming & malaria", 7)
    assert "no_sp" in results(malaria_area=True, cotrimoxazole=True)


def test_tetanus_vaccine() -> None:
    two = sheet_row("ANC.S.04 Immunization schedule", 9)
    assert "two doses of a TTCV one month apart" in two
    assert "at least two weeks before delivery" in two
    assert "no doses" in sheet_row("ANC.DT.31–32 Immunizations", 16).casefold()
    assert "Unknown" in sheet_row("ANC.DT.31–32 Immunizations", 17)
    assert "to a total of five doses" in sheet_row("ANC.DT.31–32 Immunizations", 18)
    for answer, action in (
        ("none_or_unknown", "tetanus_first"),
        ("one_this_pregnancy", "tetanus_second"),
        ("some_before", "tetanus_one"),
    ):
        assessment = assess(tetanus=answer)
        assert "tetanus_due" in {row.result for row in assessment.rows}
        assert action in {entry.name for entry in assessment.actions}
    assert "tetanus_done" in results(tetanus="complete")


def test_hiv_and_syphilis_tests_at_the_first_visit_and_from_29_weeks() -> None:
    for code in ("ANC.DT.08", "ANC.DT.11"):
        parts = [part for row in decision(code) for text in row.inputs for part in leaves(read_statement(text))]
        weeks = {part.number for part in parts if isinstance(part, Compared) and part.label == "Gestational age"}
        first = {part.number for part in parts if isinstance(part, Compared) and part.label == "ANC contact number"}
        assert (weeks, first) == ({29.0}, {1.0})
    assert "blood_tests_due" in results(blood_tests="not_done")
    assert "blood_tests_due" in results(pregnancy_weeks=29)
    assert "blood_tests_done" in results(pregnancy_weeks=28)


def test_reasons_for_a_birth_in_a_health_facility() -> None:
    text = sheet_row("ANC.DT.33–35General counselling", 14)
    for reason in ("Age 17 or under", "Primigravida", "Parity 6 or higher", "HIV positive", "Multiple fetuses"):
        assert reason in text
    assert "facility_birth" in results(age_years=17)
    assert "skilled_birth" in results(age_years=18)
    assert "facility_birth" in results(birth_risk=True)


def test_the_next_visit_is_that_of_the_example_schedule_week_by_week() -> None:
    """Every step of every line of the schedule whose woman comes before 22 weeks (later ones are seen more often)."""
    steps = 0
    for number in range(30, 48):
        line = [
            int(float(cell))
            for cell in sheet_rows()["ANC.S.01 ANC contact schedule", number].values()
            if re.fullmatch(r"\d+(\.0)?", cell)
        ]
        assert line[0] < 22
        for week, following in itertools.pairwise(line):
            actions = {action.name: action.values for action in assess(pregnancy_weeks=week).actions}
            assert week + actions["next_visit"]["weeks"] == min(following, 41), f"row {number}: {week} -> {following}"
            steps += 1
    assert steps > 120
    assert "birth_overdue" in results(pregnancy_weeks=41)
    assert "GA = 41 weeks" in sheet_row("ANC.S.01 ANC contact schedule", 12)


def test_the_passages_say_the_same() -> None:
    """The passages made of the workbook hold the sentences that the rows rest on."""
    if not PASSAGES.is_file():
        pytest.skip(f"{PASSAGES} is absent")
    text = " ".join(json.loads(line)["text"] for line in Path(PASSAGES).read_text(encoding="utf-8").splitlines())
    for sentence in (
        "SBP is 160 mmHg or higher and/or DBP is 110 mmHg or higher",
        "contacts should be scheduled every 6 weeks",
        "Doses should be given at least one month apart, starting in the 2nd trimester",
        "A syphilis test is recommended for all pregnant women at the first contact",
    ):
        assert sentence in " ".join(text.split()), sentence
