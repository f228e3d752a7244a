"""Documents added to a knowledge folder: read, cut, looked through for hidden instructions, kept with where from.

One call is one change: all of its documents, or none. Text streams from file to record; the index writer holds 64 MB at
most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from afya.assistant.knowledge.chunks import SECTION_JOINT, Cutting, cut
from afya.assistant.knowledge.readers import KINDS, read
from afya.assistant.knowledge.reading import Reading
from afya.assistant.knowledge.record import Document
from afya.assistant.knowledge.store import Store
from afya.errors import ConfigError, DataError
from afya.languages import language
from afya.runs import sha256_path, sha256_text


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says of the documents; it goes before what the files say of themselves."""

    lang: str | None = None
    title: str | None = None
    publisher: str | None = None
    licence: str | None = None
    version: str | None = None
    reviewed_by: str | None = None
    expires: str | None = None
    encoding: str | None = None


@dataclass
class Added:
    """What became of one file. `state`: added, replaced (an earlier version of it was there), or unchanged."""

    path: Path
    state: str
    passages: int = 0
    repeated: int = 0
    flagged: int = 0
    left_out: Cutting = field(default_factory=Cutting)


@dataclass
class Report:
    """What an addition did, file by file, and the files that it did not read."""

    files: list[Added] = field(default_factory=list)
    not_read: list[Path] = field(default_factory=list)


def add(folder: Path, sources: Sequence[Path], given: Given, *, today: date | None = None) -> Report:
    """Add files, or folders of them, to a knowledge folder, which is made where there is none.

    Raises:
        ConfigError: no licence or language is known for a file, or a date is none.
        DataError: a file cannot be read; nothing is added then.
        RunError: the folder holds something else, is in use, or cannot be written.
    """
    _check(given)
    report = Report()
    paths = _files(sources, report)
    if not paths:
        raise DataError("There is no file to add.", hint=f"Read are files ending in: {', '.join(KINDS)}.")
    # The first look at every file comes before anything is written: a licence that is missing is told at once.
    for path in paths:
        _document(path, read(path, given.encoding), given, today)
    store = Store.open_or_create(folder)
    try:
        there = {document.path: document for document in store.record.documents()}
        with store.changing():
            for path in paths:
                reading = read(path, given.encoding)
                document = _document(path, reading, given, today)
                report.files.append(_add_one(store, document, reading, there.get(document.path), path))
    finally:
        store.close()
    return report


def add_blocks(store: Store, document: Document, reading: Reading, done: Added) -> None:
    """Add a document's blocks to an open store, within a change of it."""
    number = store.record.add_document(document)
    flags = flagging()
    for position, chunk in enumerate(cut(reading.blocks, document.lang, done.left_out)):
        block = chunk.block
        flagged = bool(flags(chunk.text))
        new = store.add(
            number,
            position,
            chunk.text,
            block.lang or document.lang,
            block.title or document.title,
            own_title=block.title,
            section=SECTION_JOINT.join(" ".join(part.split()) for part in block.section) or None,
            page=chunk.page,
            source=block.source,
            publisher=block.publisher,
            flagged=flagged,
        )
        done.passages += 1
        done.repeated += not new
        done.flagged += flagged


def flagging() -> Callable[[str], Sequence[str]]:
    """What finds pieces of a text that speak to a language model; nothing is found where the check is not installed."""
    name = "afya.assistant.understanding.injection"
    if find_spec("afya.assistant.understanding") is None or find_spec(name) is None:
        return lambda text: ()
    found: Callable[[str], Sequence[str]] = import_module(name).instructions
    return found


def _add_one(store: Store, document: Document, reading: Reading, earlier: Document | None, path: Path) -> Added:
    if earlier is not None and earlier.document_id == document.document_id:
        return Added(path, "unchanged", earlier.passages)
    done = Added(path, "added")
    if earlier is not None:
        done.state = "replaced"
        store.remove(earlier, document.added, "replaced")
    add_blocks(store, document, reading, done)
    if not done.passages:
        raise DataError(
            f"{path}: there is no text to keep.",
            hint=f"{done.left_out.too_long} pieces were longer than a passage may be."
            if done.left_out.too_long
            else None,
        )
    return done


def _document(path: Path, reading: Reading, given: Given, today: date | None) -> Document:
    licence = given.licence or reading.licence
    if not licence:
        raise ConfigError(
            f"{path}: its licence is not known, and without one nobody may be shown its text.",
            hint="Look it up and give it: --licence CC-BY-4.0 (or: public domain, own work, by permission of ...).",
        )
    lang = given.lang or reading.lang
    if not lang:
        raise ConfigError(f"{path}: its language is not known.", hint="Give it: --lang sw")
    place = str(path.resolve())
    digest = sha256_path(path)
    title = given.title or reading.title or path.stem.replace("_", " ").replace("-", " ")
    told = Document(
        document_id="",
        path=place,
        sha256=digest,
        bytes=path.stat().st_size,
        title=" ".join(title.split()),
        source=reading.source or path.name,
        publisher=given.publisher or reading.publisher,
        licence=licence,
        version=given.version or reading.version,
        lang=language(lang).code,
        reviewed=given.reviewed_by is not None,
        reviewed_by=given.reviewed_by,
        expires=given.expires,
        authors=reading.authors,
        added=(today or date.today()).isoformat(),
    )
    return with_identity(told)


def with_identity(document: Document) -> Document:
    """The document with its name: the same file under the same description is the same document."""
    from dataclasses import fields, replace

    told = [getattr(document, one.name) for one in fields(document) if one.name not in ("document_id", "added")]
    return replace(document, document_id=sha256_text(repr(told))[:12])


def _check(given: Given) -> None:
    if given.lang is not None:
        language(given.lang)
    if given.expires is not None:
        day(given.expires)
    for name, value in (("--licence", given.licence), ("--reviewed-by", given.reviewed_by), ("--title", given.title)):
        if value is not None and not value.strip():
            raise ConfigError(f"{name} is empty.", hint="Give it a value, or leave it out.")


def day(text: str) -> date:
    """A day written as 2027-01-31. Raises ConfigError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"'{text}' is no date.", hint="Write it as 2027-01-31.") from None


def _files(sources: Iterable[Path], report: Report) -> list[Path]:
    found: dict[Path, None] = {}
    for source in sources:
        if source.is_dir():
            for path in sorted(child for child in source.rglob("*") if child.is_file()):
                if path.suffix.lower() in KINDS and not path.name.startswith((".", "~$")):
                    found[path] = None
                else:
                    report.not_read.append(path)
        elif source.is_file():
            found[source] = None
        else:
            raise DataError(f"{source}: no such file or folder.")
    return list(found)
