"""An import from beginning to end: files, columns, key, reading, resolving, run folder, and what is told about it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from afya.bench.imports.deciding import Decided, NoAnswer, decide
from afya.bench.imports.entries import Entry, entries_of
from afya.bench.imports.fields import Mapped
from afya.bench.imports.guessing import guess
from afya.bench.imports.keys import Key, read_key
from afya.bench.imports.lookup import Row
from afya.bench.imports.notes import notes_of, unread
from afya.bench.imports.published import Comparison, Figure, compare
from afya.bench.imports.reading import Reader
from afya.bench.imports.seen import Read
from afya.bench.imports.shapes import answer_suggestions, mapping_names, options_by_row, suggestions
from afya.bench.imports.sources import Faults, File, find, head, rows_of
from afya.bench.imports.tables import items_of, ledger_of, own_outcomes, write_items, write_parts
from afya.bench.imports.values import language_code
from afya.bench.running.outputs import ITEMS, Measuring, join
from afya.bench.scoring.verdicts import VERDICTS, Scoring, overrule, scorings
from afya.bench.settings import parse_setting
from afya.errors import AfyaError, ConfigError, DataError
from afya.models.reply_files import Reading
from afya.runs import Ledger, RunFolder, read_json, sha256_path, write_frame, write_json
from afya.sources.source import Malformed

COMMAND = "bench import-replies"
DEFAULT_SOURCE = "published"
REPEATS = ("first", "all")
_HEAD = 200
_FILES = 20
_SAID = frozenset({"reply", "prediction", "correct", "logprobs", "probs"})


@dataclass(frozen=True)
class Import:
    """What to import and how to read it. Everything but `files` may be left open.

    `columns` and `key_columns` as `fields` describes them; `where`: column -> value of the rows that count; `model`,
    `lang`, `task`: of all rows that do not say; `name`: what the questions are called, the first part of their ids.
    """

    files: tuple[Path, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    key: tuple[Path, ...] = ()
    key_columns: Mapping[str, str] = field(default_factory=dict)
    key_rows: str | None = None
    key_from_path: str | None = None
    join: str | None = None
    from_path: str | None = None
    rows: str | None = None
    header: bool | None = None
    encoding: str = "utf-8-sig"
    where: Mapping[str, str] = field(default_factory=dict)
    key_where: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    lang: str | None = None
    task: str | None = None
    name: str = DEFAULT_SOURCE
    setting: str | None = None
    count: int | None = None
    answer_is: str | None = None
    prediction_is: str | None = None
    score_by: str | None = None
    missing: str | None = None
    repeats: str | None = None
    lang_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportResult:
    """What an import left. `comparisons` as many as figures were given; `reference` where each field was found."""

    folder: Path
    mapped: Mapping[str, Mapped]
    key: Mapped | None
    decided: Decided
    scorings: tuple[Scoring, ...]
    comparisons: tuple[Comparison, ...]
    faults: Faults
    notes: tuple[str, ...]
    missing: Mapping[str, tuple[str, ...]]
    ledger: Ledger
    rows: int


@dataclass(frozen=True)
class Preview:
    """The first rows as they would be read, and where their fields stand. `asks`: what an import of them would ask to
    be told, or what it would suppose.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    tools: Mapping[str, str | None]
    mapped: Mapping[str, Mapped]
    columns: Mapping[str, tuple[str, ...]]
    key: Key | None
    entries: tuple[Entry, ...]
    faults: tuple[str, ...]
    asks: AfyaError | tuple[str, ...] | None


def preview(told: Import, many: int = 5) -> Preview:
    """What an import would read, without writing anything. Raises as `import_replies` does for files and columns."""
    files, others, mapped, tools, columns = _mapped(told)
    key = _key(told, files, mapped)
    entries: list[Entry] = []
    faults: list[str] = []
    constants = _constants(told)
    read = Read()
    for file in files[:_FILES]:
        _, rows = rows_of(file, _reading(told), told.where, lambda place, what: faults.append(f"{place}: {what}"))
        fields = mapped[file.name].columns
        for at, (row_place, row) in enumerate(islice(rows, _HEAD), start=1):
            place = f"{file.name}, {row_place}"
            try:
                for entry in entries_of(place, at, row, fields, {**constants, **file.told}, told.lang_names):
                    if key is not None and not key.complete(entry):
                        faults.append(f"{entry.place}: the key has no '{key.joined_by(entry)}'")
                    entry.model = entry.model or constants.get("model") or file.model
                    entry.lang = entry.lang or read.supposed_language(entry)
                    read.note(entry)
                    if len(entries) < many:
                        entries.append(entry)
            except Malformed as fault:
                faults.append(f"{place}: {fault.detail}")
    names = tuple(file.name for file in files)
    return Preview(
        *(names, tuple(others), tools, mapped, columns, key, tuple(entries), tuple(faults[:many])),
        asks=_asks(told, read, files, mapped) if entries else None,
    )


