"""How far a word for "no" reaches."""

from __future__ import annotations

import pytest

from afya.text.negation import judged
from afya.text.normalise import normalise
from afya.text.words import Phrases

SIGNS = {
    "en": ["convuls*", "cannot drink", "fits"],
    "zh": ["抽搐", "不能喝"],
    "fr": ["convulsion*"],
    "sw": ["degedege", "hawezi kunyonya"],
    "yo": ["gìrì"],
}


@pytest.mark.parametrize(
    ("lang", "text", "expected"),
    [
        ("en", "no convulsions", [True]),
        ("en", "did not have any convulsions", [True]),
        ("en", "no fever, cough or convulsions", [True]),
        ("en", "no convulsions or fever", [True]),
        ("en", "convulsions: absent", [True]),
        ("en", "convulsions absent", [True]),
        ("en", "no fever but convulsions", [False]),
        ("en", "no fever, convulsions", [False]),
        ("en", "no fever and convulsions", [False]),
        ("en", "not well convulsing", [False]),
        ("en", "not fever. convulsions", [False]),
        ("en", "no longer convulsing", [False]),
        ("en", "cannot drink convulsing", [False, False]),
        ("zh", "没有抽搐", [True]),
        ("zh", "没有出现抽搐", [True]),
        ("zh", "没有发烧，抽搐", [False]),
        ("zh", "没有发烧、抽搐", [True]),
        ("fr", "il n'a pas eu de convulsions", [True]),
        ("fr", "pas de fièvre mais des convulsions", [False]),
        ("sw", "hana degedege", [True]),
        ("sw", "hawezi kunyonya na ana degedege", [False, False]),
        ("sw", "hana homa lakini ana degedege", [False]),
        ("yo", "kò ní gìrì", [True]),
        ("yo", "ko ni giri", [True]),
        ("yo", "ọmọ mi ní gìrì", [False]),
    ],
)
def test_denials_reach_what_they_deny_and_no_farther(lang: str, text: str, expected: list[bool]) -> None:
    text = normalise(text)
    matches = Phrases(lang, [(phrase, phrase) for phrase in SIGNS[lang]]).find(text)
    assert [no for _, no in judged(text, matches, lang)] == expected


CANNOT_DRINK = {
    "en": ("no fever, cannot drink or eat", "cannot ... drink"),
    "zh": ("没有发烧、不能喝水或吃东西", "不能喝"),
    "fr": ("pas de fièvre, ne peut pas boire ou manger", "ne peut pas boire"),
    "de": ("kein Fieber, kann nicht trinken oder essen", "kann nicht trinken"),
    "ja": ("熱はありません、水が飲めない、または食べられない", "飲めない"),
    "ko": ("열은 없고 물을 마시지 못하거나 먹지 못해요", "마시지 못*"),
    "pt": ("sem febre, não consegue beber ou comer", "não consegue beber"),
    "es": ("sin fiebre, no puede beber o comer", "no puede beber"),
    "sw": ("hana homa, hawezi kunywa au kula", "hawezi kunywa"),
    "wo": ("amul yaram wu tàng, mënul naan wala lekk", "mënul naan"),
    "yo": ("kò ní ibà, kò lè mu omi tàbí jẹun", "kò lè mu"),
    "zu": ("akanayo imfiva, akakwazi ukuphuza noma ukudla", "akakwazi ukuphuza"),
}
COUGH_OR_FITS = {
    "en": ("no fever, cough or convulsions", "convuls*"),
    "zh": ("没有发烧、咳嗽或抽搐", "抽搐"),
    "fr": ("pas de fièvre, de toux ou de convulsions", "convuls*"),
    "de": ("kein Fieber, Husten oder Krämpfe", "krämpfe"),
    "pt": ("sem febre, tosse ou convulsões", "convuls*"),
    "es": ("sin fiebre, tos o convulsiones", "convuls*"),
    "sw": ("hana homa, kikohozi au degedege", "degedege"),
    "wo": ("amul yaram wu tàng, sëqët wala crise", "crise"),
    "yo": ("kò ní ibà, ikọ́ tàbí gìrì", "gìrì"),
    "zu": ("akanayo imfiva, ukukhwehlela noma ukuxhuzula", "*xhuzula"),
}


