"""The protocols for women, adults and accidents: sound tables, complete English texts, and what they say in cases."""

from __future__ import annotations

import pytest

from afya.packs import load_pack
from afya.protocols import Assessment, Protocol, check, evaluate, load_protocol, needed_messages
from afya.protocols.conditions import Value

NAMES = ("pregnancy", "after_birth", "tuberculosis", "pressure_sugar", "family_planning", "first_aid")

REST: dict[str, dict[str, Value]] = {
    "pregnancy": {
        "age_years": 25,
        "pregnancy_weeks": 22,
        "systolic": 118,
        "diastolic": 76,
        "urine_protein": "not_done",
        "pallor": "none",
        "last_sp": "never",
        "tetanus": "complete",
        "blood_tests": "before_29_weeks",
    },
    "after_birth": {
        "days_since_birth": 3,
        "birth_weight": "2500_g_or_more",
        "feeding": "breast_only",
        "breasts": "well",
    },
    "tuberculosis": {"age_years": 30, "cough_days": 0, "hiv": "negative"},
    "pressure_sugar": {"age_years": 50, "systolic": 120, "diastolic": 80, "sugar_test": "not_done"},
    "family_planning": {"age_years": 25, "systolic": 110, "diastolic": 70, "migraine": "none"},
    "first_aid": {"burn_palms": 1, "burn_depth": "red_only"},
}


def well(protocol: Protocol, **found: Value) -> Assessment:
    """The assessment where nothing is wrong but what is `found`: every yes-or-no question answered no."""
    no = {name: False for name, entry in protocol.inputs.items() if entry.kind == "bool"}
    return evaluate(protocol, {**no, **REST[protocol.name], **found})


def said(name: str, **found: Value) -> tuple[str, set[str]]:
    assessment = well(load_protocol(name), **found)
    return assessment.colour, {row.result for row in assessment.rows}


def actions(name: str, **found: Value) -> dict[str, dict[str, float]]:
    return {action.name: action.values for action in well(load_protocol(name), **found).actions}


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_have_no_gap_and_no_overlap_and_english_tells_every_result(name: str) -> None:
    protocol = load_protocol(name)
    assert check(protocol) == []
    texts = load_pack("en").for_protocol(name).messages
    assert needed_messages(protocol) - set(texts) == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_text_of_these_protocols_speaks_of_the_sick_child(name: str) -> None:
    texts = load_pack("en").for_protocol(name).messages
    wrong = [
        key for key in needed_messages(load_protocol(name)) if texts[key].startswith(("The child", "Does the child"))
    ]
    assert wrong == []
    assert "child" not in texts["colour.red"]
    assert "child" not in texts["action.refer_urgently"]


@pytest.mark.parametrize("name", NAMES)
def test_no_row_claims_a_review_and_every_row_names_its_place(name: str) -> None:
    for table in load_protocol(name).tables.values():
        for row in table.rows:
            assert not row.reviewed
            assert row.citation.page


@pytest.mark.parametrize("name", NAMES)
def test_who_has_nothing_wrong_is_not_red_and_whose_signs_are_not_known_is_never_green(name: str) -> None:
    protocol = load_protocol(name)
    assert well(protocol).colour in ("green", "yellow")
    assert evaluate(protocol, {}).colour == "unknown"


@pytest.mark.parametrize("name", NAMES)
def test_each_danger_sign_is_red_by_itself(name: str) -> None:
    protocol = load_protocol(name)
    for entry in protocol.inputs.values():
        if entry.danger:
            assert well(protocol, **{entry.name: True}).colour == "red", entry.name


@pytest.mark.parametrize(
    ("systolic", "diastolic", "more", "result"),
    [
        (139, 89, {}, "normal_pressure_in_pregnancy"),
        (140, 80, {}, "raised_pressure_in_pregnancy"),
        (120, 90, {"urine_protein": "one_plus"}, "raised_pressure_in_pregnancy"),
        (140, 80, {"urine_protein": "two_plus_or_more"}, "pre_eclampsia"),
        (120, 90, {"dizzy_or_vomiting": True}, "pre_eclampsia"),
        (160, 80, {}, "severe_pressure_in_pregnancy"),
        (120, 110, {}, "severe_pressure_in_pregnancy"),
    ],
)
def test_blood_pressure_in_pregnancy(systolic: int, diastolic: int, more: dict[str, Value], result: str) -> None:
    assert result in said("pregnancy", systolic=systolic, diastolic=diastolic, **more)[1]


