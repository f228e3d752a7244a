"""Instruction tuning items: a question, a dialogue or an examination item put as somebody would ask for it.

{code}.yaml holds the wordings of one language, several of each kind; en.yaml says what each kind is for. Which kind and
wording an item gets is drawn by a hash of its group, so that the same build gives the same bytes, and a group gets the
same kind in all its languages where each has what the kind needs. The item keeps its ids: the instruction takes its
place, and a group never spans splits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.errors import ConfigError
from afya.items import Item
from afya.sources.source import extra
from afya.text.literals import LanguageFile, read_language_file

Kind = Literal["long_form", "definition", "dialogue", "rationale", "mcq", "mcq_rationale", "nli"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_NEEDS: Mapping[str, frozenset[str]] = {
    "long_form": frozenset({"question"}),
    "definition": frozenset({"term"}),
    "dialogue": frozenset({"dialogue"}),
    "rationale": frozenset({"question", "options", "answer"}),
    "mcq": frozenset({"question", "options"}),
    "mcq_rationale": frozenset({"question", "options"}),
    "nli": frozenset({"context", "statement", "options"}),
    "option": frozenset({"letter", "text"}),
    "answer": frozenset({"letter", "text"}),
    "reasoned": frozenset({"rationale", "answer"}),
}

Wording = Annotated[str, Field(min_length=1)]
Wordings = Annotated[tuple[Wording, ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Speakers(_Strict):
    """What stands before the words of either side of a dialogue."""

    user: Wording
    assistant: Wording


class KindWordings(_Strict):
    """Several wordings of each kind."""

    long_form: Wordings
    definition: Wordings
    dialogue: Wordings
    rationale: Wordings
    mcq: Wordings
    mcq_rationale: Wordings
    nli: Wordings


class Instructions(LanguageFile):
    """One language's file."""

    letters: Annotated[str, Field(min_length=5, max_length=10)]
    option: Wording
    answer: Wording
    reasoned: Wording
    speakers: Speakers
    wordings: KindWordings

    @model_validator(mode="after")
    def _names_fit(self) -> Instructions:
        lines = [(name, getattr(self, name)) for name in ("option", "answer", "reasoned")]
        lines += [(kind, wording) for kind in KINDS for wording in getattr(self.wordings, kind)]
        for kind, wording in lines:
            try:
                found = {name for _, name, _, _ in Formatter().parse(wording) if name is not None}
            except ValueError as error:
                raise ValueError(f"{kind}: '{wording[:40]}' ({error})") from None
            if found != _NEEDS[kind]:
                needed = ", ".join(f"{{{name}}}" for name in sorted(_NEEDS[kind]))
                raise ValueError(f"{kind}: '{wording[:40]}' must have exactly {needed}")
        return self


@dataclass(frozen=True)
class _Filled:
    """An item's parts for one kind: what the wording takes, what is answered, and the context that stays outside."""

    parts: Mapping[str, str]
    reply: str
    context: str | None


def folder() -> Path:
    """Where the languages' files lie."""
    return Path(str(files("afya"))) / "data" / "instructions"


def codes() -> tuple[str, ...]:
    """Codes of the languages that have wordings, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


@cache
def instructions(lang: str) -> Instructions:
    """The wordings of one language. Raises ConfigError when it has none; English never stands in."""
    hint = "Add the language by writing data/instructions/en.yaml anew in it."
    return read_language_file(folder(), lang, Instructions, "instruction wordings", hint)


def instruct(items: Iterable[Item], kinds: Sequence[str] = KINDS, seed: int = 0) -> Iterator[Item]:
    """An instruction for every item that can be one of `kinds`; the others are left out.

    Raises:
        ConfigError: an unknown kind, or a language without wordings.
    """
    for item in items:
        try:
            yield instructed(item, kinds, seed)
        except ValueError:
            continue


def instructed(item: Item, kinds: Sequence[str] = KINDS, seed: int = 0) -> Item:
    """The item as an instruction: `question` is what is asked, `answer_text` what is to be replied.

    `extra.instruction` names the kind and the wording (from 1), and whether a fluent person has reviewed the wordings.
    An item that is an instruction already stays as it is.

    Raises:
        ValueError: nothing can be asked of it by these kinds; the message is the ledger's reason.
        ConfigError: an unknown kind, or a language without wordings.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ConfigError(f"Unknown kind of instruction '{unknown[0]}'.", hint=f"Known are: {', '.join(KINDS)}.")
    if item.task == "instruction":
        if not item.answer_text:
            raise ValueError("no_answer_text")
        return item
    if item.task not in _MAKERS:
        raise ValueError("no_instruction_for_task")
    language = instructions(item.lang)
    made = [(kind, make(item, language)) for kind, make in _MAKERS[item.task].items() if kind in kinds]
    fitting = [(kind, filled) for kind, filled in made if filled is not None]
    if not fitting:
        raise ValueError("no_fitting_instruction")
    draw = int.from_bytes(blake2b(f"{seed}:{item.group_id}".encode(), digest_size=8).digest())
    kind, filled = fitting[draw % len(fitting)]
    wordings: tuple[str, ...] = getattr(language.wordings, kind)
    number = draw // len(KINDS) % len(wordings)
    about = {"kind": kind, "wording": number + 1, "reviewed": language.reviewed}
    return replace(
        item,
        task="instruction",
        question=wordings[number].format(**filled.parts),
        context=filled.context,
        options=None,
        answer=None,
        answer_text=filled.reply,
        rationale=None,
        turns=None,
        extra=extra(**{**(json.loads(item.extra) if item.extra else {}), "instruction": about}),
    )


