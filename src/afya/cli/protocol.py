"""`afya protocol`: look at the clinical protocols, prove them sound, and check the packs that tell them."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Look at the clinical protocols and check them and the packs.", no_args_is_help=True)


@app.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="The protocol; by default the child of 2-59 months.")] = None,
) -> None:
    """Print a protocol's tables: every row with its classification, actions, source and page."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.protocols import CHILD, load_protocol

    protocol = load_protocol(name or CHILD)
    console = Console()
    for table in protocol.tables.values():
        shown = Table(title=f"{table.name} ({table.section})", title_justify="left")
        for column in ("result", "colour", "actions", "source, page", "reviewed"):
            shown.add_column(column, overflow="fold")
        for row in table.rows:
            actions = ", ".join(action.name for action in row.actions)
            place = f"{row.citation.source.key}, {row.citation.page}"
            cells = (row.result, row.colour or "", actions, place, "yes" if row.reviewed else "no")
            shown.add_row(*(Text(cell) for cell in cells))
        console.print(shown)


@app.command("check")
def check_protocols() -> None:
    """Prove by enumeration that the tables have no gap and no overlap, and that every pack can tell them."""
    from rich.console import Console

    from afya.errors import DataError
    from afya.packs import available as packs
    from afya.packs import load_pack
    from afya.protocols import available, check, check_pack, load_protocol

    console = Console()
    faults = 0
    for name in available():
        protocol = load_protocol(name)
        found = [str(finding) for finding in check(protocol)]
        for code in packs():
            found += [str(finding) for finding in check_pack(protocol, load_pack(code)) if finding.level == "error"]
        for line in found:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        faults += len(found)
        rows = sum(len(table.rows) for table in protocol.tables.values())
        console.print(f"{name}: {len(protocol.tables)} tables, {rows} rows, {len(packs())} packs, {len(found)} faults.")
    if faults:
        raise DataError(f"{faults} faults in the protocols or packs.", hint="Mend the lines above.")


@app.command("lint")
def lint(lang: Annotated[str, typer.Argument(help="The pack's language, such as sw.")]) -> None:
    """Say what a language's pack lacks, against the English one and the protocols."""
    from rich.console import Console

    from afya.errors import DataError
    from afya.languages import language
    from afya.packs import load_pack
    from afya.protocols import available, check_pack, load_protocol

    pack = load_pack(language(lang).code)
    found = [finding for name in available() for finding in check_pack(load_protocol(name), pack)]
    console = Console()
    for finding in found:
        console.print(f"{finding.level}: {finding}", markup=False, highlight=False, soft_wrap=True)
    errors = sum(finding.level == "error" for finding in found)
    if errors:
        raise DataError(f"The {language(lang).name} pack has {errors} errors.")
    console.print(f"The {language(lang).name} pack is complete; {len(found)} warnings.", highlight=False)