def test_sp_is_given_from_13_weeks_at_least_4_weeks_apart_and_never_with_cotrimoxazole() -> None:
    assert "sp_later" in said("pregnancy", malaria_area=True, pregnancy_weeks=12)[1]
    assert "sp_due" in said("pregnancy", malaria_area=True, pregnancy_weeks=13)[1]
    assert "sp_later" in said("pregnancy", malaria_area=True, last_sp="under_4_weeks")[1]
    assert "sp_due" in said("pregnancy", malaria_area=True, last_sp="over_4_weeks")[1]
    assert "no_sp" in said("pregnancy", malaria_area=True, cotrimoxazole=True)[1]
    assert not {"sp_due", "sp_later", "no_sp"} & said("pregnancy", malaria_area=False)[1]
    doses = {dose.medicine: dose.dose for dose in well(load_protocol("pregnancy"), malaria_area=True).doses}
    given = doses["sulfadoxine_pyrimethamine"]
    assert given is not None
    assert given.band.amount["tablets"] == "3"


def test_hiv_and_syphilis_tests_come_again_from_week_29() -> None:
    assert "blood_tests_done" in said("pregnancy", pregnancy_weeks=28)[1]
    assert "blood_tests_due" in said("pregnancy", pregnancy_weeks=29)[1]
    assert "blood_tests_done" in said("pregnancy", pregnancy_weeks=29, blood_tests="since_29_weeks")[1]
    assert "blood_test_positive" in said("pregnancy", blood_tests="positive")[1]


def test_a_girl_of_17_is_to_give_birth_in_a_health_facility() -> None:
    assert "facility_birth" in said("pregnancy", age_years=17)[1]
    assert "skilled_birth" in said("pregnancy", age_years=18)[1]


def test_visits_after_the_birth() -> None:
    days = {
        day: actions("after_birth", days_since_birth=day).get("next_visit", {}).get("day")
        for day in (0, 1, 2, 7, 41, 42)
    }
    assert days == {0: 3, 1: 3, 2: 7, 7: 42, 41: 42, 42: None}


def test_an_ill_newborn_is_referred_though_the_mother_is_well() -> None:
    for sign in ("newborn_fever", "newborn_fast_breathing", "newborn_limp", "yellow_first_day", "newborn_convulsions"):
        colour, results = said("after_birth", **{sign: True})
        assert colour == "red"
        assert {"newborn_in_danger", "mother_no_danger"} <= results
    assert said("after_birth", birth_weight="under_1500_g")[0] == "red"
    assert said("after_birth", birth_weight="1500_to_2499_g")[0] == "yellow"


def test_cough_counts_from_two_weeks_or_at_any_length_with_hiv_or_contact() -> None:
    assert "short_cough" in said("tuberculosis", cough=True, cough_days=13)[1]
    assert "tb_test_needed" in said("tuberculosis", cough=True, cough_days=14)[1]
    assert "tb_test_needed" in said("tuberculosis", cough=True, cough_days=2, hiv="positive")[1]
    assert "tb_test_needed" in said("tuberculosis", cough=True, cough_days=2, tb_contact=True)[1]
    assert "tb_test_needed" in said("tuberculosis", weight_loss=True)[1]
    assert said("tuberculosis") == ("green", {"tb_no_danger", "no_tb_sign"})


def test_a_contact_under_5_years_or_with_hiv_is_sent_for_preventive_treatment() -> None:
    assert "tb_contact_at_risk" in said("tuberculosis", tb_contact=True, age_years=4)[1]
    assert "tb_contact" in said("tuberculosis", tb_contact=True, age_years=5)[1]
    assert "tb_contact_at_risk" in said("tuberculosis", tb_contact=True, age_years=40, hiv="positive")[1]


def test_harm_by_the_medicine_is_red_only_during_treatment() -> None:
    assert said("tuberculosis", tb_treatment=True, yellow_eyes=True)[0] == "red"
    assert said("tuberculosis", tb_treatment=True, missed_doses=True)[0] == "yellow"
    assert "no_tb_sign" in said("tuberculosis", yellow_eyes=True)[1]


@pytest.mark.parametrize(
    ("found", "result"),
    [
        ({"systolic": 139, "diastolic": 89}, "normal_pressure"),
        ({"systolic": 140}, "raised_pressure"),
        ({"diastolic": 90, "known_pressure": True}, "pressure_not_controlled"),
        ({"known_pressure": True}, "pressure_controlled"),
        ({"systolic": 180}, "very_high_pressure"),
        ({"diastolic": 110}, "very_high_pressure"),
        ({"systolic": 140, "pregnant": True}, "pressure_and_pregnant"),
        ({"sugar_test": "fasting", "glucose_mmol": 3.8}, "low_sugar"),
        ({"sugar_test": "fasting", "glucose_mmol": 6.0}, "sugar_not_high"),
        ({"sugar_test": "fasting", "glucose_mmol": 6.1}, "sugar_above_normal"),
        ({"sugar_test": "fasting", "glucose_mmol": 7.0}, "diabetes_range"),
        ({"sugar_test": "after_food", "glucose_mmol": 11.0}, "sugar_not_high"),
        ({"sugar_test": "after_food", "glucose_mmol": 11.1}, "diabetes_range"),
        ({"sugar_test": "after_food", "glucose_mmol": 11.1, "vomiting_or_drowsy": True}, "very_high_sugar"),
        ({"sugar_test": "after_food", "glucose_mmol": 18.0}, "very_high_sugar"),
        ({"thirst_and_urine": True}, "sugar_test_needed"),
        ({"known_diabetes": True, "foot_sore": True}, "diabetic_foot"),
    ],
)
def test_pressure_and_sugar(found: dict[str, Value], result: str) -> None:
    assert result in said("pressure_sugar", **found)[1]


