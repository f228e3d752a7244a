"""Every threshold and day of the child protocol against WHO's own EmCare files, where they are at hand.

The files are read from AFYA_SHARED (default: ../shared beside the repository). They are the adaptation for Iraq, which
has no malaria, no tablets and no milligrams: what it cannot confirm is listed here by name, so that a new row without a
check fails.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from afya.protocols import Citation, Protocol, Row, load_protocol

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).resolve().parents[3] / "shared"))
EMCARE = SHARED / "data" / "who_smart_emcare"
WORKBOOK = EMCARE / "input" / "l2" / "xls_form_iraq_v1.xlsx"
PASSAGES = EMCARE / "who_emcare_passages.jsonl"

pytestmark = pytest.mark.skipif(not PASSAGES.is_file(), reason=f"the WHO files are not at {EMCARE}")


@cache
def passages() -> dict[str, str]:
    rows = [json.loads(line) for line in PASSAGES.read_text(encoding="utf-8").splitlines()]
    return {row["id"]: f"{row.get('label') or ''} {row['text']}" for row in rows}


@cache
def workbook() -> dict[str, list[str]]:
    """Each sheet's rows as one text a row; row 1 is the first."""
    openpyxl = pytest.importorskip("openpyxl")
    book: Any = openpyxl.load_workbook(WORKBOOK, read_only=True, data_only=True)
    return {
        sheet.title: [
            " | ".join(str(cell) for cell in row if cell is not None) for row in sheet.iter_rows(values_only=True)
        ]
        for sheet in book
    }


def passage(number: str) -> str:
    return passages()[f"who-emcare-q.EmCare.{number}"]


def sheet_row(sheet: str, row: int) -> str:
    return workbook()[sheet][row - 1]


def row_of(classification: str) -> Row:
    return load_protocol().rows_with(classification)[0]


def follow_up(classification: str) -> float | None:
    for action in row_of(classification).actions:
        if "days" in action.values:
            return action.values["days"]
    return None


def emcare_citations(protocol: Protocol) -> list[tuple[str, Citation]]:
    cited: list[tuple[str, Citation]] = []
    for table in protocol.tables.values():
        for row in table.rows:
            cited += [(row.name, citation) for citation in (row.citation, *row.also)]
    for medicine in protocol.medicines.values():
        for band in medicine.bands:
            cited += [(medicine.name, citation) for citation in (band.citation, *band.also)]
    return [(name, citation) for name, citation in cited if citation.source.key == "emcare"]


TOPIC = {
    "danger": "convuls|very severe disease|danger",
    "fast_breathing": "breath",
    "cough_breathing": "pneumonia|cough or cold",
    "cough_duration": "14 days",
    "dehydration": "dehydration|sunken|lethargic",
    "diarrhoea_duration": "persistent diarrhoea",
    "blood": "dysentery",
    "fever_cause": "fever|febrile",
    "fever_duration": "fever",
    "nutrition": "muac",
    "zinc": "zinc",
    "ors_plan_a": "ors",
    "ors_plan_b": "ors",
    "amoxicillin": "amoxicillin",
    "paracetamol": "paracetamol",
    "ear": "ear|mastoiditis|chronic ear",
    "vaccines": "vaccin|dpt|measles",
    "breathing": "fast breathing|infection|pneumonia",
    "local_infection": "local infection|infection unlikely",
    "jaundice": "jaundice|ageindays|yellow",
    "weight": "very low weight",
    "feeding": "feeding|feeds|weight|breastfed|ulcers",
}
OF_THE_INFANT = {"danger": "infection|convulsion|measured temperature", "dehydration": "dehydration|sunken|skin pinch"}


@pytest.mark.parametrize(("protocol", "least"), [("child_2_59_months", 40), ("young_infant", 40)])
def test_every_emcare_place_that_is_cited_exists_and_speaks_of_the_matter(protocol: str, least: int) -> None:
    cited = emcare_citations(load_protocol(protocol))
    assert len(cited) > least
    topics = TOPIC | (OF_THE_INFANT if protocol == "young_infant" else {})
    for name, citation in cited:
        if citation.page.startswith("passage "):
            text = passages()[citation.page.removeprefix("passage ")]
        else:
            match = re.fullmatch(r"sheet (\S+), row (\d+)", citation.page)
            assert match, citation.page
            text = sheet_row(match[1], int(match[2]))
        pattern = topics[name.partition(",")[0]]
        assert re.search(pattern, text, re.IGNORECASE), f"{name}: {citation.page} says: {text[:200]}"


def test_the_age_range() -> None:
    age = load_protocol().inputs["age_months"]
    assert "AgeInMonths()>= 2 and  AgeInMonths()<60" in sheet_row("l.EmCare.CombinedDataElements", 3)
    assert (age.low, age.high) == (2, 60)


def test_the_danger_signs() -> None:
    text = sheet_row("l.EmCare.CombinedDataElements", 18).casefold()
    for words in (
        "convulsing now",
        "convulsions in this illness",
        "unconcious",
        "lethargic",
        "not able to drink",
        "vomiting",
    ):
        assert words in text
    dangers = {entry.name for entry in load_protocol().inputs.values() if entry.danger}
    assert dangers == {"unable_to_drink", "vomits_everything", "convulsions", "lethargic_or_unconscious"}


