"""The packs' own passages (kb/*.md) as knowledge that needs no adding.

They are indexed when they are first asked for, into the user's cache folder ($AFYA_CACHE/knowledge), named by the hash
of the files and of the versions the index depends on; where that folder cannot be written, in memory. Deleting it costs
time and nothing else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from afya.assistant.knowledge.adding import Added, add_blocks, with_identity
from afya.assistant.knowledge.chunks import Block
from afya.assistant.knowledge.markdown import plain_markdown
from afya.assistant.knowledge.passages import Passage
from afya.assistant.knowledge.reading import Reading
from afya.assistant.knowledge.record import Document
from afya.assistant.knowledge.store import Store, made_by
from afya.errors import DataError, RunError
from afya.packs.pack import Pack
from afya.packs.passages import read_passage
from afya.runs import canonical, sha256_path, sha256_text

FOLDER = "kb"


def pack_files(packs: Sequence[Pack]) -> list[tuple[Pack, Path]]:
    """The passages' files of the packs, each once, in order."""
    found: dict[Path, Pack] = {}
    for pack in packs:
        for path in pack.kb:
            found.setdefault(path, pack)
    return [(pack, path) for path, pack in found.items()]


def cache_folder() -> Path:
    """Where the packs' passages are indexed: $AFYA_CACHE/knowledge, else afya/knowledge in the user's cache (XDG)."""
    told = os.environ.get("AFYA_CACHE")
    if told:
        return Path(told).expanduser() / "knowledge"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "afya" / "knowledge"


def pack_store(files: Sequence[tuple[Pack, Path]]) -> Store:
    """A store with these files, kept from an earlier time or made. Raises ConfigError naming the file that is wrong."""
    told = [f"{pack.lang}/{path.name} {sha256_path(path)}" for pack, path in files]
    kept = cache_folder() / sha256_text(canonical([made_by(), told]))[:24]
    try:
        return Store.open(kept)
    except DataError:
        pass  # absent, or damaged: made again
    building = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(building, ignore_errors=True)
        store = Store.open_or_create(building)
        _fill(store, files)
        store.close()
        shutil.rmtree(kept, ignore_errors=True)
        building.rename(kept)
        return Store.open(kept)
    except (OSError, RunError, DataError):
        # No place to write, or another process was quicker and is at it.
        store = Store.memory()
        _fill(store, files)
        return store
    finally:
        shutil.rmtree(building, ignore_errors=True)


def counterparts(files: Sequence[tuple[Pack, Path]], store: Store) -> dict[tuple[str, str], Passage]:
    """For (passage_id of one language, another language): the passage that says the same there.

    Packs name the files of kb/ alike and keep their sections in one order: the same section of the same file, where
    both files have equally many.
    """
    kept: dict[tuple[str, str, str | None], list[Passage]] = {}
    for batch in store.record.batches():
        for passage in (one.passage for one in batch.values()):
            kept.setdefault((passage.lang, passage.title, passage.section), []).append(passage)
    named: dict[str, dict[str, list[list[Passage]]]] = {}
    for pack, path in files:
        told, lang = read_passage(path), pack.lang.partition("-")[0]
        sections = [kept.get((lang, told.header.title, part.heading or None), []) for part in told.sections]
        named.setdefault(path.name, {})[lang] = sections
    found: dict[tuple[str, str], Passage] = {}
    for by_lang in named.values():
        for lang, sections in by_lang.items():
            for other, others in by_lang.items():
                if other != lang and len(others) == len(sections):
                    for mine, theirs in zip(sections, others, strict=True):
                        found |= {
                            (passage.passage_id, other): theirs[min(place, len(theirs) - 1)]
                            for place, passage in enumerate(mine)
                            if theirs
                        }
    return found


def _fill(store: Store, files: Sequence[tuple[Pack, Path]]) -> None:
    with store.changing():
        for pack, path in files:
            told = read_passage(path)
            header = told.header
            document = Document(
                document_id="",
                path=f"pack:{pack.lang}/{FOLDER}/{path.name}",
                sha256=sha256_path(path),
                bytes=path.stat().st_size,
                title=header.title,
                source=header.source,
                publisher=None,
                licence=header.licence,
                version=None,
                lang=pack.lang.partition("-")[0],
                reviewed=header.reviewed,
                reviewed_by=", ".join(header.reviewers) or None,
                expires=None,
                authors=(),
                added=date.min.isoformat(),
                origin="pack",
            )
            blocks = (
                Block(plain_markdown(part), (section.heading,) if section.heading else (), header.page)
                for section in told.sections
                for part in section.text.split("\n\n")
            )
            add_blocks(store, with_identity(document), Reading(blocks), Added(path, "added"))
