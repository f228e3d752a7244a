"""Replies kept by content, shared by all runs on a machine: what was asked once is not paid for again.

One SQLite file. A reply is found by its key, which names everything that shapes it (`replies.reply_key`). A local
model's key holds the hash of its weights. A provider may change what stands behind a name: unless the name holds a date
("gpt-4o-2024-08-06"), its replies are shared within the day they were made on (UTC) and no longer.

Scores are never kept, and neither are errors.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from afya.errors import DataError
from afya.models.base import ModelIdentity
from afya.runs import make_folder, sha256_text

_AT_ONCE = 500
_PATIENCE_S = 60.0
# Engines whose identity is the hash of their files.
_BY_CONTENT = frozenset({"hf", "embed"})
_DATED = re.compile(r"(?<!\d)20\d\d-?[01]\d-?[0-3]\d(?!\d)")

Row = tuple[object, ...]


def cache_folder() -> Path:
    """Where afya keeps what it can make again: $AFYA_CACHE, else afya in the user's cache folder (XDG)."""
    told = os.environ.get("AFYA_CACHE")
    if told:
        return Path(told).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "afya"


def shared_key(key: str, identity: ModelIdentity) -> str:
    """The name of a reply in the cache: its key, with the day where the model's name alone does not say which it is."""
    if identity.engine in _BY_CONTENT or _DATED.search(identity.name):
        return key
    return sha256_text(f"{key}:{datetime.now(UTC):%Y-%m-%d}")


class ReplyCache:
    """The file of kept replies. Processes may use it at once.

    Args:
        folder: made when it is not there; the file in it is replies.sqlite.

    Raises DataError when the folder or the file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        make_folder(folder)
        self.path = folder / "replies.sqlite"
        self._lock = threading.Lock()
        try:
            self._base = sqlite3.connect(self.path, timeout=_PATIENCE_S, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, made REAL, reply TEXT)")
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def known(self, keys: Sequence[str]) -> dict[str, Row]:
        """Those of the replies that are kept, by key."""
        found: dict[str, Row] = {}
        with self._lock:
            for low in range(0, len(keys), _AT_ONCE):
                some = keys[low : low + _AT_ONCE]
                marks = ",".join("?" * len(some))
                try:
                    rows = self._base.execute(f"SELECT key, reply FROM replies WHERE key IN ({marks})", some)
                    found.update((key, tuple(json.loads(reply))) for key, reply in rows)
                except (sqlite3.Error, ValueError) as error:
                    raise self._fault(error) from error
        return found

    def keep(self, replies: Iterable[tuple[str, Row]]) -> None:
        """Keep replies by key; one that is there already stays as it is."""
        made = time.time()
        rows = [(key, made, json.dumps(reply, ensure_ascii=False)) for key, reply in replies]
        with self._lock:
            try:
                with self._base:
                    self._base.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?, ?)", rows)
            except sqlite3.Error as error:
                raise self._fault(error) from error

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def _fault(self, error: Exception) -> DataError:
        return DataError(
            f"{self.path}: the cache of replies cannot be used ({error}).",
            hint="Remove the file (what it holds can be asked again), or run with --cache none.",
        )
