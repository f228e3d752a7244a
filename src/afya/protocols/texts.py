"""Which texts of a pack a protocol needs."""

from __future__ import annotations

from afya.packs import Finding, Pack, lint
from afya.protocols.model import Protocol


def needed_messages(protocol: Protocol) -> frozenset[str]:
    """The keys of every message that an assessment by this protocol can show."""
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


def check_pack(protocol: Protocol, pack: Pack) -> list[Finding]:
    """The pack's faults, with the texts and danger phrases this protocol needs counted as required."""
    found = lint(pack, needed_messages(protocol))
    for entry in protocol.inputs.values():
        if entry.danger and entry.name not in pack.danger:
            found.append(
                Finding(
                    "error", "missing_phrases", "danger.yaml", f"rules.{entry.name}", "a danger sign has no phrases"
                )
            )
    return found
