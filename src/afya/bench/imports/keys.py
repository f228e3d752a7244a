"""A file of questions and right answers beside the files of replies, and how a reply finds its question in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

from afya.bench.imports.entries import Entry, entries_of
from afya.bench.imports.fields import Mapped
from afya.bench.imports.guessing import guess
from afya.bench.imports.sources import Faults, find, head, rows_of
from afya.bench.reading.extract_fold import option_words
from afya.errors import ConfigError, DataError
from afya.models.reply_files import Reading
from afya.sources.source import Malformed

JOINS = ("id", "question", "row")
_HEAD = 200
_FROM_KEY = ("question", "context", "options", "answer")


@dataclass
class Key:
    """The questions of a key, and how replies are joined to them: by id, by the question's text, or row by row."""

    entries: list[Entry]
    mapped: Mapped
    join: str
    faults: Faults
    loose: int = 0
    _places: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for at, entry in enumerate(self.entries):
            self._places.setdefault(self.joined_by(entry), []).append(at)
        if self.join == "id":
            for at, entry in enumerate(self.entries):
                if (short := _loosely(str(entry.native))) not in self._places:
                    self._places[f"\0{short}"] = [at] if f"\0{short}" not in self._places else []

    def joined_by(self, entry: Entry) -> str:
        """What an entry is found by."""
        if self.join == "row":
            return str(entry.row)
        if self.join == "id":
            return str(entry.native)
        return option_words(entry.question or "")

    def complete(self, entry: Entry) -> bool:
        """Give a reply what the key says of its question; False where the key does not have it.

        Raises Malformed where several questions of the key fit.
        """
        name = self.joined_by(entry)
        places = self._places.get(name)
        if places is None and self.join == "id":
            places = self._places.get(f"\0{_loosely(name)}")
            self.loose += bool(places)
        found = [self.entries[at] for at in places or []]
        for field_name in ("lang", "task"):
            told = getattr(entry, field_name)
            if told is not None:
                found = [one for one in found if getattr(one, field_name) in (None, told)]
        if not found:
            return False
        if len(found) > 1 and len({repr((one.answer, one.options)) for one in found}) > 1:
            raise Malformed("ambiguous_key", f"{len(found)} questions of the key are '{name[:40]}'")
        known = found[0]
        own = entry.options
        for field_name in _FROM_KEY:
            if (value := getattr(known, field_name)) is not None and (field_name != "options" or own is None):
                setattr(entry, field_name, value)
        if own is None and known.labels:
            entry.labels = known.labels
        entry.native = known.native if known.native is not None else entry.native or f"row-{known.row}"
        entry.lang = entry.lang or known.lang
        entry.group = entry.group or known.group
        entry.several |= known.several
        return True

    def missing(self, lang: str, task: str) -> Iterator[Entry]:
        """The questions that a model which answers this language and task is expected to have answered."""
        for entry in self.entries:
            if entry.lang in (None, lang) and entry.task in (None, task) and entry.native is not None:
                yield copy(entry)


def _loosely(name: str) -> str:
    """An id without what files write differently: case, blanks, zeros in front, '.0' of a number."""
    return name.strip().lower().removesuffix(".0").lstrip("0") or "0"


def read_key(
    paths: Sequence[Path],
    columns: Mapping[str, str],
    join: str | None,
    reading: Reading,
    where: Mapping[str, str],
    replies: Mapped,
    lang_names: Mapping[str, str],
    from_path: str | None = None,
    ids_in_paths: bool = False,
) -> Key:
    """The key in some files. `replies`: where the files of replies have their fields.

    Raises ConfigError for a join that is not possible, DataError for a key that cannot be read.
    """
    if join is not None and join not in JOINS:
        raise ConfigError(f"--join {join}: not known.", hint=f"Known: {', '.join(JOINS)}.")
    files, _ = find(paths, from_path)
    faults = Faults()
    entries: list[Entry] = []
    mapped = Mapped({})
    for file in files:
        _, rows = head(file, reading, where, _HEAD)
        mapped = guess(rows, columns, key=True, elsewhere=file.told)
        if "answer" not in mapped.columns:
            names = ", ".join(list(rows[0])[:12]) if rows else "nothing"
            raise DataError(
                f"{file.path}: no column of the key is known to hold the right answers; it has {names}.",
                hint="Name it: --key-column answer=COLUMN (and id=COLUMN).",
            )
        _, placed = rows_of(file, reading, where, lambda place, what: faults.add("unreadable", f"{place}: {what}"))
        for at, (place, row) in enumerate(placed, start=1):
            try:
                found = list(entries_of(f"{file.name}, {place}", at, row, mapped.columns, file.told, lang_names))
            except Malformed as fault:
                faults.add(fault.reason, f"{file.name}, {place}: {fault.detail}")
                continue
            entries += found
    used = join
    if used is None:
        has = [
            name
            for name in ("id", "question")
            if name in mapped.columns and (name in replies.columns or (name == "id" and ids_in_paths))
        ]
        if not has:
            raise ConfigError(
                "The replies and the key have neither ids nor questions in common columns.",
                hint="Name them (--column id=..., --key-column id=...), or say that the order is the same: --join row",
            )
        used = has[0]
    if used == "row":
        entries = [entry for entry in entries if entry.answer is not None or entry.question is not None]
    elif used == "id":
        entries = [entry for entry in entries if entry.native is not None]
    return Key(entries, mapped, used, faults)
