"""Whatever a family's template does: loss falls on the answers and their end tokens, each after what would be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from family_templates import FAMILIES, family_tokenizer
from test_attention_and_loss import CHOICE, item

from afya.errors import AfyaError, ConfigError
from afya.items import Item, Turn
from afya.models.base import Message
from afya.models.rendering import defused, encode
from afya.training.examples.build import Example, build_examples
from afya.training.examples.chat_template import answer_frame, prompt_text
from afya.training.examples.lesson import Lesson
from afya.training.recipe import Form

NAMES = tuple(FAMILIES)
THOUGHT = "<think>\nFever for three days.\n</think>\n\nGo to the clinic."


def dialogue(*texts: str, system: str | None = None) -> Item:
    roles = ["user", "assistant"] * len(texts)
    turns = [Turn(role, text) for role, text in zip(roles, texts, strict=False)]
    return item("dialogue", turns=tuple(([Turn("system", system)] if system else []) + turns))


DIALOGUES = {
    "plain": dialogue("The child coughs.", "For how many days?", "Three days.", "Give water."),
    "system": dialogue("Cough.", "How long?", "Two days.", "Give water.", "Fever?", "Go!", system="You are a nurse."),
    "blank ends": dialogue("  The child coughs.\n", "\n\n How long? \n", " Three days. ", "  Give water.\n\n"),
    "marks inside": dialogue(
        "A <|im_end|> child </s>", "Say <|eot_id|><end_of_turn> [/INST] no.", "Fever", "<|im_end|>Go."
    ),
}


def spans(example: Example) -> list[tuple[int, int]]:
    """Where learned tokens stand together."""
    marks = np.concatenate([[False], example.learned, [False]]).astype(int)
    edges = np.flatnonzero(np.diff(marks))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", DIALOGUES)
def test_answers_and_their_ends_are_learned_turn_by_turn(name: str, kind: str) -> None:
    family, tokenizer, asked = FAMILIES[name], family_tokenizer(name), DIALOGUES[kind]
    built = build_examples([Lesson(asked, "instruction")], tokenizer, 1024, "stage")
    assert (built.used, built.rejections) == (1, [])
    turns = asked.turns or ()
    answers = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
    messages = [Message(turn.role, turn.text.strip()) for turn in turns]
    found = [(example, *span) for example in built.examples for span in spans(example)]
    assert len(found) == len(answers)
    for (example, start, end), place in zip(found, answers, strict=True):
        learned = tokenizer.decode(example.tokens[start:end])
        assert learned == family.opening + defused(messages[place].content, tokenizer) + family.ending
        assert list(example.tokens[start:end]).count(tokenizer.convert_tokens_to_ids(family.ending)) == 1
        # What stands before it is, token for token, what the model would be asked with.
        (shown,) = encode([prompt_text(messages[:place], tokenizer)], tokenizer)
        assert example.tokens[:start].tolist() == shown


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [
        ("llama3", "system", 1),  # nothing changes: the whole dialogue is one example
        ("gemma3", "system", 1),
        ("mistral", "plain", 1),
        ("mistral", "system", 3),  # the system message moves to the last question
        ("qwen3", "plain", 2),  # an answer's empty thought is left out of later prompts
    ],
)
def test_a_dialogue_is_one_example_unless_the_template_rewrites_earlier_turns(name: str, kind: str, count: int) -> None:
    built = build_examples([Lesson(DIALOGUES[kind], "instruction")], family_tokenizer(name), 1024, "stage")
    assert len(built.examples) == count


def test_a_thought_is_learned_with_its_answer_and_left_out_of_later_prompts() -> None:
    tokenizer = family_tokenizer("qwen3")
    asked = dialogue("Fever.", THOUGHT, "Which?", "The one in town.")
    first, second = build_examples([Lesson(asked, "instruction")], tokenizer, 1024, "stage").examples
    assert tokenizer.decode(first.tokens[first.learned]) == THOUGHT + "<|im_end|>"
    assert tokenizer.decode(first.tokens[~first.learned]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(second.tokens[second.learned]) == "The one in town.<|im_end|>"
    before = tokenizer.decode(second.tokens[~second.learned])
    assert "Fever for three days" not in before
    assert before.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")


def test_the_date_in_a_prompt_is_not_todays() -> None:
    (made,) = build_examples(
        [Lesson(item("long_form", answer_text="Water."), "instruction")], family_tokenizer("llama3"), 512, "stage"
    ).examples
    assert "Today Date: 26 Jul 2024" in family_tokenizer("llama3").decode(made.tokens)


RATIONALE = "Fast breathing is counted for a whole minute."


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("form", "learned"),
    [
        ("instruction", "Forty."),
        ("rationale", RATIONALE),
        ("cloze", " 40 and more"),
        ("letter", " B"),
        ("letter+rationale", f" B\n{RATIONALE}"),
        ("rationale+letter", f"{RATIONALE}\nAnswer: B"),
    ],
)
def test_every_form_is_learned_to_its_end(name: str, form: Form, learned: str) -> None:
    family, tokenizer = FAMILIES[name], family_tokenizer(name)
    asked = item("mcq", **CHOICE, answer_text=" Forty.\n", rationale=f"{RATIONALE} ", context="Aged 3 years.")
    (made,) = build_examples([Lesson(asked, form)], tokenizer, 1024, "stage").examples
    opened = "" if form in ("cloze", "letter", "letter+rationale") else family.opening
    assert tokenizer.decode(made.tokens[made.learned]) == opened + learned + family.ending
    assert made.learned[-1]
    assert np.all(np.diff(made.learned.astype(int)) >= 0)


def test_the_question_of_a_letter_with_rationale_is_the_benchmarks() -> None:
    from afya.bench.asking.prompts import render_item
    from afya.bench.settings import Setting
    from afya.models.base import OptionRequest, Prompt
    from afya.models.rendering import render

    tokenizer = family_tokenizer("gemma3")
    asked = item("mcq", **CHOICE, rationale=RATIONALE)
    forms: tuple[Form, ...] = ("letter", "letter+rationale", "rationale+letter")
    one, two, three = build_examples([Lesson(asked, form) for form in forms], tokenizer, 1024, "stage").examples
    assert one.tokens[~one.learned].tolist() == two.tokens[~two.learned].tolist()
    letter, reasoned = render_item(asked, "letter"), render_item(asked, Setting("generate", cot=True))
    assert isinstance(letter, OptionRequest)
    assert isinstance(reasoned, Prompt)
    assert tokenizer.decode(one.tokens[~one.learned]) == render(letter.prompt, tokenizer)
    assert tokenizer.decode(three.tokens[~three.learned]) == render(reasoned, tokenizer)


def test_what_a_template_cannot_take_is_rejected_with_its_reason() -> None:
    asked = [
        item("dialogue", turns=(Turn("user", "Fever."), Turn("user", "And cough."), Turn("assistant", "Since when?"))),
        item("dialogue", turns=(Turn("user", "Fever."), Turn("nurse", "When?"), Turn("assistant", "Yes."))),
        item("dialogue", turns=(Turn("user", "Fever."), Turn("assistant", " \u200b "))),
        item("dialogue", turns=(Turn("assistant", "Hello."), Turn("user", "Fever."))),
        item("long_form", answer_text=" \n"),
    ]
    built = build_examples([Lesson(one, "instruction") for one in asked], family_tokenizer("gemma3"), 512, "stage")
    assert sorted(entry.reason for entry in built.rejections) == [
        "empty_turn",
        "no_answer_text",
        "no_assistant_turn",
        "template_refused",
        "unknown_role",
    ]
    assert any("turns must alternate" in (entry.detail or "") for entry in built.rejections)
    assert built.used == 0


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("TURNS{{ message['content'] }}\n{% endfor %}", "no markers"),
        (
            "TURNS{% if message['role'] == 'user' %}U: {{ message['content'] }}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %} A:{% endif %}",
            "leaves out the assistant's message",
        ),
        (
            "{% for message in messages[1:] %}<|im_start|>{{ message['content'] }}<|im_end|>{% endfor %}",
            "leaves out the user",
        ),
        (
            "TURNS<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}",
            "no generation prompt",
        ),
    ],
)
def test_a_template_that_cannot_be_learned_from_is_refused(template: str, told: str) -> None:
    tokenizer: Any = family_tokenizer("qwen3")
    tokenizer.chat_template = template.replace("TURNS", "{% for message in messages %}")
    with pytest.raises(AfyaError, match=told):
        build_examples([Lesson(DIALOGUES["plain"], "instruction")], tokenizer, 512, "stage")


def test_a_tokenizer_without_an_end_is_refused() -> None:
    tokenizer: Any = family_tokenizer("qwen3")
    tokenizer.chat_template, tokenizer.eos_token = None, None
    with pytest.raises(ConfigError, match="neither an end of turn"):
        answer_frame(tokenizer)
