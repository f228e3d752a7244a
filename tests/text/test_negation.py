"""How far a word for "no" reaches."""

from __future__ import annotations

import pytest

from afya.text.literals import literal_codes
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
    ("lang", "text", "denials"),
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
def test_denials_reach_what_they_deny_and_no_farther(lang: str, text: str, denials: list[bool]) -> None:
    if lang not in literal_codes():
        pytest.skip(f"{lang} has no text literals")
    text = normalise(text)
    matches = Phrases(lang, [(phrase, phrase) for phrase in SIGNS[lang]]).find(text)
    assert [no for _, no in judged(text, matches, lang)] == denials


def test_a_sign_denied_too_often_counts_as_standing() -> None:
    text = "no convulsions " * 60
    found = judged(text, Phrases("en", [("c", "convuls*")]).find(text), "en")
    assert not found[-1][1]
