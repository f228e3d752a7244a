"""A knowledge folder: the record and its index, changed together or not at all.

A change is one transaction of the record. Passages added go to the index, whose commit comes right before the record's:
a command that is killed earlier leaves nothing, one killed between the two leaves an index that holds more than the
record, which the next change notices and mends. What removes passages makes the index anew, so that no trace of what
was there weighs on the ranking.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from afya.assistant.knowledge import analysis, index
from afya.assistant.knowledge.passages import passage_id
from afya.assistant.knowledge.record import FILE, Document, Record
from afya.errors import DataError, RunError
from afya.runs import make_folder

if TYPE_CHECKING:
    import tantivy

_INDEX = "index-"


class Store:
    """An open knowledge folder, or one in memory."""

    def __init__(self, folder: Path | None, record: Record, found: tantivy.Index) -> None:
        self.folder = folder
        self.record = record
        self.index = found
        self._writer: index.Writer | None = None
        self._anew = False

    @classmethod
    def memory(cls) -> Store:
        """An empty store that lives as long as the program."""
        return cls(None, Record.create(None), index.create(None))

    @classmethod
    def open(cls, folder: Path, *, write: bool = False) -> Store:
        """A knowledge folder.

        Raises:
            DataError: it is none, its index was made by another version, or is damaged.
        """
        if not (folder / FILE).is_file():
            raise DataError(
                f"{folder}: no knowledge folder (it has no {FILE}).",
                hint=f"Make one: afya knowledge add FILE... --to {folder}",
            )
        record = Record.open(folder / FILE, write=write)
        made = record.get("made_by")
        if made != made_by():
            record.close()
            raise DataError(
                f"{folder}: the index was made by another version ({made or 'none'}; this is {made_by()}).",
                hint=f"Make it again from the documents kept: afya knowledge rebuild {folder}",
            )
        return cls(folder, record, index.open_index(folder / (record.get("index") or "index")))

    @classmethod
    def open_or_create(cls, folder: Path) -> Store:
        """A knowledge folder to add to; made where there is none. Raises RunError where other files are."""
        if (folder / FILE).is_file():
            return cls.open(folder, write=True)
        if folder.exists() and (not folder.is_dir() or any(not _own(child.name) for child in folder.iterdir())):
            raise RunError(f"{folder} is not empty and holds no knowledge.", hint="Choose a new or empty folder.")
        make_folder(folder)
        _sweep(folder, keep=None)
        found = index.create(folder / f"{_INDEX}1")
        # The record comes last: without it this is no knowledge folder, and all is made again.
        building = folder / f".{FILE}.tmp"
        building.unlink(missing_ok=True)
        record = Record.create(building)
        record.begin()
        record.set("index", f"{_INDEX}1")
        record.set("made_by", made_by())
        record.commit()
        record.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        record.close()
        building.replace(folder / FILE)
        return cls(folder, Record.open(folder / FILE, write=True), found)

    def close(self) -> None:
        """Close the record."""
        self.record.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A change: all of what is done in the block, or nothing of it."""
        self.record.begin()
        self._anew = self.index.searcher().num_docs != self.record.count()
        try:
            yield
            if self._anew:
                if self._writer is not None:
                    self._writer.rollback()
                    self._writer = None
                self._index_anew()
            elif self._writer is not None:
                self._writer.commit()
            self.record.set("content", self.record.content_hash())
            self.record.commit()
        except BaseException:
            if self._writer is not None:
                self._writer.rollback()
            self.record.rollback()
            raise
        finally:
            self._writer = None
        self.index.reload()
        if self.folder is not None:
            _sweep(self.folder, keep=self.record.get("index"))

    def add(
        self,
        document: int,
        position: int,
        text: str,
        lang: str,
        title: str,
        *,
        own_title: str | None = None,
        section: str | None = None,
        page: str | None = None,
        source: str | None = None,
        publisher: str | None = None,
        flagged: bool = False,
    ) -> bool:
        """Add a passage at its place in a document, within `changing`. Whether its words are new."""
        reader = analysis.analyser(lang)
        body, head = reader.read(text), reader.read(f"{title}\n{section or ''}")
        number, new = self.record.add_passage(
            passage_id(text, lang), lang, text, " ".join(body.forms), " ".join(head.forms), len(body.forms)
        )
        self.record.add_place(document, position, number, own_title, section, page, source, publisher, flagged)
        if new and not self._anew:
            if self._writer is None:
                self._writer = index.Writer(self.index, small=self.folder is None)
            self._writer.add(number, lang, body, head)
        return new

    def remove(self, document: Document, ended: str, reason: str) -> None:
        """Remove a document, within `changing`; the index is made anew at the end of the change."""
        self.record.remove_document(document.document_id, ended, reason)
        self._anew = True

    def _index_anew(self) -> None:
        if self.folder is None:
            self.index = index.create(None)
            fill(self.index, self.record)
        else:
            self.index = index.open_index(self.folder / _index_in(self.folder, self.record))


def fill(made: tantivy.Index, record: Record) -> None:
    """Index every passage of a record, in the order added, within a change of the record.

    What the record keeps of their analysis is made again: the headings above a passage may be another document's now.
    """
    writer = index.Writer(made)
    for batch in record.batches():
        for number, kept in batch.items():
            reader = analysis.analyser(kept.passage.lang)
            body = reader.read(kept.passage.text)
            head = reader.read(f"{kept.passage.title}\n{kept.passage.section or ''}")
            record.keep_analysis(number, " ".join(body.forms), " ".join(head.forms), len(body.forms))
            writer.add(number, kept.passage.lang, body, head)
    record.count_langs()
    writer.commit()


def rebuild(folder: Path) -> int:
    """Make a folder's index anew with this version, from the passages kept. Returns how many there are."""
    if not (folder / FILE).is_file():
        raise DataError(f"{folder}: no knowledge folder (it has no {FILE}).")
    record = Record.open(folder / FILE, write=True)
    try:
        record.begin()
        name = _index_in(folder, record)
        record.set("made_by", made_by())
        record.commit()
        _sweep(folder, keep=name)
        return record.count()
    finally:
        record.rollback()
        record.close()


def _index_in(folder: Path, record: Record) -> str:
    """Make a new index beside the one in use, and note it as the one to use. Returns its name."""
    used = record.get("index") or f"{_INDEX}0"
    name = f"{_INDEX}{int(used.removeprefix(_INDEX)) + 1}"
    shutil.rmtree(folder / name, ignore_errors=True)
    fill(index.create(folder / name), record)
    record.set("index", name)
    return name


def made_by() -> str:
    """The versions an index depends on; one made by others is refused."""
    return f"{index.version()}, analysis {analysis.fingerprint()}"


def _own(name: str) -> bool:
    return name.startswith((_INDEX, f".{FILE}"))


def _sweep(folder: Path, *, keep: str | None) -> None:
    """Remove indexes that nothing refers to any more. Who has one open goes on reading it."""
    for child in folder.glob(f"{_INDEX}*"):
        if child.name != keep:
            shutil.rmtree(child, ignore_errors=True)
