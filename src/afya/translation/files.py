"""Text files and tables translated as streams: every line or row comes out again, in its place, or the file does not.

A line without a translation is blank in the output and stands in a report, with the reason. In the cells of a table
\\t, \\n, \\r and \\\\ stand for a tab, line ends and a backslash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from afya.errors import ConfigError, DataError
from afya.runs import atomic_path, write_text
from afya.translation import guard
from afya.translation.base import Translation, Translator

if TYPE_CHECKING:
    from afya.translation.checks import Checker, Verdict
    from afya.translation.glossary import Glossary

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_SIGNS = {written: sign for sign, written in _ESCAPES.items()}
_TO_WRITE = regex.compile(r"[\\\t\n\r]")
_TO_READ = regex.compile(r"\\[\\tnr]")
_BLOCK_LINES = 256
_BLOCK_CHARACTERS = 200_000

Progress = Callable[[int, int, int], None]
"""Called with the bytes read so far, the bytes in all, and the lines done."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text file: its number from 1, its text, and the sign that ended it ("" at a torn end)."""

    number: int
    text: str
    end: str


@dataclass(slots=True)
class Report:
    """What became of a file: the lines or rows, those without a translation, and the checks each failed."""

    lines: int = 0
    failed: int = 0
    checked: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    problems: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Work:
    """An engine in one direction, with what goes with it."""

    translator: Translator
    source: str
    target: str
    glossary: Glossary | None = None
    checker: Checker | None = None

    def translate(self, texts: Sequence[str]) -> tuple[list[Translation], list[list[Verdict]]]:
        """One translation a text, and the verdicts on it: empty lists where nothing is checked or translated."""
        hints = None
        if self.glossary is not None and self.translator.uses_hints:
            hints = [self.glossary.hints(text, self.source, self.target) for text in texts]
        answers = guard.translate(self.translator, texts, self.source, self.target, hints=hints)
        verdicts: list[list[Verdict]] = [[] for _ in texts]
        if self.checker is not None:
            judged = [place for place, answer in enumerate(answers) if answer.error is None and texts[place].strip()]
            found = self.checker.check_pairs([texts[at] for at in judged], [answers[at].text for at in judged])
            for place, entry in zip(judged, found, strict=True):
                verdicts[place] = entry
        return answers, verdicts


def text_lines(path: Path) -> Iterator[Line]:
    """The lines of a UTF-8 file, one at a time; a byte order mark at its start is left out.

    Raises:
        DataError: the file cannot be read, or a line is not UTF-8; the line is named.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{path}, line {number}: byte {error.start} of the line is not UTF-8.",
                        hint="Save the file as UTF-8.",
                    ) from None
                body = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
                yield Line(number, body, text[len(body) :])
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


def translate_lines(work: Work, path: Path, out: Path, *, on_progress: Progress | None = None) -> Report:
    """Translate a text file line by line into `out`, which has the same number of lines.

    Raises:
        DataError: the file cannot be read. RunError: the output cannot be written; there is none then.
        EngineError: the engine answers nothing.
    """
    _refuse_itself(path, out)
    total = path.stat().st_size if path.is_file() else 0
    report = Report()
    done = 0
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        for block in _blocks(text_lines(path)):
            answers, verdicts = work.translate([line.text for line in block])
            for line, answer, entry in zip(block, answers, verdicts, strict=True):
                _note(report, line.number, answer, entry)
                file.write(answer.text + line.end)
                done += len((line.text + line.end).encode())
            if on_progress is not None:
                on_progress(done, total, report.lines)
    return report


def translate_table(
    work: Work,
    path: Path,
    out: Path,
    column: str,
    *,
    into: str | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Translate one column of a TSV file with a header; `out` has all its columns and the translation's behind them.

    Args:
        column: the column's name, or its number from 1.
        into: the name of the new column; by default the target's code. With a checker, a column "failed_checks" with
            the names of the failed checks follows.

    Raises:
        DataError: the file cannot be read, or a row has another number of columns than the header.
        ConfigError: there is no such column, or the new one's name is taken. RunError: as in `translate_lines`.
    """
    _refuse_itself(path, out)
    lines = text_lines(path)
    first = next(lines, None)
    if first is None:
        raise DataError(f"{path}: the file is empty.", hint="It needs a header and rows.")
    header = first.text.split("\t")
    place = _column(path, header, column)
    added = [into or work.target] + (["failed_checks"] if work.checker is not None else [])
    for name in added:
        if name in header:
            raise ConfigError(f"{path} has a column '{name}' already.", hint="Name the new one with --into.")
    total = path.stat().st_size
    report = Report()
    done = len(first.text) + len(first.end)
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        end = first.end or "\n"
        file.write("\t".join([*header, *added]) + end)
        for block in _blocks(lines):
            rows = [line.text.split("\t") for line in block]
            for line, row in zip(block, rows, strict=True):
                if len(row) != len(header):
                    raise DataError(
                        f"{path}, line {line.number}: {len(row)} column(s), the header has {len(header)}.",
                        hint="A tab within a text is written \\t.",
                    )
            answers, verdicts = work.translate([unescaped(row[place]) for row in rows])
            for line, row, answer, entry in zip(block, rows, answers, verdicts, strict=True):
                _note(report, line.number, answer, entry)
                cells = [escaped(answer.text)]
                if work.checker is not None:
                    cells.append(", ".join(verdict.check for verdict in entry if not verdict.passed))
                file.write("\t".join([*row, *cells]) + (line.end or end))
                done += len((line.text + line.end).encode())
            if on_progress is not None:
                on_progress(done, total, report.lines)
    return report