def denials(lang: str, text: str, *phrases: str) -> list[bool]:
    text = normalise(text)
    return [no for _, no in judged(text, Phrases(lang, [(phrase, phrase) for phrase in phrases]).find(text), lang)]


@pytest.mark.parametrize("lang", sorted(CANNOT_DRINK))
def test_a_sign_that_is_said_with_a_denial_stands_beside_a_list_of_things_denied(lang: str) -> None:
    assert denials(lang, *CANNOT_DRINK[lang]) == [False]


@pytest.mark.parametrize("lang", sorted(COUGH_OR_FITS))
def test_a_noun_in_a_list_of_things_denied_is_denied(lang: str) -> None:
    assert denials(lang, *COUGH_OR_FITS[lang]) == [True]


@pytest.mark.parametrize(
    ("lang", "text", "phrase", "denied"),
    [
        ("en", "the dog has not bitten him", "dog ... bit*", True),
        ("en", "the dog without collar bit him", "dog ... bit*", False),
        ("en", "he cannot now drink", "cannot ... drink", False),
        ("zh", "狗没有咬他", "狗...咬", True),
        ("en", "no fever, lethargic or unconscious", "unconscious", False),
        ("en", "no fever, vomits everything or nearly everything", "vomits everything", False),
        ("en", "no fever, refuses to drink or to eat", "refuses to drink", False),
        ("en", "no cough, he has convulsions or fits", "convuls*", False),
        ("en", "no fever or cough, convulsions", "convuls*", False),
        ("en", "no cough, convulsions or cannot drink", "convuls*", False),
        ("en", "no he has convulsions", "convuls*", False),
        ("en", "fever no convulsions yes", "convuls*", False),
        ("en", "fever no cannot drink", "cannot drink", False),
        ("en", "convulsions none of the drugs helped", "convuls*", False),
        ("en", "convulsions: no", "convuls*", True),
        ("en", "convulsions? no. fever: yes", "convuls*", True),
        ("en", "cannot drink: no", "cannot drink", True),
        ("en", "convulsions - no, fever - yes", "convuls*", True),
        ("en", "convulsions (no)", "convuls*", True),
        ("en", "convulsions - no fever", "convuls*", False),
        ("en", "no cough/convulsions", "convuls*", True),
        ("en", "no cough/unconscious", "unconscious", False),
        ("en", "neither cough nor convulsions", "convuls*", True),
        ("en", "convulsions: no fever", "convuls*", False),
        ("fr", "il a des convulsions pas de voiture", "convuls*", False),
        ("fr", "non il a des convulsions", "convuls*", False),
        ("sw", "ana degedege hapana homa", "degedege", False),
        ("sw", "degedege: hapana", "degedege", True),
        ("sw", "hakuna homa, ameshindwa kunyonya au kula", "*shindwa kunyonya", False),
        ("zh", "没有发烧、抽搐了三次", "抽搐", False),
        ("zh", "没有发烧、昏迷或嗜睡", "昏迷", False),
        ("zh", "抽搐：没有", "抽搐", True),
        ("zu", "ingane ayinasithuthwane", "*thuthwane", True),
        ("zu", "umntwana akanakuxhuzula", "*xhuzula", True),
        ("zu", "umntwana ongenasithuthwane", "*thuthwane", True),
        ("zu", "ingane inesithuthwane", "*thuthwane", False),
        ("zu", "ayinasithuthwane: cha", "*thuthwane", False),
        ("zu", "ingane ayinamfiva ayiphuzi", "ayiphuzi", False),
        ("zu", "akanamandla nhlobo", "akanamandla nhlobo", False),
    ],
)
def test_what_may_open_a_new_clause_ends_the_reach(lang: str, text: str, phrase: str, denied: bool) -> None:
    assert denials(lang, text, phrase) == [denied]


def test_a_sign_denied_too_often_counts_as_standing() -> None:
    text = "no convulsions " * 60
    found = judged(text, Phrases("en", [("c", "convuls*")]).find(text), "en")
    assert not found[-1][1]
