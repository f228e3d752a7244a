"""Verifying an audit log: whether every event stands as it was written, and where it does not.

One pass over the bytes, a line at a time: the log may hold millions of events. A chain without a key shows every change
but one: whoever writes the whole log anew, from the changed event to the end, makes a chain that holds in itself. The
head noted elsewhere (`afya audit head`, the anchor) shows that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from afya.assistant.audit.files import RECOVERED, Head, snapshot, stem
from afya.assistant.audit.outputs import faults_of_outputs
from afya.assistant.audit.record import HEAD_STAGE, START, Mark, event_of, mark
from afya.errors import DataError

Kind = Literal["changed", "removed", "inserted", "reordered", "truncated", "torn", "unfinished", "rewritten", "output"]
_TOLD = 100  # faults that are described; the others are counted


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written. `number` is the first event concerned, `file` and `line` the place."""

    kind: Kind
    number: int
    file: Path
    line: int
    detail: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.kind}: {self.detail}"


@dataclass
class Report:
    """What a log is: its events and turns, its head, faults, and what is no fault but must be known (notes)."""

    events: int = 0
    turns: int = 0
    files: int = 0
    head: Head = field(default_factory=Head)
    faults: list[Fault] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.faults


def verify(path: Path, *, start: int = 1, anchors: Sequence[Head] = ()) -> Report:
    """Read the log from event `start` on and say what is wrong with it.

    An anchor is a head that was noted elsewhere: the event of that number must have that hash. An anchor of the event
    before `start` ties what follows to what is not read.

    Raises DataError when there is no log, or it holds no event `start`.
    """
    log = snapshot(path)
    heads = [*([] if log.noted is None else [log.noted]), *anchors]
    check = _Check(path, start, heads)
    if log.noted is None:
        check.report.notes.append(
            f"No head is noted beside the log ({stem(path)}.lock): whole turns cut off its end would show only against "
            "an anchor."
        )
    for file, line, content in log.lines(_first_file(log.files, start)):
        check.read(_Line(file, line, content))
    if not check.reading:
        raise DataError(f"{path}: there is no event {start}.", hint="`afya audit head LOG` prints the last one.")
    check.end()
    check.report.files = len(log.files)
    return check.report


def _first_file(files: Sequence[Path], start: int) -> Path:
    """The last file that begins at or before event `start`."""
    for file in reversed(files):
        with file.open("rb") as opened:
            found = mark(opened.readline())
        if found is not None and found.number <= start:
            return file
    return files[0]


@dataclass(frozen=True, slots=True)
class _Line:
    file: Path
    number: int
    content: bytes


@dataclass(slots=True)
class _Gap:
    """Events that are missed where `line` stands."""

    low: int
    high: int
    line: _Line


