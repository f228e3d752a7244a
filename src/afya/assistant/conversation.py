"""From one message to the next: what was found out stays known, and a short reply answers what was asked.

A conversation ends when the message is about another person, and after some hours. An answer that contradicts an
earlier one is asked about; until then a danger sign counts as there, and anything else as not known.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from afya.assistant.context import Choice, Facts, Known, Who
from afya.assistant.limits import Limits
from afya.assistant.understanding.amounts import in_unit, whole, within
from afya.assistant.understanding.speech import Language
from afya.packs import Pack
from afya.protocols import Input, Protocol
from afya.protocols.conditions import Value
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks
from afya.text.quantities import quantities
from afya.text.words import words

WHO = "who"
"""What `Known.asked` says when the last answer asked whom the message is about."""


def still(known: Known | None, when: datetime | None, limits: Limits) -> Known | None:
    """What the conversation knows, or None when it is too old to go on."""
    if known is None or when is None or known.when is None:
        return known
    return None if when - known.when > timedelta(hours=limits.conversation_hours) else known


def reply(text: str, entry: Input, speech: Language, pack: Pack, limits: Limits) -> Value | None:
    """The value that a short message (normalised) gives to the input that was asked for; None when it gives none."""
    listed = words(text)
    if not listed or len(listed) > limits.reply_words:
        return None
    if entry.kind == "bool":
        return _yes_or_no(text, speech.code)
    if entry.kind == "enum":
        return _chosen(text, entry, pack)
    found = quantities(text, speech.facts.units)
    if len(found) != 1 or found[0].upper is not None:
        return None
    quantity = found[0]
    value = quantity.value if quantity.unit is None else in_unit(quantity, entry, limits)
    if quantity.unit is None and entry.unit == "mm":
        value = in_unit(quantity, entry, limits)
    if value is None:
        return None
    number = whole(value, entry)
    assert isinstance(number, (int, float))
    return number if within(number, entry) or entry.required else None


def does_not_know(text: str, lang: str) -> bool:
    """Whether a message is nothing but "I do not know"."""
    said = [word.plain for word in words(text)]
    return any(said == [word.plain for word in words(phrase)] for phrase in text_literals(lang).yes_no_unknown.unknown)


def _yes_or_no(text: str, lang: str) -> bool | None:
    """The yes or no that a message begins with and that its first clause is; in "no fever" it belongs to the fever."""
    short = text_literals(lang).yes_no_unknown
    for listed, said in ((short.no, False), (short.yes, True)):
        for word in sorted(listed, key=len, reverse=True):
            plain = [piece.plain for piece in words(word)]
            found = words(text)[: len(plain)]
            if [piece.plain for piece in found] == plain and found:
                rest = text[found[-1].end :].lstrip(" ")
                if not rest or not (rest[0].isalpha() or rest[0].isdigit()):
                    return said
    return None


def _chosen(text: str, entry: Input, pack: Pack) -> str | None:
    """The choice whose words the message is, or the only one whose words stand in it."""
    said = fold_marks(" ".join(word.text for word in words(text)))
    inside = []
    for value in entry.values:
        shown = pack.messages.get(f"answer.{entry.name}.{value}")
        if shown is None:
            continue
        plain = fold_marks(" ".join(word.text for word in words(shown)))
        if plain == said:
            return value
        if f" {plain} " in f" {said} ":
            inside.append(value)
    return inside[0] if len(inside) == 1 else None


def is_fresh(known: Known | None, choice: Choice, own: Facts, protocol: Protocol) -> bool:
    """Whether a message is about another person than the conversation so far: another kind of person, or a whole new
    case, with another age and an illness of its own."""
    if known is None or known.protocol is None:
        return True
    if choice.protocol != known.protocol:
        return True
    if choice.who is not None and known.who is not None and choice.who != known.who:
        return True
    if protocol.age is None:
        return False
    age, before = own.findings.get(protocol.age.input), known.findings.get(protocol.age.input)
    leads = any(protocol.inputs[name].entry and value is True for name, value in own.findings.items())
    other = before is not None or protocol.age.input in known.contradicted
    return age is not None and other and age != before and leads


def merge(known: Known, own: Facts, protocol: Protocol) -> Facts:
    """What is known after a message: its own facts over the earlier ones. What was asked for last counts as it is now.

    Raises nothing: names that the protocol does not know are left out.
    """
    findings: dict[str, Value] = {name: value for name, value in known.findings.items() if name in protocol.inputs}
    remembered = [name for name in findings if name not in own.findings and name not in own.unsure]
    contradicted: list[str] = []
    for name, value in own.findings.items():
        before = findings.get(name)
        if before is not None and before != value and name != known.asked and name not in known.contradicted:
            contradicted.append(name)
            if protocol.inputs[name].kind == "bool" and protocol.inputs[name].danger:
                findings[name] = True
            else:
                findings.pop(name)
        else:
            findings[name] = value
    return replace(
        own,
        findings=findings,
        contradicted=tuple(contradicted),
        remembered=tuple(remembered),
        unanswered=tuple(name for name in (*known.unanswered, *own.unanswered) if name not in findings),
    )


def remember(
    known: Known | None,
    choice: Choice | None,
    facts: Facts | None,
    sections: tuple[str, ...],
    asked: str | None,
    when: datetime | None,
    who: Who | None,
) -> Known:
    """What the next message may build on."""
    turns = (known.turns if known is not None else 0) + 1
    if choice is None or facts is None:
        return Known(when=when, turns=turns) if known is None else replace(known, when=when, turns=turns)
    return Known(
        findings=dict(facts.findings),
        protocol=choice.protocol,
        asked=asked,
        who=who,
        sections=sections,
        when=when,
        turns=turns,
        contradicted=facts.contradicted,
        unanswered=facts.unanswered,
    )
