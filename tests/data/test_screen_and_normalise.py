"""What is screened out and why, and how texts are spelled afterwards."""

from __future__ import annotations

import unicodedata
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes_for_tests import item

from afya.data.normalise import normalise
from afya.data.recipe import Normalise, Screen
from afya.data.screen import other_language, picture_pattern, screen, signs
from afya.items import Item, from_frame, to_frame
from afya.languages import core_codes

ASKED = "What should be given to a child who has had diarrhoea for three days and drinks eagerly?"
ALL = Screen().model_dump()


def screened(*items: Item, **rule: Any) -> dict[str, str]:
    output = screen(to_frame(items), {**ALL, **rule}, None)
    assert output.frame.height + len(output.rejections) == len(items)
    return {entry.item_id: entry.reason for entry in output.rejections}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"question": "Why?"}, "too_short"),
        ({"options": ("Water", "water ", "Sand"), "answer": (0,)}, "repeated_option"),
        ({"options": ("Water",), "answer": (0,)}, "missing_option"),
        ({"options": ("Water", " ​"), "answer": (0,)}, "missing_option"),
        ({"options": None, "answer": None}, "missing_option"),
        ({"answer": ()}, "missing_answer"),
        ({"answer": (4,)}, "answer_outside_options"),
        ({"question": "Which structure is marked in the figure? Choose the best answer."}, "refers_to_picture"),
        ({"context": "The image below shows the chest of a child."}, "refers_to_picture"),
        ({"question": "What is <b>good</b> for a child with diarrhoea?"}, "markup_left"),
        ({"options": ("Water", "Salt &amp; sugar"), "answer": (0,)}, "markup_left"),
        ({"answer_text": "Give water and ("}, "truncated"),
        ({"answer_text": "Give water, salt and sugar, " * 5 + "..."}, "truncated"),
        ({"rationale": "Water is \ufffd good."}, "truncated"),
        (
            {"question": "Je, mtoto mwenye kuhara kwa siku tatu na ambaye anakunywa kwa hamu apewe nini?"},
            "wrong_language",
        ),
        ({"question": "孩子腹泻三天，应该给他喝什么？请选择最合适的答案，并说明为什么这样选择。"}, "wrong_language"),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    if reason == "wrong_language":
        changes = {**changes, "task": "long_form", "options": None, "answer": None}
    assert screened(item(1, **{"question": ASKED, **changes})) == {"quiz:1:en": reason}


@pytest.mark.parametrize(
    "changes",
    [
        {"question": ASKED},
        {"question": "A chest X-ray shows an infiltrate. The clinical picture is that of pneumonia. What is given?"},
        {"question": "The most common cause of fever in a child of this region is ..."},
        {"question": "Children with a temperature < 38 and a weight > 10 kg should be given which of these?"},
        {"question": "ORS 5", "task": "parallel", "options": None, "answer": None},
        {"answer": (0, 2)},
    ],
)
def test_a_sound_row_passes(changes: dict[str, Any]) -> None:
    assert screened(item(1, **changes)) == {}


def test_each_test_can_be_turned_off() -> None:
    row = item(1, question="Look at the <b>image below</b>. What is good for the child who is shown there?")
    assert screened(row) == {"quiz:1:en": "refers_to_picture"}
    assert screened(row, picture=False) == {"quiz:1:en": "markup_left"}
    assert screened(row, picture=False, markup=False) == {}


def test_every_language_of_the_twelve_has_phrases_for_pictures_and_all_compile() -> None:
    assert set(core_codes()) <= set(signs().pictures)
    for code in signs().pictures:
        pattern = picture_pattern(code)
        assert pattern is not None
        assert not pl.Series([ASKED]).str.contains(pattern).item()
    for code, text in (("zh", "如图所示，该患者"), ("fr", "Sur la photo ci-dessous"), ("sw", "Angalia picha hii")):
        assert pl.Series([text]).str.contains(str(picture_pattern(code))).item()


def test_near_relatives_and_languages_that_nobody_knows_are_not_called_wrong() -> None:
    zulu = "I-Creatine ihlanganiswa kusuka ku: ama-amino acids emisipha. amino acid esibindini. amino acid ezinso."
    assert other_language(zulu, "zu") is None
    assert other_language(zulu, "xh") is None
    bambara = "Nin kuma ninnu na, jumɛn ye tiɲɛ ye ladonbagaw kan minnu tɛ sariya kɔnɔ kabini san fila?"
    assert other_language(bambara, "bm") is None
    assert (
        other_language("A surgical support can be used for prolapsed stomas and for herniation around it.", "st")
        == "en"
    )
    assert other_language("MUAC 112 mm", "zu") is None


def normalised(*items: Item, **rule: bool) -> list[Item]:
    return from_frame(normalise(to_frame(items), Normalise(**rule).model_dump(), None).frame)


def test_spaces_quotes_and_invisible_signs_get_one_spelling_and_tone_marks_stay() -> None:
    yoruba = unicodedata.normalize("NFD", "Ọmọ náà ní ibà àti ikọ́")
    row = item(1, "yo", question=f" “{yoruba}”​\u00a0 it’s\r\n\r\n\r\nhere ", rationale="\ufeffa\tb", context=None)
    found = normalised(row)[0]
    assert found.question == '"Ọmọ náà ní ibà àti ikọ́" it\'s\n\nhere'
    assert unicodedata.is_normalized("NFC", found.question)
    assert found.rationale == "a b"
    assert found.context is None


def test_quotation_marks_that_a_language_is_written_with_stay_and_so_do_joiners() -> None:
    chinese, hindi = item(1, "zh", question="什么是“发烧”？"), item(2, "hi", question="क्\u200dष और ५ दिन")
    assert [row.question for row in normalised(chinese, hindi)] == [chinese.question, hindi.question]
    assert normalised(hindi, digits=True)[0].question == "क्\u200dष और 5 दिन"


@pytest.mark.parametrize(
    ("options", "bare"),
    [
        (("A. Water", "B. Salt"), ("Water", "Salt")),
        (("(a) Water", "(b) Salt", "(c) Milk"), ("Water", "Salt", "Milk")),
        (("1) 5 mg", "2) 10 mg"), ("5 mg", "10 mg")),
        (("A. Water", "C. Salt"), ("A. Water", "C. Salt")),
        (("A. Water", "Salt"), ("A. Water", "Salt")),
        (("Vitamin A", "Vitamin B"), ("Vitamin A", "Vitamin B")),
        (("1.5 mg", "2.5 mg"), ("1.5 mg", "2.5 mg")),
    ],
)
def test_labels_come_off_only_when_all_options_carry_consecutive_ones(
    options: tuple[str, ...], bare: tuple[str, ...]
) -> None:
    row = item(1, options=options, answer=(1,), answer_text=options[1])
    found = normalised(row)[0]
    assert (found.options, found.answer, found.answer_text) == (bare, (1,), bare[1])
    assert normalised(row, option_labels=False)[0].options == options


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=2, max_size=3)), min_size=1, max_size=4), st.booleans())
def test_twice_normalised_is_once_normalised(texts: list[tuple[str, list[str]]], digits: bool) -> None:
    rows = [item(number, question=text, options=tuple(options)) for number, (text, options) in enumerate(texts)]
    once = normalised(*rows, digits=digits)
    assert normalised(*once, digits=digits) == once
