"""From an item to what a model is asked, in the item's own language and with its own letters.

Three formulations. `letter`: the options are listed and the letters scored. `cloze`: the question alone, and each
option's text scored as the answer. `generate`: the options are listed and the answer is free text, read by extract.py.
A Setting changes one of them: examples before the question, reasoning before the answer, English instructions. Training
builds its examples with the same functions, so that what is taught is what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afya.bench.asking.literals import PromptLiterals, prompt_literals
from afya.bench.reading.extract_words import folder as commitments
from afya.bench.settings import Formulation, Setting
from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.languages import language
from afya.models.base import Message, OptionRequest, Prompt
from afya.runs import canonical, sha256_path, sha256_text
from afya.text.literals import text_literals

TEMPLATE_VERSION = 1
"""Raised when a prompt is laid out otherwise; part of every reply's key."""

PIVOT = "en"
"""The language of the instructions of `english`, and of everything in `translated`."""


def render_item(
    item: Item,
    setting: Setting | Formulation,
    *,
    several: bool = False,
    examples: Sequence[Item] = (),
    instruction: str | None = None,
) -> OptionRequest | Prompt:
    """What a model is asked about a multiple-choice or inference item.

    Args:
        item: for a setting that is `translated`, the item's translation.
        several: say that one or several options may be right (in `generate`). It is true of a whole examination, never
            of single items, or the instruction would give away how many are right.
        examples: answered items, each shown as a turn of the user and one of the assistant. Where the setting reasons,
            they show their `rationale`.
        instruction: stands in place of the language's own; where the setting reasons, what is said about that follows.

    Returns:
        An OptionRequest for letter and cloze, a Prompt for generate. Each option begins with the language's separator.

    Raises:
        ConfigError: the item's language has no literals, or not this one; English never stands in.
        DataError: the item has no options, more than the language has letters, or is of another task.
    """
    asking = _asking(item, setting, several, instruction)
    options, letters = _options(item), option_letters(item, asking.lang)
    labels, separator = asking.literals.labels, asking.literals.separator
    messages: list[Message] = []
    head = asking.instruction + "\n\n"
    for example in examples:
        messages.append(Message("user", head + asking.body(example)))
        messages.append(Message("assistant", asking.shown_answer(example)))
        head = ""
    messages.append(Message("user", head + asking.body(item)))
    # Who reasons first comes to the answer's marker in the end.
    prompt = Prompt(tuple(messages), "" if asking.setting.cot else labels.answer)
    if asking.setting.formulation == "generate":
        return prompt
    if asking.setting.formulation == "letter":
        return OptionRequest(prompt, tuple(separator + letter for letter in letters))
    return OptionRequest(prompt, tuple(separator + option for option in options), end_turn=True)


def answer_text(item: Item, setting: Setting | Formulation) -> str:
    """The right continuation of the item's prompt: what training teaches, what scoring hopes for.

    Raises DataError when the item has no answer, or several where the setting takes one.
    """
    return _asking(item, setting, several=False, instruction=None).answer(item)


def literals_lang(lang: str, setting: Setting) -> str:
    """The language of instruction, labels and letters in a setting, for an item in `lang`."""
    return PIVOT if setting.english or setting.translated else lang


def own_instruction(task: str, instructions: Mapping[str, str], lang: str) -> str | None:
    """What a task says in a language in place of the usual instruction; None where it says nothing in any.

    Raises ConfigError when it says it in other languages only.
    """
    if not instructions:
        return None
    if lang not in instructions:
        raise ConfigError(
            f"The task '{task}' has no instruction in {language(lang).name} ({lang}).",
            hint=f"Add it under 'instructions', leave the language out, or ask it as +english; "
            f"it has: {', '.join(instructions)}.",
        )
    return instructions[lang]


def option_letters(item: Item, lang: str | None = None) -> tuple[str, ...]:
    """The letters before the item's options, in its own language or in `lang`.

    Raises DataError when there are too few letters.
    """
    lang = lang or item.lang
    options, letters = _options(item), text_literals(lang).option_letters
    if len(options) > len(letters):
        raise DataError(f"{item.item_id}: {len(options)} options, '{lang}' has {len(letters)} option letters.")
    return letters[: len(options)]


