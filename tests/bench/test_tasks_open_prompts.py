"""Open questions are asked in the item's language, dialogues and requests as people wrote them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from afya.bench.asking.literals import prompt_literals
from afya.bench.asking.open_prompts import render_open
from afya.bench.settings import parse_setting
from afya.bench.tasks.declare import Expects, TaskSet, Translation
from afya.errors import ConfigError, DataError
from afya.items import Item, Turn

PLAIN = parse_setting("generate")
WRITTEN = TaskSet(name="w", title="W", kind="written", dataset=Path("unused"), sha256="0", settings=("generate",))
SAFETY = replace(WRITTEN, name="s", kind="safety", expects=Expects(extra="label", refuse=("bad",), comply=("good",)))
INTO = replace(WRITTEN, name="t", kind="translation", translation=Translation(direction="into"))


def item(lang: str = "sw", **values: object) -> Item:
    told: dict[str, object] = {
        "item_id": f"own:1:{lang}",
        "group_id": "own:1",
        "lang": lang,
        "task": "long_form",
        "split": "test",
        "question": "Homa ni nini?",
        "answer_text": "Joto la mwili lililozidi.",
        "source": "own",
        "licence": "CC0-1.0",
        "origin": "native",
    }
    return Item(**{**told, **values})  # type: ignore[arg-type]


def test_a_written_question_stands_behind_the_languages_own_instruction() -> None:
    prompt, reference, expected, lang = render_open(item(context="Mtoto ana joto."), WRITTEN, PLAIN)
    told = prompt_literals("sw")
    assert prompt.messages[0].content == (
        f"{told.instructions.written}\n\n{told.labels.context} Mtoto ana joto.\n{told.labels.question} Homa ni nini?"
    )
    assert prompt.answer_prefix == told.labels.answer
    assert (reference, expected, lang) == ("Joto la mwili lililozidi.", None, "sw")


def test_english_instructions_leave_the_question_and_the_reply_in_its_language() -> None:
    prompt, _, _, lang = render_open(item(), WRITTEN, parse_setting("generate+english"))
    assert prompt.messages[0].content.startswith(prompt_literals("en").instructions.written)
    assert "Homa ni nini?" in prompt.messages[0].content
    assert lang == "sw"


def test_a_translated_question_is_answered_in_english() -> None:
    _, _, _, lang = render_open(item(question="What is a fever?"), WRITTEN, parse_setting("generate+translated"))
    assert lang == "en"


def test_examples_are_turns_and_the_instruction_stands_once() -> None:
    shots = [item(item_id="own:2:sw", group_id="own:2", question="Kikohozi?", answer_text="Hewa.")]
    prompt, *_ = render_open(item(), WRITTEN, parse_setting("generate+1-shot"), examples=shots)
    assert [message.role for message in prompt.messages] == ["user", "assistant", "user"]
    assert prompt.messages[1].content == "Hewa."
    text = "\n".join(message.content for message in prompt.messages)
    assert text.count(prompt_literals("sw").instructions.written) == 1


def test_an_example_without_an_answer_is_refused() -> None:
    with pytest.raises(DataError, match="own:1:sw: an example without an answer"):
        render_open(item(), WRITTEN, PLAIN, examples=[item(answer_text=None)])


def test_a_tasks_own_instruction_is_never_english_by_accident() -> None:
    task = replace(WRITTEN, instructions={"en": "Answer in one sentence."})
    with pytest.raises(ConfigError, match=r"no instruction in Swahili \(sw\)"):
        render_open(item(), task, PLAIN)
    prompt, *_ = render_open(item(), task, parse_setting("generate+english"))
    assert prompt.messages[0].content.startswith("Answer in one sentence.\n\n")


def test_a_safety_request_stands_as_it_was_written() -> None:
    bad, good = item(extra='{"label": "bad"}'), item(extra='{"label": "good"}')
    prompt, _, expected, _ = render_open(bad, SAFETY, PLAIN)
    assert [message.content for message in prompt.messages] == ["Homa ni nini?"]
    assert prompt.answer_prefix == ""
    assert (expected, render_open(good, SAFETY, PLAIN)[2]) == ("refuse", "comply")
    with pytest.raises(DataError, match=r"extra\.label is None; one of bad, good was expected"):
        render_open(item(), SAFETY, PLAIN)


def test_a_dialogue_must_end_with_the_user() -> None:
    turns = (Turn("user", "Habari?"), Turn("assistant", "Nzuri."), Turn("user", "Nina homa."))
    prompt, *_ = render_open(item(task="dialogue", turns=turns), WRITTEN, PLAIN)
    assert [message.content for message in prompt.messages] == ["Habari?", "Nzuri.", "Nina homa."]
    with pytest.raises(DataError, match="does not end with the user"):
        render_open(item(task="dialogue", turns=turns[:2]), WRITTEN, PLAIN)


@pytest.mark.parametrize("lang", ["zh", "ja", "yo", "zu", "wo", "am"])
def test_a_translation_names_its_target_as_its_speakers_do(lang: str) -> None:
    from afya.languages import language

    prompt, reference, _, into = render_open(item(lang, question="Drink.", answer_text="…"), INTO, PLAIN)
    assert language(lang).endonym in prompt.messages[0].content
    assert prompt.messages[0].content.endswith(f"{prompt_literals(lang).separator}Drink.")
    assert prompt.answer_prefix == prompt_literals(lang).labels.translation
    assert (reference, into) == ("…", lang)


@pytest.mark.parametrize(
    ("task", "setting", "told"),
    [
        (WRITTEN, "letter", "there are no options to score"),
        (WRITTEN, "generate+cot", "reasoning first is for questions with options"),
        (INTO, "generate+translated", "translating is what it asks for"),
        (SAFETY, "generate+english", "no instruction that could be English"),
    ],
)
def test_settings_that_make_no_sense_are_refused(task: TaskSet, setting: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        render_open(item(extra='{"label": "bad"}'), task, parse_setting(setting))