def _asks(told: Import, read: Read, files: Sequence[File], mapped: Mapping[str, Mapped]) -> AfyaError | tuple[str, ...]:
    """What the import would ask to be told, as far as the first rows show; else what it would suppose."""
    try:
        return (*_decided(told, read, files, mapped).notes, *notes_of(read, (), None))
    except AfyaError as error:
        return error


def _decided(told: Import, read: Read, files: Sequence[File], mapped: Mapping[str, Mapped]) -> Decided:
    """What holds for the whole import; where no right answer is known, the error names the columns that may hold it."""
    try:
        return decide(read, told.count, told.answer_is, told.prediction_is, told.score_by, told.missing)
    except NoAnswer as fault:
        _, rows = head(files[0], _reading(told), told.where, _HEAD)
        may_be = answer_suggestions(rows, mapped[files[0].name].columns)
        raise DataError(
            fault.message, hint=f"It may be {may_be}; else: {fault.hint}" if may_be else fault.hint
        ) from None


def import_replies(told: Import, out: Path, figures: Sequence[Figure] = (), *, replace: bool = False) -> ImportResult:
    """Make a run folder of published replies.

    Args:
        figures: published accuracies to compare with.
        replace: whether an import that is in the folder already may go.

    Raises:
        ConfigError: options that contradict each other. DataError: files that cannot be read, or whose meaning is open
        (the sentence says what to add). RunError: the folder holds something else.
    """
    _check(told)
    files, others, mapped, tools, _ = _mapped(told)
    key = _key(told, files, mapped)
    recipe = {
        **{name: value for name, value in vars(told).items() if name not in ("files", "key")},
        "files": [{"name": file.name, "sha256": sha256_path(file.path)} for file in files],
        "key": [{"name": path.name, "sha256": sha256_path(path)} for path in told.key],
        "columns": {file.name: dict(mapped[file.name].columns) for file in files},
        "normalise": "none",
    }
    _clear(out, replace)
    with RunFolder.open(out, COMMAND, recipe) as folder:
        try:
            return _import(told, folder, files, others, mapped, tools, key, figures)
        except AfyaError:
            if not (out / "scores.parquet").exists():
                folder.withdraw(ITEMS, VERDICTS, "replies.parquet", "timings.parquet")
            raise


def _check(told: Import) -> None:
    if told.setting is not None:
        parse_setting(told.setting)
    if told.repeats is not None and told.repeats not in REPEATS:
        raise ConfigError(f"--repeats {told.repeats}: not known.", hint=f"Known: {', '.join(REPEATS)}.")
    if told.lang is not None and language_code(told.lang) is None:
        raise ConfigError(
            f"--lang {told.lang}: no language of the registry.", hint="Write a code such as sw, swh_Latn or Swahili."
        )
    if told.count is not None and not 2 <= told.count <= 10:
        raise ConfigError(f"--count {told.count}: 2 to 10 options are possible.")


def _clear(out: Path, replace: bool) -> None:
    """Make room for an import where one may be replaced, or was begun and not finished."""
    file = out / "manifest.json"
    if not file.exists() or read_json(file).get("command") != COMMAND:
        return
    if replace or not (out / "scores.parquet").exists():
        shutil.rmtree(out)


def _reading(told: Import, rows: str | None = None) -> Reading:
    return Reading(rows if rows is not None else told.rows, told.header, told.encoding)


def _constants(told: Import) -> dict[str, str]:
    return {name: value for name in ("model", "lang", "task") if (value := getattr(told, name)) is not None}


def _mapped(
    told: Import,
) -> tuple[list[File], list[str], dict[str, Mapped], dict[str, str | None], dict[str, tuple[str, ...]]]:
    """(files, names left out, the columns of each file, the tool that wrote it, all its columns)."""
    found, others = find(told.files, told.from_path)
    files: list[File] = []
    refused: list[DataError] = []
    single = True
    mapped: dict[str, Mapped] = {}
    tools: dict[str, str | None] = {}
    columns: dict[str, tuple[str, ...]] = {}
    for file in found:
        tool, rows = head(file, _reading(told), told.where, _HEAD)
        known = guess(rows, told.columns, has_key=bool(told.key), elsewhere={*_constants(told), *file.told})
        if rows and not _SAID & {name.partition("@")[0] for name in known.columns}:
            refused.append(_nothing_said(file, rows, known))
            if file.folder is None:
                raise refused[-1]
            others.append(file.name)
            continue
        if told.where and not rows:
            raise DataError(f"{file.path}: no row meets {', '.join(f'{a}={b}' for a, b in told.where.items())}.")
        _one_reading(file, rows)
        single = single and file.folder is not None and len(rows) <= 1
        files.append(file)
        tools[file.name], mapped[file.name] = tool, known
        columns[file.name] = tuple(
            dict.fromkeys(str(name) for row in rows for name in row if not str(name).startswith("@"))
        )
    if not files:
        raise refused[0]
    if single and len(files) > 1:
        # A file for each question: its name is the question's.
        files = [replace(file, model=str(file.folder)) for file in files]
    return files, others, mapped, tools, columns


