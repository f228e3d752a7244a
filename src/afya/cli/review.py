"""`afya data review`: translations to people and back, through a queue or through spreadsheets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from afya.translation.review import Queue
    from afya.translation.review_files import Check

app = typer.Typer(help="Translations reviewed by people.", no_args_is_help=True)

QueueOption = Annotated[
    str, typer.Option("--queue", help="The queue: a file (SQLite), or a URL such as postgresql://user@host/name.")
]
RatersOption = Annotated[int, typer.Option("--raters", min=2, help="Ratings a text needs.")]
LangsOption = Annotated[str | None, typer.Option("--langs", help="Only these languages: sw,yo,zu.")]


def _open(queue: str, raters: int, *, made: bool = True) -> Queue:
    from afya.translation.review import Queue

    return Queue(queue, raters=raters, made=made)


def _name(rater: str) -> str:
    """A rater's name, spaced in one way, so that no one counts as two people."""
    from afya.errors import ConfigError

    name = " ".join(rater.split())
    if not name:
        raise ConfigError("--rater names nobody.", hint="Say who rates, such as --rater asha.")
    return name


def _codes(langs: str | None) -> tuple[str, ...] | None:
    from afya.languages import parse_codes

    return None if langs is None else parse_codes(langs)


@app.command("add")
def add(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder whose build listed texts for review.")],
    queue: QueueOption,
    raters: RatersOption = 2,
) -> None:
    """Put the texts that a build marked for review into the queue."""
    from rich.console import Console

    from afya.data.reviewing import fill_queue

    with _open(queue, raters, made=False) as opened:
        counts = fill_queue(dataset, opened)
    Console().print(f"{counts.added:,} texts added, {counts.present:,} were in the queue already.")


@app.command("status")
def status(queue: QueueOption, raters: RatersOption = 2, langs: LangsOption = None) -> None:
    """Show how far the review is, language by language, and how far raters agree."""
    from collections import Counter

    from rich.console import Console
    from rich.text import Text

    from afya.languages import language

    with _open(queue, raters) as opened:
        states = Counter((entry.row.lang, entry.state) for entry in opened.rows(langs=_codes(langs)))
        means, agreement = opened.means(), opened.agreement()
    console = Console()
    table = _table("Texts", "language", "open", "disputed", "accepted", "rejected")
    for lang in dict.fromkeys(lang for lang, _ in states):
        counts = (states[lang, state] for state in ("open", "disputed", "accepted", "rejected"))
        table.add_row(f"{language(lang).name} ({lang})", *(f"{count:,}" for count in counts))
    console.print(table)
    rated = _table("Ratings (1 to 5), agreement (Krippendorff's alpha, ordinal), 95% intervals", "lang", "scale")
    for column in ("mean", "n", "alpha", "texts"):
        rated.add_column(column, justify="right", no_wrap=True)
    for lang, scales in means.items():
        for scale, mean in scales.items():
            agreed = agreement.get(lang, {}).get(scale)
            alpha = "-"
            if agreed is not None:
                alpha = "undefined" if agreed.alpha is None else f"{agreed.alpha:.2f}"
                if agreed.low is not None and agreed.high is not None:
                    alpha += f" [{agreed.low:.2f}, {agreed.high:.2f}]"
            told = f"{mean.value:.2f} [{mean.low:.2f}, {mean.high:.2f}]"
            cells = (lang, scale, told, f"{mean.n:,}", alpha)
            rated.add_row(*map(Text, cells), f"{agreed.units if agreed else 0:,}")
    if means:
        console.print(rated)


@app.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="The spreadsheet to write: .xlsx or .csv.")],
    queue: QueueOption,
    rater: Annotated[str, typer.Option("--rater", help="Who will fill it in.")],
    langs: LangsOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many texts.")] = None,
    disputed: Annotated[bool, typer.Option("--disputed", help="The texts on which raters disagree.")] = False,
    raters: RatersOption = 2,
) -> None:
    """Write the texts that a rater has not rated as a spreadsheet, to be filled in without a network."""
    from itertools import islice

    from rich.console import Console

    from afya.translation.review_files import export_rows

    rater = _name(rater)
    with _open(queue, raters) as opened:
        waiting = opened.waiting(rater, langs=_codes(langs), disputed=disputed)
        count = export_rows(islice(waiting, limit), out)
    Console().print(f"{count:,} texts for {rater} in {out}.", markup=False, soft_wrap=True)


@app.command("import")
def import_(
    sheet: Annotated[Path, typer.Argument(help="The filled-in spreadsheet.")],
    queue: QueueOption,
    rater: Annotated[str, typer.Option("--rater", help="Who filled it in.")],
    replace: Annotated[bool, typer.Option("--replace", help="Let it change ratings this rater gave before.")] = False,
    raters: RatersOption = 2,
) -> None:
    """Take in a filled-in spreadsheet; an edit that fails an integrity check goes to another person."""
    from rich.console import Console

    from afya.translation.review_files import import_ratings

    rater = _name(rater)
    with _open(queue, raters) as opened:
        imported = import_ratings(opened, sheet, rater, check=_edit_check(), replace=replace)
    console = Console()
    for warning in imported.warnings:
        console.print(warning, style="yellow", markup=False, soft_wrap=True)
    counts = imported.counts
    console.print(
        f"{counts.added:,} ratings taken, {counts.changed:,} changed, {counts.present:,} known already; "
        f"{imported.blank:,} lines were blank."
    )


@app.command("apply")
def apply(
    dataset: Annotated[Path, typer.Argument(help="The dataset folder that was reviewed.")],
    out: Annotated[Path, typer.Option("--out", help="The dataset folder to write.")],
    queue: QueueOption,
    memory: Annotated[
        Path | None, typer.Option("--memory", help="A translation memory that takes up the accepted texts.")
    ] = None,
    settled_only: Annotated[
        bool, typer.Option("--settled-only", help="Leave out what still waits for a decision.")
    ] = False,
    raters: RatersOption = 2,
) -> None:
    """Write the dataset anew with what its reviewers decided: edits in place, rejected items out."""
    from contextlib import ExitStack

    from rich.console import Console

    from afya.data.reviewing import apply_reviews
    from afya.translation.memory import Memory

    with ExitStack() as stack:
        opened = stack.enter_context(_open(queue, raters))
        held = None if memory is None else stack.enter_context(Memory(memory))
        done = apply_reviews(dataset, out, opened, memory=held, settled_only=settled_only)
    told = (
        f"{done.settled:,} items reviewed ({done.edited:,} edited), {done.rejected:,} rejected, {done.waiting:,} wait."
    )
    Console().print(f"{told} Written to {out}.", markup=False, soft_wrap=True)
    if memory is not None:
        Console().print(f"{done.remembered:,} texts went into the memory {memory}.", markup=False, soft_wrap=True)


def _edit_check() -> Check:
    from functools import cache

    from afya.translation.checks import Checker

    @cache
    def checker(source: str, target: str) -> Checker:
        return Checker(source, target, checks=("quantities", "polarity", "drugs", "placeholders"))

    def check(source_text: str, edit: str, source: str, target: str) -> str | None:
        failed = [
            found for found in checker(source, target).check(source_text, edit) if not found.passed and found.judged
        ]
        return "; ".join(found.detail or found.check for found in failed) or None

    return check


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        left = column in ("language", "lang", "scale")
        table.add_column(column, justify="left" if left else "right", no_wrap=left)
    return table
