"""From a dataset's native files to a dataset folder, with an account of every row."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, DataError
from afya.folders import DatasetWriter
from afya.items import SPLITS, Item, Split, validate
from afya.languages import language
from afya.runs import Ledger, Rejection, sha256_path
from afya.sources.catalogue import source
from afya.sources.source import STAGE, Columns, Malformed, Reading, Source

_REPORT_EVERY = 1024


@dataclass(frozen=True)
class ImportResult:
    """A finished import: the folder's manifest and the account of every row."""

    source: Source
    manifest: Mapping[str, Any]
    ledger: Ledger

    @property
    def rows_read(self) -> int:
        """Native entries, counted once for each language they are in."""
        return self.ledger.rows_in[STAGE]

    @property
    def rows_written(self) -> int:
        """Items in the dataset folder."""
        return self.ledger.rows_out[STAGE]

    def examples(self, reason: str, count: int = 3) -> list[Rejection]:
        """The first rejections for a reason."""
        return [entry for entry in self.ledger.rejections if entry.reason == reason][:count]


def import_source(
    name: str,
    path: Path,
    out: Path,
    *,
    strict: bool = False,
    langs: Sequence[str] | None = None,
    split: Split | None = None,
    columns: Columns | None = None,
    on_progress: Callable[[int, int, int], None] | None = None,
) -> ImportResult:
    """Read a public dataset's native files into the dataset folder `out`.

    Args:
        strict: the first malformed row is an error instead of a line in the ledger.
        langs: only these languages; None means all.
        split: put every item into this split, whatever the files say.
        columns: for the source 'records', which column holds what.
        on_progress: called now and then with bytes read, bytes in all, and rows read.

    Raises:
        ConfigError: an unknown source, a language it does not have, or columns that make no sense.
        DataError: the files are not the source's, a row is malformed and `strict` is set, or no row is sound.
        RunError: `out` already holds something else.
    """
    chosen = source(name)
    if split is not None and split not in SPLITS:
        raise ConfigError(f"Unknown split '{split}'.", hint=f"Use one of: {', '.join(SPLITS)}.")
    wanted = _wanted(chosen, langs)
    reading = Reading(chosen, path, wanted, split, columns)
    recipe = {
        "command": "data import",
        "source": name,
        "inputs": {reading.name_of(file): sha256_path(file) for file in reading.files},
        "langs": wanted,
        "split": split,
        **({"columns": {key: columns[key] for key in sorted(columns)}} if columns else {}),
    }
    writer = DatasetWriter(out, recipe)
    ledger = Ledger()
    try:
        _fill(reading, writer, ledger, strict, on_progress)
    except BaseException:
        shutil.rmtree(out / ".building", ignore_errors=True)
        raise
    return ImportResult(chosen, writer.finish(ledger, _card(chosen, writer, ledger)), ledger)


def _wanted(chosen: Source, langs: Sequence[str] | None) -> list[str] | None:
    if langs is None:
        return None
    for code in langs:
        if language(code).code not in chosen.languages:
            raise ConfigError(
                f"'{chosen.name}' has nothing in {language(code).name} ({code}).",
                hint=f"It has: {', '.join(chosen.languages)}.",
            )
    return list(langs)


def _fill(
    reading: Reading,
    writer: DatasetWriter,
    ledger: Ledger,
    strict: bool,
    on_progress: Callable[[int, int, int], None] | None,
) -> None:
    # Eight bytes an id instead of the id: among ten million ids the odds of one false duplicate are one in 370,000.
    seen: set[bytes] = set()
    rejections: list[Rejection] = []
    rows = 0
    for outcome in reading.source.read(reading):
        rows += 1
        if isinstance(outcome, Item):
            fault = validate(outcome)
            digest = blake2b(outcome.item_id.encode(), digest_size=8).digest()
            if fault is None and digest in seen:
                fault = "duplicate_id", "an earlier row has the same id"
            if fault is None:
                seen.add(digest)
                writer.add(outcome)
            else:
                outcome = reading.reject(Malformed(*fault), outcome.item_id)
        if isinstance(outcome, Rejection):
            if strict:
                raise DataError(
                    f"{outcome.reason}: {outcome.detail} ({outcome.item_id}).",
                    hint="Mend the row, or import without --strict to leave it out.",
                )
            rejections.append(outcome)
        if on_progress is not None and rows % _REPORT_EVERY == 0:
            on_progress(reading.bytes_done, reading.bytes_total, rows)
    if on_progress is not None:
        on_progress(reading.bytes_total, reading.bytes_total, rows)
    ledger.add(STAGE, rows, rows - len(rejections), rejections)
    if rows == len(rejections):
        counts = ", ".join(f"{reason} {count}" for reason, count in ledger.reasons(STAGE).most_common())
        raise DataError(
            f"{reading.path}: no row could be imported" + (f" ({counts})." if counts else "; the files are empty."),
            hint=f"{reading.source.title} is read from {reading.source.reads}.",
        )


def _card(chosen: Source, writer: DatasetWriter, ledger: Ledger) -> str:
    lines = [
        f"# {chosen.title}",
        "",
        f"Imported by afya from the published files. Origin: {chosen.url}",
        "",
        f"Licence: {chosen.licence}. Where parts have another, each row's `licence` says so.",
        "",
        f"Please cite: {chosen.citation}",
        "",
        "| language | split | rows |",
        "|---|---|---|",
    ]
    for code in writer.languages:
        lines += [f"| {code} | {name} | {writer.counts[code, name]} |" for name in SPLITS if writer.counts[code, name]]
    reasons = ledger.reasons(STAGE)
    lines += ["", f"{ledger.rows_in[STAGE]} rows read, {sum(reasons.values())} rejected (`ledger.parquet`)."]
    if reasons:
        lines += ["", "| rejected because | rows |", "|---|---|"]
        lines += [f"| {reason} | {count} |" for reason, count in sorted(reasons.items())]
    return "\n".join(lines)