class _Check:
    """Where the check stands: the last event that was followed, and what is missed or doubtful so far."""

    def __init__(self, path: Path, start: int, heads: Sequence[Head]) -> None:
        self.path = path
        self.start = start
        self.reading = start == 1
        self.report = Report()
        self.wanted = {head.number: head.hash for head in heads}
        self.number = start - 1
        # None: not known, since the log is read from its middle, or the line before cannot be trusted.
        self.hash = START if start == 1 else self.wanted.get(start - 1)
        self.others: set[str] = set()  # hashes of further events that stand under the last number
        self.bad: list[_Line] = []  # lines that are no whole events; the next whole one tells what they were
        self.gaps: list[_Gap] = []
        self.last: Mark | None = None
        self.line: _Line | None = None
        self.torn = False

    def read(self, line: _Line) -> None:
        """The next line of the log."""
        if not line.content.endswith(b"\n"):
            self.torn = True
            told = (
                f"the last {len(line.content):,} bytes are no whole line: a write was cut short. The next turn that is "
                "written sets them aside"
            )
            self._fault("torn", self.number + len(self.bad) + 1, line, told)
            return
        found = mark(line.content)
        if not self.reading:
            if found is None or found.number < self.start:
                return
            self.reading = True
        self.line = line
        self.report.events += 1
        if found is None or not found.true:
            self.bad.append(line)
            return
        if found.number <= self.number:
            self._out_of_order(found, line)
        else:
            self._follow(found, line)
        wanted = self.wanted.get(found.number, found.hash)
        if wanted != found.hash:
            told = (
                f"event {found.number} has the hash {found.hash[:12]}…, {wanted[:12]}… was noted: the log was "
                "written anew, here or before"
            )
            self._fault("rewritten", found.number, line, told)
        if found.stage == HEAD_STAGE and b'"outputs":{"' in line.content:
            event = event_of(line.content, f"{line.file}, line {line.number}")
            for told in faults_of_outputs(self.path, event.decisions):
                self._fault("output", found.number, line, f"turn {event.turn}: {told}")

    def end(self) -> None:
        """After the last line: what is missed for good, and what the heads say of the end."""
        self._settle_bad(self.number + len(self.bad) + 1)
        for gap in self.gaps:
            what = f"event {gap.low} is gone" if gap.low == gap.high else f"events {gap.low} to {gap.high} are gone"
            self._fault("removed", gap.low, gap.line, f"{what} before this line")
        where = self.line or _Line(self.path, 1, b"")
        last = self.last
        if last is not None and last.event + 1 < last.of and not self.torn:
            told = f"the log ends within turn {last.turn}, after {last.event + 1} of {last.of} events"
            self._fault("truncated", self.number + 1, where, told)
        furthest = max(self.wanted, default=0)
        if furthest > self.number:
            told = f"the log ends with event {self.number}, and event {furthest} had been written"
            self._fault("truncated", self.number + 1, where, told)
        self.report.head = Head(self.number, self.hash or START)

    def _fault(self, kind: Kind, number: int, line: _Line, detail: str) -> None:
        if len(self.report.faults) < _TOLD:
            self.report.faults.append(Fault(kind, number, line.file, line.number, detail))
        else:
            self.report.more += 1

    def _follow(self, found: Mark, line: _Line) -> None:
        """A whole event with a number that has not been passed: does it follow the one before?"""
        self._settle_bad(found.number)
        if found.number > self.number + 1:
            self.gaps.append(_Gap(self.number + 1, found.number - 1, line))
            self.last = None
        elif self.hash is not None and found.prior != self.hash and found.prior not in self.others:
            told = (
                f"event {found.number} follows another event {self.number} than the one before it: that one was "
                "changed, or put in its place, with a hash of its own"
            )
            self._fault("changed", self.number, line, told)
            self.last = None
        self._turn_whole(found, line)
        self.number, self.hash, self.last = found.number, found.hash, found
        self.others.clear()

    def _settle_bad(self, following: int) -> None:
        """Tell what the lines before event `following` were that are no whole events: changed ones, or put in."""
        for line in self.bad:
            if self.number + 1 < following:
                self.number += 1
                told = f"event {self.number} was changed: its bytes have not the hash that it states"
                self._fault("changed", self.number, line, told)
            else:
                told = f"a line that is no event stands between events {self.number} and {following}"
                self._fault("inserted", following, line, told)
        if self.bad:
            self.hash = self.last = None
            self.bad.clear()

    def _out_of_order(self, found: Mark, line: _Line) -> None:
        """An event whose number has been passed already: it stood elsewhere, or is there twice."""
        for place, gap in enumerate(self.gaps):
            if gap.low <= found.number <= gap.high:
                told = (
                    f"event {found.number} stands after event {self.number}; its place is before line "
                    f"{gap.line.number} of {gap.line.file.name}"
                )
                self._fault("reordered", found.number, line, told)
                left = (_Gap(gap.low, found.number - 1, gap.line), _Gap(found.number + 1, gap.high, gap.line))
                self.gaps[place : place + 1] = [rest for rest in left if rest.low <= rest.high]
                return
        told = f"an event {found.number} stands here, and there is one before already"
        self._fault("inserted", found.number, line, told)
        if found.number == self.number:
            self.others.add(found.hash)

    def _turn_whole(self, found: Mark, line: _Line) -> None:
        """Whether the turn before came to its end, or an event says why it did not."""
        before = self.last
        if found.stage == RECOVERED:
            self._recovered(found, line)
        elif before is not None and found.event == 0 and before.event + 1 < before.of:
            told = f"turn {before.turn} has {before.event + 1} of {before.of} events, and none says that a crash cut it"
            self._fault("unfinished", before.number, line, told)
        elif before is not None and found.event > 0 and (found.turn, found.event) != (before.turn, before.event + 1):
            told = f"event {found.event + 1} of turn {found.turn} does not follow the one before it in that turn"
            self._fault("unfinished", found.number, line, told)
        # A single event of another stage is no turn: what was recovered, what a supervisor answered.
        if found.event + 1 == found.of and (found.of > 1 or found.stage == HEAD_STAGE):
            self.report.turns += 1

    def _recovered(self, found: Mark, line: _Line) -> None:
        """What an earlier crash left, as the event tells it: a note. Events that were there and are gone: a fault."""
        told = event_of(line.content, f"{line.file}, line {line.number}").decisions
        if "torn_bytes" in told:
            self.report.notes.append(
                f"Event {found.number}: after a crash {told['torn_bytes']:,} bytes of a half-written line were set "
                f"aside as {told['kept_as']}."
            )
        if "unfinished_turn" in told:
            self.report.notes.append(
                f"Event {found.number}: a crash cut turn {told['unfinished_turn']} after {told['events']} of "
                f"{told['of']} events."
            )
        if "gone_from" in told:
            gone = f"events {told['gone_from']} to {told['gone_to']} had been written and were gone when this was"
            self._fault("truncated", found.number, line, gone)