def _long_form(item: Item, language: Instructions) -> _Filled | None:
    return _Filled({"question": item.question}, item.answer_text, item.context) if item.answer_text else None


def _definition(item: Item, language: Instructions) -> _Filled | None:
    """For an item about one term, in the language in which the term is given."""
    term = item.extra_value("term")
    if term is None and item.extra_value("type") == "information" and item.translated_from is None:
        term = item.extra_value("focus")
    if not isinstance(term, str) or not term.strip() or not item.answer_text:
        return None
    return _Filled({"term": term.strip()}, item.answer_text, item.context)


def _dialogue(item: Item, language: Instructions) -> _Filled | None:
    """The dialogue up to its last reply."""
    turns = item.turns or ()
    if len(turns) < 2 or turns[-1].role != "assistant" or turns[-2].role != "user":
        return None
    speakers = {"user": language.speakers.user, "assistant": language.speakers.assistant}
    if any(turn.role not in speakers for turn in turns):
        return None
    told = "\n".join(f"{speakers[turn.role]}{turn.text.strip()}" for turn in turns[:-1])
    return _Filled({"dialogue": told}, turns[-1].text, item.context)


def _mcq(item: Item, language: Instructions) -> _Filled | None:
    lines = _options(item, language)
    return lines and _Filled({"question": item.question, "options": lines[0]}, lines[1], item.context)


def _mcq_rationale(item: Item, language: Instructions) -> _Filled | None:
    lines = _options(item, language)
    if lines is None or not item.rationale:
        return None
    reply = language.reasoned.format(rationale=item.rationale.strip(), answer=lines[1])
    return _Filled({"question": item.question, "options": lines[0]}, reply, item.context)


def _rationale(item: Item, language: Instructions) -> _Filled | None:
    lines = _options(item, language)
    if lines is None or not item.rationale:
        return None
    parts = {"question": item.question, "options": lines[0], "answer": lines[1]}
    return _Filled(parts, item.rationale.strip(), item.context)


def _nli(item: Item, language: Instructions) -> _Filled | None:
    lines = _options(item, language)
    if lines is None or not item.context:
        return None
    return _Filled({"context": item.context, "statement": item.question, "options": lines[0]}, lines[1], None)


def _options(item: Item, language: Instructions) -> tuple[str, str] | None:
    """(the list of options, the line or lines of the right ones); None without an answer, or with too many options."""
    options = item.options or ()
    if not item.answer or not 2 <= len(options) <= len(language.letters):
        return None
    pairs = list(zip(language.letters, options, strict=False))
    listed = "\n".join(language.option.format(letter=letter, text=text) for letter, text in pairs)
    right = "\n".join(language.answer.format(letter=pairs[i][0], text=pairs[i][1]) for i in item.answer)
    return listed, right


_Make = Callable[[Item, Instructions], _Filled | None]
_MAKERS: Mapping[str, Mapping[Kind, _Make]] = {
    "long_form": {"long_form": _long_form, "definition": _definition},
    "dialogue": {"dialogue": _dialogue},
    "mcq": {"mcq": _mcq, "mcq_rationale": _mcq_rationale, "rationale": _rationale},
    "nli": {"nli": _nli},
}
