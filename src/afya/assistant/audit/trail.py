"""From a turn to its events: what the audit log and the supervisor's queue keep of it.

Only masked text is written. Where masking failed or did not come about, no text of the message is; and what the stages
before it say of the message is written only as far as it holds none of its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex

from afya.assistant.audit import outputs
from afya.assistant.audit.chain import AuditLog
from afya.assistant.audit.inputs import engine_fingerprints, engines_of, fingerprints
from afya.assistant.audit.queue import REASONS, Case, Queue, Reason
from afya.assistant.audit.record import HEAD_STAGE, Entry
from afya.assistant.audit.taps import ModelTap, TranslatorTap
from afya.assistant.context import HEARD, Context, Heard, Known

if TYPE_CHECKING:
    from afya.assistant.resources import Resources

GIVEN = "given"  # the last event of a turn: the answer as it was given
BEFORE_MASKING = ("receive", "language", "normalise", "mask")
_WORDS = regex.compile(r"[\p{L}\p{N}]")


class Trail:
    """Keeps every turn in a log, and those that a person must see in a queue.

    Args:
        log: the audit log, or None to keep a queue only.
        queue: the queue's file, or None.
    """

    def __init__(self, log: Path | None, *, queue: Path | None = None) -> None:
        self.log = None if log is None else AuditLog(log)
        self.last: str | None = None  # the turn that was kept last
        self._queue = None if queue is None else Queue(queue)
        self._kit: Resources | None = None
        self._fingerprints: dict[str, str | None] = {}

    def attach(self, kit: Resources) -> None:
        """Keep the turns of the assistant that has these resources, and what its engines give."""
        self._kit = kit
        self._fingerprints = fingerprints(kit)
        if self.log is not None:
            kit.audit = self
            kit.model = None if kit.model is None else ModelTap(kit.model)
            kit.translator = None if kit.translator is None else TranslatorTap(kit.translator)
        if self._queue is not None:
            kit.queue = self.queued

    def __call__(self, context: Context) -> None:
        """Append a turn to the log. Raises AfyaError when it cannot be kept."""
        heard = HEARD.get() or Heard()
        if self.log is not None:
            kept = outputs.keep(self.log.path, heard.calls) if written_text(context) is not None else {}
            engines = engines_of(self._kit)
            prints = self._fingerprints | engine_fingerprints(engines)
            head = head_of(context, fingerprints=prints, engines=engines, outputs=kept)
            self.log.append(heard.turn, [head, *entries_of(context)])
        self.last = heard.turn

    def queued(self, context: Context, reasons: tuple[str, ...]) -> None:
        """Put a turn into the queue, for the first of `reasons` in the order of REASONS."""
        if self._queue is None:
            return
        heard = HEARD.get() or Heard()
        known: list[Reason] = [reason for reason in REASONS if reason in reasons]
        text, answer, pivot = written_text(context), context.answer, context.pivot
        self._queue.add(
            Case(
                turn=heard.turn,
                reason=known[0] if known else "broken",
                lang=context.request.lang,
                text=text or "",
                shown="\n".join(block["text"] for block in _blocks(context)),
                pivot=None if text is None or pivot is None or not pivot.text else pivot.text,
                route=None if context.route is None else context.route.name,
                colour=None if answer is None else answer.colour,
                note=", ".join(reasons),
            )
        )

    def close(self) -> None:
        """Let go of the queue's file."""
        if self._queue is not None:
            self._queue.close()


def written_text(context: Context) -> str | None:
    """The message as it may be written: masked. None when it was not masked, though it has letters or numbers.

    Where there was nothing to mask it is the message itself, so that a replay reads every sign of it.
    """
    received = context.received
    if context.masked is not None:
        return context.masked.text if context.masked.found or received is None else received.text
    if received is not None and not _WORDS.search(received.text):
        return received.text
    return None


def head_of(
    context: Context,
    *,
    fingerprints: Mapping[str, str | None],
    engines: Mapping[str, object],
    outputs: Mapping[str, str],
) -> Entry:
    """A turn's first event: what was asked, with what, of which versions: all that a replay needs.

    `exact`: the text is the message as it came in, nothing masked and nothing cut.
    """
    request = context.request
    text = written_text(context)
    received = context.received
    found = context.masked.found if context.masked is not None else ()
    masked: dict[str, int] = {}
    for personal in found:
        masked[personal.kind] = masked.get(personal.kind, 0) + 1
    cut = received is None or received.bytes != len((text or "").encode())
    decisions = {
        "request": {"text": text, "lang": request.lang, "mode": request.mode, "when": _time(request.when)},
        "carried": None if request.conversation is None else known_as_json(request.conversation),
        "exact": text is not None and not masked and not cut,
        "masked": masked,
        "fingerprints": dict(fingerprints),
        "engines": dict(engines),
        "outputs": dict(outputs),
    }
    return Entry(HEAD_STAGE, "ok" if text is not None else "withheld", decisions)


def entries_of(context: Context) -> list[Entry]:
    """The events of a turn's stages, and the answer. Made the same way when a turn is kept and when it is replayed."""
    entries = []
    hidden = written_text(context) is None
    for event in context.events:
        detail = dict(event.detail)
        if hidden or event.stage == "receive":
            detail.pop("sha256", None)  # the hash of a short message can be guessed back
        if (hidden or event.stage in BEFORE_MASKING) and "error" in detail:
            detail["error"] = str(detail["error"]).partition(":")[0]  # its text may quote the message
        entries.append(Entry(event.stage, event.status, detail, event.ms))
    if context.answer is not None:
        entries.append(Entry(GIVEN, "ok", _answer(context)))
    return entries


def _answer(context: Context) -> dict[str, object]:
    assert context.answer is not None
    given = {key: value for key, value in context.answer.as_dict().items() if key not in ("events", "known")}
    actions = () if context.assessment is None else context.assessment.actions
    if written_text(context) is None:
        given["blocks"] = _blocks(context)
        given["danger_signs"] = [{"rule": sign.rule, "denied": sign.denied} for sign in context.answer.signs]
    return {**given, "actions": [action.name for action in actions]}


def _blocks(context: Context) -> list[dict[str, str]]:
    """The answer's paragraphs. What was not masked may be quoted in a translation or a gloss: those are left out."""
    blocks = () if context.answer is None else context.answer.blocks
    if written_text(context) is None:
        blocks = tuple(block for block in blocks if block.origin in ("pack", "passage"))
    return [{"kind": block.kind, "text": block.text, "origin": block.origin} for block in blocks]


def known_as_json(known: Known) -> dict[str, object]:
    """What a conversation carries on, as JSON values; the findings as pairs, since answers follow their order."""
    told = {field.name: getattr(known, field.name) for field in fields(Known)}
    return {**told, "findings": [[name, value] for name, value in known.findings.items()], "when": _time(known.when)}


def known_from_json(told: Mapping[str, Any]) -> Known:
    """The same back."""
    names = {field.name for field in fields(Known)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if name in names
    }
    values["findings"] = dict(told["findings"])
    values["when"] = time_from_json(told.get("when"))
    return Known(**values)


def time_from_json(text: str | None) -> datetime | None:
    """A time that `head_of` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def _time(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
