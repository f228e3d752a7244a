"""The translation memory: what was translated before, in one SQLite file, found again exactly or nearly.

An entry is unique by direction and source text. Near entries are found through a few hashes of a text's trigrams
(one-permutation MinHash: Li, Owen and Zhang 2012, NIPS), so that a look-up reads some thousands of a million entries,
and are then compared by rapidfuzz.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import regex

from afya.errors import ConfigError, DataError, RunError, require
from afya.languages import language
from afya.runs import make_folder
from afya.text.literals import literal_codes, text_literals
from afya.text.normalise import normalise
from afya.text.words import Phrases

Origin = Literal["human", "reviewed", "machine"]
"""Who made a translation: a person, a machine whose text a person accepted, or a machine alone; the best first."""

ORIGINS: tuple[str, ...] = get_args(Origin)
CUTOFF = 85.0
"""The least similarity, per cent, at which a near entry is used."""

_VERSION = 1
_BINS = 8
# Entries that share most hashes with a text and are compared in full.
_COMPARED = 1000
_READ = 40_000
_AT_LEAST = 3
_BATCH = 5000
_CACHE_KIB = 128 * 1024

_SCHEMA = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL, target TEXT NOT NULL,
    key TEXT NOT NULL,
    source_text TEXT NOT NULL, target_text TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE (source, target, key)
);
CREATE TABLE grams (gram INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (gram, entry)) WITHOUT ROWID;
"""
# SQLite counts a text's length up to its first null only.
_SPACES = regex.compile(r"[\s\p{Cc}]+")
_SURROGATE = regex.compile(r"\p{Cs}")
_FIGURES = regex.compile(r"\p{Nd}+(?:[.,/]\p{Nd}+)*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One remembered translation, from the language `source` into `target`."""

    source_text: str
    target_text: str
    source: str
    target: str
    origin: Origin = "human"


@dataclass(frozen=True, slots=True)
class Match:
    """An entry found for a text, and how like the text its source is (per cent; 100 is the same text)."""

    entry: Entry
    similarity: float


@dataclass(slots=True)
class Added:
    """What became of entries that were added: new ones, ones that replaced an older text, ones that changed nothing."""

    new: int = 0
    replaced: int = 0
    kept: int = 0


class Memory:
    """A translation memory in the SQLite file `path`, made when it is not there.

    `read_only` opens what must be there and changes nothing. Threads may use one memory at once.

    Raises:
        DataError: the file is missing (read-only) or is no translation memory.
        RunError: it cannot be written.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._lock = threading.RLock()
        if read_only and not self.path.is_file():
            raise DataError(f"{self.path}: no such translation memory.", hint="Make one: afya translate memory import")
        if not read_only:
            make_folder(self.path.parent)
        mode = "ro" if read_only else "rwc"
        with self._faults():
            address = f"{self.path.absolute().as_uri()}?mode={mode}"
            self._db = sqlite3.connect(address, uri=True, timeout=30, check_same_thread=False, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise DataError(
                f"{self.path}: no translation memory of version {_VERSION} (it says {version}).",
                hint="Export it with the afya that made it and import it again.",
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        with self._faults():
            return int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])

    def pairs(self) -> dict[tuple[str, str], int]:
        """The number of entries of each direction."""
        with self._faults():
            rows = self._db.execute("SELECT source, target, count(*) FROM entries GROUP BY 1, 2 ORDER BY 1, 2")
            return {(source, target): count for source, target, count in rows}

    def entries(self, source: str | None = None, target: str | None = None) -> Iterator[Entry]:
        """The entries of a direction, or of all, in the order they came."""
        last = 0
        while True:
            with self._faults():
                rows = self._db.execute(
                    "SELECT id, source_text, target_text, source, target, origin FROM entries WHERE id > ? "
                    "AND source = coalesce(?, source) AND target = coalesce(?, target) ORDER BY id LIMIT ?",
                    (last, source, target, _BATCH),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for row in rows:
                yield Entry(*row[1:])

    def add(self, source_text: str, target_text: str, source: str, target: str, origin: Origin = "human") -> Added:
        """Remember one translation; see `add_many`."""
        return self.add_many([Entry(source_text, target_text, source, target, origin)])

    def add_many(self, entries: Iterable[Entry]) -> Added:
        """Remember translations, all of them or, on an error, none of the batch of 5,000 that it is in.

        A text that is known in the same direction gets the newer translation, except that one which a person wrote is
        not replaced by one which a person only accepted, and neither by a machine's.

        Raises:
            ConfigError: a language is not known. DataError: a text is blank, or an origin is none.
            RunError: the file cannot be written (a full disk, a read-only file).
        """
        added = Added()
        waiting = iter(entries)
        while batch := list(islice(waiting, _BATCH)):
            for entry in batch:
                _check(entry)
            told = Added()
            with self._lock, self._faults():
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    grams = [pair for entry in batch for pair in self._take(entry, told)]
                    # In the index's order, a batch touches each of its pages once.
                    self._db.executemany("INSERT INTO grams VALUES (?, ?)", sorted(grams))
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            added.new += told.new
            added.replaced += told.replaced
            added.kept += told.kept
        return added

    def _take(self, entry: Entry, told: Added) -> list[tuple[int, int]]:
        """Write one entry; gives what the index must have for it."""
        key = _key(entry.source_text)
        old = self._db.execute(
            "SELECT id, target_text, origin FROM entries WHERE source = ? AND target = ? AND key = ?",
            (entry.source, entry.target, key),
        ).fetchone()
        if old is not None:
            number, text, origin = old
            lesser = ORIGINS.index(entry.origin) > ORIGINS.index(origin)
            if lesser or (text, origin) == (entry.target_text, entry.origin):
                told.kept += 1
                return []
            self._db.execute(
                "UPDATE entries SET source_text = ?, target_text = ?, origin = ? WHERE id = ?",
                (entry.source_text, entry.target_text, entry.origin, number),
            )
            told.replaced += 1
            return []
        cursor = self._db.execute(
            "INSERT INTO entries (source, target, key, source_text, target_text, origin) VALUES (?, ?, ?, ?, ?, ?)",
            (entry.source, entry.target, key, entry.source_text, entry.target_text, entry.origin),
        )
        told.new += 1
        number = cursor.lastrowid or 0
        return [(gram, number) for gram in _grams(key, entry.source, entry.target)]

    def exact(self, text: str, source: str, target: str) -> Match | None:
        """The entry whose source is the text (but for blanks and how accents are composed)."""
        with self._lock, self._faults():
            row = self._db.execute(
                "SELECT source_text, target_text, source, target, origin FROM entries "
                "WHERE source = ? AND target = ? AND key = ?",
                (source, target, _key(text)),
            ).fetchone()
        return None if row is None else Match(Entry(*row), 100.0)

    def fuzzy(self, text: str, source: str, target: str, *, cutoff: float = CUTOFF) -> list[Match]:
        """The entries at least `cutoff` per cent like the text, the most like first (rapidfuzz's ratio), at most 10."""
        require("rapidfuzz", "data", "Near matches of a translation memory")
        from rapidfuzz import fuzz

        key = _key(text)
        grams = _grams(key, source, target)
        if not grams:
            return []
        # Of two texts whose lengths differ more, no ratio reaches the cutoff.
        shortest = len(key) * cutoff / (200 - cutoff)
        longest = len(key) * (200 - cutoff) / cutoff if cutoff > 0 else math.inf
        with self._lock, self._faults():
            grams = self._rarest(grams)
            rows = self._db.execute(
                "SELECT e.key, e.source_text, e.target_text, e.source, e.target, e.origin FROM ("
                f"SELECT entry, count(*) AS shared FROM grams WHERE gram IN ({', '.join('?' * len(grams))}) "
                "GROUP BY entry ORDER BY shared DESC, entry LIMIT ?) JOIN entries AS e ON e.id = entry "
                "WHERE length(e.key) BETWEEN ? AND ? ORDER BY e.id",
                (*grams, _COMPARED, math.floor(shortest), min(math.ceil(longest), 1 << 60) if cutoff > 0 else 1 << 60),
            ).fetchall()
        matches = []
        for other, *entry in rows:
            similarity = fuzz.ratio(key, other, score_cutoff=cutoff)
            if similarity >= cutoff and similarity > 0:
                matches.append(Match(Entry(*entry), similarity))
        matches.sort(key=lambda match: (-match.similarity, ORIGINS.index(match.entry.origin)))
        return matches[:10]

    def _rarest(self, grams: Sequence[int]) -> list[int]:
        """Those hashes of a text that the fewest entries have, so that common ones cost nothing: 40,000 rows or so."""
        counted = sorted(
            (
                self._db.execute(
                    "SELECT count(*) FROM (SELECT 1 FROM grams WHERE gram = ? LIMIT ?)", (gram, _READ)
                ).fetchone()[0],
                gram,
            )
            for gram in grams
        )
        chosen: list[int] = []
        rows = 0
        for count, gram in counted:
            rows += count
            if rows > _READ and len(chosen) >= _AT_LEAST:
                break
            chosen.append(gram)
        return chosen

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            told = str(error)
            if "not a database" in told or "malformed" in told or "no such table" in told:
                raise DataError(f"{self.path}: no translation memory ({told}).") from None
            raise RunError(
                f"{self.path}: the translation memory cannot be used ({told}).",
                hint="Free space, or choose another file, then run the same command again.",
            ) from error


def same_facts(one: str, other: str, lang: str) -> bool:
    """Whether two nearly equal texts of a language have the same figures in the same order, the same number words and
    the same negations. Where they have not, the translation of one is wrong for the other, however alike they are.
    """
    return _figures(one) == _figures(other) and _facts(one, lang) == _facts(other, lang)


def _figures(text: str) -> list[str]:
    return _FIGURES.findall(normalise(text))


def _facts(text: str, lang: str) -> list[str]:
    phrases = _phrases(lang)
    return [] if phrases is None else [found.key for found in phrases.find(normalise(text))]


@cache
def _phrases(lang: str) -> Phrases | None:
    """Number words and negations of a language; None where they are not known."""
    if lang not in literal_codes():
        return None
    literals = text_literals(lang)
    listed = [(f"number {value}", word) for word, value in literals.numbers.items()]
    denials = literals.negation
    listed += [("no", word) for word in (*denials.before, *denials.after, *denials.inside)]
    return Phrases(lang, listed)


def _check(entry: Entry) -> None:
    language(entry.source)
    language(entry.target)
    if entry.source == entry.target:
        raise ConfigError(f"A translation from '{entry.source}' into the same language is none.")
    if entry.origin not in ORIGINS:
        raise DataError(f"'{entry.origin}' is no origin of a translation.", hint=f"There are: {', '.join(ORIGINS)}.")
    if not _key(entry.source_text) or not _key(entry.target_text):
        shown = entry.source_text.strip() or entry.target_text.strip() or "both"
        raise DataError(f"A translation has a blank side (the other: '{shown[:60]}').", hint="Leave such rows out.")
    if _SURROGATE.search(entry.source_text) or _SURROGATE.search(entry.target_text):
        raise DataError(f"A translation is no valid Unicode ({entry.source_text[:60]!a}).", hint="Leave it out.")


def _key(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFC", _SURROGATE.sub("\ufffd", text))).strip()


def _grams(key: str, source: str, target: str) -> Sequence[int]:
    """The least hash of a text's trigrams in each of 8 bins, tied to the direction; signed 64 bits, sorted."""
    padded = f"\x02{key.casefold()}\x03"
    least: dict[int, int] = {}
    for place in range(len(padded) - 2):
        value = zlib.crc32(padded[place : place + 3].encode("utf-8", "surrogatepass"))
        where = value % _BINS
        if value < least.get(where, 1 << 32):
            least[where] = value
    direction = zlib.crc32(f"{source}>{target}".encode()) >> 1
    return sorted(direction << 32 | value for value in least.values())