def test_fast_breathing_as_emcare_calculates_it() -> None:
    text = sheet_row("q.EmCare.B22.RespiratoryRate", 15)
    minute = r"minute\)\" >= (\d+) '\{Breaths\}/min' and "
    infant = re.search(minute + r'"AgeInMonths" < 12 and "AgeInMonths" >= 2\b', text)
    older = re.search(minute + r'"AgeInMonths">=12 and "AgeInMonths" < 60', text)
    assert infant
    assert older
    limits = [row.params["limit"] for row in load_protocol().tables["fast_breathing"].rows if row.result == "fast"]
    assert limits == [int(infant[1]), int(older[1])] == [50, 40]
    assert "2 to 11 months: More than 50" in passage("B22.RespiratoryRate-6")
    assert "12 to 59 months: More than 40" in passage("B22.RespiratoryRate-6")


def test_severe_pneumonia_pneumonia_and_cold() -> None:
    severe = sheet_row("q.EmCare.B23.Classification", 24)
    assert "danger signs" in severe
    assert "Stridor in a calm child" in severe
    mild = sheet_row("q.EmCare.B23.Classification", 35)
    assert "Fast breathing" in mild
    assert "Chest indrawing" in mild
    assert "Amoxicillin twice daily for 5 days" in passage("Treatment-11")
    assert all((band.days, band.times_a_day) == (5, 2) for band in load_protocol().medicines["amoxicillin"].bands)
    assert "Follow-up in 3 days" in passage("Treatment-11")
    assert follow_up("pneumonia") == 3
    assert "Follow-up in 5 days if not improving" in passage("Treatment-12")
    assert follow_up("cough_or_cold") == 5
    assert "Refer URGENTLY" in passage("Treatment-10")
    assert row_of("severe_pneumonia").actions[-1].name == "refer_urgently"


def test_long_cough_and_long_fever() -> None:
    assert '"14 days or more"' in sheet_row("q.EmCare.B23.Classification", 28)
    assert row_of("chronic_cough").params["limit"] == 14
    assert "7 Days or more" in sheet_row("q.EmCare.B23.Classification", 87)
    assert row_of("prolonged_fever").params["limit"] == 7


def test_dehydration_counts_two_signs() -> None:
    severe = sheet_row("l.EmCare.CombinedDataElements", 42)
    for sign in (
        "Unconscious or Lethargic",
        "Sunken Eyes",
        "very slowly",
        "Completely Unable to drink",
        "Drinks Poorly",
    ):
        assert sign in severe
    some = sheet_row("l.EmCare.CombinedDataElements", 50)
    for sign in ("Restless and irritable", "Sunken Eyes", "goes back slowly", "Drinks Eagerly"):
        assert sign in some
    assert severe.rstrip().removesuffix("| {{cql}}").endswith(")>1") or ")>1" in severe
    assert ")>1" in some


def test_the_mixed_pairs_of_signs_are_some_dehydration_as_in_emcare() -> None:
    assert "Drinks poorly" in sheet_row("l.EmCare.CombinedDataElements", 52)
    assert "Lethargic" in sheet_row("l.EmCare.CombinedDataElements", 53)
    assert "row 53" in " ".join(citation.page for citation in row_of("some_dehydration").also)


def test_diarrhoea_plans_zinc_and_days() -> None:
    assert "plan C" in passage("Treatment-13")
    assert "plan_c" in {action.name for action in row_of("severe_dehydration").actions}
    assert "ORS over 4 hrs" in passage("Treatment-14")
    assert {band.until for band in load_protocol().medicines["ors_plan_b"].bands} == {"4_hours"}
    assert "Plan A" in passage("Treatment-15")
    zinc = load_protocol().medicines["zinc"].bands
    assert "Zinc once daily for 14 days" in passage("Treatment-15")
    assert all((band.days, band.times_a_day) == (14, 1) for band in zinc)
    assert "10 - 14 days" in passage("Treatment-14")
    assert "10 to 14 days" in (zinc[0].note or "")
    for number, classification in (("14", "some_dehydration"), ("15", "no_dehydration")):
        assert "Follow-up in 5 days if not improving" in passage(f"Treatment-{number}")
        assert follow_up(classification) == 5


def test_persistent_diarrhoea_and_blood() -> None:
    for row, classification in ((52, "severe_persistent_diarrhoea"), (54, "persistent_diarrhoea")):
        assert '"14 days or more"' in sheet_row("q.EmCare.B23.Classification", row)
        assert row_of(classification).params["limit"] == 14
    assert "Follow-up in 5 days" in passage("Treatment-17")
    assert follow_up("persistent_diarrhoea") == 5
    assert "Refer to hospital" in passage("Treatment-16")
    assert "Follow-up in 3 days" in passage("Treatment-19")
    assert follow_up("dysentery") == 3
    note = row_of("dysentery").note or ""
    assert "Metronidazole three times daily for 10 days" in passage("Treatment-19")
    assert "metronidazole for 10 days" in note
    assert "38.5" in note
    assert "38.5" in sheet_row("q.EmCare.B23.Classification", 59)


