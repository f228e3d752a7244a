"""Which texts of a pack a protocol needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from afya.packs import Finding, Pack, lint, load_pack
from afya.packs.lint import REFERENCE
from afya.protocols.load import CHILD
from afya.protocols.model import DANGER_SECTION, Protocol

HEADINGS = frozenset({"notice.when_to_come_back", "notice.not_asked"})
"""Headings of a guided assessment; a list stands without one where a language lacks it."""


def needed_messages(protocol: Protocol) -> frozenset[str]:
    """The keys of every message that an assessment by this protocol can show, its optional sections left out."""
    return _messages(protocol.core)


def section_messages(protocol: Protocol, section: str) -> frozenset[str]:
    """The keys of every message that an assessment of one section can show."""
    return _messages(protocol.part({section} | (set(protocol.sections) & {DANGER_SECTION})))


def care_messages(protocol: Protocol) -> frozenset[str]:
    """The keys of what is said about who must not have the protocol's medicines.

    A language may lack them: then what is not given is told by `dose.not_found`.
    """
    return frozenset(entry.text for medicine in protocol.medicines.values() for entry in medicine.contraindications)


def offered_sections(protocol: Protocol, pack: Pack) -> tuple[str, ...]:
    """The sections that the pack can tell: an optional one only where all its texts are there."""
    return tuple(
        section
        for section in protocol.sections
        if section not in protocol.optional or section_messages(protocol, section) <= set(pack.messages)
    )


def _messages(protocol: Protocol) -> frozenset[str]:
    keys: set[str] = set()
    for entry in protocol.inputs.values():
        keys.add(f"question.{entry.name}")
        keys |= {f"answer.{entry.name}.{value}" for value in entry.values}
        if entry.danger:
            keys.add(f"sign.{entry.name}")
    for table in protocol.tables.values():
        for row in table.rows:
            if row.colour is not None:
                keys |= {f"classification.{row.result}", f"colour.{row.colour}"}
            keys |= {f"action.{action.name}" for action in row.actions}
    for medicine in protocol.medicines.values():
        keys |= {f"medicine.{medicine.name}", f"dose.{medicine.card}"}
    return frozenset(
        keys | {"colour.unknown", "dose.not_found", "answer.is_true", "answer.is_false", "answer.not_known"}
    )


def check_texts(protocol: Protocol, pack: Pack) -> list[Finding]:
    """The texts and danger phrases of a protocol that a pack lacks; none where it does not tell the protocol.

    Errors in the English pack, which tells every protocol, in a reviewed one, and in any for what the child's protocol
    says at the least; otherwise warnings (not_offered): the protocol or its section is not offered there.
    """
    claimed = protocol.name == CHILD or protocol.name in pack.protocol_texts or pack.lang == REFERENCE
    if not claimed:
        return []
    texts = pack.for_protocol(protocol.name).messages
    needed = needed_messages(protocol)
    wanted = needed | _may_be_missing(protocol)
    strict = pack.lang == REFERENCE or pack.reviewed
    file = "messages.yaml" if protocol.name == CHILD else f"protocols/{protocol.name}.yaml"
    found = []
    for key in sorted(wanted - set(texts)):
        if strict or (protocol.name == CHILD and key in needed):
            found.append(Finding("error", "missing_text", file, key, "there is no text"))
        else:
            found.append(Finding("warning", "not_offered", file, key, "is not offered: there is no text"))
    return found + _phrases_missing(protocol, pack)


def _may_be_missing(protocol: Protocol) -> frozenset[str]:
    keys = care_messages(protocol) | HEADINGS
    for section in protocol.optional:
        keys |= section_messages(protocol, section)
    return keys - needed_messages(protocol)


def _phrases_missing(protocol: Protocol, pack: Pack) -> list[Finding]:
    """Danger signs that triage knows in English and that this pack has no phrases for."""
    known = load_pack(REFERENCE).danger
    level: Literal["error", "warning"] = "error" if protocol.name == CHILD or pack.reviewed else "warning"
    return [
        Finding(level, "missing_phrases", "danger.yaml", f"rules.{name}", "a danger sign has no phrases")
        for name, entry in protocol.inputs.items()
        if entry.danger and name not in pack.danger and (protocol.name == CHILD or name in known)
    ]


def check_pack(protocol: Protocol, pack: Pack) -> list[Finding]:
    """The pack's faults, with the texts and danger phrases this protocol needs counted as required.

    A text that only an optional section needs, or that says who must not have a medicine, is a warning in a pack that
    nobody has reviewed: it is not offered there (code not_offered).
    """
    needed = needed_messages(protocol)
    optional = _may_be_missing(protocol)
    found = []
    for finding in lint(pack, needed | optional):
        if finding.code == "missing_text" and finding.key in optional and not pack.reviewed:
            finding = replace(finding, level="warning", code="not_offered", message="is not offered: there is no text")
        found.append(finding)
    return found + _phrases_missing(protocol, pack)
