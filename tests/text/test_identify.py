"""Which language a text is in, measured on public sentences where they are at hand."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.languages import core_codes, language
from afya.text.identify import identify, is_language, relatives

SIB200 = Path("data", "sib200", "sib200_parallel.jsonl")
# Measured over all 800 sentences: right in 95% or more, wrong in 0.1% or less; Zulu 88% and 0.6% (taken for Xhosa).
LEAST_RIGHT = {"zu": 0.80}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What should I do when my child has a fever?", "en"),
        ("Mtoto wangu ana homa na kikohozi tangu siku tatu", "sw"),
        ("Ọmọ mi ní ibà láti ọjọ́ mẹ́ta sẹ́yìn", "yo"),
        ("Omo mi ni iba lati ojo meta seyin, kini ki n se?", "yo"),
        ("Xale bi yaramam dafa tàng te dafay sëqët", "wo"),
        ("Mon enfant a de la fièvre depuis trois jours", "fr"),
        ("孩子发烧三天了，怎么办", "zh"),
        ("子供が三日前から熱があります", "ja"),
        ("아이가 사흘째 열이 나요", "ko"),
    ],
)
def test_a_sentence_is_named(text: str, code: str) -> None:
    verdict = identify(text)
    assert (verdict.language, verdict.reliable) == (code, True)


@pytest.mark.parametrize("text", ["", "112", "MUAC 112 mm", "😀", "ok", "\x00", "ORS"])
def test_what_says_nothing_is_uncertain(text: str) -> None:
    assert not identify(text).reliable


def test_another_script_is_another_language() -> None:
    assert is_language("Мой ребёнок болен", "sw") is False
    assert is_language("MUAC 112", "sw") is None
    assert is_language("1년 3개월, MUAC 112 mm, 9 kg", "ko") is None


def test_neighbours_that_are_not_served_are_known_and_near_ones_named() -> None:
    assert identify("Umntwana wam unefiva kwaye uyakhohlela, ndenze ntoni?").language != "zu"
    assert relatives("zu") == {"xh", "ss"}
    assert relatives("xh") == {"zu", "ss"}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    assert 0 <= identify(text).confidence <= 1


@pytest.mark.parametrize("code", core_codes())
def test_public_sentences_are_named_and_rarely_wrongly(code: str, shared: Path) -> None:
    pytest.importorskip("pycld2")
    column = language(code).flores
    with (shared / SIB200).open(encoding="utf-8") as lines:
        texts = [json.loads(line)[column] for line in lines][::4]
    verdicts = [identify(text) for text in texts]
    right = sum(verdict.language == code and verdict.reliable for verdict in verdicts) / len(texts)
    wrong = sum(verdict.language != code and verdict.reliable for verdict in verdicts) / len(texts)
    assert right >= LEAST_RIGHT.get(code, 0.93)
    assert wrong <= 0.02


def test_yoruba_without_marks_is_still_yoruba(shared: Path) -> None:
    pytest.importorskip("pycld2")
    with (shared / SIB200).open(encoding="utf-8") as lines:
        marked = [json.loads(line)["yor_Latn"] for line in lines][::4]
    bare = [
        "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn") for text in marked
    ]
    assert sum(identify(text).language == "yo" for text in bare) / len(bare) >= 0.95
