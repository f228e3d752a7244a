"""One pass over the files of an import: rows become entries, entries find their items, and both are put on the disk.

Nothing but ids is held: an import of a million rows needs no more memory than the largest JSON file that must be read
whole. What can only be known at the end (where numbers count from, how many options there are) is gathered on the way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.imports.entries import Entry, entries_of
from afya.bench.imports.fields import Mapped
from afya.bench.imports.frames import frame_of
from afya.bench.imports.keys import Key
from afya.bench.imports.seen import Read
from afya.bench.imports.sources import File, rows_of
from afya.bench.imports.values import packed
from afya.errors import DataError
from afya.items import item_ids
from afya.languages import registry
from afya.models.reply_files import Reading
from afya.runs import canonical, sha256_text, write_frame
from afya.sources.source import Malformed

if TYPE_CHECKING:
    import polars as pl

_HELD = 20_000


@cache
def entry_schema() -> dict[str, pl.DataType]:
    """Columns of the parts that a reading leaves: one row for each reply."""
    import polars as pl

    text, words = pl.String(), pl.List(pl.String())
    return {
        **dict.fromkeys(("model", "setting", "item_id", "lang", "task", "place", "prompt"), text),
        "options": words,
        "labels": words,
        "answer": text,
        "reply": text,
        "prediction": text,
        "correct": text,
        "logprobs": pl.List(pl.Float64()),
        "finish_reason": text,
        "error": text,
        "several": pl.Boolean(),
    }


@cache
def item_schema() -> dict[str, pl.DataType]:
    """Columns of the items that a reading leaves: one row for each item, `answer` as written."""
    import polars as pl

    text, words = pl.String(), pl.List(pl.String())
    names = ("item_id", "group_id", "lang", "task", "native", "question", "context", "answer")
    return {**dict.fromkeys(names, text), "options": words, "labels": words}


@dataclass
class _Known:
    """What is remembered of an item: hashes of its options and answer, and whether something is still missing."""

    options: int | None
    order: int | None
    answer: int | None
    lacks: bool


class Reader:
    """The state of one reading. `folder` takes the parts."""

    def __init__(
        self,
        folder: Path,
        source: str,
        mapped: Mapping[str, Mapped],
        told: Mapping[str, str],
        lang_names: Mapping[str, str],
        key: Key | None,
        repeats: str | None,
        setting: str | None,
    ) -> None:
        self.read = Read()
        self._folder, self._source, self._mapped, self._told = folder, source, mapped, told
        self._lang_names, self._key, self._repeats, self._setting = lang_names, key, repeats, setting
        self._known: dict[str, _Known] = {}
        self._times: Counter[int] = Counter()
        self._same: Counter[int] = Counter()
        self._held: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
        self._waiting = 0
        self._new_items: list[tuple[Any, ...]] = []
        self._answered: dict[tuple[str, str], dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))

    def run(self, files: Sequence[File], reading: Reading, where: Mapping[str, str]) -> Read:
        """Read all files. Raises DataError when an id stands for different questions, or nothing could be read."""
        for number, file in enumerate(files):
            tool, rows = rows_of(file, reading, where, self._unreadable)
            if tool:
                self.read.tools.add(tool)
            self._file(number, file, rows)
        self._flush(everything=True)
        if self.read.unknown_lang:
            names = ", ".join(f"{name} ({count})" for name, count in self.read.unknown_lang.most_common(8))
            raise DataError(
                f"No language of the registry is called {names}.",
                hint="Say what it is: --lang-name THEIRS=CODE (zh-tw=zh), or leave such rows out with --where.",
            )
        if not self.read.entries:
            told = "; ".join(
                f"{reason} {count} ({self.read.faults.examples[reason][0]})"
                for reason, count in self.read.faults.counts.items()
            )
            raise DataError(
                f"No reply could be read from {len(files)} file(s){': ' + told if told else ''}.",
                hint="Look at the rows with --dry-run, and name the columns with --column FIELD=COLUMN.",
            )
        self._find_missing()
        return self.read

    def _file(self, number: int, file: File, rows: Iterator[tuple[str, Mapping[str, Any]]]) -> None:
        mapped = self._mapped[file.name]
        told = {**self._told, **file.told}
        at = 0
        for at, (where, row) in enumerate(rows, start=1):
            place = f"{file.name}, {where}"
            self.read.rows["read"] += 1
            try:
                found = list(entries_of(place, at, row, mapped.columns, told, self._lang_names))
                if not found:
                    self._reject(place, "no_reply", "no column fits")
            except Malformed as fault:
                self._reject(place, fault.reason, fault.detail)
                continue
            for entry in found:
                try:
                    self._entry(entry, file)
                except Malformed as fault:
                    self._reject(place, fault.reason, fault.detail)
        if self._key is not None and self._key.join == "row" and at != len(self._key.entries):
            raise DataError(
                f"{file.name} has {at} rows, the key {len(self._key.entries)}: they cannot be joined row by row.",
                hint="Join them by --join id or --join question.",
            )

    def _unreadable(self, place: str, what: str) -> None:
        self.read.rows["read"] += 1
        self._reject(place, "unreadable", what)

    def _reject(self, place: str, reason: str, detail: str) -> None:
        self.read.rejected.append((place, reason, detail))
        self.read.faults.add(reason, f"{place}: {detail}" if detail else place)

    # Items ------------------------------------------------------------------------------------------------------------

    def _entry(self, entry: Entry, file: File) -> None:
        if entry.native is None and file.told.get("id"):
            entry.native = file.told["id"]
        if self._key is not None and not self._key.complete(entry):
            self._reject(entry.place, "unknown_id", f"the key has no '{self._key.joined_by(entry)}'")
            return
        if entry.lang is None:
            entry.lang = self.read.supposed_language(entry)
        elif entry.lang not in registry():
            self.read.unknown_lang[entry.lang.removeprefix("?")] += 1
            self._reject(entry.place, "unknown_language", entry.lang.removeprefix("?"))
            return
        if not any(
            value is not None for value in (entry.reply, entry.prediction, entry.correct, entry.logprobs, entry.error)
        ):
            self.read.has["nothing"] += 1
        model = entry.model or self._told.get("model") or file.model
        setting = self._setting or ("letter" if entry.logprobs is not None else "generate")
        native, group = self._native(entry, model)
        task = entry.task or "mcq"
        scope = f"{entry.task}/{native}" if entry.task else native
        item_id, group_id = item_ids(self._source, scope, entry.lang)
        if group is not None:
            group_id = item_ids(self._source, f"{entry.task}/{group}" if entry.task else group, entry.lang)[1]
        self._item(entry, item_id, group_id, native, task)
        counted = self._repeat(entry, model, setting, item_id, group_id, native, task)
        if counted is None:
            return
        self.read.note(entry)
        self._answered[model, setting][entry.lang, task].add(counted)
        self.read.entries += 1
        self._held[model, setting].append(
            (
                *(model, setting, counted, entry.lang, task, entry.place, entry.prompt),
                None if entry.options is None else list(entry.options),
                list(entry.labels),
                packed(entry.answer),
                entry.reply,
                packed(entry.prediction),
                packed(entry.correct),
                *(entry.logprobs, entry.finish_reason, entry.error, entry.several),
            )
        )
        self._waiting += 1
        self._flush()

    def _native(self, entry: Entry, model: str) -> tuple[str, str | None]:
        """(id, group). Without an id, the question's text is it, told apart by how often the model was asked it."""
        if entry.native is not None:
            return entry.native, entry.group
        if entry.question is None:
            return f"row-{entry.row}", entry.group
        sha = sha256_text(canonical([entry.question, entry.context, entry.options]))[:12]
        times = hash((model, entry.lang, entry.task, sha))
        self._same[times] += 1
        return (sha if self._same[times] == 1 else f"{sha}.{self._same[times]}"), entry.group or sha

    def _item(self, entry: Entry, item_id: str, group_id: str, native: str, task: str) -> None:
        order = None if entry.options is None else hash(entry.options)
        options = None if entry.options is None else hash(tuple(sorted(entry.options)))
        answer = None if entry.answer is None else hash(packed(entry.answer))
        known = self._known.get(item_id)
        if known is None:
            lacks = entry.question is None or entry.options is None or entry.answer is None
            self._known[item_id] = _Known(options, order, answer, lacks)
            self._new_items.append(self._item_row(entry, item_id, group_id, native, task))
            return
        differs = None not in (known.options, options) and known.options != options
        shuffled = None not in (known.order, order) and known.order != order
        if differs or (not shuffled and None not in (known.answer, answer) and known.answer != answer):
            what = "options" if differs else "right answers"
            raise DataError(
                f"{entry.place}: the id '{native}' stands for another question too (other {what} there).",
                hint="Name what tells them apart: --column id=subject+id (joined), --column task=subject, or --column "
                "lang=...; or let the question's text be the id: --column id=question.",
            )
        if known.lacks:
            late = self.read.late.setdefault(item_id, {})
            for name in ("question", "context"):
                late.setdefault(name, getattr(entry, name))
            if entry.options is not None and "options" not in late:
                late.update(options=list(entry.options), labels=list(entry.labels))
            if entry.answer is not None:
                late.setdefault("answer", packed(entry.answer))
            known.options, known.order = known.options or options, known.order or order
            known.answer = known.answer or answer

    @staticmethod
    def _item_row(entry: Entry, item_id: str, group_id: str, native: str, task: str) -> tuple[Any, ...]:
        options = None if entry.options is None else list(entry.options)
        told = (item_id, group_id, entry.lang, task, native, entry.question, entry.context, packed(entry.answer))
        return (*told, options, list(entry.labels))

    def _repeat(
        self, entry: Entry, model: str, setting: str, item_id: str, group_id: str, native: str, task: str
    ) -> str | None:
        """The id under which a reply counts: an item asked again is a further item of the same group, or left out."""
        times = hash((model, setting, item_id))
        self._times[times] += 1
        number = self._times[times]
        if number == 1:
            return item_id
        if self._repeats == "all" or (self._repeats is None and entry.epoch is not None):
            self.read.has["repeats"] += 1
            again, _ = item_ids(
                item_id.rpartition(":")[0].partition(":")[0],
                f"{item_id.rpartition(':')[0].partition(':')[2]}~{number}",
                str(entry.lang),
            )
            if again not in self._known:
                self._known[again] = self._known[item_id]
                self._new_items.append(self._item_row(entry, again, group_id, native, task))
            return again
        self._reject(entry.place, "again" if self._repeats == "first" else "duplicate", f"'{native}' ({model})")
        return None

    # Writing ----------------------------------------------------------------------------------------------------------

    def _flush(self, *, everything: bool = False) -> None:
        if self._new_items and (everything or len(self._new_items) >= _HELD):
            path = self._folder / f"items-{len(self.read.items):05d}.parquet"
            write_frame(path, frame_of(self._new_items, item_schema()))
            self.read.items.append(path)
            self._new_items = []
        if not everything and self._waiting < _HELD:
            return
        largest = max((len(rows) for rows in self._held.values()), default=0)
        for name, rows in self._held.items():
            if rows and (everything or len(rows) == largest):
                number = sum(map(len, self.read.parts.values()))
                path = self._folder / f"entries-{number:05d}.parquet"
                write_frame(path, frame_of(rows, entry_schema()))
                self.read.parts[name].append(path)
                self._waiting -= len(rows)
                self._held[name] = []

    def _find_missing(self) -> None:
        """Items of a language and task that some model or the key has, and another model of them has not."""
        known: dict[tuple[str, str], set[str]] = defaultdict(set)
        for by_part in self._answered.values():
            for part, ids in by_part.items():
                known[part] |= {name for name in ids if "~" not in name}
        if self._key is not None:
            for (lang, task), ids in known.items():
                for entry in self._key.missing(lang, task):
                    scope = f"{task}/{entry.native}" if task != "mcq" else str(entry.native)
                    item_id, group_id = item_ids(self._source, scope, lang)
                    if item_id not in ids:
                        ids.add(item_id)
                        if item_id not in self._known:
                            entry.lang = lang
                            self._item(entry, item_id, group_id, str(entry.native), task)
        for name, by_part in self._answered.items():
            lacking = sorted({item for part, ids in by_part.items() for item in known[part] - ids})
            if lacking:
                self.read.missing[name] = lacking
        if self._new_items:
            self._flush(everything=True)