def prompt_sha(request: OptionRequest | Prompt) -> str:
    """The hash of everything a model is asked: messages, answer prefix, options."""
    return sha256_text(canonical(_plain(request)))


def message_rows(prompt: Prompt) -> list[dict[str, str]]:
    """The prompt's messages as rows of role and content."""
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def _plain(request: OptionRequest | Prompt) -> dict[str, object]:
    """The request as JSON values. What dataclasses.asdict gives, which copies every text and takes five times as long.

    All fields are taken by name, so that one that is added later is part of the hash.
    """
    told: dict[str, object] = {name: getattr(request, name) for name in type(request).__slots__}
    if isinstance(request, Prompt):
        return {**told, "messages": message_rows(request)}
    return {**told, "prompt": _plain(request.prompt)}


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


def _asking(item: Item, setting: Setting | Formulation, several: bool, instruction: str | None) -> _Asking:
    setting = setting if isinstance(setting, Setting) else Setting(setting)
    if setting.translated and item.lang != PIVOT:
        raise DataError(f"{item.item_id}: the setting '{setting.name}' shows an item's translation into English.")
    lang = literals_lang(item.lang, setting)
    literals = prompt_literals(lang)
    own = _instruction(item, setting, literals, several)
    if instruction is not None:
        own = f"{instruction}\n{own}" if setting.cot else instruction
    return _Asking(setting, lang, literals, own)


@dataclass(frozen=True, slots=True)
class _Asking:
    """How the items of one prompt are shown; `lang` is the language of the fixed texts."""

    setting: Setting
    lang: str
    literals: PromptLiterals
    instruction: str

    def body(self, item: Item) -> str:
        """The item without the instruction and its answer."""
        labels, space = self.literals.labels, self.literals.separator
        options = _options(item)
        lines = []
        if item.context is not None:
            lines.append(f"{labels.context}{space}{item.context}")
        lines.append(f"{labels.statement if item.task == 'nli' else labels.question}{space}{item.question}")
        if self.setting.formulation != "cloze":
            lines.append(labels.options)
            lines += [
                self.literals.option_line.replace("{letter}", letter).replace("{text}", option)
                for letter, option in zip(option_letters(item, self.lang), options, strict=True)
            ]
        elif item.task == "nli":
            # The labels of an inference task are a fixed set that nobody could guess; they are named, without letters.
            lines.append(f"{labels.options}{space}{' / '.join(options)}")
        return "\n".join(lines)

    def answer(self, item: Item) -> str:
        """The right answer as it follows the answer's marker."""
        options, letters = _options(item), option_letters(item, self.lang)
        if not item.answer or (len(item.answer) > 1 and self.setting.formulation != "generate"):
            raise DataError(f"{item.item_id}: the setting '{self.setting.name}' needs an item with one right answer.")
        if self.setting.formulation == "cloze":
            return self.literals.separator + options[item.answer[0]]
        return self.literals.separator + ", ".join(letters[index] for index in item.answer)

    def shown_answer(self, example: Item) -> str:
        """What the assistant said to an example: the reasoning where the setting wants it, the marker, the answer."""
        told = self.literals.labels.answer + self.answer(example)
        if not self.setting.cot:
            return told
        if not example.rationale:
            raise DataError(f"{example.item_id}: an example without a rationale cannot show how to reason.")
        return f"{example.rationale.strip()}\n{told}"


def _instruction(item: Item, setting: Setting, literals: PromptLiterals, several: bool) -> str:
    choice, inference, free = literals.instructions.mcq, literals.instructions.nli, setting.formulation == "generate"
    if item.task == "mcq":
        texts = {"letter": choice.letter, "cloze": choice.cloze, "generate": choice.generate}
        if several and free:
            texts["generate"] = choice.generate_several
        reason = choice.reason_several if several else choice.reason
    elif item.task == "nli":
        texts = {"letter": inference.letter, "cloze": inference.cloze, "generate": inference.generate}
        reason = inference.reason
    else:
        raise ConfigError(f"Task '{item.task}' is no choice.", hint="Tasks that are asked as a choice: mcq, nli.")
    return reason.replace("{answer}", literals.labels.answer) if setting.cot else texts[setting.formulation]
