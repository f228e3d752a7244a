"""The record of a knowledge folder: documents, passages and where each stands, in SQLite.

Everything else in the folder can be made again from it. A passage is kept once, however many documents hold it; its
places are kept all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from afya.assistant.knowledge.passages import Origin, Passage
from afya.errors import DataError, RunError
from afya.runs import canonical, sha256_text

FORMAT = "1"
FILE = "knowledge.sqlite"
_WAIT_S = 5.0
_BATCH = 500
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE documents(
    number INTEGER PRIMARY KEY, document_id TEXT UNIQUE NOT NULL, path TEXT NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, title TEXT NOT NULL, source TEXT NOT NULL, publisher TEXT, licence TEXT NOT NULL,
    version TEXT, lang TEXT NOT NULL, reviewed INTEGER NOT NULL, reviewed_by TEXT, expires TEXT,
    authors TEXT NOT NULL, added TEXT NOT NULL, origin TEXT NOT NULL);
CREATE TABLE passages(
    number INTEGER PRIMARY KEY, passage_id TEXT UNIQUE NOT NULL, lang TEXT NOT NULL, text TEXT NOT NULL,
    body TEXT NOT NULL, head TEXT NOT NULL, forms INTEGER NOT NULL);
CREATE TABLE places(
    document INTEGER NOT NULL, position INTEGER NOT NULL, passage INTEGER NOT NULL, title TEXT, section TEXT, page TEXT,
    source TEXT, publisher TEXT, flagged INTEGER NOT NULL, PRIMARY KEY(document, position)) WITHOUT ROWID;
CREATE INDEX places_of ON places(passage, document);
CREATE TABLE langs(lang TEXT PRIMARY KEY, passages INTEGER NOT NULL, forms INTEGER NOT NULL);
CREATE TABLE past(path TEXT NOT NULL, sha256 TEXT NOT NULL, version TEXT, added TEXT NOT NULL, ended TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE TABLE answers(
    answer_id TEXT PRIMARY KEY, question TEXT NOT NULL, text TEXT NOT NULL, lang TEXT NOT NULL, basis TEXT NOT NULL,
    licence TEXT NOT NULL, author TEXT NOT NULL, proposed TEXT NOT NULL, expires TEXT NOT NULL);
CREATE TABLE endorsements(answer_id TEXT NOT NULL, name TEXT NOT NULL, plain TEXT NOT NULL, given TEXT NOT NULL,
    PRIMARY KEY(answer_id, plain));
"""
_PASSAGE = """
SELECT p.number, p.passage_id, p.text, p.lang, COALESCE(l.title, d.title), l.section, l.page,
    COALESCE(l.source, d.source), COALESCE(l.publisher, d.publisher), d.licence, d.version, d.reviewed, d.expires,
    d.authors, d.origin, l.flagged, p.body, p.head, p.forms
FROM passages p JOIN places l ON l.passage = p.number JOIN documents d ON d.number = l.document
"""


@dataclass(frozen=True, slots=True)
class Document:
    """One document that was added: the file as it was, and what was said of it."""

    document_id: str
    path: str
    sha256: str
    bytes: int
    title: str
    source: str
    publisher: str | None
    licence: str
    version: str | None
    lang: str
    reviewed: bool
    reviewed_by: str | None
    expires: str | None
    authors: tuple[str, ...]
    added: str
    origin: Origin = "added"
    passages: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A passage with its analysed words (space-joined), as scoring needs them, and how many words it has."""

    passage: Passage
    body: str
    head: str
    forms: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands: the document, and the passage's place in it."""

    document: Document
    section: str | None
    page: str | None


