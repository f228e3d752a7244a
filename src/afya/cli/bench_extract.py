"""`afya bench extract`: which option each reply of a file commits to, and why there is none where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from afya.bench.reading.extract_file import ReadReply


def extract(
    file: Annotated[Path, typer.Argument(help="Replies: .jsonl, .json, .csv, .tsv, .parquet or .xlsx, also packed.")],
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="FIELD=NAME",
            help="Where a field stands: reply, lang, options (NAME, or A+B+C+D for a column each), letters, several, "
            "finish_reason, expected, reason, id. May be repeated.",
        ),
    ] = None,
    lang: Annotated[str | None, typer.Option("--lang", help="The language, where no column holds it.")] = None,
    count: Annotated[
        int | None, typer.Option("--count", min=2, max=10, help="How many options there are, where none are given.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write what was read in each reply: a .csv file.")] = None,
) -> None:
    """Read the chosen options out of replies, and compare them with the expected ones where the file has them."""
    from rich.console import Console

    from afya.bench.reading.extract import REASONS
    from afya.bench.reading.extract_file import read_replies
    from afya.cli.tables import plain, table_of

    console = Console()
    columns = _columns(column or ())
    found = _found(file, columns)
    if found:
        told = ", ".join(f"{name}={there}" for name, there in found.items())
        console.print(f"Found by their names: {told} (--column says others)", markup=False, soft_wrap=True)
    rows = list(read_replies(file, columns | found, lang, count))
    codes = sorted({row.lang for row in rows})
    groups = [(code, [row for row in rows if row.lang == code]) for code in codes]
    groups += [("all", rows)] if len(codes) > 1 else []
    table = table_of("lang", "n", "answered", *(reason.replace("_", " ") for reason in REASONS))
    beside = table_of("lang", "expected", "as expected", "%", "none expected", "invented")
    for made in (*table.columns[1:], *beside.columns[1:]):
        made.justify = "right"
    for name, group in groups:
        reasons = Counter[str](row.found.reason or "answered" for row in group)
        counts = (len(group), reasons["answered"], *(reasons[reason] for reason in REASONS))
        table.add_row(*plain(name, *(f"{count:,}" for count in counts)))
        beside.add_row(*plain(name, *_compared(group)))
    console.print(table)
    if any(row.expected is not None for row in rows):
        console.print(beside)
        console.print(
            "as expected: the options, or their absence, are those expected. invented: an answer was read where none "
            "is expected.",
            markup=False,
        )
    if out is not None:
        _write(rows, out)
        console.print(f"Each reply: {out}", markup=False, soft_wrap=True)


def _columns(told: Sequence[str]) -> dict[str, str]:
    from afya.errors import ConfigError

    columns = {}
    for entry in told:
        field, equals, name = entry.partition("=")
        if not equals or not name:
            raise ConfigError(f"--column {entry}: FIELD=NAME was expected.", hint="Such as --column reply=output.")
        columns[field.strip()] = name.strip()
    return columns


def _found(file: Path, columns: Mapping[str, str]) -> dict[str, str]:
    """The columns of the fields that nobody named and that are not called as we call them."""
    from itertools import islice

    from afya.bench.imports.choices import NUMBERED
    from afya.bench.imports.guessing import guess
    from afya.bench.imports.shapes import kind_of, options_by_row
    from afya.bench.reading.extract_file import USUAL
    from afya.models.reply_files import read_rows

    rows = [row for _, row in islice(read_rows(file), 50)]
    if "reply" in columns or any(name in row for row in rows for name in USUAL["reply"]):
        return {}
    guessed = dict(guess(rows, {}).columns)
    said = [column for name, column in guessed.items() if name.partition("@")[0] in ("reply", "prediction")]
    if "reply" not in guessed and len(said) == 1:
        guessed["reply"] = said[0]
    found: dict[str, str] = {}
    for field, theirs in (("id",) * 2, ("lang",) * 2, ("reply",) * 2, ("options",) * 2, ("expected", "answer")):
        there = guessed.get(theirs)
        known = field in columns or any(name in row for row in rows for name in USUAL.get(field, (field,)))
        if there is None or known or "{" in there:
            continue
        # A number may count from 0 or from 1; nothing here asks.
        numbered = any(NUMBERED.fullmatch(str(row.get(there)).strip()) for row in rows)
        if field != "expected" or (not numbered and kind_of(rows, there, options_by_row(rows, guessed)) == "choice"):
            found[field] = there
    return found if "reply" in found else {}


def _compared(rows: Sequence[ReadReply]) -> tuple[str, ...]:
    known = [row for row in rows if row.expected is not None]
    right = sum(row.as_expected is True for row in known)
    none = [row for row in known if row.expected == ()]
    invented = sum(row.found.chosen is not None for row in none)
    share = f"{100 * right / len(known):.1f}" if known else "-"
    return f"{len(known):,}", f"{right:,}", share, f"{len(none):,}", f"{invented:,}"


def _write(rows: Sequence[ReadReply], out: Path) -> None:
    import polars as pl

    from afya.errors import ConfigError

    if out.suffix.lower() != ".csv":
        raise ConfigError(f"--out {out}: a .csv file was expected.")
    table = pl.DataFrame(
        {
            "id": [row.id for row in rows],
            "lang": [row.lang for row in rows],
            "chosen": [" ".join(map(str, row.found.chosen or ())) for row in rows],
            "labels": [" ".join(row.letters[place] for place in row.found.chosen or ()) for row in rows],
            "reason": [row.found.reason for row in rows],
            "detail": [row.found.detail for row in rows],
            "by": [row.found.how for row in rows],
            "expected": [None if row.expected is None else " ".join(map(str, row.expected)) for row in rows],
            "as_expected": [row.as_expected for row in rows],
        }
    )
    table.write_csv(out)
