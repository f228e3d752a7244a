"""A prompt is in the item's language from the first word to the last, and training teaches what is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from afya.bench.literals import prompt_literals
from afya.bench.prompts import answer_text, option_letters, prompt_sha, render_item
from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.languages import core_codes
from afya.models import OptionRequest, Prompt


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
    for setting in ("letter", "cloze", "generate"):
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
    for setting in ("letter", "cloze"):
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
    hashes = {
        prompt_sha(render_item(one, setting))
        for one in (item(), item(question="1 + 2?"), item(options=("1", "2", "4")))
        for setting in ("letter", "cloze", "generate")
    }
    # In cloze and generate a changed option changes the request too.
    assert len(hashes) == 9