class Record:
    """An open record. Raises RunError when another command is writing to it."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.connection = connection
        self.path = path

    @classmethod
    def create(cls, path: Path | None) -> Record:
        """A new record in a file, or in memory."""
        connection = sqlite3.connect(
            ":memory:" if path is None else path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        record = cls(connection, path)
        if path is not None:
            connection.execute("PRAGMA journal_mode=WAL")
        record.begin()
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        record.set("format", FORMAT)
        record.commit()
        return record

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Record:
        """An existing record. Raises DataError when the file is no record, or one of another format."""
        mode = "rw" if write else "ro"
        for options in (f"mode={mode}", "mode=ro&immutable=1"):
            try:
                connection = sqlite3.connect(
                    f"{path.absolute().as_uri()}?{options}",
                    uri=True,
                    timeout=_WAIT_S,
                    isolation_level=None,
                    check_same_thread=False,
                )
                record = cls(connection, path)
                found = record.get("format")
                break
            except sqlite3.OperationalError as error:
                # A folder that cannot be written has no place for SQLite's side files; read as it lies there.
                if write or "immutable" in options:
                    raise DataError(f"{path}: cannot be opened ({error}).") from None
            except sqlite3.DatabaseError as error:
                raise DataError(f"{path}: this is no record of knowledge ({error}).") from None
        if found != FORMAT:
            raise DataError(
                f"{path}: the record has format {found or 'none'}, this afya reads format {FORMAT}.",
                hint="Add the documents to a new folder with this afya, or use the afya that made it.",
            )
        return record

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def begin(self) -> None:
        """Begin a change; readers see the old state until `commit`."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise RunError(
                f"{self.path}: another command is writing to this knowledge ({error}).",
                hint="Wait until it is done, then run the same command again.",
            ) from None

    def commit(self) -> None:
        """Make the change last. Raises RunError when the disk is full."""
        try:
            self.connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise RunError(
                f"{self.path}: cannot be written ({error}).", hint="Free space, then run it again."
            ) from None

    def rollback(self) -> None:
        """Undo the change, where one is under way."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def get(self, key: str) -> str | None:
        """A setting of the record."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set(self, key: str, value: str) -> None:
        """Change a setting."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def add_document(self, document: Document) -> int:
        """Note a document and give its number."""
        values = (
            document.document_id,
            document.path,
            document.sha256,
            document.bytes,
            document.title,
            document.source,
            document.publisher,
            document.licence,
            document.version,
            document.lang,
            document.reviewed,
            document.reviewed_by,
            document.expires,
            json.dumps(document.authors, ensure_ascii=False),
            document.added,
            document.origin,
        )
        marks = ", ".join("?" * len(values))
        return int(self.connection.execute(f"INSERT INTO documents VALUES (NULL, {marks})", values).lastrowid or 0)

    def add_passage(self, identity: str, lang: str, text: str, body: str, head: str, forms: int) -> tuple[int, bool]:
        """The number of a passage, and whether it is new."""
        row = self.connection.execute("SELECT number FROM passages WHERE passage_id = ?", (identity,)).fetchone()
        if row is not None:
            return int(row[0]), False
        made = self.connection.execute(
            "INSERT INTO passages VALUES (NULL, ?, ?, ?, ?, ?, ?)", (identity, lang, text, body, head, forms)
        )
        self.connection.execute(
            "INSERT INTO langs VALUES (?, 1, ?) ON CONFLICT(lang) DO UPDATE SET "
            "passages = passages + 1, forms = forms + excluded.forms",
            (lang, forms),
        )
        return int(made.lastrowid or 0), True

    def add_place(
        self,
        document: int,
        position: int,
        passage: int,
        title: str | None,
        section: str | None,
        page: str | None,
        source: str | None,
        publisher: str | None,
        flagged: bool,
    ) -> None:
        """Note that a passage stands in a document."""
        self.connection.execute(
            "INSERT INTO places VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (document, position, passage, title, section, page, source, publisher, flagged),
        )

    def remove_document(self, document_id: str, ended: str, reason: str) -> None:
        """Forget a document and the passages that no other document holds; `past` keeps that it was there."""
        run = self.connection.execute
        run(
            "INSERT INTO past SELECT path, sha256, version, added, ?, ? FROM documents WHERE document_id = ?",
            (ended, reason, document_id),
        )
        run("DELETE FROM places WHERE document = (SELECT number FROM documents WHERE document_id = ?)", (document_id,))
        run("DELETE FROM documents WHERE document_id = ?", (document_id,))
        run("DELETE FROM passages WHERE number NOT IN (SELECT passage FROM places)")
        self.count_langs()

    def documents(self) -> list[Document]:
        """Every document, in the order added."""
        counts = dict(self.connection.execute("SELECT document, COUNT(*) FROM places GROUP BY document").fetchall())
        rows = self.connection.execute("SELECT * FROM documents ORDER BY number").fetchall()
        return [replace(_document(row), passages=int(counts.get(row[0], 0))) for row in rows]

    def passages(self, numbers: Sequence[int]) -> dict[int, Kept]:
        """Passages by number, each at its first place that has not been removed; unknown numbers are left out."""
        marks = ", ".join("?" * len(numbers))
        rows = self.connection.execute(
            f"{_PASSAGE} WHERE p.number IN ({marks}) ORDER BY p.number, l.document DESC, l.position DESC",
            tuple(numbers),
        )
        return {int(row[0]): _kept(row) for row in rows}  # the last row of a number is its first place

    def named(self, passage_id: str) -> tuple[Kept, tuple[Place, ...]] | None:
        """A passage by its name (or the beginning of it), with every place it stands in."""
        rows = self.connection.execute(
            f"{_PASSAGE} WHERE p.passage_id LIKE ? ORDER BY p.number, l.document, l.position",
            (passage_id.replace("%", "") + "%",),
        ).fetchall()
        if not rows or len({row[0] for row in rows}) > 1:
            return None
        found = self.connection.execute(
            "SELECT d.*, l.section, l.page FROM places l JOIN documents d ON d.number = l.document "
            "WHERE l.passage = ? ORDER BY l.document, l.position",
            (rows[0][0],),
        )
        return _kept(rows[0]), tuple(Place(_document(row[:17]), row[17], row[18]) for row in found)

    def batches(self) -> Iterator[dict[int, Kept]]:
        """All passages in the order of their numbers, some hundreds at a time, each at its first place."""
        last = 0
        while rows := self.connection.execute(
            "SELECT number FROM passages WHERE number > ? ORDER BY number LIMIT ?", (last, _BATCH)
        ).fetchall():
            yield self.passages([row[0] for row in rows])
            last = int(rows[-1][0])

    def keep_analysis(self, number: int, body: str, head: str, forms: int) -> None:
        """Replace what is kept of a passage's analysis."""
        self.connection.execute(
            "UPDATE passages SET body = ?, head = ?, forms = ? WHERE number = ?", (body, head, forms, number)
        )

    def count_langs(self) -> None:
        """Count the passages and words of each language anew."""
        self.connection.execute("DELETE FROM langs")
        self.connection.execute("INSERT INTO langs SELECT lang, COUNT(*), SUM(forms) FROM passages GROUP BY lang")

    def count(self) -> int:
        """How many passages there are."""
        return int(self.connection.execute("SELECT COUNT(*) FROM passages").fetchone()[0])

    def langs(self) -> dict[str, tuple[int, int]]:
        """For each language how many passages there are, and how many words in all."""
        return {lang: (int(n), int(forms)) for lang, n, forms in self.connection.execute("SELECT * FROM langs")}

    def content_hash(self) -> str:
        """A hash of all that can be found and cited; the order and the day of adding do not matter."""
        told = self.connection.execute(
            "SELECT number, title, source, publisher, licence, version, reviewed, expires, authors FROM documents"
        )
        documents = {row[0]: canonical(row[1:]) for row in told}
        rows = self.connection.execute(
            "SELECT p.passage_id, l.document, l.section, l.page FROM places l JOIN passages p ON p.number = l.passage"
        )
        lines = sorted(f"{row[0]} {documents[row[1]]} {row[2]} {row[3]}" for row in rows)
        return sha256_text("\n".join(lines))


