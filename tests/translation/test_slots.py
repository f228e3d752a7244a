"""Items in slots: what an engine sees, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.errors import DataError
from afya.items import Item, Turn, validate
from afya.translation.base import EngineIdentity
from afya.translation.slots import rebuild, slots

FREE = EngineIdentity("apertium", "apertium", "0", None, False)
BOUND = EngineIdentity("ct2:nllb", "ct2", "0", "CC-BY-NC-4.0", True)


def item(**changes: Any) -> Item:
    plain = Item(
        item_id="s:1:en",
        group_id="s:1",
        lang="en",
        task="mcq",
        split="test",
        question="What is given?",
        options=("Zinc", "Salt", "Water"),
        answer=(1,),
        source="s",
        licence="MIT",
        origin="native",
    )
    return replace(plain, **changes)


def shouted(made: Item, identity: EngineIdentity = FREE) -> Item:
    return rebuild(made, {slot.name: slot.text.upper() for slot in slots(made)}, "sw", identity)


def names(made: Item) -> list[str]:
    return [slot.name for slot in slots(made)]


def test_every_text_is_a_slot_and_nothing_else() -> None:
    made = item(context="A child.", answer_text="Because.", rationale="So.", turns=(Turn("user", "Hi"),))
    assert names(made) == [
        *("question", "context", "option.0", "option.1", "option.2"),
        *("answer_text", "rationale", "turn.0"),
    ]
    done = shouted(made)
    assert (done.item_id, done.group_id, done.lang, done.origin) == ("s:1:sw", "s:1", "sw", "machine")
    assert (done.translator, done.translated_from, done.answer) == ("apertium", "en", (1,))
    assert done.options == ("ZINC", "SALT", "WATER")
    assert done.turns == (Turn("user", "HI"),)
    assert (done.extra, done.checks, done.quality) == (None, None, None)
    assert validate(done) is None


@pytest.mark.parametrize(
    ("answer", "told", "made"),
    [
        ((1,), "Salt", "SALT"),
        ((1,), "B. Salt", "B. SALT"),
        ((1,), "B", "B"),
        ((0, 2), "Zinc; Water", "ZINC; WATER"),
        ((0, 2), "A, C", "A, C"),
    ],
)
def test_an_answer_that_the_options_give_is_no_slot(answer: tuple[int, ...], told: str, made: str) -> None:
    one = item(answer=answer, answer_text=told)
    assert "answer_text" not in names(one)
    assert shouted(one).answer_text == made


def test_a_turn_that_repeats_question_or_answer_is_translated_with_it() -> None:
    turns = (Turn("user", " It burns.\n"), Turn("assistant", "Where?"), Turn("assistant", "Drink water."))
    one = item(
        task="dialogue", options=None, answer=None, question="It burns.", answer_text="Drink water.", turns=turns
    )
    assert names(one) == ["question", "answer_text", "turn.1"]
    made = shouted(one)
    assert [turn.text for turn in made.turns or ()] == [" IT BURNS.\n", "WHERE?", "DRINK WATER."]
    assert [turn.role for turn in made.turns or ()] == ["user", "assistant", "assistant"]


def test_a_rationale_of_letters_alone_never_reaches_an_engine() -> None:
    assert "rationale" not in names(item(rationale="(B)"))
    assert shouted(item(rationale="(B)")).rationale == "(B)"
    assert "rationale" in names(item(rationale="B is right."))


@pytest.mark.parametrize(
    "labels", [("A. ", "B. ", "C. "), ("(a) ", "(b) ", "(c) "), ("1) ", "2) ", "3) "), ("Ａ：", "Ｂ：", "Ｃ：")]
)
def test_labels_never_reach_an_engine(labels: tuple[str, ...]) -> None:
    plain = ("zinc", "salt", "water")
    one = item(options=tuple(label + text for label, text in zip(labels, plain, strict=True)))
    if labels[0] == "Ａ：":
        # Full-width letters are no labels that afya knows; the text stays whole.
        assert slots(one)[1].text == "Ａ：zinc"
        return
    assert [slot.text for slot in slots(one)[1:]] == list(plain)
    assert shouted(one).options == tuple(label + text.upper() for label, text in zip(labels, plain, strict=True))


def test_what_looks_like_a_label_and_is_none_stays() -> None:
    assert slots(item(options=("A. baumannii", "E. coli", "S. aureus")))[1].text == "A. baumannii"
    assert slots(item(options=("1.5 mg", "2.5 mg", "3.5 mg")))[1].text == "1.5 mg"


def test_a_non_commercial_engine_marks_its_rows() -> None:
    made = shouted(item(extra='{"reviewed":true,"page":3}'), BOUND)
    assert made.extra_value("translator_licence") == "CC-BY-NC-4.0"
    assert made.extra_value("non_commercial") is True
    assert made.extra_value("reviewed") is False
    assert made.extra_value("page") == 3
    assert made.licence == "MIT"


@pytest.mark.parametrize("texts", [{}, {"question": " "}, {"question": "\u200b"}])
def test_a_missing_translation_is_an_error_that_names_the_slot(texts: dict[str, str]) -> None:
    with pytest.raises(DataError, match="s:1:en: the translation of its question is"):
        rebuild(item(), texts, "sw", FREE)


TEXT = st.text(alphabet="aBc1. ):；,\n", min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


@given(
    st.sampled_from(["mcq", "nli", "long_form", "dialogue", "instruction", "parallel"]),
    TEXT,
    st.none() | st.lists(TEXT, min_size=2, max_size=5),
    st.none() | TEXT,
    st.none() | st.lists(TEXT, max_size=3),
    st.data(),
)
def test_texts_that_do_not_change_give_the_item_back(
    task: Any, question: str, options: list[str] | None, other: str | None, turns: list[str] | None, data: st.DataObject
) -> None:
    answer = None if options is None else (data.draw(st.integers(0, len(options) - 1)),)
    told = other if options is None or answer is None or data.draw(st.booleans()) else options[answer[0]]
    one = item(
        task=task,
        question=question,
        options=None if options is None else tuple(options),
        answer=answer,
        answer_text=told,
        context=other,
        turns=None if turns is None else tuple(Turn("user", text) for text in turns),
    )
    done = rebuild(one, {slot.name: slot.text for slot in slots(one)}, "sw", FREE)
    assert (done.question, done.options, done.context, done.turns) == (
        one.question,
        one.options,
        one.context,
        one.turns,
    )
    assert done.answer == one.answer
    assert (done.answer_text or "").split() == (one.answer_text or "").split()
