"""Grounding, numbers and polarity on written sentences that passages say, and on ones that they do not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from afya.assistant.checks import grounding, numbers, polarity
from afya.assistant.checks.draft import Sentence


@dataclass(frozen=True)
class Passage:
    passage_id: str
    text: str
    lang: str = "en"


PASSAGES = [
    Passage(
        "diarrhoea",
        "Give oral rehydration salts (ORS) after each loose stool. A child under 2 years gets 50 to 100 ml, an older "
        "child 100 to 200 ml. Continue breastfeeding. Do not give antibiotics, honey or cough syrup for simple "
        "diarrhoea.",
    ),
    Passage(
        "newborn",
        "A newborn should be kept warm, skin to skin with the mother. Do not bathe the baby in the first 24 hours. "
        "Wash hands with soap before touching the baby. Never put anything on the cord unless a health worker tells "
        "you to.",
    ),
    Passage(
        "malaria",
        "Sleep under a treated bed net every night. Malaria is spread by mosquitoes that bite at night. Nets are safe "
        "for pregnant women. Wash the net no more than 4 times a year, and never dry it in the sun.",
    ),
    Passage(
        "pregnancy",
        "Go to at least 8 antenatal visits. Take iron tablets every day during pregnancy. Bleeding in pregnancy is a "
        "danger sign: go to hospital at once. Alcohol is not safe in pregnancy.",
    ),
]

SUPPORTED = [
    ("Continue breastfeeding the child.", 0),
    ("Give ORS after each loose stool.", 0),
    ("Do not give antibiotics for simple diarrhoea.", 0),
    ("Do not give honey for simple diarrhoea.", 0),
    ("A child under 2 years gets 50 to 100 ml of ORS after each loose stool.", 0),
    ("Keep the newborn warm, skin to skin with the mother.", 1),
    ("Do not bathe the baby in the first 24 hours.", 1),
    ("Wash your hands with soap before touching the baby.", 1),
    ("Do not put anything on the cord unless a health worker tells you to.", 1),
    ("Malaria is spread by mosquitoes that bite at night.", 2),
    ("Sleep under a treated bed net every night.", 2),
    ("Treated nets are safe for pregnant women.", 2),
    ("Wash the net no more than 4 times a year.", 2),
    ("Never dry the net in the sun.", 2),
    ("Take iron tablets every day during pregnancy.", 3),
    ("Bleeding in pregnancy is a danger sign.", 3),
    ("Alcohol is not safe in pregnancy.", 3),
    ("Go to at least 8 antenatal visits.", 3),
]

UNSUPPORTED = [
    ("Give zinc for two weeks.", 0),
    ("Coconut water is the best treatment for diarrhoea.", 0),
    ("Malaria is spread by dirty water.", 0),
    ("Put breast milk into the eyes of the newborn.", 1),
    ("The cord should be cut with a boiled blade.", 1),
    ("A newborn needs six vaccines.", 1),
    ("Mosquito coils protect the whole family.", 2),
    ("Spray the house with insecticide each month.", 2),
    ("Pregnant women should eat liver twice a week.", 3),
    ("Swollen feet are normal in late pregnancy.", 3),
]

FLIPPED = [
    ("Do not continue breastfeeding.", 0),
    ("Stop breastfeeding.", 0),
    ("Do not give ORS after each loose stool.", 0),
    ("Give antibiotics for simple diarrhoea.", 0),
    ("Give honey for simple diarrhoea.", 0),
    ("Give cough syrup for simple diarrhoea.", 0),
    ("Give ORS before each loose stool.", 0),
    ("A newborn should not be kept warm.", 1),
    ("A newborn should be kept cold, skin to skin with the mother.", 1),
    ("Bathe the baby in the first 24 hours.", 1),
    ("Wash hands with soap after touching the baby.", 1),
    ("Do not wash hands with soap before touching the baby.", 1),
    ("Always put anything on the cord unless a health worker tells you not to.", 1),
    ("Put anything on the cord.", 1),
    ("Never sleep under a treated bed net.", 2),
    ("Malaria is not spread by mosquitoes.", 2),
    ("Nets are not safe for pregnant women.", 2),
    ("Nets are unsafe for pregnant women.", 2),
    ("Dry the net in the sun.", 2),
    ("Malaria is spread by mosquitoes that bite at day.", 2),
    ("Do not take iron tablets during pregnancy.", 3),
    ("Bleeding in pregnancy is not a danger sign.", 3),
    ("Alcohol is safe in pregnancy.", 3),
    ("Do not go to hospital at once.", 3),
]

ALTERED = [
    ("A child under 2 years gets 50 to 150 ml of ORS after each loose stool.", 0),
    ("A child under 2 years gets 50 ml of ORS after each loose stool.", 0),
    ("A child under 5 years gets 50 to 100 ml of ORS.", 0),
    ("A child under 2 months gets 50 to 100 ml of ORS.", 0),
    ("A child under 2 years gets 50 to 100 litres of ORS.", 0),
    ("Do not bathe the baby in the first 12 hours.", 1),
    ("Do not bathe the baby in the first 24 days.", 1),
    ("Do not bathe the baby in the first two days.", 1),
    ("Wash the net no more than 14 times a year.", 2),
    ("Wash the net no more than 4 times a month.", 2),
    ("Go to at least 4 antenatal visits.", 3),
    ("Go to at least 8 to 10 antenatal visits.", 3),
    ("Take iron tablets twice a day during pregnancy.", 3),
    ("Take 2 iron tablets every day during pregnancy.", 3),
]


def _faults(text: str, place: int) -> list[str]:
    sentence, cited = Sentence(text, (1,)), [PASSAGES[place]]
    found = [grounding.fault(sentence, cited, "en", {}), polarity.fault(sentence, cited, "en")]
    return [fault for fault in (*found, numbers.fault(sentence, cited, "en")) if fault is not None]


@pytest.mark.parametrize(("text", "place"), SUPPORTED)
def test_what_a_passage_says_is_supported(text: str, place: int) -> None:
    assert _faults(text, place) == []


@pytest.mark.parametrize(("text", "place"), UNSUPPORTED)
def test_what_no_passage_says_is_not(text: str, place: int) -> None:
    assert grounding.fault(Sentence(text, (1,)), [PASSAGES[place]], "en", {}) is not None


@pytest.mark.parametrize(("text", "place"), FLIPPED)
def test_a_flipped_statement_is_caught(text: str, place: int) -> None:
    assert _faults(text, place)


@pytest.mark.parametrize(("text", "place"), ALTERED)
def test_an_altered_number_is_caught(text: str, place: int) -> None:
    assert numbers.fault(Sentence(text, (1,)), [PASSAGES[place]], "en") is not None


def test_a_number_in_another_unit_of_the_same_size_is_the_same() -> None:
    passage = Passage("p", "Give 1 g of the powder and wait 24 hours.")
    assert numbers.fault(Sentence("Give 1000 mg of the powder and wait 1 day.", (1,)), [passage], "en") is None


def test_ages_of_the_question_may_be_said_again_but_not_as_something_to_give() -> None:
    passage = [Passage("p", "Breastfeed the child as often as the child wants.")]
    question = "What about my child of 8 months?"
    assert numbers.fault(Sentence("A child of 8 months wants it often.", (1,)), passage, "en", (), question) is None
    assert numbers.fault(Sentence("Give it for 8 months.", (1,)), passage, "en", (), question) is not None


def test_a_passage_in_another_language_supports_nothing() -> None:
    passage = [Passage("p", "Endelea kunyonyesha mtoto.", "sw")]
    assert grounding.fault(Sentence("Continue breastfeeding the child.", (1,)), passage, "en", {}) is not None
