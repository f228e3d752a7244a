"""From a lesson to its text: what stands before each answer, and the answer.

A prompt is rendered by the same functions as the benchmark's (`afya.bench.asking.prompts`, and the model's own chat
template), so that what is trained is what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afya.items import Item, blank
from afya.models.base import Message, OptionRequest, Prompt
from afya.models.rendering import defused, render
from afya.training.examples.chat_template import DAY, AnswerFrame, prompt_text
from afya.training.recipe import Form

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer to learn: the whole text the model is asked with, and the answer with its end token."""

    prompt: str
    learned: str


def drafted(item: Item, form: Form, tokenizer: PreTrainedTokenizerBase, frame: AnswerFrame) -> list[Answered]:
    """The answers to learn from one item, in order: one, or one for each assistant's turn of a dialogue.

    Raises:
        ValueError: the item has nothing to learn in this form; the message is the ledger's reason.
        EngineError: the chat template cannot take the item's messages.
    """
    if form == "instruction" and item.turns:
        messages = dialogue_messages(item)
        return [answered(messages, place, tokenizer, frame) for place in answer_places(messages)]
    if form in ("instruction", "rationale"):
        return [_free_answer(item, form, tokenizer, frame)]
    return [_choice(item, form, tokenizer, frame)]


def _free_answer(item: Item, form: Form, tokenizer: PreTrainedTokenizerBase, frame: AnswerFrame) -> Answered:
    text = item.question if item.context is None else f"{item.context}\n\n{item.question}"
    answer = (
        _written(item.rationale, "no_rationale")
        if form == "rationale"
        else _written(item.answer_text, "no_answer_text")
    )
    return answered([Message("user", text), Message("assistant", answer)], 1, tokenizer, frame)


def _choice(item: Item, form: Form, tokenizer: PreTrainedTokenizerBase, frame: AnswerFrame) -> Answered:
    """A multiple-choice or inference item, asked as the benchmark asks. With a rationale after the letter the question
    is that of `letter`; with one before it, that of `generate+cot`."""
    from afya.bench.asking.literals import prompt_literals
    from afya.bench.asking.prompts import answer_text, render_item
    from afya.bench.settings import Setting

    if item.answer is None or len(item.answer) != 1:
        raise ValueError("not_one_answer")
    if not item.options:
        raise ValueError("not_multiple_choice")
    if form == "rationale+letter":
        setting = Setting("generate", cot=True)
        rationale = _written(item.rationale, "no_rationale")
        marked = prompt_literals(item.lang).labels.answer + answer_text(item, setting)
        prompt, answer = _prompt(render_item(item, setting)), f"{rationale}\n{marked}"
    else:
        request = render_item(item, "cloze" if form == "cloze" else "letter")
        prompt = _prompt(request)
        answer = request.options[item.answer[0]] if isinstance(request, OptionRequest) else ""
        if form == "letter+rationale":
            answer += "\n" + _written(item.rationale, "no_rationale")
    learned = frame.learned(defused(answer, tokenizer), prompt.answer_prefix)
    return Answered(render(prompt, tokenizer, day=DAY), learned)


def _prompt(request: OptionRequest | Prompt) -> Prompt:
    return request.prompt if isinstance(request, OptionRequest) else request


def dialogue_messages(item: Item) -> list[Message]:
    """The item's turns. Raises ValueError for a turn that is nobody's or empty, and when nothing is answered."""
    messages = [Message(turn.role, _written(turn.text, "empty_turn")) for turn in item.turns or ()]
    if any(message.role not in ROLES for message in messages):
        raise ValueError("unknown_role")
    if not any(True for _ in answer_places(messages)):
        raise ValueError("no_assistant_turn")
    return messages


def answer_places(messages: list[Message]) -> Iterator[int]:
    """The numbers of the messages to learn: the assistant's, after somebody has said something."""
    spoken = False
    for place, message in enumerate(messages):
        if message.role == "assistant" and spoken:
            yield place
        spoken = spoken or message.role == "user"


def answered(
    messages: list[Message], place: int, tokenizer: PreTrainedTokenizerBase, frame: AnswerFrame, start: int = 0
) -> Answered:
    """The answer at `place` after the messages from `start` on; a system message at the beginning always stays."""
    system = messages[:1] if start and messages[0].role == "system" else []
    answer = messages[place].content
    prompt = prompt_text([*system, *messages[start:place]], tokenizer, thinking=frame.thinks(answer))
    return Answered(prompt, frame.learned(defused(answer, tokenizer)))


def _written(text: str | None, reason: str) -> str:
    """The text without blank ends, which templates trim as they like. Raises ValueError when nothing is left."""
    if text is None or blank(text):
        raise ValueError(reason)
    return text.strip()