def methods(**found: Value) -> set[str]:
    return {
        result for result in said("family_planning", **found)[1] if result.startswith("no_") and "danger" not in result
    }


def test_methods_follow_the_eligibility_categories() -> None:
    """Categories 3 and 4 of WHO's medical eligibility criteria, fifth edition."""
    combined = {"no_combined_method"}
    assert methods() == set()
    after = {"recent_birth": True, "breastfeeding": True}
    assert methods(**after, weeks_since_birth=3) == {"no_combined_method", "no_injection", "no_iud"}
    assert methods(**after, weeks_since_birth=5) == {"no_combined_method", "no_injection"}
    assert methods(**after, weeks_since_birth=6) == combined
    assert methods(**after, weeks_since_birth=25) == combined
    assert methods(**after, weeks_since_birth=26) == set()
    assert methods(recent_birth=True, weeks_since_birth=5) == combined
    assert methods(recent_birth=True, weeks_since_birth=6) == set()
    assert methods(systolic=140) == combined
    assert methods(diastolic=100) == {"no_combined_method", "no_injection"}
    assert methods(smokes=True, age_years=34) == set()
    assert methods(smokes=True, age_years=35) == combined
    assert methods(migraine="with_aura") == combined
    assert methods(migraine="without_aura", age_years=34) == set()
    assert methods(migraine="without_aura", age_years=35) == combined
    assert methods(clot_or_heart=True) == {"no_combined_method", "no_injection", "no_implant"}
    assert methods(breast_cancer=True) == {"no_combined_method", "no_injection", "no_implant"}
    assert methods(unexplained_bleeding=True) == {"no_injection", "no_implant", "no_iud"}
    assert methods(pelvic_infection=True) == {"no_iud"}


def test_no_hormone_method_is_offered_to_a_woman_who_may_be_pregnant() -> None:
    results = said("family_planning", possibly_pregnant=True)[1]
    assert "pregnancy_first" in results
    assert not any(result.endswith("_possible") for result in results)


@pytest.mark.parametrize(
    ("found", "colour", "result"),
    [
        ({"burn": True}, "green", "small_burn"),
        ({"burn": True, "burn_depth": "blisters"}, "yellow", "moderate_burn"),
        ({"burn": True, "burn_depth": "blisters", "burn_place": True}, "red", "severe_burn"),
        ({"burn": True, "burn_depth": "deep"}, "red", "severe_burn"),
        ({"burn": True, "burn_palms": 10}, "red", "severe_burn"),
        ({"wound": True}, "green", "small_wound"),
        ({"wound": True, "wound_deep_or_dirty": True}, "yellow", "deep_wound"),
        ({"choking": True, "can_cough": True}, "yellow", "choking_coughing"),
        ({"choking": True}, "red", "choking_blocked"),
        ({"injury": True}, "green", "sprain_or_bruise"),
        ({"injury": True, "cannot_use_limb": True}, "yellow", "possible_fracture"),
        ({"bite": True}, "green", "sting"),
        ({"fainted": True}, "green", "simple_faint"),
        ({"fainted": True, "fainting_risk": True}, "red", "fainting_with_risk"),
        ({"drowning": True}, "red", "drowning"),
        ({"electric_shock": True}, "red", "electric_shock"),
    ],
)
def test_first_aid(found: dict[str, Value], colour: str, result: str) -> None:
    assert said("first_aid", **found) == (colour, {"first_aid_no_danger", result})


def test_a_snake_bite_is_not_cut_and_a_dog_bite_is_washed_a_quarter_of_an_hour() -> None:
    snake = actions("first_aid", snake_bite=True)
    assert {"keep_limb_still", "no_cutting", "refer_urgently"} <= set(snake)
    dog = actions("first_aid", animal_bite=True)
    assert dog["wash_bite"] == {"minutes": 15}
    assert "rabies_vaccine_today" in dog
