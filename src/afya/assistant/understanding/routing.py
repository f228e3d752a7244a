"""Where a message goes: to danger, a protocol, the passages, small talk, a refusal, or nowhere known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from afya.assistant.context import Choice, Facts, Known, Route, Triage
from afya.assistant.understanding.speech import Language
from afya.protocols import CHILD, Protocol
from afya.protocols.evaluate import DANGER_SECTION

if TYPE_CHECKING:
    from afya.assistant.understanding.harm import Harm

_QUESTION_MARKS = ("?", "？", "؟")
# Keys of a pack's requests that are small talk; the pack's text of the same name answers.
TALK = ("greeting", "thanks", "who_are_you", "goodbye")
_QUESTION = "question"


def decide(
    text: str,
    speech: Language,
    protocol: Protocol,
    choice: Choice,
    facts: Facts,
    triage: Triage,
    harm: Harm | None,
    known: Known | None,
    *,
    replied: bool,
    searchable: bool,
) -> Route:
    """The route of a message (normalised). Danger is never outweighed; a harmful request with danger in it says both.

    `replied`: the message answers what was asked before. `searchable`: there are passages to look in.
    """
    sections = _sections(text, speech, protocol, facts)
    if known is not None and known.protocol == protocol.name and (replied or not choice.fresh):
        sections = tuple(name for name in protocol.sections if name in sections or name in known.sections)
    here = protocol.name
    if harm is not None:
        return Route("harmful", sections, here)
    if triage.standing:
        return Route("emergency", sections, here)
    named = {match.key for match in speech.requests.find(text)}
    asks = (
        text.rstrip().endswith(_QUESTION_MARKS) or any(mark in text for mark in _QUESTION_MARKS) or _QUESTION in named
    )
    talk = next((key for key in TALK if key in named), None)
    own = [name for name in facts.findings if name not in facts.remembered]
    if talk is not None and not replied and not asks and not own and not _sections_named(text, speech, protocol):
        return Route("small_talk", talk=talk)
    goes_on = known is not None and known.protocol == protocol.name and bool(known.findings)
    # "Newborn" alone names a person; told and not asked about, it is a case.
    named_guide = choice.protocol in choice.named and not (asks and _person_only(protocol))
    about = bool(sections) or goes_on or named_guide
    # An age or a sign is enough where the protocol has no parts that a message names.
    about = about or (bool(own) and protocol.name != CHILD)
    lists = DANGER_SECTION in {match.key for match in speech.sections.find(text)}
    if lists and not replied and (not about or (asks and not own)):
        return Route("danger_list")
    if replied or (about and (_is_case(facts, protocol) or not (asks and searchable))):
        return Route("protocol", sections, here)
    if about or searchable:
        return Route("question", sections, here if about else None, talk)
    if named - {_QUESTION}:
        return Route("small_talk", talk=talk) if talk is not None else Route("out_of_scope")
    return Route("unknown")


def _person_only(protocol: Protocol) -> bool:
    """Whether the protocol's words in a pack name a person and no topic."""
    return protocol.subject in ("child", "infant")


def _is_case(facts: Facts, protocol: Protocol) -> bool:
    """Whether the message tells of somebody: an age, a count, a sign or a test, more than the name of an illness."""
    told: Mapping[str, object] = {name: value for name, value in facts.findings.items() if name not in facts.remembered}
    return any(not (protocol.inputs[name].entry and value is True) for name, value in told.items())


def _sections_named(text: str, speech: Language, protocol: Protocol) -> bool:
    """Whether the message names a part of the protocol."""
    return any(match.key in protocol.sections for match in speech.sections.find(text))


def _sections(text: str, speech: Language, protocol: Protocol, facts: Facts) -> tuple[str, ...]:
    """The protocol's sections that the message names or tells of."""
    named = {match.key for match in speech.sections.find(text)}
    inputs = protocol.inputs
    stated = {
        entry.section
        for name, value in facts.findings.items()
        # What is normal ("drinks well") is said of any illness.
        if (entry := inputs[name]).section and entry.section != DANGER_SECTION and value not in (False, "normal")
    }
    denied = {inputs[name].section for name, value in facts.findings.items() if inputs[name].entry and value is False}
    return tuple(
        section
        for section in protocol.sections
        if section != DANGER_SECTION and (section in named or section in stated) and section not in denied
    )
