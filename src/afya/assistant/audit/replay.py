"""Running a turn of the log again, and comparing every stage's decisions byte for byte.

The message is the masked one; the time, the conversation and the mode are those of then; what models and translators
said then is said again by recorded engines. So a difference is one of the assistant itself or of what it reads (packs,
protocols, passages), and the fingerprints in the turn's first event tell which of these changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afya.assistant.audit.outputs import kept
from afya.assistant.audit.record import Entry, Event, clean
from afya.assistant.audit.taps import RecordedModel, RecordedTranslator, stand_ins
from afya.assistant.audit.trail import BEFORE_MASKING, entries_of, known_from_json, time_from_json
from afya.assistant.context import Context, Request
from afya.errors import DataError
from afya.runs import canonical, differences

Ask = Callable[[Request, RecordedModel | None, RecordedTranslator | None], Context]
"""Runs one turn of the present assistant with these engines, and gives its context as the audit would get it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stage whose decisions are not those of then; `keys` names what differs, as 'key: then -> now'."""

    stage: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of running a turn again.

    `differing` in the order of the stages: the first is where it began. `changed` the inputs whose fingerprint is
    another one now. `not_compared` stages that cannot be, by the reason.
    """

    turn: str
    differing: tuple[Difference, ...]
    changed: tuple[str, ...]
    not_compared: Mapping[str, tuple[str, ...]]
    compared: int

    @property
    def same(self) -> bool:
        """Whether every stage that can be compared decided as it did then."""
        return not self.differing


def replay(log: Path, events: Sequence[Event], ask: Ask, fingerprints: Mapping[str, str | None]) -> Replayed:
    """Run a turn again and compare.

    Args:
        log: the audit log, beside which the engines' outputs stand.
        events: the turn's, as `find_turn` gives them.
        ask: the present assistant.
        fingerprints: of what it reads now.

    Raises DataError when the turn was written without its text, or an engine's output is missing or changed.
    """
    head = events[0].decisions
    request = _request(events[0])
    given = kept(log, head.get("outputs", {}))
    model, translator = stand_ins(head.get("engines", {}), given)
    now = {entry.stage: entry for entry in entries_of(ask(request, model, translator))}
    differing, compared = [], 0
    not_compared: dict[str, tuple[str, ...]] = {}
    for event in events[1:]:
        reason = _not_comparable(event, exact=bool(head.get("exact")))
        if reason is not None:
            not_compared[reason] = (*not_compared.get(reason, ()), event.stage)
            continue
        compared += 1
        keys = _keys(event, now.get(event.stage))
        if keys:
            differing.append(Difference(event.stage, keys))
    then = {event.stage for event in events}
    differing += [Difference(stage, ("the stage was not there then",)) for stage in now if stage not in then]
    return Replayed(
        events[0].turn,
        tuple(differing),
        tuple(_changed(head.get("fingerprints", {}), fingerprints)),
        not_compared,
        compared,
    )


def _request(head: Event) -> Request:
    told = head.decisions.get("request", {})
    if told.get("text") is None:
        raise DataError(
            f"Turn {head.turn} was written without its text, since it was not masked; it cannot be run again."
        )
    carried = head.decisions.get("carried")
    return Request(
        text=told["text"],
        lang=told["lang"],
        conversation=None if carried is None else known_from_json(carried),
        mode=told.get("mode"),
        when=time_from_json(told.get("when")),
    )


def _not_comparable(event: Event, *, exact: bool) -> str | None:
    if not exact and event.stage in BEFORE_MASKING:
        return "they read the message before it was masked or cut"
    return "late then" if event.status == "late" else None


def _keys(then: Event, now: Entry | None) -> tuple[str, ...]:
    """What differs between a stage's decisions then and now; nothing when they are the same bytes."""
    if now is None:
        return ("the stage is not there now",)
    decided: dict[str, Any] = clean(now.decisions, now.stage)
    if canonical(then.decisions) == canonical(decided) and then.status == now.status:
        return ()
    status = [] if then.status == now.status else [f"status: {then.status} -> {now.status}"]
    return (*status, *differences(then.decisions, decided))


def _changed(then: Mapping[str, str | None], now: Mapping[str, str | None]) -> list[str]:
    """The inputs whose fingerprint is another one now, or that are there no more."""
    return [name for name in sorted(then.keys() & now.keys()) if then[name] != now[name]]
