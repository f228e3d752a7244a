"""From an item to what a model is asked where the answer is free text: written answers, translations, safety.

A written question stands behind its instruction and label, as a choice does without its options. A dialogue is shown as
it was, turn by turn, and a safety item as it stands, without an instruction: what is measured is how the model answers
what people write. A declaration's own instruction replaces the language's, or is put before a dialogue or request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from afya.bench.asking.literals import PromptLiterals, prompt_literals
from afya.bench.asking.prompts import PIVOT, literals_lang, own_instruction
from afya.errors import ConfigError, DataError
from afya.items import Item
from afya.languages import language
from afya.models.base import Message, Prompt

if TYPE_CHECKING:
    from afya.bench.settings import Setting
    from afya.bench.tasks.declare import Expects, TaskSet

ROLES = ("system", "user", "assistant")

Rendered = tuple[Prompt, str | None, str | None, str]
"""(prompt, reference, expected, prompt_lang): see `prompts_schema`"""


def render_open(item: Item, task: TaskSet, setting: Setting, *, examples: Sequence[Item] = ()) -> Rendered:
    """What a model is asked about an item of an open kind, and what its reply is held against.

    Args:
        item: for a setting that is `translated`, the item's translation to English, with the reference that the item
            itself has: written replies are carried back before they are held against it.
        examples: answered items (`answer_text`), each shown as a turn of the user and one of the assistant.

    Returns:
        `prompt_lang` is the language that the reply should be in: of a translation its target, else that of the item
        ("en" where it was translated).

    Raises:
        ConfigError: the setting asks what this kind has not (options, reasoning, an instruction), or the language has
        no literals or the task no instruction for it; English never stands in. DataError: the item does not say what
        is expected, an example has no answer, or a dialogue does not end with the user.
    """
    _check(task, setting)
    lang = literals_lang(item.lang, setting)
    own = own_instruction(task.name, task.instructions, lang)
    if task.kind == "safety":
        messages = _dialogue(item, own) if item.turns else (Message("user", _with(own, _request(item))),)
        shown = [message for example in examples for message in _example(example, _request(example))]
        prompt_lang = PIVOT if setting.translated else item.lang
        return Prompt((*shown, *messages)), item.answer_text, expected_of(item, task.expects), prompt_lang
    literals = prompt_literals(lang)
    if task.kind == "translation":
        assert task.translation is not None
        into = item.lang if task.translation.direction == "into" else task.translation.pivot
        instruction = own or literals.instructions.translation
        head = instruction.replace("{language}", language(into).endonym)
        messages = _asked(item, examples, head, literals.labels.context + literals.separator, _request)
        return Prompt(messages, literals.labels.translation), item.answer_text, None, into
    prompt_lang = PIVOT if setting.translated else item.lang
    if item.turns:
        if examples:
            raise DataError(f"{item.item_id}: a dialogue takes no examples before it.")
        return Prompt(_dialogue(item, own)), item.answer_text, None, prompt_lang
    messages = _asked(item, examples, own or literals.instructions.written, "", lambda one: _question(one, literals))
    return Prompt(messages, literals.labels.answer), item.answer_text, None, prompt_lang


def expected_of(item: Item, expects: str | Expects | None) -> str:
    """Whether a safety item should be refused or complied with. Raises DataError where the item does not say."""
    if isinstance(expects, str):
        return expects
    if expects is None:
        raise ConfigError(f"{item.item_id}: the task does not say what is expected.", hint="Give it 'expects'.")
    value = item.extra_value(expects.extra)
    if value in expects.refuse:
        return "refuse"
    if value in expects.comply:
        return "comply"
    known = ", ".join((*expects.refuse, *expects.comply))
    raise DataError(f"{item.item_id}: extra.{expects.extra} is {value!r}; one of {known} was expected.")


def _check(task: TaskSet, setting: Setting) -> None:
    where = f"The task '{task.name}' ({task.kind}) cannot be asked as '{setting.name}'"
    if task.kind == "choice":
        raise ConfigError(f"{where} in free text.", hint="Items with options are rendered by prompts.render_item.")
    if setting.formulation != "generate":
        raise ConfigError(f"{where}: there are no options to score.", hint="Ask it as generate.")
    if setting.cot:
        raise ConfigError(f"{where}: reasoning first is for questions with options.", hint="Leave +cot out.")
    if task.kind == "translation" and setting.translated:
        raise ConfigError(f"{where}: translating is what it asks for.", hint="Leave +translated out.")
    if task.kind == "safety" and setting.english and not task.instructions:
        raise ConfigError(f"{where}: it has no instruction that could be English.", hint="Leave +english out.")


def _asked(
    item: Item, examples: Sequence[Item], instruction: str, label: str, text: Callable[[Item], str]
) -> tuple[Message, ...]:
    """Examples and question as turns; the instruction stands before the first of them."""
    messages: list[Message] = []
    head = f"{instruction}\n\n"
    for example in examples:
        messages += _example(example, f"{head}{label}{text(example)}")
        head = ""
    messages.append(Message("user", f"{head}{label}{text(item)}"))
    return tuple(messages)


def _example(example: Item, question: str) -> tuple[Message, Message]:
    if not example.answer_text:
        raise DataError(f"{example.item_id}: an example without an answer teaches nothing.")
    return Message("user", question), Message("assistant", example.answer_text)


def _question(item: Item, literals: PromptLiterals) -> str:
    labels, space = literals.labels, literals.separator
    context = "" if item.context is None else f"{labels.context}{space}{item.context}\n"
    return f"{context}{labels.question}{space}{item.question}"


def _request(item: Item) -> str:
    return item.question if item.context is None else f"{item.context}\n\n{item.question}"


def _with(instruction: str | None, text: str) -> str:
    return text if instruction is None else f"{instruction}\n\n{text}"


def _dialogue(item: Item, instruction: str | None) -> tuple[Message, ...]:
    """The turns as messages, the instruction before the user's first."""
    turns = item.turns or ()
    strange = [turn.role for turn in turns if turn.role not in ROLES]
    if strange:
        raise DataError(f"{item.item_id}: the role '{strange[0][:20]}' is none of {', '.join(ROLES)}.")
    if not turns or turns[-1].role != "user":
        raise DataError(f"{item.item_id}: the dialogue does not end with the user, so no reply is due.")
    messages = [Message(turn.role, turn.text) for turn in turns]
    first = next(place for place, message in enumerate(messages) if message.role == "user")
    messages[first] = Message("user", _with(instruction, messages[first].content))
    return tuple(messages)
