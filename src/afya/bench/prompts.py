"""From an item to what a model is asked, in the item's own language and with its own letters.

Three settings. `letter`: the options are listed and the letters scored. `cloze`: the question alone, and each option's
text scored as the answer. `generate`: the options are listed and the answer is free text, read by extract.py. Training
builds its examples with the same functions, so that what is taught is what is asked.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal, get_args

from afya.bench.extract_words import folder as commitments
from afya.bench.literals import PromptLiterals, prompt_literals
from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.models.base import Message, OptionRequest, Prompt
from afya.runs import canonical, sha256_path, sha256_text
from afya.text.literals import text_literals

Setting = Literal["letter", "cloze", "generate"]
SETTINGS: tuple[str, ...] = get_args(Setting)
TEMPLATE_VERSION = 1
"""Raised when a prompt is laid out otherwise; part of every reply's key."""


def render_item(item: Item, setting: Setting, *, several: bool = False) -> OptionRequest | Prompt:
    """What a model is asked about a multiple-choice or inference item.

    Args:
        several: say that one or several options may be right (in `generate`). It is true of a whole examination, never
            of single items, or the instruction would give away how many are right.

    Returns:
        An OptionRequest for letter and cloze, a Prompt for generate. Each option begins with the language's separator.

    Raises:
        ConfigError: the item's language has no literals, or not this one; English never stands in.
        DataError: the item has no options, more than the language has letters, or is of another task.
    """
    literals = prompt_literals(item.lang)
    options, letters = _options(item), option_letters(item)
    prompt = Prompt(
        (Message("user", _body(item, options, letters, setting, literals, several)),), literals.labels.answer
    )
    if setting == "generate":
        return prompt
    if setting == "letter":
        return OptionRequest(prompt, tuple(literals.separator + letter for letter in letters))
    return OptionRequest(prompt, tuple(literals.separator + option for option in options), end_turn=True)


def answer_text(item: Item, setting: Setting) -> str:
    """The right continuation of the item's prompt: what training teaches, what scoring hopes for.

    Raises DataError when the item has no answer, or several where the setting takes one.
    """
    options, letters = _options(item), option_letters(item)
    if not item.answer or (len(item.answer) > 1 and setting != "generate"):
        raise DataError(f"{item.item_id}: the setting '{setting}' needs an item with one right answer.")
    separator = prompt_literals(item.lang).separator
    if setting == "cloze":
        return separator + options[item.answer[0]]
    return separator + ", ".join(letters[index] for index in item.answer)


def option_letters(item: Item) -> tuple[str, ...]:
    """The letters before the item's options, in its own language. Raises DataError when there are too few letters."""
    options, letters = _options(item), text_literals(item.lang).option_letters
    if len(options) > len(letters):
        raise DataError(f"{item.item_id}: {len(options)} options, '{item.lang}' has {len(letters)} option letters.")
    return letters[: len(options)]


def prompt_sha(request: OptionRequest | Prompt) -> str:
    """The hash of everything a model is asked: messages, answer prefix, options."""
    return sha256_text(canonical(asdict(request)))


def literals_sha(lang: str) -> str:
    """The hash of the fixed texts that a language's prompts and extraction use; part of a run's recipe."""
    texts = [prompt_literals(lang).model_dump(mode="json"), text_literals(lang).model_dump(mode="json")]
    words = commitments()
    read = [words / f"{lang}.yaml", words.parent / "alphabets.yaml", words.parent / "thinking.yaml"]
    return sha256_text(canonical([*texts, *(sha256_path(path) for path in read if path.exists())]))


def _options(item: Item) -> tuple[str, ...]:
    if item.options is None:
        raise DataError(f"{item.item_id}: an item of task '{item.task}' without options cannot be asked as a choice.")
    return item.options


def _body(
    item: Item,
    options: tuple[str, ...],
    letters: tuple[str, ...],
    setting: Setting,
    literals: PromptLiterals,
    several: bool,
) -> str:
    labels, space = literals.labels, literals.separator
    lines = []
    if item.context is not None:
        lines.append(f"{labels.context}{space}{item.context}")
    lines.append(f"{labels.statement if item.task == 'nli' else labels.question}{space}{item.question}")
    if setting != "cloze":
        lines.append(labels.options)
        lines += [
            literals.option_line.replace("{letter}", letter).replace("{text}", option)
            for letter, option in zip(letters, options, strict=True)
        ]
    elif item.task == "nli":
        # The labels of an inference task are a fixed set that nobody could guess; they are named, without letters.
        lines.append(f"{labels.options}{space}{' / '.join(options)}")
    return f"{_instruction(item, setting, literals, several)}\n\n" + "\n".join(lines)


def _instruction(item: Item, setting: Setting, literals: PromptLiterals, several: bool) -> str:
    if item.task == "mcq":
        choice = literals.instructions.mcq
        texts = {"letter": choice.letter, "cloze": choice.cloze, "generate": choice.generate}
        return choice.generate_several if several and setting == "generate" else texts[setting]
    if item.task == "nli":
        inference = literals.instructions.nli
        return {"letter": inference.letter, "cloze": inference.cloze, "generate": inference.generate}[setting]
    raise ConfigError(f"Task '{item.task}' has no prompts.", hint="Tasks with prompts: mcq, nli.")
