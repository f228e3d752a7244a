"""An item taken apart into the texts that are translated, and put together again in another language.

Every text goes on its own. Option letters, the key and the roles of turns never reach an engine: they are taken from
the original again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import regex

from afya.errors import DataError
from afya.items import Item, Turn, blank
from afya.languages import language
from afya.runs import canonical
from afya.text.literals import literal_codes, text_literals
from afya.translation.base import EngineIdentity

_LATIN = tuple("ABCDEFGHIJ")
_LABEL = regex.compile(r"\s*[(\[（]?(?P<letter>\p{L}|\d{1,2})(?:[.):\]]\s+|[．）：、]\s*)")
_JOINTS = ("; ", ", ", "\n", " | ", "；", "、", " / ")


@dataclass(frozen=True, slots=True)
class Slot:
    """One text of an item. Names: question, context, option.0 and on, answer_text, rationale, turn.0 and on."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """A reference answer that the options give: some of them, joined, with a label before them; or no text at all."""

    indices: tuple[int, ...]
    joint: str = ""
    before: str = ""


def slots(item: Item) -> list[Slot]:
    """The texts of an item to translate, in a fixed order; blank ones and those that only name options are left out.

    What repeats another text of the item is no slot of its own, so that the two cannot come to differ: an answer text
    that is the right option, a turn that is the question or the answer text.
    """
    found = [Slot("question", item.question)]
    if item.context is not None:
        found.append(Slot("context", item.context))
    found += [Slot(f"option.{index}", text) for index, (_, text) in enumerate(_labelled(item))]
    if item.answer_text is not None and _from_options(item) is None:
        found.append(Slot("answer_text", item.answer_text))
    if item.rationale is not None and not _only_letters(item.rationale, item):
        found.append(Slot("rationale", item.rationale))
    said = {text.strip(): name for name, text in _said(item)}
    found += [
        Slot(f"turn.{index}", turn.text) for index, turn in enumerate(item.turns or ()) if turn.text.strip() not in said
    ]
    return [slot for slot in found if slot.text.strip()]


def text_at(item: Item, name: str) -> str | None:
    """What stands at a slot's place, whether or not it is a slot of this item; None where there is no such place."""
    kind, _, number = name.partition(".")
    if kind == "option":
        labelled = _labelled(item)
        return labelled[int(number)][1] if int(number) < len(labelled) else None
    if kind == "turn":
        turns = item.turns or ()
        return turns[int(number)].text if int(number) < len(turns) else None
    told = {"question": item.question, "context": item.context, "answer_text": item.answer_text}
    return told.get(kind, item.rationale)


def rebuild(item: Item, texts: Mapping[str, str], target: str, identity: EngineIdentity) -> Item:
    """The item in `target`, its slots replaced by `texts`.

    Answer indices, option labels, roles, source and licence stay; the checks and quality of the original are dropped. A
    licence of the engine stands in `extra` under `translator_licence`, and `non_commercial` where rows it made may not
    be used commercially. What was reviewed in the original is not reviewed in its translation.

    Raises:
        ConfigError: the target language is not known.
        DataError: a slot has no translation, or one that is blank.
    """
    target = language(target).code
    given = {slot.name: _required(item, slot.name, texts) for slot in slots(item)}
    labelled = _labelled(item)
    plain = [given.get(f"option.{index}", text) for index, (_, text) in enumerate(labelled)]
    options = [label + text for (label, _), text in zip(labelled, plain, strict=True)]
    return replace(
        item,
        item_id=f"{item.group_id}:{target}",
        lang=target,
        question=given.get("question", item.question),
        context=given.get("context", item.context),
        options=None if item.options is None else tuple(options),
        answer_text=_answer_text(item, given, options, plain),
        rationale=given.get("rationale", item.rationale),
        turns=None if item.turns is None else tuple(_turns(item, given)),
        origin="machine",
        translator=identity.name,
        translated_from=item.lang,
        checks=None,
        quality=None,
        extra=_extra(item, identity),
    )