def _document(row: Sequence[object]) -> Document:
    (_, document_id, path, digest, size, title, source, publisher, licence, version, lang) = row[:11]
    (reviewed, reviewed_by, expires, authors, added, origin) = row[11:17]
    return Document(
        str(document_id),
        str(path),
        str(digest),
        int(str(size)),
        str(title),
        str(source),
        _text(publisher),
        str(licence),
        _text(version),
        str(lang),
        bool(reviewed),
        _text(reviewed_by),
        _text(expires),
        tuple(json.loads(str(authors))),
        str(added),
        _origin(origin),
    )


def _kept(row: Sequence[object]) -> Kept:
    (_, identity, text, lang, title, section, page, source, publisher, licence, version) = row[:11]
    (reviewed, expires, authors, origin, flagged, body, head, forms) = row[11:]
    passage = Passage(
        passage_id=str(identity),
        text=str(text),
        lang=str(lang),
        title=str(title),
        section=_text(section),
        page=_text(page),
        source=str(source),
        publisher=_text(publisher),
        licence=str(licence),
        version=_text(version),
        reviewed=bool(reviewed),
        expires=_text(expires),
        authors=tuple(json.loads(str(authors))),
        origin=_origin(origin),
        flagged=bool(flagged),
    )
    return Kept(passage, str(body), str(head), int(str(forms)))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _origin(value: object) -> Origin:
    return "pack" if value == "pack" else "expert" if value == "expert" else "added"
