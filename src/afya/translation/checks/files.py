"""The checks on a file of pairs: two columns, source and translation, one pair a line, read as it comes.

What is written down are the verdicts that did not pass, one a line or row; what passed is in the counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO

from afya.errors import ConfigError, DataError
from afya.translation.checks.suite import Checker
from afya.translation.checks.verdict import Verdict

OUT_COLUMNS = ("line", "check", "judged", "detail", "source", "translation")
# Pairs that are checked together: an engine for the way back is asked once for all of them.
_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair and the line it stands on, from 1."""

    line: int
    source: str
    translation: str


@dataclass(slots=True)
class Tally:
    """One check's counts: pairs judged, alarms among them, and pairs that could not be judged."""

    judged: int = 0
    alarms: int = 0
    unjudged: int = 0

    def count(self, verdict: Verdict) -> None:
        if verdict.judged:
            self.judged += 1
            self.alarms += not verdict.passed
        else:
            self.unjudged += 1


@dataclass(slots=True)
class Report:
    """What the checks found in a file: counts by check, how many pairs failed any, and the first failures."""

    tallies: dict[str, Tally]
    pairs: int = 0
    failed: int = 0
    first: list[tuple[Pair, Verdict]] = field(default_factory=list)


def read_pairs(path: Path, *, header: bool = False) -> Iterator[Pair]:
    """The pairs of a TSV file, line by line. Blank lines are passed over; `header`: the first line names the columns.

    Raises:
        DataError: the file is missing, not UTF-8, or a line has not two columns; the line is named.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    with file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, line {number}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8."
                ) from None
            if not line.strip() or (header and number == 1):
                continue
            cells = line.split("\t")
            if len(cells) != 2:
                raise DataError(
                    f"{path}, line {number}: {len(cells)} column(s), expected 2: source text, tab, translation.",
                    hint="A text must not hold a tab or a line break.",
                )
            yield Pair(number, cells[0], cells[1])


def check_file(
    path: Path, checker: Checker, *, header: bool = False, out: Path | None = None, keep: int = 10
) -> Report:
    """Check every pair of a TSV file; failures go to `out` (.tsv or .parquet), the first `keep` into the report.

    Raises:
        DataError: the file cannot be read, or a line of it.
        ConfigError: `out` is neither .tsv nor .parquet.
    """
    report = Report({name: Tally() for name in checker.names})
    with _writer(out) as writer:
        pairs = read_pairs(path, header=header)
        while batch := list(islice(pairs, _TOGETHER)):
            rows = checker.check_pairs([pair.source for pair in batch], [pair.translation for pair in batch])
            for pair, verdicts in zip(batch, rows, strict=True):
                failures = [verdict for verdict in verdicts if not verdict.passed]
                for verdict in verdicts:
                    report.tallies[verdict.check].count(verdict)
                report.pairs += 1
                report.failed += bool(failures)
                for verdict in failures:
                    writer.add(pair, verdict)
                    if len(report.first) < keep:
                        report.first.append((pair, verdict))
    return report


class _Writer:
    """Takes failures and keeps none."""

    def add(self, pair: Pair, verdict: Verdict) -> None:
        """Write one failure."""

    def finish(self) -> None:
        """Everything was added."""

    def abandon(self) -> None:
        """Something went wrong: leave nothing half written."""

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.abandon()


def _writer(out: Path | None) -> _Writer:
    if out is None:
        return _Writer()
    if out.suffix == ".tsv":
        return _TsvWriter(out)
    if out.suffix == ".parquet":
        return _ParquetWriter(out)
    raise ConfigError(f"{out}: verdicts are written as .tsv or .parquet.", hint="Give the file one of these endings.")


class _TsvWriter(_Writer):
    def __init__(self, out: Path) -> None:
        self._out = out
        self._unfinished = out.with_name(f"{out.name}.unfinished")
        try:
            self._file: IO[str] = self._unfinished.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise DataError(f"{out}: cannot be written ({error.strerror}).") from None
        self._row(OUT_COLUMNS)

    def _row(self, cells: Sequence[str]) -> None:
        self._file.write("\t".join(" ".join(cell.split()) for cell in cells) + "\n")

    def add(self, pair: Pair, verdict: Verdict) -> None:
        judged = "yes" if verdict.judged else "no"
        self._row([str(pair.line), verdict.check, judged, verdict.detail or "", pair.source, pair.translation])

    def finish(self) -> None:
        self._file.close()
        os.replace(self._unfinished, self._out)

    def abandon(self) -> None:
        self._file.close()
        self._unfinished.unlink(missing_ok=True)


class _ParquetWriter(_Writer):
    def __init__(self, out: Path) -> None:
        self._out = out
        self._rows: list[tuple[int, str, bool, str | None, str, str]] = []

    def add(self, pair: Pair, verdict: Verdict) -> None:
        self._rows.append((pair.line, verdict.check, verdict.judged, verdict.detail, pair.source, pair.translation))

    def finish(self) -> None:
        import polars as pl

        types = (pl.Int64, pl.String, pl.Boolean, pl.String, pl.String, pl.String)
        frame = pl.DataFrame(self._rows, schema=dict(zip(OUT_COLUMNS, types, strict=True)), orient="row")
        unfinished = self._out.with_name(f"{self._out.name}.unfinished")
        try:
            frame.write_parquet(unfinished)
        except OSError as error:
            raise DataError(f"{self._out}: cannot be written ({error.strerror}).") from None
        os.replace(unfinished, self._out)
