"""The child protocol at the edge of every rule, and what it does when something is not known."""

from __future__ import annotations

from typing import Any

import pytest

from afya.errors import DataError
from afya.protocols import Assessment, evaluate, find_dose, load_protocol
from afya.protocols.check import boundary_values
from afya.protocols.evaluate import merged_actions

DANGER_SIGNS = ("unable_to_drink", "vomits_everything", "convulsions", "lethargic_or_unconscious")
NO_DANGER: dict[str, Any] = dict.fromkeys(DANGER_SIGNS, False)
COUGH: dict[str, Any] = {**NO_DANGER, "cough": True, "chest_indrawing": False, "stridor": False, "cough_days": 3}
FEVER: dict[str, Any] = {**NO_DANGER, "fever": True, "stiff_neck": False, "fever_days": 2, "malaria_rdt": "negative"}
DIARRHOEA: dict[str, Any] = {
    **NO_DANGER,
    "diarrhoea": True,
    "diarrhoea_days": 3,
    "blood_in_stool": False,
    "sunken_eyes": False,
    "restless": False,
    "drinking": "normal",
    "skin_pinch": "normal",
}
NUTRITION: dict[str, Any] = {**NO_DANGER, "oedema_both_feet": False, "appetite": "passed"}


def assess(section: str, base: dict[str, Any], **found: Any) -> Assessment:
    return evaluate(load_protocol(), {"age_months": 24, **base, **found}, sections=[section])


def said(assessment: Assessment) -> set[str]:
    return {row.result for row in assessment.rows} - {"no_danger_sign"}


@pytest.mark.parametrize(
    ("age", "breaths", "expected"),
    [
        (2, 49, "cough_or_cold"),
        (2, 50, "pneumonia"),
        (11, 49, "cough_or_cold"),
        (11, 50, "pneumonia"),
        (12, 39, "cough_or_cold"),
        (12, 40, "pneumonia"),
        (59, 39, "cough_or_cold"),
        (59, 40, "pneumonia"),
    ],
)
def test_fast_breathing_begins_at_50_under_12_months_and_at_40_from_12_months(
    age: int, breaths: int, expected: str
) -> None:
    assert said(assess("cough", COUGH, age_months=age, breaths_per_minute=breaths)) == {expected}


def test_chest_indrawing_is_pneumonia_whatever_the_count() -> None:
    result = assess("cough", COUGH, breaths_per_minute=20, chest_indrawing=True)
    assert said(result) == {"pneumonia"}
    assert result.colour == "yellow"


def test_stridor_makes_severe_pneumonia_and_gives_no_home_treatment() -> None:
    result = assess("cough", COUGH, breaths_per_minute=20, stridor=True)
    assert result.colour == "red"
    assert "refer_urgently" in {action.name for action in result.actions}
    assert "give_amoxicillin" not in {action.name for action in result.actions}
    assert result.doses == ()


@pytest.mark.parametrize("sign", DANGER_SIGNS)
def test_every_danger_sign_is_red_in_every_section(sign: str) -> None:
    for section, base, severe in (
        ("cough", {**COUGH, "breaths_per_minute": 30}, "severe_pneumonia"),
        ("fever", FEVER, "very_severe_febrile_disease"),
        ("malnutrition", {**NUTRITION, "muac_mm": 110}, "complicated_severe_malnutrition"),
    ):
        result = assess(section, base, **{sign: True})
        assert result.colour == "red"
        assert {"very_severe_disease", severe} <= said(result)


@pytest.mark.parametrize("sign", DANGER_SIGNS)
def test_an_unknown_danger_sign_never_gives_green(sign: str) -> None:
    for section, base in (
        ("cough", {**COUGH, "breaths_per_minute": 30}),
        ("fever", FEVER),
        ("diarrhoea", DIARRHOEA),
        ("malnutrition", {**NUTRITION, "muac_mm": 130}),
    ):
        result = assess(section, base, **{sign: None})
        assert result.colour == "unknown"
        assert sign in result.missing


@pytest.mark.parametrize(
    ("section", "full"),
    [
        ("cough", {"age_months": 8, **COUGH, "breaths_per_minute": 30}),
        ("fever", {"age_months": 8, **FEVER}),
        ("diarrhoea", {"age_months": 8, **DIARRHOEA}),
        ("malnutrition", {"age_months": 8, **NUTRITION, "muac_mm": 130}),
    ],
)
def test_green_is_said_without_a_finding_only_when_no_value_of_it_could_change_that(
    section: str, full: dict[str, Any]
) -> None:
    protocol = load_protocol()
    assert evaluate(protocol, full, sections=[section]).colour == "green"
    for name in full:
        result = evaluate(protocol, {**full, name: None}, sections=[section])
        values = boundary_values(protocol, name)
        colours = {evaluate(protocol, {**full, name: value}, sections=[section]).colour for value in values}
        if colours == {"green"}:
            continue
        assert result.colour == "unknown", name
        assert name in result.missing


