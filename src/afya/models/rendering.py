"""From a prompt to the text and tokens a local model reads; training and benchmark share every line of it.

A tokenizer with a chat template decides the text by it. One without reads the messages joined by blank lines, then the
answer prefix. Tokens carry at most one beginning-of-sequence token, and nothing is cut: a tokenizer that cuts, or a
template that writes the token twice, is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from afya.errors import EngineError
from afya.models.base import Prompt

if TYPE_CHECKING:
    from datetime import date

    from transformers import PreTrainedTokenizerBase

_MARK = "afya-turn-text"
# Tokenizers that put a sign before the first word do so for every text they see. Encoding an option behind this sign,
# and leaving the sign's own tokens off, gives the option's tokens as they stand inside a text.
_ANCHOR = ":"
# How templates ask for the date, and what answers in the clock's place.
_CLOCK = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1""")
_DAY_MACRO = "{%- macro strftime_now(format) -%}{{ afya_day[format] }}{%- endmacro -%}"


def render(
    prompt: Prompt, tokenizer: PreTrainedTokenizerBase, *, thinking: bool = False, day: date | None = None
) -> str:
    """The text the model is to continue.

    Args:
        thinking: leave the thinking mode of a template that has one (`enable_thinking`) switched on.
        day: what a template that writes the date (Llama 3's) takes for today; None means today.

    Raises:
        EngineError: the chat template cannot take these messages.
    """
    messages = [{"role": message.role, "content": defused(message.content, tokenizer)} for message in prompt.messages]
    if not tokenizer.chat_template:
        body = "\n\n".join(message["content"] for message in messages)
        if not prompt.answer_prefix:
            return body
        return f"{body}\n\n{prompt.answer_prefix}" if body else prompt.answer_prefix
    return _templated(messages, tokenizer, generation=True, thinking=thinking, day=day) + prompt.answer_prefix


def end_of_turn(tokenizer: PreTrainedTokenizerBase) -> str:
    """The special token that ends the assistant's turn in the chat template, such as "<|im_end|>"; "" without one."""
    if not tokenizer.chat_template:
        return ""
    turn = [{"role": "user", "content": "x"}, {"role": "assistant", "content": _MARK}]
    after = _templated(turn, tokenizer, generation=False, thinking=False).rpartition(_MARK)[2].lstrip()
    specials = [token for token in _special_tokens(tokenizer) if after.startswith(token)]
    return max(specials, key=len, default="")


def check_template(prompt: Prompt, tokenizer: PreTrainedTokenizerBase, *, thinking: bool = False) -> None:
    """Refuse a chat template that leaves out a message, or does not open the assistant's turn.

    Raises:
        EngineError: with the template's tokenizer and what is missing.
    """
    if not tokenizer.chat_template:
        return
    name = tokenizer.name_or_path or "the tokenizer"
    messages = [{"role": message.role, "content": defused(message.content, tokenizer)} for message in prompt.messages]
    opened = _templated(messages, tokenizer, generation=True, thinking=thinking)
    for message in messages:
        if message["role"] != "assistant" and message["content"].strip() not in opened:
            raise EngineError(
                f"The chat template of {name} leaves out the {message['role']} message or a part of it.",
                hint="Correct chat_template in the model's folder; see the model's card for the intended one.",
            )
    if messages and messages[-1]["role"] == "assistant":
        return
    closed = _templated(messages, tokenizer, generation=False, thinking=thinking)
    answered = [*messages, {"role": "assistant", "content": _MARK}]
    turn = _templated(answered, tokenizer, generation=False, thinking=thinking).rpartition(_MARK)[0]
    # Templates such as Mistral's need no text there: an answer follows the user's turn at once.
    if opened == closed and len(turn.rstrip()) > len(opened.rstrip()):
        raise EngineError(
            f"The chat template of {name} has no generation prompt: add_generation_prompt changes nothing, though an "
            f"assistant's turn begins with {turn[len(opened.rstrip()) :].strip()!r}.",
            hint="Correct chat_template in the model's folder; see the model's card for the intended one.",
        )


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, rendered: bool = True) -> list[list[int]]:
    """Token ids of texts, with the beginning-of-sequence token exactly once where the model wants one.

    A chat template writes its own (or none, and then none is wanted). Without a template, or where texts were not
    `rendered` by it, it is prepended when the tokenizer has one that is not also its end token; such a shared token is
    used only to give an empty text a start.

    Raises:
        EngineError: a text would begin with the token twice, or the tokenizer cuts long texts.
    """
    ids = _plain(texts, tokenizer)
    _refuse_cutting(texts, ids, tokenizer)
    start = tokenizer.bos_token_id
    if start is None:
        return ids
    if any(row[:2] == [start, start] for row in ids):
        raise EngineError(
            f"A prompt begins with {tokenizer.bos_token!r} twice: {tokenizer.name_or_path or 'the tokenizer'} or its "
            "chat template adds it to a text that has it.",
            hint="Correct chat_template or tokenizer.json in the model's folder, so that one of the two adds it.",
        )
    if tokenizer.chat_template and rendered:
        return ids
    if start == tokenizer.eos_token_id:
        return [row or [start] for row in ids]
    return [row if row[:1] == [start] else [start, *row] for row in ids]