def _nothing_said(file: File, rows: Sequence[Row], known: Mapped) -> DataError:
    """That no column is known to hold what a model said, and which may."""
    there = ", ".join(dict.fromkeys(str(name) for row in rows for name in row if not str(name).startswith("@")))
    may_be = suggestions(rows, mapping_names(known.columns), options_by_row(rows, known.columns))
    ways = (
        "--column reply=COLUMN (what the model said), --column prediction=COLUMN (the answer read from it), "
        "--column correct=COLUMN (their verdict), or --reply MODEL=COLUMN for each model."
    )
    return DataError(
        f"{file.path}: no column is known to hold replies, predictions or verdicts; it has {there:.600}.",
        hint=f"It may be that {may_be}." if may_be else f"Name it: {ways}",
    )


def _one_reading(file: File, rows: Sequence[Row]) -> None:
    """Raise DataError where every reply stands there once for each filter of lm-evaluation-harness."""
    filters = list(dict.fromkeys(str(row["filter"]) for row in rows if row.get("filter") is not None))
    if len(filters) > 1 and all("doc_id" in row for row in rows):
        raise DataError(
            f"{file.path}: every reply stands there {len(filters)} times, read by the filters {', '.join(filters)}.",
            hint=f"Say which reading it is: --where filter={filters[0]} (or filter={filters[1]}).",
        )


def _key(told: Import, files: Sequence[File], mapped: Mapping[str, Mapped]) -> Key | None:
    if not told.key:
        if told.join is not None:
            raise ConfigError(
                "--join says how replies and a key are joined, and there is no key.", hint="Name it with --key FILE."
            )
        return None
    replies = next(iter(mapped.values()))
    reading = Reading(told.key_rows, told.header, told.encoding)
    return read_key(
        told.key,
        told.key_columns,
        told.join,
        reading,
        told.key_where,
        replies,
        told.lang_names,
        told.key_from_path,
        ids_in_paths=any("id" in file.told for file in files),
    )


def _import(
    told: Import,
    folder: RunFolder,
    files: Sequence[File],
    others: Sequence[str],
    mapped: Mapping[str, Mapped],
    tools: Mapping[str, str | None],
    key: Key | None,
    figures: Sequence[Figure],
) -> ImportResult:
    place = folder.parts / "read"
    shutil.rmtree(place, ignore_errors=True)
    reader = Reader(place, told.name, mapped, _constants(told), told.lang_names, key, told.repeats, told.setting)
    read = reader.run(files, _reading(told), told.where)
    decided = _decided(told, read, files, mapped)
    items = items_of(read)
    pairs = list(write_parts(folder, read, items, decided, told.name))
    ledger = ledger_of(read)
    join(folder.path, pairs, "none", Measuring({}, {}), ledger)
    write_items(folder, items, decided, told.name)
    ours = own_outcomes(folder.path)
    overrule(folder.path)
    found = scorings(folder.path, ours, decided.score_by)
    write_json(
        folder.parts / "pairs.json",
        [[str(path.relative_to(folder.path)) for path in (pair.prompts, pair.replies)] for pair in pairs],
    )
    write_frame(folder.path / "ledger.parquet", ledger.frame())
    shutil.rmtree(place)
    if key is not None:
        for reason, count in key.faults.counts.items():
            for example in key.faults.examples[reason][:count]:
                read.faults.add(f"key_{reason}", example)
    notes = [*decided.notes, *notes_of(read, others, key), *unread(folder.path, decided, mapped)]
    scores = sum(scoring.n + scoring.absent for scoring in found if scoring.counts and scoring.lang != "all")
    folder.event("finished", scores=scores)
    return ImportResult(
        folder=folder.path,
        mapped=mapped,
        key=None if key is None else key.mapped,
        decided=decided,
        scorings=tuple(found),
        comparisons=tuple(compare(figures, found)),
        faults=read.faults,
        notes=tuple(notes),
        missing={f"{model} ({setting})": tuple(ids) for (model, setting), ids in read.missing.items()},
        ledger=ledger,
        rows=scores,
    )
