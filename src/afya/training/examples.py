"""From Items to training examples: token numbers and which of them are learned.

A prompt is rendered by the same functions as the benchmark's (`afya.bench.asking.prompts`, and the model's own
chat template), so what is trained is what is measured. Loss falls on the answer and its end token only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afya.errors import ConfigError
from afya.items import Item
from afya.models.base import Message, OptionRequest, Prompt
from afya.models.rendering import encode_options, end_of_turn, render
from afya.runs import Rejection
from afya.training.recipe import Form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Example:
    """One document of a pack. `learned` marks the tokens that loss falls on; both arrays have one entry a token."""

    item_id: str
    lang: str
    tokens: NDArray[np.int32]
    learned: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Draft:
    """An example as text: prompts and answers in turn, beginning with a prompt."""

    item_id: str
    lang: str
    segments: tuple[tuple[str, str], ...]


def drafts(item: Item, form: Form, tokenizer: PreTrainedTokenizerBase) -> list[Draft]:
    """The texts to learn from one item: usually one; a dialogue whose template rewrites earlier turns gives one a turn.

    Raises:
        ValueError: the item has nothing to learn in this form; the message is the ledger's reason.
    """
    if form == "instruction" and item.turns:
        return _dialogue(item, tokenizer)
    prompt, answer = _question_and_answer(item, form, tokenizer)
    return [Draft(item.item_id, item.lang, ((prompt, answer),))]


def _question_and_answer(item: Item, form: Form, tokenizer: PreTrainedTokenizerBase) -> tuple[str, str]:
    from afya.bench.asking.prompts import render_item

    if form in ("cloze", "letter"):
        if item.answer is None or len(item.answer) != 1:
            raise ValueError("not_one_answer")
        request = render_item(item, form)
        if not isinstance(request, OptionRequest):
            raise ValueError("not_multiple_choice")
        return render(request.prompt, tokenizer), request.options[item.answer[0]]
    text = item.question if item.context is None else f"{item.context}\n\n{item.question}"
    answer = item.rationale if form == "rationale" else item.answer_text
    if not answer:
        raise ValueError("no_rationale" if form == "rationale" else "no_answer_text")
    return render(Prompt((Message("user", text),)), tokenizer), answer


def _dialogue(item: Item, tokenizer: PreTrainedTokenizerBase) -> list[Draft]:
    found: list[Draft] = []
    segments: list[tuple[str, str]] = []
    written = ""
    earlier: list[Message] = []
    ending = turn_ending(tokenizer)
    for turn in item.turns or ():
        if turn.role == "assistant" and earlier:
            prompt = render(Prompt(tuple(earlier)), tokenizer)
            if segments and not prompt.startswith(written):
                # The template shows past turns otherwise than it showed them when they were written (Qwen3 drops
                # their thinking): what was learned so far is an example of its own.
                found.append(Draft(item.item_id, item.lang, tuple(segments)))
                segments, written = [], ""
            segments.append((prompt[len(written) :], turn.text))
            written = prompt + turn.text + ending
        earlier.append(Message(turn.role, turn.text))
    if segments:
        found.append(Draft(item.item_id, item.lang, tuple(segments)))
    if not found:
        raise ValueError("no_assistant_turn")
    return found


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


def build_examples(
    lessons: Iterable[tuple[Item, Form]], tokenizer: PreTrainedTokenizerBase, longest: int, stage: str
) -> tuple[list[Example], int, list[Rejection]]:
    """(examples, lessons used, rejections): every lesson gives at least one example or exactly one rejection.

    An example longer than `longest` tokens is rejected whole: cutting it would cut the question or the answer.
    """
    written: list[Draft] = []
    sizes: list[tuple[Item, int]] = []
    rejections: list[Rejection] = []
    for item, form in lessons:
        try:
            found = drafts(item, form, tokenizer)
        except ValueError as reason:
            rejections.append(Rejection(stage, item.item_id, str(reason)))
            continue
        sizes.append((item, len(found)))
        written += found
    encoded = encode_drafts(written, tokenizer)
    examples: list[Example] = []
    used = start = 0
    for item, count in sizes:
        mine = encoded[start : start + count]
        start += count
        size = max(len(example.tokens) for example in mine)
        if size > longest:
            rejections.append(Rejection(stage, item.item_id, "too_long", f"{size} tokens, a pack holds {longest}"))
        elif not all(example.learned.any() for example in mine):
            rejections.append(Rejection(stage, item.item_id, "nothing_to_learn", "the answer has no tokens"))
        else:
            examples += mine
            used += 1
    return examples, used, rejections


def encode_drafts(written: Sequence[Draft], tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """The drafts as token numbers, cut between prompt and answer exactly as option scoring cuts."""
    import numpy as np

    ending = turn_ending(tokenizer)
    pairs = [segment for draft in written for segment in draft.segments]
    prompts, answers = encode_options(
        [prompt for prompt, _ in pairs], [[answer + ending] for _, answer in pairs], tokenizer
    )
    encoded = zip(prompts, answers, strict=True)
    start = None if tokenizer.chat_template else tokenizer.bos_token_id
    examples = []
    for draft in written:
        tokens: list[int] = []
        learned: list[bool] = []
        for _ in draft.segments:
            prompt, (answer,) = next(encoded)
            if tokens and prompt[:1] == [start]:
                prompt = prompt[1:]
            tokens += prompt + answer
            learned += [False] * len(prompt) + [True] * len(answer)
        # Nothing comes before the first token from which it could be foretold.
        learned[0] = False
        examples.append(Example(draft.item_id, draft.lang, np.array(tokens, np.int32), np.array(learned, np.bool_)))
    return examples
