"""Instructions: every language's wordings, the draw, and what each kind of item becomes."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from afya.data.instructions import KINDS, Instructions, codes, instruct, instructed, instructions
from afya.data.sample import sample_items
from afya.errors import ConfigError
from afya.items import Item, Turn, validate
from afya.languages import core_codes
from afya.text.literals import read_language_file

MCQ = Item(
    item_id="s:1:en",
    group_id="s:1",
    lang="en",
    task="mcq",
    split="train",
    question="What is drunk?",
    source="s",
    licence="MIT",
    origin="native",
    options=("Sand", "Water {cold}"),
    answer=(1,),
    rationale="Sand is dry.",
    extra='{"a":1}',
)
TURNS = (
    Turn("user", "I am thirsty."),
    Turn("assistant", "Since when?"),
    Turn("user", "Today."),
    Turn("assistant", "Drink."),
)
TALK = replace(MCQ, task="dialogue", options=None, answer=None, turns=TURNS)


def made(item: Item, kind: str) -> Item:
    return instructed(item, [kind])


def test_the_twelve_languages_and_russian_have_wordings() -> None:
    assert {*core_codes(), "ru"} == set(codes())


@pytest.mark.parametrize("lang", codes())
def test_a_language_words_every_kind_in_several_ways_that_differ(lang: str) -> None:
    language = instructions(lang)

    for kind in KINDS:
        wordings = getattr(language.wordings, kind)
        assert 3 <= len(wordings) == len(set(wordings))
        if lang != "en":
            assert not set(wordings) & set(getattr(instructions("en").wordings, kind)) - {"{question}"}
    assert not language.reviewed


@pytest.mark.parametrize("lang", codes())
def test_the_wordings_are_normalised_texts(lang: str) -> None:
    told = instructions(lang).model_dump_json()
    assert unicodedata.normalize("NFC", told) == told


def test_multiple_choice_is_asked_with_its_options_and_answered_with_letter_and_text() -> None:
    item = made(MCQ, "mcq")

    assert (item.task, item.answer_text, item.options, item.answer) == ("instruction", "B. Water {cold}", None, None)
    assert "What is drunk?" in item.question
    assert "A. Sand\nB. Water {cold}" in item.question
    assert (item.item_id, item.group_id, item.extra_value("a")) == ("s:1:en", "s:1", 1)
    assert item.extra_value("instruction")["kind"] == "mcq"
    assert validate(item) is None


def test_a_rationale_is_given_before_the_answer_or_asked_for_with_it() -> None:
    assert made(MCQ, "mcq_rationale").answer_text == "Sand is dry.\n\nThe answer is: B. Water {cold}"
    explained = made(MCQ, "rationale")
    assert explained.answer_text == "Sand is dry."
    assert explained.question.count("B. Water {cold}") == 2


def test_several_right_answers_are_all_given() -> None:
    assert made(replace(MCQ, answer=(0, 1)), "mcq").answer_text == "A. Sand\nB. Water {cold}"


def test_a_dialogue_is_continued_by_its_last_reply() -> None:
    item = made(TALK, "dialogue")

    assert item.answer_text == "Drink."
    assert "Patient: I am thirsty.\nHealth worker: Since when?\nPatient: Today." in item.question
    assert item.turns is None
    with pytest.raises(ValueError, match="no_fitting_instruction"):
        made(replace(TALK, turns=TURNS[:3]), "dialogue")


def test_inference_takes_its_text_into_the_question() -> None:
    options = ("True", "Cannot be told", "False")
    item = made(replace(MCQ, task="nli", context="He drinks.", options=options, answer=(2,)), "nli")

    assert "He drinks." in item.question
    assert (item.context, item.answer_text) == (None, "C. False")


def test_a_term_is_asked_for_only_in_the_language_in_which_it_is_given() -> None:
    long = replace(MCQ, task="long_form", options=None, answer=None, answer_text="A drink.")
    about = replace(long, extra='{"type":"information","focus":"Tea"}')

    assert "Tea" in made(about, "definition").question
    with pytest.raises(ValueError, match="no_fitting_instruction"):
        made(replace(about, translated_from="es"), "definition")
    with pytest.raises(ValueError, match="no_fitting_instruction"):
        made(long, "definition")
    assert "What is drunk?" in made(long, "long_form").question


def test_instructions_stay_as_they_are_and_aligned_texts_are_none() -> None:
    ready = replace(MCQ, task="instruction", options=None, answer=None, answer_text="Yes.")

    assert instructed(ready) is ready
    assert list(instruct([replace(MCQ, task="parallel"), replace(ready, answer_text=None), ready])) == [ready]


def test_the_draw_is_by_group_and_seed_and_uses_every_kind_and_wording() -> None:
    groups = [replace(MCQ, group_id=f"s:{n}", item_id=f"s:{n}:en") for n in range(200)]
    first, again, other = list(instruct(groups)), list(instruct(groups)), list(instruct(groups, seed=1))

    assert first == again != other
    drawn = {(item.extra_value("instruction")["kind"], item.extra_value("instruction")["wording"]) for item in first}
    assert drawn == {(kind, number) for kind in ("mcq", "mcq_rationale", "rationale") for number in (1, 2, 3)}


def test_the_sample_becomes_instructions_of_the_same_kind_in_all_its_languages() -> None:
    items = list(sample_items())
    instructions_made = list(instruct(items))

    assert len(instructions_made) == len(items)
    assert all(validate(item) is None for item in instructions_made)
    kinds: dict[str, set[str]] = {}
    for item in instructions_made:
        kinds.setdefault(item.group_id, set()).add(item.extra_value("instruction")["kind"])
    assert all(len(found) == 1 for found in kinds.values())


def test_an_unknown_kind_or_language_is_named() -> None:
    with pytest.raises(ConfigError, match="Unknown kind of instruction 'quiz'"):
        instructed(MCQ, ["quiz"])
    with pytest.raises(ConfigError, match="no instruction wordings"):
        instructed(replace(MCQ, lang="am"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("What is meant by “{term}”?", "What is meant?", "definition: 'What is meant.' must have exactly {term}"),
        ("What is meant by “{term}”?", "What is {term?", "definition: 'What is {term.'"),
    ],
)
def test_a_wording_that_lacks_its_part_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    from afya.data.instructions import folder

    text = (folder() / "en.yaml").read_text(encoding="utf-8")
    (tmp_path / "en.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_language_file(tmp_path, "en", Instructions, "instruction wordings", "")
