"""Ages in days, weeks of pregnancy, days since a birth and blood pressures in words, as people tell them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from afya.assistant import Assistant
from afya.assistant.context import Facts, Request


@cache
def assistant(lang: str) -> Assistant:
    return Assistant(lang)


def told(lang: str, text: str) -> tuple[str, Facts]:
    turn = assistant(lang).turn(Request(text, lang, None, None, datetime(2026, 1, 5, tzinfo=UTC)))
    assert turn.choice is not None
    assert turn.facts is not None
    return turn.choice.protocol, turn.facts


NEWBORN = {
    "en": "newborn of 12 days with a red navel",
    "sw": "mtoto mchanga wa siku 12, kitovu chekundu",
    "fr": "nouveau-né de 12 jours, le nombril est rouge",
    "es": "recién nacido de 12 días con el ombligo rojo",
    "pt": "recém-nascida de 12 dias com o umbigo vermelho",
    "de": "Neugeborenes, 12 Tage, roter Nabel",
    "zh": "新生儿12天，肚脐红",
    "ja": "生後12日の新生児、へそが赤い",
    "ko": "생후 12일 된 신생아, 배꼽이 빨개요",
    "wo": "liir bu am 12 fan, jumbax bi xonk na",
    "yo": "ọmọ tuntun ọjọ́ 12, ìdodo pupa",
    "zu": "usana olunezinsuku ezi-12, inkaba ebomvu",
}
SINCE_BIRTH = {
    "en": "mother on day 4 after the birth",
    "sw": "siku 4 baada ya kujifungua",
    "fr": "elle a accouché il y a 4 jours",
    "es": "dio a luz hace 4 días",
    "pt": "4 dias depois do parto",
    "de": "4 Tage nach der Geburt",
    "zh": "产后4天",
    "ja": "産後4日目",
    "ko": "출산 후 4일",
    "wo": "4 fan ginnaaw wasin",
    "yo": "ọjọ́ 4 lẹ́yìn ìbímọ",
    "zu": "izinsuku ezi-4 ngemuva kokubeletha",
}
WEEKS = {
    "en": "she is 31 weeks pregnant",
    "sw": "mjamzito wa wiki 31",
    "fr": "enceinte de 31 semaines",
    "es": "embarazo de 31 semanas",
    "pt": "31 semanas de gravidez",
    "de": "31 Wochen schwanger",
    "zh": "怀孕31周",
    "ja": "妊娠31週",
    "ko": "임신 31주",
    "yo": "olóyún ọ̀sẹ̀ 31",
    "zu": "ukhulelwe amasonto angu-31",
}
PRESSURE = {
    "en": "pregnant, blood pressure 150 over 95",
    "sw": "mjamzito, presha 150 kwa 95",
    "fr": "enceinte, tension 150 sur 95",
    "es": "embarazada, presión 150 por 95",
    "pt": "grávida, pressão 150 por 95",
    "de": "schwanger, Blutdruck 150 zu 95",
    "zh": "孕妇，血压150/95",
    "ko": "임신부, 혈압 150에 95",
}


@pytest.mark.parametrize("lang", NEWBORN)
def test_a_newborns_days_are_its_age(lang: str) -> None:
    protocol, facts = told(lang, NEWBORN[lang])
    assert (protocol, facts.findings.get("age_days")) == ("young_infant", 12)


@pytest.mark.parametrize("lang", SINCE_BIRTH)
def test_days_since_a_birth(lang: str) -> None:
    protocol, facts = told(lang, SINCE_BIRTH[lang])
    assert (protocol, facts.findings.get("days_since_birth")) == ("after_birth", 4)


@pytest.mark.parametrize("lang", WEEKS)
def test_weeks_of_a_pregnancy(lang: str) -> None:
    protocol, facts = told(lang, WEEKS[lang])
    assert (protocol, facts.findings.get("pregnancy_weeks")) == ("pregnancy", 31)


@pytest.mark.parametrize("lang", PRESSURE)
def test_a_blood_pressure_in_words(lang: str) -> None:
    protocol, facts = told(lang, PRESSURE[lang])
    assert protocol == "pregnancy"
    assert (facts.findings.get("systolic"), facts.findings.get("diastolic")) == (150, 95)


def test_a_womans_years_weeks_and_pressure_in_one_message() -> None:
    protocol, facts = told("en", "She is 34 years old, 31 weeks pregnant, pressure 150 over 95")
    assert protocol == "pregnancy"
    assert facts.findings == {"age_years": 34, "pregnancy_weeks": 31, "systolic": 150, "diastolic": 95}


def test_months_of_pregnancy_count_only_where_both_ways_of_counting_lead_to_the_same() -> None:
    assert told("en", "5 months pregnant with a headache")[1].findings["pregnancy_weeks"] == 20
    protocol, facts = told("en", "7 months pregnant, her face is swollen")
    assert protocol == "pregnancy"
    assert "pregnancy_weeks" in facts.unsure
    assert not {"pregnancy_weeks", "age_years"} & set(facts.findings)


@pytest.mark.parametrize(
    "text",
    [
        "newborn 3 days not feeding well",
        "newborn with fever for 3 days",
        "newborn with a red navel for 3 days",
        "newborn coughs since 3 days",
    ],
)
def test_how_long_a_newborn_is_ill_is_not_its_age(text: str) -> None:
    assert "age_days" not in told("en", text)[1].findings


@pytest.mark.parametrize(
    "text", ["pregnant woman bleeding for 2 weeks", "fever for 2 weeks, pregnant", "for 2 weeks pregnant women cough"]
)
def test_how_long_a_pregnant_woman_is_ill_is_not_the_pregnancy(text: str) -> None:
    assert "pregnancy_weeks" not in told("en", text)[1].findings


def test_fever_after_a_birth_claims_the_days_too() -> None:
    assert "days_since_birth" not in told("en", "mother has fever 3 days after birth")[1].findings


@pytest.mark.parametrize("text", ["pregnant, pressure 90 over 150", "pregnant, 150 over 95 mg"])
def test_what_cannot_be_a_pressure_is_none(text: str) -> None:
    assert "systolic" not in told("en", text)[1].findings


def test_a_childs_age_is_read_beside_its_mothers_pregnancy() -> None:
    protocol, facts = told("en", "My child is 7 months old and has fever for 3 days. I am 31 weeks pregnant.")
    assert facts.findings.get("age_months", 7) == 7
    assert "pregnancy_weeks" not in facts.findings or protocol == "pregnancy"
