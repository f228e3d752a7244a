"""From a workbook to a folder of draft protocols, with the account of every row."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from afya.errors import ConfigError, DataError
from afya.protocols.load import load_protocol
from afya.protocols.model import SubjectKind
from afya.protocols.smart.drafting import Draft, draft
from afya.protocols.smart.report import Report, ToDo, Unread, Written
from afya.protocols.smart.statements import Joined, Statement, Unreadable, read_statement
from afya.protocols.smart.variables import Names, slug
from afya.protocols.smart.workbook import Decision, Found, RawRow, read_workbook

SUBJECTS: tuple[str, ...] = get_args(SubjectKind)
REPORT = "REPORT.md"
_NO_MEDICINES = "# No medicine is read from a workbook.\nsources: sources.yaml\nmedicines: {}\n"


def import_workbook(
    workbook: Path,
    to: Path,
    *,
    dictionary: Path | None = None,
    subject: str = "anyone",
    licence: str = "see the workbook",
) -> Report:
    """Write a draft protocol for every decision table of `workbook` into the new folder `to`, and the account of it.

    The folder gets one YAML file a decision, sources.yaml, an empty formulary.yaml, texts/ with English texts and
    REPORT.md. Every draft that is written can be loaded. `dictionary` is a workbook with the data dictionary, where
    that is another file. rows in = rows read + headings + rows listed as not read, always. Of a
    workbook without decision tables every row is listed.

    Raises:
        DataError: the workbook cannot be read.
        ConfigError: the folder holds files already, or the subject is none of SUBJECTS.
    """
    if subject not in SUBJECTS:
        raise ConfigError(f"The subject cannot be '{subject}'.", hint=f"It is one of {', '.join(SUBJECTS)}.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(f"{to}: drafts are written into a new folder, and this is not empty.", hint="Name another.")
    found = read_workbook(workbook)
    if dictionary is not None:
        found.elements |= read_workbook(dictionary).elements
    source = slug(workbook.stem) or "workbook"
    unread = list(found.unread)
    written: list[Written] = []
    todo: list[ToDo] = []
    names = Names()
    (to / "texts").mkdir(parents=True)
    _write(to / "sources.yaml", _sources(source, workbook, licence))
    _write(to / "formulary.yaml", _NO_MEDICINES)
    for number, decision in enumerate(found.decisions):
        # Two decisions of one code and title are two drafts: the place makes their texts differ, not their names.
        name = names.of(f"{decision.code} {decision.title}" + " " * number)
        made = _draft(name, decision, found, source, subject, unread)
        if made is None:
            continue
        _write(to / f"{name}.yaml", made.protocol)
        try:
            load_protocol(name, to)
        except ConfigError as error:
            (to / f"{name}.yaml").unlink()
            listed = {(entry.sheet, entry.row) for entry in unread}
            reason = f"The draft could not be loaded: {error}"
            unread += [_unread(row, reason) for row in decision.rows if (row.sheet, row.number) not in listed]
            continue
        _write(to / "texts" / f"{name}.yaml", made.texts)
        todo += made.todo
        title = f"{decision.code} {decision.title}".strip()
        written.append(Written(name, title, decision.sheet, made.rows, made.tables, made.inputs))
    report = Report(workbook, found.rows_in, found.structure, tuple(written), _sorted(unread, found), tuple(todo))
    if not report.adds_up:
        raise DataError(
            f"{workbook}: {report.rows_in} rows, but {report.read} read, {report.structure} headings and "
            f"{len(report.unread)} listed.",
            hint="This is a fault of the importer; use none of the drafts.",
        )
    _write(to / REPORT, report.markdown())
    return report


def _draft(
    name: str, decision: Decision, found: Found, source: str, subject: str, unread: list[Unread]
) -> Draft | None:
    """The decision's draft; its rows that cannot be read go to `unread`."""
    stated: list[tuple[RawRow, Statement]] = []
    for row in decision.rows:
        try:
            parts = tuple(read_statement(text) for text in row.inputs)
        except Unreadable as error:
            unread.append(_unread(row, error.message))
            continue
        stated.append((row, parts[0] if len(parts) == 1 else Joined("all", parts)))
    made, refused = draft(name, decision, stated, found.elements, source, subject)
    unread += [_unread(row, reason) for row, reason in refused]
    return made


def _unread(row: RawRow, reason: str) -> Unread:
    return Unread(row.sheet, row.number, " ".join(row.text.split()), reason)


def _sorted(unread: list[Unread], found: Found) -> tuple[Unread, ...]:
    """In the order of the workbook."""
    order = {name: place for place, name in enumerate(found.sheets)}
    return tuple(sorted(unread, key=lambda entry: (order[entry.sheet], entry.row)))


def _sources(key: str, workbook: Path, licence: str) -> str:
    import yaml

    entry = {"title": workbook.name, "publisher": "as the workbook says", "licence": licence, "seen": "original"}
    return str(yaml.safe_dump({key: entry}, sort_keys=False, allow_unicode=True))


def _write(path: Path, text: str) -> None:
    path.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
