"""What training must know of a chat template before it learns from it: how an answer opens, and how it ends.

The text before an answer is always what the model would be asked with (`afya.models.rendering.render`), so that nothing
a template does to it (trimmed messages, a system prompt of its own, earlier thinking left out) can move the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.models.base import Message, Prompt
from afya.models.rendering import check_template, end_of_turn, render

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Some templates write today's date (Llama 3's does). Examples must not change at midnight: a run that is killed and
# continued would learn other tokens. It is the day that Llama 3.1's template takes where it has no clock.
DAY = date(2024, 7, 26)

_ASKED, _TOLD = "afya-question-text", "afya-answer-text"


@dataclass(frozen=True, slots=True)
class AnswerFrame:
    """What the template puts around an answer.

    `opening`: blank text between the generation prompt and the answer (Mistral's space), which the model itself has to
    write; `ending`: the end token; `thought`: how thinking begins where the template can switch it off ("<think>"),
    else "".
    """

    opening: str
    ending: str
    thought: str

    def learned(self, answer: str, prefix: str = "") -> str:
        """The text that loss falls on. What follows an answer prefix is not opened: the prefix stands there already."""
        return ("" if prefix else self.opening) + answer + self.ending

    def thinks(self, answer: str) -> bool:
        """Whether the answer itself thinks first, so that the prompt must not have closed the thinking."""
        return bool(self.thought) and answer.startswith(self.thought)


def answer_frame(tokenizer: PreTrainedTokenizerBase) -> AnswerFrame:
    """The frame of the tokenizer's chat template. Without one an answer follows at once and the end token ends it.

    Raises:
        ConfigError: nothing marks where an answer begins or ends. EngineError: the template leaves out a message, or
            does not open the assistant's turn.
    """
    ending = turn_ending(tokenizer)
    if not tokenizer.chat_template:
        return AnswerFrame("", ending, "")
    question = Message("user", _ASKED)
    check_template(Prompt((question,)), tokenizer)
    opened = prompt_text([question], tokenizer)
    told = prompt_text([question, Message("assistant", _TOLD)], tokenizer)
    between, found, _ = told.rpartition(_ASKED)[2].partition(_TOLD)
    name = tokenizer.name_or_path or "the tokenizer"
    hint = "Correct chat_template in the model's folder; see the model's card for the intended one."
    if not found:
        raise ConfigError(f"The chat template of {name} leaves out the assistant's message.", hint=hint)
    if not between.strip():
        raise ConfigError(
            f"The chat template of {name} has no markers: nothing stands between a question and its answer, so that a "
            "model could not tell who speaks.",
            hint=hint,
        )
    opening = told[len(opened) :].partition(_TOLD)[0] if told.startswith(opened) else ""
    closed, thinking = opened, prompt_text([question], tokenizer, thinking=True)
    # Qwen3 switches thinking off by writing an empty thought; its first word is how a thought begins.
    written = closed[len(thinking) :].split() if closed.startswith(thinking) else []
    return AnswerFrame("" if opening.strip() else opening, ending, written[0] if written else "")


def prompt_text(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase, *, thinking: bool = False) -> str:
    """The messages as the model reads them before its answer."""
    return render(Prompt(tuple(messages)), tokenizer, thinking=thinking, day=DAY)


def turn_ending(tokenizer: PreTrainedTokenizerBase) -> str:
    """The text that ends an answer: the chat template's end of turn, or the tokenizer's end token.

    Raises:
        ConfigError: there is neither, so that a model trained with it would never stop.
    """
    ending = end_of_turn(tokenizer) or tokenizer.eos_token
    if not ending:
        raise ConfigError(
            "The tokenizer has neither an end of turn in its chat template nor an end token.",
            hint="Choose a model that has one; without it no answer would ever end.",
        )
    return str(ending)
