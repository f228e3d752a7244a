"""Appending to the audit log: all events of a turn in one write, on the disk before `append` returns.

Each event holds the hash of the one before (`record`), so that nothing can be changed, left out or put in afterwards
without `verify` telling. What a crash left half written is set aside, and an event of the log says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from afya.assistant.audit.files import (
    RECOVERED,
    Head,
    Tail,
    held,
    log_files,
    note_head,
    noted_in,
    older_name,
    present_files,
    stem,
    tail_of,
    torn_folder,
)
from afya.assistant.audit.record import Entry, Event, line_of
from afya.errors import DataError, RunError
from afya.runs import make_folder

FILE_BYTES = 64 << 20


def now() -> str:
    """This moment, ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AuditLog:
    """A log that turns are appended to. Processes and threads may use the same file at once.

    Args:
        path: the file; its name ends in `.jsonl`. Made, with its folder, by the first append.
        file_bytes: a file that has grown to this is set aside under a number, and the chain goes on in a new one.
        clock: gives the time of writing as text; for tests.
    """

    def __init__(self, path: Path, *, file_bytes: int = FILE_BYTES, clock: Callable[[], str] = now) -> None:
        if path.suffix != ".jsonl" or stem(path).rpartition(".")[2].isdecimal():
            raise DataError(
                f"{path}: an audit log's name ends in .jsonl, without a number before it.",
                hint="Choose a name such as audit.jsonl.",
            )
        self.path = path
        self.file_bytes = file_bytes
        self.clock = clock

    def append(self, turn: str, entries: Sequence[Entry]) -> Head:
        """Append the events of one turn, all or none, and give the log's head after them.

        What a crash left half written is set aside first and said in an event of its own (stage `recovered`).

        Raises:
            DataError: an entry cannot be written as JSON; or the file is no audit log, or its last line was changed.
            RunError: the disk refuses. Then nothing of the turn stands in the log.
        """
        if not entries:
            raise DataError(f"Turn {turn} has no events; nothing can be appended to {self.path}.")
        # A fault in an entry is found before anything is written or set aside.
        _lines(entries, turn, Head(), "")
        make_folder(self.path.parent)
        with held(self.path, write=True) as lock:
            assert lock is not None
            try:
                return self._append(turn, entries, lock)
            except OSError as error:
                raise RunError(
                    f"{self.path}: the audit cannot be written ({error.strerror or error}).",
                    hint="Free space or give another file; no turn is kept until then.",
                ) from error

    def _append(self, turn: str, entries: Sequence[Entry], lock: int) -> Head:
        noted = noted_in(lock)
        tail = tail_of(self.path)
        head = tail.head
        found = self._recover(tail, noted)
        if found is not None:
            head = self._write(_lines([found], "recovery", head, self.clock()), head, lock)
        if self.path.exists() and self.path.stat().st_size >= self.file_bytes:
            number = sum(1 for file in present_files(self.path) if file != self.path) + 1
            os.replace(self.path, older_name(self.path, number))
        return self._write(_lines(entries, turn, head, self.clock()), head, lock)

    def _write(self, lines: Sequence[tuple[bytes, str]], head: Head, lock: int) -> Head:
        """Append lines, wait for the disk, note the head. A write that fails is taken back."""
        new = not self.path.exists()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            before = os.fstat(file).st_size
            try:
                _write_all(file, b"".join(line for line, _ in lines))
                os.fsync(file)
            except OSError:
                os.ftruncate(file, before)
                raise
        finally:
            os.close(file)
        if new:
            _sync_folder(self.path.parent)
        head = Head(head.number + len(lines), lines[-1][1])
        note_head(lock, head)
        return head

    def _recover(self, tail: Tail, noted: Head | None) -> Entry | None:
        """Set aside what stands behind the last whole line. Gives the event that tells of it, None when whole."""
        size = self.path.stat().st_size if self.path.exists() else 0
        told: dict[str, object] = {}
        if size > tail.end:
            with self.path.open("rb") as file:
                file.seek(tail.end)
                torn = file.read()
            aside = torn_folder(self.path) / f"{tail.head.number + 1:018d}-{sha256(torn).hexdigest()[:12]}"
            make_folder(aside.parent)
            with aside.open("wb") as copy:
                copy.write(torn)
                copy.flush()
                os.fsync(copy.fileno())
            os.truncate(self.path, tail.end)
            told |= {"torn_bytes": len(torn), "torn_sha256": sha256(torn).hexdigest(), "kept_as": aside.name}
        if tail.mark is not None and tail.mark.event + 1 < tail.mark.of:
            told |= {"unfinished_turn": tail.mark.turn, "events": tail.mark.event + 1, "of": tail.mark.of}
        if noted is not None and noted.number > tail.head.number:
            told |= {"gone_from": tail.head.number + 1, "gone_to": noted.number, "noted_hash": noted.hash}
        return Entry(RECOVERED, "ok", told) if told else None

    def head(self) -> Head:
        """The last whole event. Raises DataError when there is no log, or its last line was changed."""
        log_files(self.path)
        with held(self.path, write=False):
            return tail_of(self.path).head


def _lines(entries: Sequence[Entry], turn: str, head: Head, at: str) -> list[tuple[bytes, str]]:
    made: list[tuple[bytes, str]] = []
    prior = head.hash
    for place, entry in enumerate(entries):
        line, prior = line_of(
            entry, number=head.number + place + 1, prior=prior, turn=turn, event=place, of=len(entries), at=at
        )
        made.append((line, prior))
    return made


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on the disk only when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def summary(events: Sequence[Event]) -> Mapping[str, object]:
    """A turn in one row: when, its language, where it went, how urgent it was."""
    decisions = {event.stage: event.decisions for event in events}
    return {
        "turn": events[0].turn,
        "at": events[0].at,
        "lang": decisions.get("turn", {}).get("request", {}).get("lang"),
        "route": decisions.get("given", {}).get("route"),
        "colour": decisions.get("given", {}).get("colour"),
    }
