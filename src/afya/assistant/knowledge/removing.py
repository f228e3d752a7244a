"""Documents taken out of a knowledge folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from afya.assistant.knowledge.record import Document
from afya.assistant.knowledge.store import Store
from afya.errors import DataError


def remove(folder: Path, names: Sequence[str], *, today: date | None = None) -> list[Document]:
    """Remove documents by id or file, all of them or none. Raises DataError naming the ones that are not there."""
    store = Store.open(folder, write=True)
    try:
        known = store.record.documents()
        chosen = [
            next((one for one in known if name in (one.document_id, one.path) or _same(name, one.path)), None)
            for name in names
        ]
        absent = [name for name, found in zip(names, chosen, strict=True) if found is None]
        if absent:
            raise DataError(f"{folder} holds no document {', '.join(absent)}.", hint="afya knowledge list shows them.")
        gone = list(dict.fromkeys(one for one in chosen if one is not None))
        with store.changing():
            for document in gone:
                store.remove(document, (today or date.today()).isoformat(), "removed")
        return gone
    finally:
        store.close()


def _same(name: str, path: str) -> bool:
    return not path.startswith("expert:") and str(Path(name).resolve()) == path
