"""Doses in a text: read as they are said, and passed only where the formulary has them for this person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from afya.assistant.checks.dose import contraindication, doses
from afya.assistant.checks.stated_doses import stated_doses
from afya.protocols import load_formulary
from afya.protocols.conditions import ALWAYS
from afya.protocols.dosing import Subject

FORMULARY = load_formulary()
CHILD = Subject(age_months=18, weight_kg=11, pregnant=False, allergies=frozenset())

SAID = [
    ("en", "Give 2 tablets of amoxicillin twice a day for 5 days."),
    ("en", "Amoxicillin 250 mg: give two tablets every 12 hours for five days."),
    ("en", "Give amoxicillin, 500 mg twice daily, for 5 days."),
    ("sw", "Mpe amoksilini vidonge 2 mara mbili kwa siku kwa siku 5."),
    ("fr", "Donnez 2 comprimés d'amoxicilline deux fois par jour pendant 5 jours."),
    ("es", "Dé 2 tabletas de amoxicilina dos veces al día durante 5 días."),
    ("pt", "Dê 2 comprimidos de amoxicilina duas vezes por dia durante 5 dias."),
    ("de", "Geben Sie 2 Tabletten Amoxicillin zweimal täglich, 5 Tage lang."),
    ("yo", "Ẹ fún ọmọ ní amoxicillin tábílẹ́ẹ̀tì 2 lẹ́ẹ̀mejì lójúmọ́ fún ọjọ́ 5."),
    ("zu", "Mnike amaphilisi angu-2 e-amoxicillin kabili ngosuku izinsuku ezi-5."),
    ("wo", "Jox ko 2 doom amoxicilline ñaari yoon ci bés bi ci 5 fan."),
    ("zh", "阿莫西林每次2片，每天两次，连续5天。"),
    ("ja", "アモキシシリンを1回2錠、1日2回、5日間与えます。"),
    ("ko", "아목시실린 2정을 하루 두 번 5일 동안 먹이세요."),
]


@pytest.mark.parametrize(("lang", "text"), SAID)
def test_a_right_dose_is_read_and_passed_in_every_language(lang: str, text: str) -> None:
    found = doses(text, lang, CHILD, FORMULARY, [])
    assert found.fault is None
    assert found.right


@pytest.mark.parametrize(("lang", "text"), SAID)
def test_the_same_words_with_another_number_are_blocked(lang: str, text: str) -> None:
    # The days stand in figures in all but one of them; there it is the amount that is changed.
    wrong = text.replace("5", "7") if "5" in text else text.replace("five", "seven")
    assert doses(wrong, lang, CHILD, FORMULARY, []).fault is not None


def _cases() -> Iterator[tuple[str, Subject, bool]]:
    """Sentences made from the formulary's own rows, right and wrong by one value each."""
    for medicine in FORMULARY.medicines.values():
        if medicine.refer or not medicine.names:
            continue
        for band in medicine.bands:
            amount = {key: value for key, value in band.amount.items() if key in ("mg", "tablets", "ml")}
            often = f" {band.times_a_day} times a day" if band.times_a_day else ""
            days = f" for {band.days} days" if band.days else ""
            if not amount or not band.months or band.only != ALWAYS or not (often or days):
                continue
            age = (band.months[0] + band.months[1]) / 2
            weight = None if band.kg is None else (band.kg[0] + band.kg[1]) / 2
            person = Subject(age, weight, pregnant=False, allergies=frozenset())
            for unit, value in amount.items():
                word = {"mg": "mg", "tablets": "tablets", "ml": "ml"}[unit]
                name = medicine.names[0]
                yield f"Give {name} {value} {word}{often}{days}.", person, True
                for wrong in ("9", "1/8" if str(value) != "1/8" else "2", "33"):
                    yield f"Give {name} {wrong} {word}{often}{days}.", person, False
                if band.times_a_day:
                    yield f"Give {name} {value} {word} {band.times_a_day + 1} times a day{days}.", person, False
                    yield f"Give {name} {value} {word} every 2 hours{days}.", person, False
                if band.days:
                    yield f"Give {name} {value} {word}{often} for {band.days + 3} days.", person, False


def test_every_seeded_wrong_dose_is_blocked_and_right_ones_pass() -> None:
    cases = [(text, person, right) for text, person, right in _cases()]
    wrong = [(text, person) for text, person, right in cases if not right]
    rights = [(text, person) for text, person, right in cases if right]
    assert len(wrong) > 30
    assert [text for text, person in wrong if doses(text, "en", person, FORMULARY, []).fault is None] == []
    passed = [text for text, person in rights if doses(text, "en", person, FORMULARY, []).fault is None]
    assert len(passed) >= 0.95 * len(rights), sorted({text for text, _ in rights} - set(passed))


@pytest.mark.parametrize(
    "text",
    [
        "Give ibuprofen 400 mg three times a day.",
        "Give 2 tablets three times a day.",
        "Give half a tablet every 6 hours.",
        "Give paracetamol 15 mg per kg every 6 hours.",
        "Give 2 tablets of amoxicillin and 1 tablet of cotrimoxazole twice a day.",
        "Give amoxicillin 125 mg/5 ml: 40 ml twice a day for 5 days.",
        "Give amoxicillin 2 tablets (1000 mg) twice a day for 5 days.",
        "Give 20 drops of amoxicillin twice a day.",
        "Inject gentamicin 7.5 mg once a day.",
        "Give 2 tablets of amoxicillin twice a day, then three times a day.",
    ],
)
def test_what_the_formulary_does_not_say_is_blocked(text: str) -> None:
    person = Subject(age_months=18, allergies=frozenset())
    assert doses(text, "en", person, FORMULARY, []).fault is not None


@pytest.mark.parametrize(
    "text",
    [
        "The fasting blood sugar was 126 mg/dl.",
        "Mix 6 teaspoons of sugar and half a teaspoon of salt in 1 litre of clean water.",
        "A child of 12 months who weighs 9 kg has a MUAC of 115 mm.",
        "See the child again in 3 days.",
        "Less than 5 g of salt a day is enough.",
    ],
)
def test_other_amounts_are_no_doses(text: str) -> None:
    assert stated_doses(text, "en", FORMULARY.medicines) == ()


def test_a_dose_of_the_next_sentence_is_that_of_the_medicine_before() -> None:
    from afya.assistant.checks.medicine_names import mentions

    before = mentions("Give amoxicillin.", "en", FORMULARY.medicines)
    assert doses("The dose is 2 tablets twice a day for 5 days.", "en", CHILD, FORMULARY, before).fault is None
    assert doses("The dose is 4 tablets twice a day for 5 days.", "en", CHILD, FORMULARY, before).fault is not None


def test_an_unknown_person_gets_no_dose() -> None:
    assert doses("Give 2 tablets of amoxicillin twice a day for 5 days.", "en", Subject(), FORMULARY, []).fault


def test_a_contraindicated_medicine_is_not_to_be_given() -> None:
    allergic = Subject(age_months=18, weight_kg=11, allergies=frozenset({"penicillin"}))
    assert contraindication("Give amoxicillin.", "en", allergic, FORMULARY) is not None
    assert contraindication("Give amoxicillin.", "en", CHILD, FORMULARY) is None
    assert contraindication("Give amoxicillin.", "en", Subject(age_months=1), FORMULARY) is not None
    assert contraindication("Do not give amoxicillin.", "en", allergic, FORMULARY) is None
    assert contraindication("Give ibuprofen.", "en", CHILD, FORMULARY) is not None
    assert contraindication("Give gentamicin.", "en", CHILD, FORMULARY) is not None