def test_fever_with_danger_and_paracetamol() -> None:
    text = sheet_row("q.EmCare.B23.Classification", 84)
    assert "danger signs" in text
    assert "Stiff Neck" in text
    assert "38.5" in passage("Treatment-30")
    assert "every 6 hours (4 times / day)" in passage("Treatment-30")
    temperatures = {
        action.values["temperature"]
        for row in load_protocol().tables["fever_cause"].rows
        for action in row.actions
        if action.name == "give_paracetamol"
    }
    assert temperatures == {38.5}
    bands = load_protocol().medicines["paracetamol"].bands
    assert all((band.every_hours, band.times_a_day) == (6, 4) for band in bands)
    assert "3 days if fever persists" in passage("Treatment-30")
    assert follow_up("fever_no_malaria") == 3


def test_muac() -> None:
    measured = sheet_row("q.EmCare.B6.Measurements", 32)
    assert '"AgeInMonths">=6' in measured
    assert row_of("muac_not_used").params["limit"] == 6
    assert "\"MUAC (mm)\" < 12.5 'cm'" in sheet_row("q.EmCare.B23.Classification", 182)
    assert "125" in str(row_of("moderate_malnutrition").when)
    assert "125" in str(row_of("no_malnutrition").when)


def test_the_ear_its_days_and_treatment() -> None:
    for row in (77, 78):
        assert '"14 days or more"' in sheet_row("q.EmCare.B23.Classification", row)
    assert row_of("chronic_ear_infection").params["limit"] == 14
    acute = sheet_row("q.EmCare.Treatment", 27)
    assert "Follow-up in 5 days" in acute
    assert follow_up("acute_ear_infection") == follow_up("chronic_ear_infection") == 5
    assert "Oral Amoxicillin twice daily for 10 days" in acute
    assert "10 days" in (row_of("acute_ear_infection").note or "")
    assert "wicking at least 3 times daily" in acute
    assert "Refer URGENTLY" in sheet_row("q.EmCare.Treatment", 26)
    assert row_of("mastoiditis").actions[-1].name == "refer_urgently"


def test_the_young_infants_days_and_treatment() -> None:
    infant = load_protocol("young_infant")

    def values(classification: str, action: str) -> dict[str, float]:
        row = infant.rows_with(classification)[0]
        return next(entry.values for entry in row.actions if entry.name == action)

    for row, classification, days, again in ((60, "infant_pneumonia", 7, 3), (61, "local_infection", 5, 2)):
        text = sheet_row("q.EmCare.Treatment", row)
        assert f"amoxicillin 2 times per day, for {days} days" in text
        assert f"Follow up in {again} days" in text
        assert values(classification, "amoxicillin_by_card") == {"course": days}
        assert values(classification, "see_again") == {"days": again}
    assert "Follow-up in 1 day" in sheet_row("q.EmCare.Treatment", 64)
    assert values("jaundice", "see_again") == {"days": 1}
    for row, classification in ((67, "some_dehydration"), (68, "no_dehydration")):
        assert "Follow-up in 2 days if no improvement" in sheet_row("q.EmCare.Treatment", row)
        assert values(classification, "see_again_if_not_better") == {"days": 2}
    assert "Follow up Feeding Problem or Thrush in 2 days" in sheet_row("q.EmCare.Treatment", 71)
    assert values("feeding_problem", "see_again") == {"days": 2}
    assert '"EmCare.B21S2.DE05">= 8' in sheet_row("q.EmCare.B18-21.Signs.2m.m", 32)
    assert "less than 7 days old and weighs less than 2 kg" in sheet_row("q.EmCare.B18-21.Signs.2m.m", 30)
    assert "60 breaths per minute or more (<2 months)" in sheet_row("q.EmCare.B22.RespiratoryRate", 15)
    assert infant.rows_with("fast")[0].params["limit"] == 60


def test_what_the_iraq_file_cannot_confirm_is_known_by_name() -> None:
    """Rows that rest on the IMCI booklet alone: a new one must be added here on purpose."""
    protocol = load_protocol()
    alone = set()
    for table in protocol.tables.values():
        for row in table.rows:
            if all(citation.source.key != "emcare" for citation in (row.citation, *row.also)):
                alone.add(row.result)
    assert alone == {
        "malaria",
        "fever_malaria_unknown",
        "complicated_severe_malnutrition",
        "vitamin_a_due",
        "vitamin_a_given",
        "deworming_due",
        "deworming_given",
    }
    unconfirmed = {
        medicine.name
        for medicine in protocol.medicines.values()
        for band in medicine.bands
        if all(citation.source.key != "emcare" for citation in (band.citation, *band.also))
    }
    assert unconfirmed == {"artemether_lumefantrine", "vitamin_a", "mebendazole"}
    text = " ".join(passages().values()).casefold()
    assert "artemether" not in text
    assert "malaria rdt" not in text
