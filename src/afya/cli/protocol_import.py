"""`afya protocol import`: draft protocols from the decision-support workbook of a WHO SMART guideline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SHOWN = 10


def import_tables(
    workbook: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="The workbook of decision-support logic.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="A new folder for the drafts.")],
    dictionary: Annotated[
        Path | None, typer.Option(help="The workbook with the data dictionary, where it is another file.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Whom it is about: child, infant, woman, adult or anyone.")] = "anyone",
    licence: Annotated[
        str, typer.Option(help="The workbook's licence, written into sources.yaml.")
    ] = "see the workbook",
) -> None:
    """Turn a WHO workbook's decision tables into draft protocols, and list every row that was not read."""
    from rich.console import Console

    from afya.errors import DataError
    from afya.protocols.smart import import_workbook

    report = import_workbook(workbook, to, dictionary=dictionary, subject=subject, licence=licence)
    console = Console()

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    say(
        f"{report.rows_in} rows: {report.read} read as rules, {report.structure} headings, "
        f"{len(report.unread)} not read and listed."
    )
    for reason, count in report.reasons()[:_SHOWN]:
        say(f"  {count} not read: {reason}")
    if not report.written:
        raise DataError(
            f"{workbook}: no row could be made a rule; {to / 'REPORT.md'} lists them all.",
            hint="A decision table begins with a row 'Decision ID' and a code such as ANC.DT.01.",
        )
    say(f"{len(report.written)} drafts in {to}, none reviewed. {len(report.todo)} things to complete.")
    say(f"Every row, with what is to do: {to / 'REPORT.md'}")