def _required(item: Item, name: str, texts: Mapping[str, str]) -> str:
    text = texts.get(name)
    if text is None or blank(text):
        raise DataError(
            f"{item.item_id}: the translation of its {name} is {'missing' if text is None else 'blank'}.",
            hint="Give a text for every slot of the item.",
        )
    return text


def _said(item: Item) -> list[tuple[str, str]]:
    """The slots that a turn may repeat."""
    found = [("question", item.question)]
    if item.answer_text is not None and _from_options(item) is None:
        found.insert(0, ("answer_text", item.answer_text))
    return [(name, text) for name, text in found if text.strip()]


def _turns(item: Item, given: Mapping[str, str]) -> Iterator[Turn]:
    said = {text.strip(): name for name, text in _said(item)}
    for index, turn in enumerate(item.turns or ()):
        plain = turn.text.strip()
        name = said.get(plain)
        if name is None:
            yield Turn(turn.role, given.get(f"turn.{index}", turn.text))
        else:
            before, after = turn.text.split(plain, 1)
            yield Turn(turn.role, before + given[name].strip() + after)


def _labelled(item: Item) -> list[tuple[str, str]]:
    """Each option as (label, text); labels are "" unless every option begins with its own letter or number."""
    options = item.options or ()
    found = [_LABEL.match(option) for option in options]
    for letters in _letterings(item.lang):
        if len(options) <= len(letters) and all(
            hit is not None and hit["letter"].upper() == letter.upper() and hit.end() < len(option)
            for hit, letter, option in zip(found, letters, options, strict=False)
        ):
            return [(hit[0], option[hit.end() :]) for hit, option in zip(found, options, strict=True) if hit]
    return [("", option) for option in options]


def _letterings(lang: str) -> list[tuple[str, ...]]:
    own = [text_literals(lang).option_letters] if lang in literal_codes() else []
    numbers = tuple(str(number) for number in range(1, len(_LATIN) + 1))
    return [_LATIN, *own, numbers]


def _from_options(item: Item) -> _Answer | None:
    """How the options give the answer text; None where it has words of its own."""
    if item.options is None or item.answer_text is None:
        return None
    told = item.answer_text.strip()
    labelled = _labelled(item)
    plain = [text.strip() for _, text in labelled]
    whole = [option.strip() for option in item.options]
    right = tuple(index for index in item.answer or () if 0 <= index < len(whole))
    # The right option first: another may read the same.
    for index in (*right, *range(len(whole))):
        if told in (whole[index], plain[index]):
            return _Answer((index,))
        label = _LABEL.match(told)
        if label is not None and told[label.end() :] == plain[index] and plain[index]:
            return _Answer((index,), before=label[0])
    if len(right) > 1:
        for joint in _JOINTS:
            if told in (joint.join(whole[index] for index in right), joint.join(plain[index] for index in right)):
                return _Answer(right, joint)
    return _Answer(()) if _only_letters(told, item) else None


def _only_letters(told: str, item: Item) -> bool:
    """Whether a text names options and says nothing else: "B", "(c)", "A, C"."""
    known = {letter.upper() for letters in _letterings(item.lang)[:-1] for letter in letters[: len(item.options or ())]}
    parts: Sequence[str] = regex.findall(r"[\p{L}\p{M}\p{N}]+", told)
    return bool(parts) and all(part.upper() in known for part in parts)


def _answer_text(item: Item, given: Mapping[str, str], options: list[str], plain: list[str]) -> str | None:
    answer = _from_options(item)
    if answer is None:
        return given.get("answer_text", item.answer_text)
    if not answer.indices:
        return item.answer_text
    # With its label where the original had it.
    labels = item.options is not None and (item.answer_text or "").strip().startswith(
        item.options[answer.indices[0]].strip()
    )
    source = options if labels else plain
    return answer.before + answer.joint.join(source[index].strip() for index in answer.indices)


def _extra(item: Item, identity: EngineIdentity) -> str | None:
    extra = json.loads(item.extra) if item.extra else {}
    if identity.licence is not None:
        extra["translator_licence"] = identity.licence
    if identity.non_commercial:
        extra["non_commercial"] = True
    if "reviewed" in extra:
        extra["reviewed"] = False
    return canonical(extra) if extra else None
