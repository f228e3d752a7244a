"""`afya translate memory`: a translation memory filled from tables and written to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The translation memory: what was translated before, in one file.", no_args_is_help=True)


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A TSV file: an exported memory, or two columns: text, translation.")],
    into: Annotated[Path, typer.Option("--memory", "-m", help="The memory's file, made when it is not there.")],
    source: Annotated[str | None, typer.Option("--source", "-s", help="The language of the first column.")] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="The language of the second column.")] = None,
    origin: Annotated[
        str | None, typer.Option("--origin", help="Who made the translations: human, reviewed or machine.")
    ] = None,
) -> None:
    """Add translations to a memory. A machine's translation never replaces a person's."""
    from afya.translation.memory import Memory
    from afya.translation.memory_files import import_tsv

    with Memory(into) as opened:
        added = import_tsv(opened, path, source=source, target=target, origin=origin)
        count = len(opened)
    _say(
        f"{added.new:,} new, {added.replaced:,} replaced, {added.kept:,} known already; {into} has {count:,} entries.",
    )


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(help="The TSV file to write.")],
    of: Annotated[Path, typer.Option("--memory", "-m", help="The memory's file.")],
    source: Annotated[str | None, typer.Option("--source", "-s", help="Only from this language.")] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Only into this language.")] = None,
) -> None:
    """Write a memory as a TSV file that 'import' reads."""
    from afya.languages import language
    from afya.translation.memory import Memory
    from afya.translation.memory_files import export_tsv

    for code in (source, target):
        if code is not None:
            language(code)
    with Memory(of, read_only=True) as opened:
        count = export_tsv(opened, path, source=source, target=target)
    _say(f"{count:,} entries written to {path}.")


def _say(line: str) -> None:
    from rich.console import Console

    Console().print(line, markup=False, highlight=False, soft_wrap=True)
