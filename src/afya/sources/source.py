"""What a source is, and the reading of one: its files, its place in them, and how a row is refused.

A reader is a generator. For every native entry (and language) it yields exactly one outcome: an `Item`, or a
`Rejection` that says where the entry stands and what is wrong with it. Readers never raise for a bad row; they raise
`DataError` only when a whole file is not what its format promises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

from afya.errors import ConfigError, DataError
from afya.items import Item, Origin, Split, Task, Turn, item_ids
from afya.runs import Rejection

STAGE = "import"
"""The ledger's name for the step from native files to Items."""

Outcome = Item | Rejection
Columns = Mapping[str, str | tuple[str, ...]]
"""Which of a file's columns hold an Item's fields; what may stand in it is told in `afya.sources.records`."""

Row = TypeVar("Row")

_SPLIT_WORDS: dict[str, Split] = {
    "train": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


@dataclass(frozen=True)
class Source:
    """A public dataset and its reader.

    `licence` is an SPDX identifier, or 'unknown'. `patterns` are the names of the files it reads, tried in every
    folder below the one given; `reads` says the same to a person. `read` yields the outcomes.
    """

    name: str
    title: str
    licence: str
    url: str
    citation: str
    languages: tuple[str, ...]
    tasks: tuple[Task, ...]
    reads: str
    patterns: tuple[str, ...]
    read: Callable[[Reading], Iterator[Outcome]]
    mapped: bool = False
    """Whether its files have no layout of their own, so that `columns` must say what is where."""


class Malformed(Exception):
    """A row that is not what its format promises. `reason` is a stable name, `detail` says what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Reading:
    """One import under way: which files, which languages, and where the reader stands.

    Args:
        source: the dataset.
        path: a file, or a folder to look for the source's files in.
        langs: language codes that are wanted; None means all.
        split: puts every item into this split, whatever the files say.
        columns: for a source that is `mapped`, which column holds what.

    Raises:
        ConfigError: columns were given for a source whose layout is known.
        DataError: the path does not exist or holds none of the source's files.
    """

    def __init__(
        self,
        source: Source,
        path: Path,
        langs: Collection[str] | None = None,
        split: Split | None = None,
        columns: Columns | None = None,
    ) -> None:
        if columns and not source.mapped:
            raise ConfigError(
                f"'{source.name}' takes no columns: its layout is known.",
                hint="Leave 'columns' out, or read the files with the source 'records'.",
            )
        self.source = source
        self.path = path
        self.files = _find(source, path)
        for name in map(str, self.files):
            # Names become ids and lines of the ledger; undecodable bytes in one could not be written there.
            if name.encode("utf-8", "replace").decode() != name:
                raise DataError(f"{name!a}: the name is not UTF-8.", hint="Rename the file or folder.")
        self.bytes_total = sum(file.stat().st_size for file in self.files)
        self.bytes_done = 0
        self.file = self.files[0]
        self.line = 0
        self.unit = "line"
        self.columns: Columns = columns or {}
        self._langs = None if langs is None else frozenset(langs)
        self._split = split

    def matching(self, pattern: str) -> list[Path]:
        """The source's files whose name fits `pattern`."""
        return [file for file in self.files if fnmatch(file.name, pattern)]

    def wants(self, lang: str) -> bool:
        """Whether items in this language were asked for."""
        return self._langs is None or lang in self._langs

    def split(self, native: Split) -> Split:
        """The split to write: the one asked for, else the dataset's own."""
        return self._split or native

    def split_of(self, file: Path) -> Split:
        """The split to write for a file, by the words of its name, then of its folder's.

        A file that names none is taken for a test set: what may be a benchmark is never trained on by accident.
        """
        words = [*re.split(r"[^a-z]+", file.stem.lower()), *re.split(r"[^a-z]+", file.parent.name.lower())]
        return self.split(next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), "test"))

    def stand(self, file: Path, line: int = 0, unit: str = "line") -> None:
        """Record where the reader stands: the file, and the line or entry (from 1) in it."""
        self.file, self.line, self.unit = file, line, unit

    def place(self) -> str:
        """Where the reader stands, for a person: 'dev.jsonl:12' or 'dev.json entry 12'."""
        name = self.name_of(self.file)
        return f"{name}:{self.line}" if self.unit == "line" else f"{name} {self.unit} {self.line}"

    def name_of(self, file: Path) -> str:
        """A file's name relative to the folder that was given."""
        return file.relative_to(self.path).as_posix() if file != self.path else file.name

    def reject(self, fault: Malformed, item_id: str | None = None) -> Rejection:
        """The refusal of the entry at which the reader stands."""
        place = self.place()
        name = item_id or f"{self.source.name}:{place}"
        return Rejection(STAGE, name, fault.reason, f"{place}: {fault.detail}")

    def item(
        self,
        native_id: str,
        lang: str,
        *,
        task: Task,
        split: Split,
        question: str,
        origin: Origin = "native",
        context: str | None = None,
        options: tuple[str, ...] | None = None,
        answer: tuple[int, ...] | None = None,
        answer_text: str | None = None,
        rationale: str | None = None,
        turns: tuple[Turn, ...] | None = None,
        translator: str | None = None,
        translated_from: str | None = None,
        licence: str | None = None,
        variant: str | None = None,
        extra: str | None = None,
    ) -> Item:
        """An Item of this source. `variant` is appended to the source's name, so that its ids cannot clash."""
        name = f"{self.source.name}-{variant}" if variant else self.source.name
        item_id, group_id = item_ids(name, native_id, lang)
        return Item(
            item_id=item_id,
            group_id=group_id,
            lang=lang,
            task=task,
            split=split,
            question=question,
            source=name,
            licence=licence or self.source.licence,
            origin=origin,
            context=context,
            options=options,
            answer=answer,
            answer_text=answer_text,
            rationale=rationale,
            turns=turns,
            translator=translator,
            translated_from=translated_from,
            extra=extra,
        )


def outcomes(reading: Reading, rows: Iterable[Row | Malformed], make: Callable[[Row], Item]) -> Iterator[Outcome]:
    """One outcome a row: the item that `make` builds, or the refusal of a row that is malformed."""
    for row in rows:
        try:
            if isinstance(row, Malformed):
                raise row
            yield make(row)
        except Malformed as fault:
            yield reading.reject(fault)


def extra(**values: object) -> str | None:
    """The values that are known as the JSON object of an item's `extra`; None when none is."""
    known = {key: value for key, value in values.items() if value is not None}
    return _ENCODER.encode(known) if known else None


def _find(source: Source, path: Path) -> list[Path]:
    expected = f"{source.title} is read from {source.reads}."
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder.", hint=expected)
    found = {file for pattern in source.patterns for file in path.rglob(pattern) if file.is_file()}
    if not found:
        raise DataError(f"{path}: none of the files of '{source.name}' is here.", hint=expected)
    return sorted(found, key=lambda file: file.relative_to(path).as_posix())