def write_problems(report: Report, path: Path) -> None:
    """Write a report's problems as a table of line, problem and detail."""
    rows = ["line\tproblem\tdetail"]
    rows += [f"{number}\t{problem}\t{' '.join(detail.split())}" for number, problem, detail in report.problems]
    write_text(path, "\n".join(rows) + "\n")


def _note(report: Report, number: int, answer: Translation, verdicts: Iterable[Verdict]) -> None:
    report.lines += 1
    if answer.error is not None:
        report.failed += 1
        report.problems.append((number, "no translation", answer.error))
        return
    listed = list(verdicts)
    report.checked += bool(listed)
    for verdict in listed:
        if not verdict.passed:
            report.failures[verdict.check] += 1
            report.problems.append((number, verdict.check, verdict.detail or "failed"))


def _blocks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """The lines in lists of bounded length, so that a file of any size is held in parts."""
    block: list[Line] = []
    characters = 0
    for line in lines:
        block.append(line)
        characters += len(line.text)
        if len(block) == _BLOCK_LINES or characters >= _BLOCK_CHARACTERS:
            yield block
            block, characters = [], 0
    if block:
        yield block


def _column(path: Path, header: Sequence[str], column: str) -> int:
    if header.count(column) > 1:
        raise ConfigError(
            f"{path} has {header.count(column)} columns '{column}'.", hint="Name it by its number from 1."
        )
    if column in header:
        return header.index(column)
    if column.isdecimal() and 1 <= int(column) <= len(header):
        return int(column) - 1
    import difflib

    near = difflib.get_close_matches(column, header, n=1)
    shown = ", ".join(islice(header, 12))
    raise ConfigError(
        f"{path} has no column '{column}'.", hint=f"Did you mean '{near[0]}'?" if near else f"It has: {shown}."
    )


def _refuse_itself(path: Path, out: Path) -> None:
    if out.exists() and path.exists() and out.samefile(path):
        raise ConfigError(f"{out} would be written over itself.", hint="Choose another file with --out.")


def escaped(text: str) -> str:
    """A text as one cell of a TSV file."""
    return _TO_WRITE.sub(lambda hit: _ESCAPES[hit[0]], text)


def unescaped(cell: str) -> str:
    """The text that `escaped` wrote."""
    return _TO_READ.sub(lambda hit: _SIGNS[hit[0]], cell)
