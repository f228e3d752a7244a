"""`afya translate check`: the integrity checks on a file of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from afya.translation.checks.files import Pair, Report
    from afya.translation.checks.verdict import Verdict

# The file held pairs that failed: exit code of bad data (docs/errors.md).
_FAILED = 3
_SHOWN_CHARACTERS = 160


def check(
    file: Annotated[Path, typer.Argument(help="A TSV file: source text, tab, translation; one pair a line.")],
    source: Annotated[str, typer.Option("--source", "-s", help="The language of the first column, such as en.")],
    target: Annotated[str, typer.Option("--target", "-t", help="The language of the second column, such as sw.")],
    checks: Annotated[
        str | None, typer.Option("--checks", help="Only these checks: quantities,polarity; all by default.")
    ] = None,
    glossary: Annotated[Path | None, typer.Option("--glossary", help="A glossary to check adherence to.")] = None,
    back: Annotated[
        str | None, typer.Option("--back", help="An engine for the way back, such as apertium: or ct2:FOLDER.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write what did not pass here: .tsv or .parquet.")] = None,
    show: Annotated[int, typer.Option("--show", min=0, help="How many alarms to show.")] = 10,
    header: Annotated[bool, typer.Option("--header", help="The first line names the columns.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with code 3 when any pair fails.")] = False,
) -> None:
    """Check translations: numbers, denials, drugs, markup, language, length and more. A table, and the first alarms."""
    from contextlib import ExitStack

    from rich.console import Console

    from afya.translation.checks import Checker
    from afya.translation.checks.files import check_file

    names = None if checks is None else [name.strip() for name in checks.split(",") if name.strip()]
    with ExitStack() as stack:
        terms = engine = None
        if glossary is not None:
            from afya.translation.glossary import Glossary

            terms = Glossary.load(glossary)
        if back is not None:
            from afya.translation.load import load_translator

            engine = load_translator(back)
            stack.callback(engine.close)
        checker = Checker(source, target, checks=names, glossary=terms, back=engine)
        report = check_file(file, checker, header=header, out=out, keep=show)
    console = Console()
    console.print(_table(report, f"{file.name}: {source} to {target}, {report.pairs:,} pairs"))
    for pair, verdict in report.first:
        console.print(_alarm(pair, verdict), markup=False, highlight=False, soft_wrap=True)
    told = f"{report.failed:,} of {report.pairs:,} pairs did not pass every check."
    if out is not None:
        told += f" What did not pass is in {out}."
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    if fail and report.failed:
        raise typer.Exit(_FAILED)


def _table(report: Report, title: str) -> Table:
    from rich.table import Table

    from afya.statistics import wilson

    table = Table(title=title, title_justify="left")
    table.add_column("check")
    for column in ("judged", "alarms", "% (95% interval)", "not judged"):
        table.add_column(column, justify="right")
    for name, tally in report.tallies.items():
        share = "-"
        if tally.judged:
            low, high = wilson(tally.alarms / tally.judged, tally.judged)
            share = f"{100 * tally.alarms / tally.judged:.2f} ({100 * low:.2f}-{100 * high:.2f})"
        table.add_row(name, f"{tally.judged:,}", f"{tally.alarms:,}", share, f"{tally.unjudged:,}")
    return table


def _alarm(pair: Pair, verdict: Verdict) -> str:
    said = verdict.check if verdict.judged else f"{verdict.check} (not judged)"
    return f"line {pair.line}, {said}: {verdict.detail}\n  {_short(pair.source)}\n  {_short(pair.translation)}"


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"
