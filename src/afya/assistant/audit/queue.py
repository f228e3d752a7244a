"""The supervisor's queue: turns that a person must look at, kept in one SQLite file until answered or expired.

What brings a turn here: it was escalated (somebody was referred at once), a stage of it broke, a translation did not
pass its checks, a model's text did not pass its own, or the assistant abstained (it said that it does not know). A turn
enters once, however often it is handed in. Several processes may use the file at once; the web server reads and answers
through the same calls.

Every text of the turn is masked before it comes here. A supervisor's answer is kept as it was written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from afya.assistant.audit.chain import now
from afya.errors import ConfigError, DataError, RunError
from afya.runs import make_folder

Reason = Literal["escalated", "broken", "translation_failed", "withheld", "abstained"]  # the gravest first
State = Literal["waiting", "answered", "expired"]
REASONS: tuple[Reason, ...] = get_args(Reason)
STATES: tuple[State, ...] = get_args(State)
HOURS = 72.0  # after so long without an answer nobody waits for it any more
_FORMAT = 1
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """A turn in the queue. Times are ISO 8601 in UTC.

    `text` is the message, masked, `pivot` what it means in English where that is known, `shown` what the health worker
    was told. `note` says in words why the turn is here.
    """

    turn: str
    reason: Reason
    lang: str
    text: str
    shown: str
    pivot: str | None = None
    route: str | None = None
    colour: str | None = None
    note: str = ""
    added: str = ""
    state: State = "waiting"
    answer: str | None = None
    answered_by: str | None = None
    answered: str | None = None


_COLUMNS = tuple(field.name for field in fields(Case))


class Queue:
    """The queue in a file. Use as a context manager, or close it.

    Args:
        path: the SQLite file.
        made: False refuses a file that is not there, instead of making it.
        clock: gives the time as text; for tests.

    Raises DataError when the file is no queue, RunError when it cannot be used.
    """

    def __init__(self, path: Path, *, made: bool = True, clock: Callable[[], str] = now) -> None:
        if not made and not path.exists():
            raise DataError(f"{path}: there is no queue there.", hint="`afya ask --queue FILE` begins one.")
        make_folder(path.parent)
        self.path = path
        self.clock = clock
        with self._told():
            # Opened by one thread and used by another where a server has threads; SQLite itself serialises the calls.
            self._base = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA synchronous=FULL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _FORMAT):
                raise DataError(f"{path}: a queue of format {version}; this afya reads format {_FORMAT}.")
            columns = ", ".join(f"{name} TEXT{' PRIMARY KEY' if name == 'turn' else ''}" for name in _COLUMNS)
            self._base.execute(f"CREATE TABLE IF NOT EXISTS cases ({columns})")
            self._base.execute(f"PRAGMA user_version={_FORMAT}")

    def add(self, case: Case) -> bool:
        """Put a turn in; it waits from now on. False when it is there already, whatever became of it."""
        row = asdict(case) | {"added": case.added or self.clock(), "state": "waiting"}
        marks = ", ".join("?" * len(_COLUMNS))
        with self._told():
            done = self._base.execute(
                f"INSERT OR IGNORE INTO cases ({', '.join(_COLUMNS)}) VALUES ({marks})",
                [row[name] for name in _COLUMNS],
            )
        return done.rowcount == 1

    def cases(
        self, *, state: State | None = None, reason: Reason | None = None, lang: str | None = None, limit: int = -1
    ) -> list[Case]:
        """The turns, those that wait longest first."""
        chosen = {"state": state, "reason": reason, "lang": lang}
        given = {name: value for name, value in chosen.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in given) or "1"
        with self._told():
            rows = self._base.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM cases WHERE {where} ORDER BY added, turn LIMIT ?",
                [*given.values(), limit],
            ).fetchall()
        return [Case(*row) for row in rows]

    def case(self, turn: str) -> Case:
        """One turn. Raises DataError when it is not in the queue."""
        with self._told():
            row = self._base.execute(f"SELECT {', '.join(_COLUMNS)} FROM cases WHERE turn = ?", [turn]).fetchone()
        if row is None:
            raise DataError(f"{self.path}: no turn '{turn}' in the queue.", hint="`afya audit queue list` shows them.")
        return Case(*row)

    def answer(self, turn: str, text: str, *, by: str) -> Case:
        """Answer a turn that waits. Raises DataError when it waits no more, ConfigError for an empty answer."""
        text, by = text.strip(), " ".join(by.split())
        if not text or not by:
            raise ConfigError("An answer needs a text and the name of the person who gives it.")
        with self._told():
            done = self._base.execute(
                "UPDATE cases SET state = 'answered', answer = ?, answered_by = ?, answered = ? "
                "WHERE turn = ? AND state = 'waiting'",
                [text, by, self.clock(), turn],
            )
        case = self.case(turn)
        if done.rowcount == 1:
            return case
        if case.state == "answered":
            raise DataError(
                f"Turn {turn} was answered by {case.answered_by} ({case.answered}); the answer stands.",
                hint="`afya audit queue show` prints it.",
            )
        raise DataError(f"Turn {turn} expired without an answer: nobody waits for it any more.")

    def expire(self, hours: float = HOURS) -> int:
        """Set what has waited longer than `hours` to expired. Gives how many that were."""
        limit = datetime.fromisoformat(self.clock()) - timedelta(hours=hours)
        told = limit.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self._told():
            return self._base.execute(
                "UPDATE cases SET state = 'expired' WHERE state = 'waiting' AND added < ?", [told]
            ).rowcount

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def __enter__(self) -> Queue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise RunError(f"{self.path}: the queue cannot be used ({error}).") from error
            raise DataError(f"{self.path}: not a queue ({error}).") from error
