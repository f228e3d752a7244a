"""The files of an audit log on the disk: their names and order, the lock with the noted head, the end of the chain.

A log is `NAME.jsonl`; beside it stand the files it grew out of (`NAME.000001.jsonl`, …: the chain runs on over them),
`NAME.lock` (one writer at a time; it also notes the head, so that a log cut short is noticed), `NAME.torn` (what a
crash left half written) and `NAME.outputs` (what models and translators gave).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from afya.assistant.audit.record import START, Event, Mark, event_of, mark
from afya.errors import DataError, RunError

RECOVERED = "recovered"  # the stage of the event that says what a crash or a cut had left
_HEAD_BYTES = 84  # the noted head: a number of 18 digits, a space, a hash, a newline
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of a log: how many events there are, and its hash. `NUMBER:HASH` as text."""

    number: int = 0
    hash: str = START

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """The head that `afya audit head` printed. Raises DataError for anything else."""
        number, colon, digest = text.strip().partition(":")
        if not (colon and number.isdecimal() and len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
            raise DataError(
                f"'{text}' is no anchor.", hint="Expected NUMBER:HASH, such as `afya audit head LOG` prints it."
            )
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class Tail:
    """How a file ends: its last whole line, and where in the file that line ends (bytes)."""

    head: Head
    mark: Mark | None
    end: int


def log_files(path: Path) -> list[Path]:
    """The files of a log in the order of its events; the last is the one that is written to.

    Raises DataError when there is none.
    """
    files = present_files(path)
    if not files:
        raise DataError(f"{path}: there is no audit log there.", hint="`afya ask --audit FILE` begins one.")
    return files


def present_files(path: Path) -> list[Path]:
    """As `log_files`; none where there is no log yet."""
    older = {}
    for file in path.parent.glob(f"{stem(path)}.[0-9]*{path.suffix}"):
        number = file.name[len(stem(path)) + 1 : -len(path.suffix)]
        if number.isdecimal():
            older[int(number)] = file
    return [older[number] for number in sorted(older)] + ([path] if path.exists() else [])


def stem(path: Path) -> str:
    """The log's name without its suffix."""
    return path.name[: -len(path.suffix)]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A log as it stood at one moment, while others may go on writing it: its files, and the head that was noted."""

    files: tuple[Path, ...]
    noted: Head | None
    _last: BinaryIO
    _size: int

    def lines(self, start: Path | None = None) -> Iterator[tuple[Path, int, bytes]]:
        """Every line as (file, number in the file from 1, bytes with the newline), one at a time; to be read once.

        `start` leaves out the files before it.
        """
        with self._last:
            for file in self.files[:-1][0 if start is None else self.files.index(start) :]:
                with file.open("rb") as opened:
                    for number, line in enumerate(opened, start=1):
                        yield file, number, line
            left = self._size
            for number, line in enumerate(self._last, start=1):
                if left <= 0:
                    return
                yield self.files[-1], number, line[:left]
                left -= len(line)


def snapshot(path: Path) -> Snapshot:
    """The log as it stands now. Raises DataError when there is none, RunError when it cannot be read."""
    with held(path, write=False) as lock:
        files = log_files(path)
        try:
            last = files[-1].open("rb")
        except OSError as error:
            raise RunError(f"{files[-1]}: cannot be read ({error.strerror or error}).") from error
        size = os.fstat(last.fileno()).st_size
        return Snapshot(tuple(files), None if lock is None else noted_in(lock), last, size)


def turns(path: Path, *, only: str | None = None) -> Iterator[list[Event]]:
    """The turns of a log, each as its events; `only` one of them. Unfinished turns and `recovered` are left out.

    Raises DataError for a line that is no event; whether the chain holds is `verify`'s to say.
    """
    wanted = None if only is None else f'"turn":"{only}"'.encode()
    events: list[Event] = []
    for file, place, line in snapshot(path).lines():
        if (wanted is not None and wanted not in line) or not line.endswith(b"\n"):
            continue
        event = event_of(line, f"{file}, line {place}")
        if event.event == 0:
            events = []
        if only is not None and event.turn != only:
            continue
        events.append(event)
        if event.last and len(events) == event.of and event.stage != RECOVERED:
            yield events


def find_turn(path: Path, turn: str) -> list[Event]:
    """The events of one turn. Raises DataError when the log does not hold it."""
    for events in turns(path, only=turn):
        return events
    raise DataError(f"{path}: no turn '{turn}'.", hint="`afya audit turns LOG` lists them.")


def tail_of(path: Path) -> Tail:
    """How the log ends. In a file of which a crash left nothing whole, the file before it says so."""
    end = 0
    for file in reversed(present_files(path)):
        last, end_here = _last_line(file)
        if file == path:
            end = end_here
        if last is None:
            continue
        place = mark(last)
        if place is None or not place.true:
            raise DataError(
                f"{file}: the last whole line is not an event of an audit log, or was changed.",
                hint=f"`afya audit verify {path}` says where. Keep the file, and begin a new log under another name.",
            )
        return Tail(Head(place.number, place.hash), place, end)
    return Tail(Head(), None, 0)


def _last_line(file: Path) -> tuple[bytes | None, int]:
    """The last line that has its newline, and the place where it ends; read from the end in blocks."""
    with file.open("rb") as opened:
        place = opened.seek(0, os.SEEK_END)
        held = b""
        end: int | None = None
        while place > 0:
            step = min(_BLOCK, place)
            place -= step
            opened.seek(place)
            held = opened.read(step) + held
            if end is None:
                newline = held.rfind(b"\n")
                if newline < 0:
                    held = b""  # a torn line may be long; its bytes are not needed here
                    continue
                end = place + newline + 1
                held = held[: newline + 1]
            before = held.rfind(b"\n", 0, len(held) - 1)
            if before >= 0:
                return held[before + 1 :], end
        return (held, end) if end is not None else (None, 0)


def older_name(path: Path, number: int) -> Path:
    """A free name for the file that has grown full."""
    name = path.with_name(f"{stem(path)}.{number:06d}{path.suffix}")
    return older_name(path, number + 1) if name.exists() else name


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(stem(path) + suffix)


def torn_folder(path: Path) -> Path:
    """Where half-written ends are set aside."""
    return _beside(path, ".torn")


def outputs_folder(path: Path) -> Path:
    """Where what models and translators gave stands, beside the log."""
    return _beside(path, ".outputs")


def noted_in(lock: int) -> Head | None:
    """The head that stands in the opened lock file; None where none was noted, or only half of it."""
    text = os.pread(lock, _HEAD_BYTES, 0).decode("ascii", "replace")
    if len(text) != _HEAD_BYTES or not text[:18].isdecimal():
        return None
    return Head(int(text[:18]), text[19:83])


@contextmanager
def held(path: Path, *, write: bool) -> Iterator[int | None]:
    """The log's lock, as an opened file: writers exclude each other and readers. Freed by the system with the process.

    None where there is no lock to read: a copy of a log, or one on a medium that nobody writes to.
    """
    import fcntl

    file = _beside(path, ".lock")
    try:
        lock = os.open(file, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY, 0o644)
    except OSError as error:
        if not write:
            yield None
            return
        raise RunError(
            f"{file}: cannot be opened ({error.strerror or error}).",
            hint="The audit needs a folder that it may write to.",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
        yield lock
    finally:
        os.close(lock)


def note_head(lock: int, head: Head) -> None:
    """Write the head into the lock file, over the one before. Call it once the events are on the disk."""
    os.pwrite(lock, f"{head.number:018d} {head.hash}\n".encode(), 0)
