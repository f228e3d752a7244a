"""A prompt is in the item's language from the first word to the last, and training teaches what is asked."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from afya.bench.asking.literals import PromptLiterals, folder, prompt_literals
from afya.bench.asking.prompts import answer_text, option_letters, own_instruction, prompt_sha, render_item
from afya.bench.reading.extract import extract
from afya.bench.settings import Formulation, Setting, parse_setting
from afya.datafiles import read_yaml, validate
from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.languages import core_codes, language
from afya.models import Message, OptionRequest, Prompt
from afya.runs import canonical, sha256_text
from afya.text.literals import text_literals

WITH_LITERALS = sorted(path.stem for path in folder().glob("*.yaml"))


def item(lang: str = "en", **changes: object) -> Item:
    base = Item(
        item_id=f"t:1:{lang}",
        group_id="t:1",
        lang=lang,
        task="mcq",
        split="test",
        question="1 + 1?",
        options=("1", "2", "3"),
        answer=(1,),
        source="t",
        licence="x",
        origin="human",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_letter_setting_lists_the_options_and_scores_letters() -> None:
    request = render_item(item(context="Sums."), "letter")
    assert isinstance(request, OptionRequest)
    assert request.options == (" A", " B", " C")
    assert not request.end_turn
    assert request.prompt.answer_prefix == "Answer:"
    assert request.prompt.messages[0].content == (
        "Choose the right answer to the question and give its letter.\n\n"
        "Text: Sums.\nQuestion: 1 + 1?\nOptions:\nA. 1\nB. 2\nC. 3"
    )


def test_the_cloze_setting_scores_whole_answers_and_does_not_list_them() -> None:
    request = render_item(item(), "cloze")
    assert isinstance(request, OptionRequest)
    assert request.options == (" 1", " 2", " 3")
    assert request.end_turn
    assert request.prompt.messages[0].content == "Answer the question.\n\nQuestion: 1 + 1?"


def test_an_inference_item_names_its_labels_even_in_cloze() -> None:
    request = render_item(item(task="nli", context="Sums.", options=("True", "Cannot be told", "False")), "cloze")
    assert isinstance(request, OptionRequest)
    body = request.prompt.messages[0].content
    assert "Statement: 1 + 1?" in body
    assert body.endswith("Options: True / Cannot be told / False")


def test_generation_says_when_several_answers_may_be_right() -> None:
    one, several = render_item(item(), "generate"), render_item(item(), "generate", several=True)
    assert isinstance(one, Prompt)
    assert isinstance(several, Prompt)
    assert "One or several" in several.messages[0].content
    assert "One or several" not in one.messages[0].content


@pytest.mark.parametrize("lang", core_codes())
def test_every_language_has_its_own_prompt(lang: str) -> None:
    english = prompt_literals("en")
    settings: tuple[Formulation, ...] = ("letter", "cloze", "generate")
    for setting in settings:
        request = render_item(item(lang), setting)
        prompt = request.prompt if isinstance(request, OptionRequest) else request
        assert prompt.answer_prefix == prompt_literals(lang).labels.answer
        if lang != "en":
            body = prompt.messages[0].content
            assert english.labels.options not in body
            for instruction in english.instructions.mcq.model_dump().values():
                assert instruction not in body


def test_a_language_without_literals_is_an_error_and_not_english() -> None:
    with pytest.raises(ConfigError, match=r"Telugu \(te\) has no"):
        render_item(item("te"), "letter")


def test_what_training_teaches_is_among_what_is_scored() -> None:
    settings: tuple[Formulation, ...] = ("letter", "cloze")
    for setting in settings:
        request = render_item(item(), setting)
        assert isinstance(request, OptionRequest)
        assert answer_text(item(), setting) == request.options[1]
    assert answer_text(item(answer=(0, 2)), "generate") == " A, C"
    with pytest.raises(DataError, match="one right answer"):
        answer_text(item(answer=(0, 2)), "letter")


def test_more_options_than_letters_is_an_error_of_the_item() -> None:
    with pytest.raises(DataError, match="11 options"):
        option_letters(item(options=tuple(map(str, range(11)))))
    with pytest.raises(DataError, match="without options"):
        render_item(item(options=None), "letter")


def test_the_prompts_hash_changes_with_anything_asked() -> None:
    settings: tuple[Formulation, ...] = ("letter", "cloze", "generate")
    hashes = {
        prompt_sha(render_item(one, setting))
        for one in (item(), item(question="1 + 2?"), item(options=("1", "2", "4")))
        for setting in settings
    }
    # In cloze and generate a changed option changes the request too.
    assert len(hashes) == 9


def test_every_field_of_a_request_is_in_its_hash() -> None:
    for request in (render_item(item(), "cloze"), render_item(item(), "generate")):
        assert prompt_sha(request) == sha256_text(canonical(asdict(request)))


@pytest.mark.parametrize("formulation", ["letter", "cloze", "generate"])
def test_a_plain_setting_asks_what_its_formulation_asks(formulation: Formulation) -> None:
    assert render_item(item("yo"), Setting(formulation)) == render_item(item("yo"), formulation)


def test_examples_are_turns_and_the_instruction_stands_once() -> None:
    shown = [item(question="2 + 1?", answer=(2,)), item(question="2 - 1?", answer=(0,))]
    request = render_item(item(), parse_setting("letter+2-shot"), examples=shown)
    assert isinstance(request, OptionRequest)
    listed = "Options:\nA. 1\nB. 2\nC. 3"
    assert request.prompt.messages == (
        Message(
            "user",
            f"Choose the right answer to the question and give its letter.\n\nQuestion: 2 + 1?\n{listed}",
        ),
        Message("assistant", "Answer: C"),
        Message("user", f"Question: 2 - 1?\n{listed}"),
        Message("assistant", "Answer: A"),
        Message("user", f"Question: 1 + 1?\n{listed}"),
    )
    assert request.prompt.answer_prefix == "Answer:"
    assert request.options == (" A", " B", " C")
    cloze = render_item(item(), parse_setting("cloze+2-shot"), examples=shown)
    assert isinstance(cloze, OptionRequest)
    assert [message.content for message in cloze.prompt.messages[1::2]] == ["Answer: 3", "Answer: 1"]


def test_reasoning_comes_before_the_answers_marker() -> None:
    setting = parse_setting("generate+1-shot+cot")
    prompt = render_item(item("sw"), setting, examples=[item("sw", rationale="Moja na moja ni mbili.\n")])
    assert isinstance(prompt, Prompt)
    assert "hatua kwa hatua" in prompt.messages[0].content
    assert "“Jibu:”" in prompt.messages[0].content
    assert prompt.messages[1].content == "Moja na moja ni mbili.\nJibu: B"
    assert prompt.answer_prefix == ""
    with pytest.raises(DataError, match="without a rationale"):
        render_item(item("sw"), setting, examples=[item("sw")])
    several = render_item(item(), parse_setting("generate+cot"), several=True)
    assert isinstance(several, Prompt)
    assert "One or several" in several.messages[0].content


def test_english_instructions_leave_the_item_in_its_language() -> None:
    asked = item("ar", question="كم ١ + ١؟", options=("واحد", "اثنان"))
    request = render_item(asked, parse_setting("letter+english"))
    assert isinstance(request, OptionRequest)
    assert request.options == (" A", " B")
    assert request.prompt.answer_prefix == "Answer:"
    assert request.prompt.messages[0].content == (
        "Choose the right answer to the question and give its letter.\n\n"
        "Question: كم ١ + ١؟\nOptions:\nA. واحد\nB. اثنان"
    )
    assert option_letters(asked) == ("أ", "ب")


def test_a_translated_setting_takes_the_translation() -> None:
    setting = parse_setting("letter+translated")
    assert render_item(item("en"), setting) == render_item(item("en"), "letter")
    with pytest.raises(DataError, match="translation into English"):
        render_item(item("sw"), setting)


def test_an_instruction_of_the_tasks_own_replaces_the_usual_one() -> None:
    own = render_item(item(), "letter", instruction="Pick one.")
    assert isinstance(own, OptionRequest)
    assert own.prompt.messages[0].content.startswith("Pick one.\n\nQuestion:")
    reasoned = render_item(item(), parse_setting("generate+cot"), instruction="Pick one.")
    assert isinstance(reasoned, Prompt)
    assert reasoned.messages[0].content.startswith("Pick one.\nChoose the right answer")
    assert own_instruction("quiz", {}, "sw") is None
    assert own_instruction("quiz", {"sw": "Chagua."}, "sw") == "Chagua."
    with pytest.raises(ConfigError, match=r"'quiz' has no instruction in Yoruba \(yo\)"):
        own_instruction("quiz", {"sw": "Chagua."}, "yo")


@pytest.mark.parametrize("lang", WITH_LITERALS)
def test_the_reply_that_reasoning_prompts_ask_for_is_read(lang: str) -> None:
    literals, letters = prompt_literals(lang), text_literals(lang).option_letters
    options = tuple(f"x{number}" for number in range(4))
    asked = item(lang, options=options, rationale="...", answer=(2,))
    prompt = render_item(asked, parse_setting("generate+1-shot+cot"), examples=[asked])
    assert isinstance(prompt, Prompt)
    assert f"{literals.labels.answer}" in prompt.messages[0].content
    assert "{" not in prompt.messages[0].content
    read = extract(prompt.messages[1].content, options, lang, letters[:4])
    assert read.chosen == (2,), read


@pytest.mark.parametrize("lang", WITH_LITERALS)
def test_texts_that_ask_differ_in_every_language(lang: str) -> None:
    told = prompt_literals(lang).instructions
    texts = [*told.mcq.model_dump().values(), *told.nli.model_dump().values(), told.written]
    assert len(set(texts)) == len(texts)
    filled = told.translation.replace("{language}", language("yo").endonym)
    assert "{" not in filled
    if lang != "en":
        english = prompt_literals("en").instructions
        assert told.written != english.written
        assert told.translation != english.translation


def test_a_field_that_a_translator_lost_is_told() -> None:
    file = folder() / "sw.yaml"
    wrong = read_yaml(file)
    assert isinstance(wrong, dict)
    wrong["instructions"]["mcq"]["reason"] = "Chagua."
    with pytest.raises(ConfigError, match=r"(?s)reason.*must hold \{answer\} once"):
        validate(wrong, PromptLiterals, str(file))