def test_one_known_danger_sign_is_red_even_when_nothing_else_is_known() -> None:
    assert evaluate(load_protocol(), {"age_months": 9, "convulsions": True}).colour == "red"


def test_nothing_known_is_unknown_and_names_what_to_ask() -> None:
    result = evaluate(load_protocol(), {})
    assert result.colour == "unknown"
    assert result.rows == ()
    assert {"age_months", "convulsions", "cough", "fever", "diarrhoea"} <= set(result.missing)


def test_pneumonia_is_the_least_it_can_be_when_stridor_was_not_looked_for() -> None:
    result = assess("cough", COUGH, breaths_per_minute=44, stridor=None)
    table = result.result("cough_breathing")
    assert table.status == "undecided"
    assert table.missing == ("stridor",)
    assert table.at_least is not None
    assert table.at_least.result == "pneumonia"


@pytest.mark.parametrize(("days", "long"), [(13, False), (14, True)])
def test_cough_is_long_from_14_days(days: int, long: bool) -> None:
    result = assess("cough", COUGH, breaths_per_minute=30, cough_days=days)
    assert ("chronic_cough" in said(result)) is long


@pytest.mark.parametrize(("days", "long"), [(6, False), (7, True)])
def test_fever_is_long_from_7_days(days: int, long: bool) -> None:
    assert ("prolonged_fever" in said(assess("fever", FEVER, fever_days=days))) is long


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"malaria_rdt": "positive"}, "malaria"),
        ({"malaria_rdt": "negative"}, "fever_no_malaria"),
        ({"malaria_rdt": "not_done"}, "fever_malaria_unknown"),
        ({"malaria_rdt": "positive", "stiff_neck": True}, "very_severe_febrile_disease"),
    ],
)
def test_fever_by_malaria_test_and_neck(found: dict[str, Any], expected: str) -> None:
    assert said(assess("fever", FEVER, **found)) == {expected}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, "no_dehydration"),
        ({"sunken_eyes": True}, "no_dehydration"),
        ({"restless": True, "sunken_eyes": True}, "some_dehydration"),
        ({"drinking": "eager", "skin_pinch": "slow"}, "some_dehydration"),
        ({"sunken_eyes": True, "skin_pinch": "very_slow"}, "severe_dehydration"),
        ({"drinking": "poor", "skin_pinch": "very_slow"}, "severe_dehydration"),
        ({"drinking": "poor", "skin_pinch": "slow"}, "some_dehydration"),
        ({"skin_pinch": "very_slow"}, "no_dehydration"),
    ],
)
def test_dehydration_needs_two_signs(found: dict[str, Any], expected: str) -> None:
    assert said(assess("diarrhoea", DIARRHOEA, **found)) == {expected}


def test_lethargy_and_a_slow_skin_pinch_are_some_dehydration_in_a_child_to_be_referred() -> None:
    result = assess("diarrhoea", DIARRHOEA, lethargic_or_unconscious=True, skin_pinch="slow")
    assert "some_dehydration" in said(result)
    assert result.colour == "red"


@pytest.mark.parametrize(
    ("days", "found", "expected"),
    [
        (13, {}, {"no_dehydration"}),
        (14, {}, {"no_dehydration", "persistent_diarrhoea"}),
        (14, {"restless": True, "sunken_eyes": True}, {"some_dehydration", "severe_persistent_diarrhoea"}),
        (3, {"blood_in_stool": True}, {"no_dehydration", "dysentery"}),
    ],
)
def test_diarrhoea_by_days_and_blood(days: int, found: dict[str, Any], expected: set[str]) -> None:
    assert said(assess("diarrhoea", DIARRHOEA, diarrhoea_days=days, **found)) == expected


@pytest.mark.parametrize(
    ("age", "muac", "found", "expected"),
    [
        (6, 114, {}, "severe_malnutrition"),
        (6, 115, {}, "moderate_malnutrition"),
        (59, 124, {}, "moderate_malnutrition"),
        (59, 125, {}, "no_malnutrition"),
        (5, 110, {}, "muac_not_used"),
        (24, 114, {"appetite": "failed"}, "complicated_severe_malnutrition"),
        (24, 114, {"appetite": "not_done"}, "complicated_severe_malnutrition"),
        (24, 130, {"oedema_both_feet": True}, "complicated_severe_malnutrition"),
        (4, 130, {"oedema_both_feet": True}, "complicated_severe_malnutrition"),
    ],
)
def test_malnutrition_by_arm_feet_and_appetite(age: int, muac: int, found: dict[str, Any], expected: str) -> None:
    assert said(assess("malnutrition", NUTRITION, age_months=age, muac_mm=muac, **found)) == {expected}