def _refuse_cutting(texts: Sequence[str], ids: Sequence[list[int]], tokenizer: PreTrainedTokenizerBase) -> None:
    """A tokenizer that cuts gives its longest text no more tokens when that text is written twice."""
    if not ids:
        return
    longest = max(range(len(ids)), key=lambda index: len(texts[index]))
    text = texts[longest]
    if len(text) > 1 and len(_plain([f"{text}\n{text}"], tokenizer)[0]) <= len(ids[longest]):
        raise EngineError(
            f"{tokenizer.name_or_path or 'The tokenizer'} cuts texts silently: {len(text):,} characters and twice as "
            f"many both give {len(ids[longest]):,} tokens.",
            hint="Remove `truncation` and whatever else cuts from tokenizer.json in the model's folder.",
        )


def encode_options(
    rendered: Sequence[str], options: Sequence[Sequence[str]], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[list[int]], list[list[list[int]]]]:
    """Token ids of prompts, and of each of their options as they continue the prompt.

    Each option is tokenised together with its prompt. Where the prompt's own tokens are not the beginning of that (a
    token reaches over the boundary), prompt and option are tokenised apart.

    Returns:
        (prompts) ids, and (prompts)(options) ids without the prompt's.
    """
    full = [text + option for text, row in zip(rendered, options, strict=True) for option in row]
    prompt_ids = encode(rendered, tokenizer)
    joint = iter(encode(full, tokenizer))
    option_ids: list[list[list[int]]] = []
    for ids, row in zip(prompt_ids, options, strict=True):
        continued = []
        for option in row:
            both = next(joint)
            fits = both[: len(ids)] == ids and len(both) > len(ids)
            continued.append(both[len(ids) :] if fits else _apart(option, tokenizer))
        option_ids.append(continued)
    return prompt_ids, option_ids


def _apart(option: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    anchor, both, alone = _plain([_ANCHOR, _ANCHOR + option, option], tokenizer)
    return both[len(anchor) :] if both[: len(anchor)] == anchor and len(both) > len(anchor) else alone


def _plain(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    if not texts:
        return []
    ids: Any = tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    return [list(row) for row in ids]


def _templated(
    messages: list[dict[str, str]],
    tokenizer: PreTrainedTokenizerBase,
    *,
    generation: bool,
    thinking: bool,
    day: date | None = None,
) -> str:
    dated = {} if day is None else _dated(tokenizer, day)

    def apply(turns: list[dict[str, str]]) -> str:
        text: Any = tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=generation, enable_thinking=thinking, **dated
        )
        return str(text)

    try:
        return apply(messages)
    except Exception as error:  # jinja2's own errors, and whatever a template's code raises
        folded = _without_system(messages)
        if folded is not None:
            return _templated(folded, tokenizer, generation=generation, thinking=thinking, day=day)
        raise EngineError(
            f"The chat template of {tokenizer.name_or_path or 'the tokenizer'} cannot take the messages "
            f"({', '.join(message['role'] for message in messages)}): {error}"
        ) from error


def _dated(tokenizer: PreTrainedTokenizerBase, day: date) -> dict[str, Any]:
    """What makes a template that asks for the date be told `day`: a macro in the clock's place, and the date in every
    format that the template names. (A template is given plain values only, so the clock itself cannot be changed.)"""
    template: Any = tokenizer.chat_template
    if not isinstance(template, str) or "strftime_now" not in template:
        return {}
    formats = {found[1] for found in _CLOCK.findall(template)}
    return {"chat_template": _DAY_MACRO + template, "afya_day": {name: day.strftime(name) for name in formats}}


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]] | None:
    """The messages with a leading system message put before the first user message, for templates that know none."""
    if len(messages) < 2 or messages[0]["role"] != "system" or messages[1]["role"] != "user":
        return None
    joined = f"{messages[0]['content']}\n\n{messages[1]['content']}"
    return [{"role": "user", "content": joined}, *messages[2:]]


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    # The size is part of the key: training may add tokens to a tokenizer that was seen before.
    return _specials_of(tokenizer, len(tokenizer))


@lru_cache(maxsize=8)
def _specials_of(tokenizer: PreTrainedTokenizerBase, _size: int) -> tuple[str, ...]:
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    return tuple(dict.fromkeys([*map(str, tokenizer.all_special_tokens), *added]))


def defused(text: str, tokenizer: PreTrainedTokenizerBase) -> str:
    """`text` with the spelling of special tokens broken, so that no message can end its own turn or open another's."""
    for token in _special_tokens(tokenizer):
        if len(token) > 2 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
