"""The lines of an audit log: one event each, canonical, chained by hash; written and read as bytes.

A line is JSON with its keys in one fixed order:

    {"number":7,"prior":"…","turn":"…","event":2,"of":9,"stage":"triage","status":"ok","decisions":{…},"at":"…",
     "ms":0.4,"hash":"…"}

`number` counts the events of the log from 1, `prior` is the hash of the event before (64 zeros before the first),
`event` and `of` place the line in its turn. `hash` is the SHA-256 of all bytes of the line before `,"hash"`: times are
covered by it too, but stand outside `decisions`, which are the same whenever the same is decided.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from afya.errors import DataError
from afya.runs import canonical

START = "0" * 64
HEAD_STAGE = "turn"  # the first event of every turn: what was asked, of which versions
_HASH_BYTES = len(',"hash":""}\n') + 64
_LINE = re.compile(
    rb'\{"number":([1-9]\d{0,17}),"prior":"([0-9a-f]{64})","turn":"([^"\\]{1,200})","event":(\d{1,6}),"of":(\d{1,6}),'
    rb'"stage":"([^"\\]{1,100})",.*,"hash":"([0-9a-f]{64})"\}\n',
    re.DOTALL,
)
_NAME = re.compile(r'[^"\\\x00-\x1f]{1,100}')


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be written of one stage. `decisions` holds plain JSON values, without times."""

    stage: str
    status: str
    decisions: Mapping[str, object]
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a log, read back. `at` is the time it was written (ISO 8601, UTC)."""

    number: int
    prior: str
    turn: str
    event: int
    of: int
    stage: str
    status: str
    decisions: Mapping[str, Any]
    at: str
    ms: float
    hash: str

    @property
    def last(self) -> bool:
        """Whether the turn's events end here."""
        return self.event + 1 == self.of


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a line stands in the chain: what can be read off its bytes without reading the JSON.

    `hash` is the one that the line states, `true` whether its bytes have that hash.
    """

    number: int
    prior: str
    turn: str
    event: int
    of: int
    stage: str
    hash: str
    true: bool


def clean(value: object, where: str) -> Any:
    """A copy of `value` made of JSON's own types, sets sorted; halves of letters (lone surrogates) become "?".

    Raises DataError for what JSON has no form for, naming where it stands.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise DataError(
                f"{where}: {value} is no number that JSON can hold.", hint="Write null for what is unknown."
            )
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(clean(str(key), where)): clean(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((clean(item, where) for item in value), key=canonical)
    if isinstance(value, (list, tuple)):
        return [clean(item, f"{where}[{place}]") for place, item in enumerate(value)]
    raise DataError(
        f"{where}: a {type(value).__name__} cannot be written to the audit.",
        hint="Give plain values: text, numbers, lists.",
    )


def line_of(entry: Entry, *, number: int, prior: str, turn: str, event: int, of: int, at: str) -> tuple[bytes, str]:
    """The line of one event, with its newline, and its hash. Raises DataError for a name that is no plain text."""
    for name in (entry.stage, entry.status, turn):
        if not _NAME.fullmatch(name):
            raise DataError(f"The audit cannot take the name {name!r}: expected 1 to 100 plain characters.")
    decisions = canonical(clean(entry.decisions, entry.stage))
    body = (
        f'{{"number":{number},"prior":"{prior}","turn":"{turn}","event":{event},"of":{of},"stage":"{entry.stage}",'
        f'"status":"{entry.status}","decisions":{decisions},"at":"{at}","ms":{round(float(entry.ms), 3)}'
    ).encode()
    own = sha256(body).hexdigest()
    return b'%b,"hash":"%b"}\n' % (body, own.encode()), own


def mark(line: bytes) -> Mark | None:
    """Where the line stands, and whether its hash is true; None when it does not look like an event at all."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    stated = found[7].decode()
    true = sha256(memoryview(line)[:-_HASH_BYTES]).hexdigest() == stated
    return Mark(
        int(found[1]),
        found[2].decode(),
        found[3].decode("utf-8", "replace"),
        int(found[4]),
        int(found[5]),
        found[6].decode("utf-8", "replace"),
        stated,
        true,
    )


def event_of(line: bytes, where: str) -> Event:
    """The event in a line. Raises DataError naming `where` when it is none."""
    try:
        return Event(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{where}: not an event of an audit log ({error}).",
            hint="`afya audit verify` says which events of the log are whole.",
        ) from None