@pytest.mark.parametrize("age", [1, 60, 75])
def test_a_patient_outside_the_age_range_is_not_classified(age: int) -> None:
    result = evaluate(load_protocol(), {"age_months": age, **COUGH, "breaths_per_minute": 60})
    assert result.outside == ("age_months",)
    assert result.colour == "unknown"
    assert result.actions == ()
    assert result.doses == ()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"breth_per_minute": 40}, "breaths_per_minute"),
        ({"breaths_per_minute": 700}, "from 5 to under 151"),
        ({"breaths_per_minute": "many"}, "whole number"),
        ({"cough": "yes"}, "yes or no"),
        ({"malaria_rdt": "maybe"}, "positive, negative, not_done"),
        ({"age_months": True}, "whole number"),
    ],
)
def test_a_finding_that_cannot_be_is_refused_with_what_was_expected(found: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        evaluate(load_protocol(), found)


@pytest.mark.parametrize(
    ("medicine", "age", "amount"),
    [
        ("zinc", 2, {"mg": 10, "tablets": "1/2"}),
        ("zinc", 5, {"mg": 10, "tablets": "1/2"}),
        ("zinc", 6, {"mg": 20, "tablets": "1"}),
        ("amoxicillin", 11, {"tablets": "1"}),
        ("amoxicillin", 12, {"tablets": "2"}),
        ("amoxicillin", 35, {"tablets": "2"}),
        ("amoxicillin", 36, {"tablets": "3"}),
        ("artemether_lumefantrine", 35, {"tablets": "1"}),
        ("artemether_lumefantrine", 36, {"tablets": "2"}),
        ("ors_plan_b", 3, {"ml_from": 200, "ml_to": 450}),
        ("ors_plan_b", 24, {"ml_from": 960, "ml_to": 1600}),
        ("ors_plan_a", 23, {"ml_from": 50, "ml_to": 100}),
        ("ors_plan_a", 24, {"ml_from": 100, "ml_to": 200}),
        ("paracetamol", 36, {"tablets": "1/2"}),
    ],
)
def test_doses_change_at_the_bands_edges(medicine: str, age: int, amount: dict[str, object]) -> None:
    dose = find_dose(load_protocol().medicines[medicine], age)
    assert dose is not None
    assert dict(dose.band.amount) == amount


def test_weight_goes_before_age_and_a_disagreement_is_told() -> None:
    dose = find_dose(load_protocol().medicines["amoxicillin"], 40, 9.9)
    assert dose is not None
    assert (dose.by, dose.band.amount["tablets"], dose.disagrees) == ("weight", "1", True)


@pytest.mark.parametrize(
    ("medicine", "kg"), [("artemether_lumefantrine", 4.9), ("amoxicillin", 3.9), ("amoxicillin", 20)]
)
def test_a_weight_outside_every_band_gives_no_dose(medicine: str, kg: float) -> None:
    assert find_dose(load_protocol().medicines[medicine], 8, kg) is None


def test_an_unknown_age_gives_no_dose() -> None:
    assert find_dose(load_protocol().medicines["zinc"], None) is None


def test_every_row_says_where_it_comes_from_and_that_nobody_has_reviewed_it() -> None:
    protocol = load_protocol()
    for table in protocol.tables.values():
        for row in table.rows:
            assert row.citation.page
            assert row.reviewed is False
    result = assess("cough", COUGH, breaths_per_minute=44)
    assert result.reviewed is False
    assert any(citation.source.key == "emcare" for citation in result.citations)


def test_the_earliest_day_to_come_back_is_kept() -> None:
    found = {**COUGH, **DIARRHOEA, "breaths_per_minute": 44}
    result = evaluate(load_protocol(), {"age_months": 24, **found}, sections=["cough", "diarrhoea"])
    days = {action.name: action.values for action in result.actions if "days" in action.values}
    assert days == {"follow_up": {"days": 3}, "follow_up_if_not_better": {"days": 5}}


def test_the_longest_course_is_kept() -> None:
    found: dict[str, Any] = {
        **dict.fromkeys(("unable_to_drink", "convulsions", "lethargic_or_unconscious", "chest_indrawing"), False),
        "body_heat": "normal",
        "breaths_per_minute": 62,
        "umbilicus_red": True,
    }
    infant = load_protocol("young_infant")
    for sections in (["breathing", "infection"], ["infection", "breathing"]):
        result = evaluate(infant, {"age_days": 9, **found}, sections=sections)
        assert {row.result for row in result.rows} >= {"infant_pneumonia", "local_infection"}
        courses = [action.values for action in result.actions if "course" in action.values]
        assert courses == [{"course": 7}]
        assert [action.values for action in result.actions if action.name == "see_again"] == [{"days": 2}]


def test_red_says_what_to_do_though_it_is_not_known_which_red_row_it_is() -> None:
    """A burn that is severe in any case: its care is that of the least that it can be."""
    first_aid = load_protocol("first_aid")
    for name, entry in first_aid.inputs.items():
        for value in entry.domain():
            result = evaluate(first_aid, {name: value})
            if result.colour == "red":
                assert result.actions


def test_the_longest_course_counts_whatever_row_is_first() -> None:
    rows = [load_protocol("young_infant").rows_with(name)[0] for name in ("local_infection", "infant_pneumonia")]
    for ordered in (rows, rows[::-1]):
        (course,) = [action.values for action in merged_actions(ordered) if "course" in action.values]
        assert course == {"course": 7}
