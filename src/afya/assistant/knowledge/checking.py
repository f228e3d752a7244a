"""What a knowledge folder's keeper should see to: changed files, expired passages, hidden instructions, reviews."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from afya.assistant.knowledge.experts import answers
from afya.assistant.knowledge.record import Document
from afya.assistant.knowledge.store import Store
from afya.runs import sha256_path

# Words people write where they do not know the licence.
_NO_LICENCE = frozenset({"unknown", "none", "?", "n/a", "tbd"})


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to see to. `level`: error (it is not used, or should not be) or warning."""

    level: str
    code: str
    where: str
    detail: str


def check(folder: Path, *, today: date | None = None) -> list[Note]:
    """Everything to see to in a folder. Raises DataError when it is none or its index is of another version."""
    now = today or date.today()
    store = Store.open(folder)
    try:
        notes = [note for document in store.record.documents() for note in _document(document, now)]
        indexed, kept = store.index.searcher().num_docs, store.record.count()
        if indexed != kept:
            notes.append(
                Note("error", "index", str(folder), f"{indexed} passages are indexed, {kept} kept: rebuild the index")
            )
        flagged = store.record.connection.execute(
            "SELECT p.passage_id, d.path FROM places l JOIN passages p ON p.number = l.passage "
            "JOIN documents d ON d.number = l.document WHERE l.flagged ORDER BY l.document, l.position"
        )
        notes += [
            Note("warning", "instructions", path, f"passage {identity} speaks to a language model")
            for identity, path in flagged
        ]
    finally:
        store.close()
    for answer in answers(folder):
        if answer.state(now) == "waiting":
            notes.append(
                Note("warning", "waiting", f"expert:{answer.answer_id}", f"{len(answer.endorsed)} endorsements so far")
            )
        elif answer.state(now) == "expired" and not any(note.where == f"expert:{answer.answer_id}" for note in notes):
            notes.append(Note("error", "expired", f"expert:{answer.answer_id}", f"since {answer.expires}"))
    return notes


def _document(document: Document, now: date) -> Iterator[Note]:
    if document.origin == "added":
        path = Path(document.path)
        if not path.is_file():
            yield Note("warning", "gone", document.path, "the file is not there any more")
        elif path.stat().st_size != document.bytes or sha256_path(path) != document.sha256:
            yield Note("error", "changed", document.path, f"changed since {document.added}: add it again")
    if document.expires is not None and document.expires <= now.isoformat():
        yield Note("error", "expired", document.path, f"since {document.expires}: its passages are not used")
    if document.licence.strip().casefold() in _NO_LICENCE:
        yield Note("error", "licence", document.path, f"the licence is '{document.licence}'")
    if not document.reviewed:
        yield Note("warning", "unreviewed", document.path, "nobody is named who reviewed it")
