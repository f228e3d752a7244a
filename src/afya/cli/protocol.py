"""`afya protocol`: look at the clinical protocols, prove them sound, look up a dose, and check the packs' texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli.protocol_import import import_tables

if TYPE_CHECKING:
    from rich.console import Console

    from afya.packs import Finding
    from afya.protocols import Dose, Medicine, Protocol
    from afya.protocols.subject import Subject

app = typer.Typer(help="Look at the clinical protocols and check them and the packs.", no_args_is_help=True)
app.command("import")(import_tables)

_SHOWN = 12


@app.command("list")
def list_protocols() -> None:
    """Print the protocols there are: for whom, how many rows, how many reviewed, in which languages."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.packs import available as packs
    from afya.packs import load_pack
    from afya.protocols import available, load_protocol

    shown = Table()
    for column in ("protocol", "short", "for", "title", "rows", "reviewed", "languages"):
        shown.add_column(column, overflow="fold")
    told = {code: load_pack(code).protocols for code in packs()}
    for name in available():
        protocol = load_protocol(name)
        rows = [row for table in protocol.tables.values() for row in table.rows]
        cells = (
            protocol.name,
            protocol.short or "",
            protocol.subject,
            protocol.title,
            str(len(rows)),
            str(sum(row.reviewed for row in rows)),
            " ".join(code for code, names in told.items() if name in names),
        )
        shown.add_row(*(Text(cell) for cell in cells))
    Console().print(shown)


@app.command("show")
def show(
    name: Annotated[str | None, typer.Argument(help="The protocol; by default the child of 2-59 months.")] = None,
) -> None:
    """Print a protocol's tables: every row with its classification, actions, source and page."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.protocols import CHILD, find_protocol

    protocol = find_protocol(name or CHILD)
    console = Console()
    for table in protocol.tables.values():
        shown = Table(title=f"{table.name} ({table.section})", title_justify="left")
        for column in ("result", "colour", "actions", "gives", "source, page", "reviewed"):
            shown.add_column(column, overflow="fold")
        for row in table.rows:
            actions = ", ".join(action.name for action in row.actions)
            place = f"{row.citation.source.key}, {row.citation.page}"
            gives = ", ".join(row.doses)
            cells = (row.result, row.colour or "", actions, gives, place, "yes" if row.reviewed else "no")
            shown.add_row(*(Text(cell) for cell in cells))
        console.print(shown)


@app.command("dose")
def dose(
    medicine: Annotated[str, typer.Argument(help="The medicine: its key in the formulary, or one of its names.")],
    age_months: Annotated[float | None, typer.Option("--age-months", min=0, help="Age in months.")] = None,
    age_days: Annotated[float | None, typer.Option("--age-days", min=0, help="Age in days, instead.")] = None,
    weight_kg: Annotated[float | None, typer.Option("--weight-kg", min=0, help="Weight in kg.")] = None,
    pregnant: Annotated[bool | None, typer.Option("--pregnant/--not-pregnant", help="Left out: not known.")] = None,
    trimester: Annotated[int | None, typer.Option("--trimester", min=1, max=3, help="1, 2 or 3.")] = None,
    allergy: Annotated[list[str] | None, typer.Option("--allergy", help="Such as penicillin; may be repeated.")] = None,
) -> None:
    """Look up a dose in the formulary: the row that fits, its source, and what speaks against it."""
    from rich.console import Console

    from afya.errors import ConfigError, DataError
    from afya.protocols import load_formulary
    from afya.protocols.dosing import named
    from afya.protocols.formulary import near
    from afya.protocols.model import Age
    from afya.protocols.subject import Subject

    formulary = load_formulary()
    found = named(medicine, formulary)
    if not found:
        raise ConfigError(f"The formulary has no '{medicine}'.", hint=near(medicine, formulary.medicines))
    if age_months is None and age_days is not None:
        age_months = Age("age_days", "day").months(age_days)
    allergies = None if allergy is None else frozenset(allergy)
    who = Subject(age_months, weight_kg, pregnant, trimester, allergies=allergies)
    console = Console(highlight=False)
    given = [_tell_dose(entry, who, console) for entry in found]
    if not any(given):
        raise DataError(f"No dose of {medicine} for this person.", hint="Ask your supervisor, or refer.")


def _tell_dose(medicine: Medicine, who: Subject, console: Console) -> bool:
    """Print what the formulary says of one medicine for a person; whether there is a dose."""
    from rich.markup import escape

    from afya.packs import load_pack
    from afya.protocols.doses import find_dose, objections, over_maximum

    texts = load_pack("en").messages
    strength = f", {medicine.strength}" if medicine.strength else ""
    console.print(f"[bold]{escape(medicine.name)}[/bold] ({escape(medicine.form + strength)})")
    if medicine.refer:
        console.print("  A health facility gives it; there is no dose of it here.")
        return False
    against = objections(medicine, who)
    for heading, entries in (("never", against.never), ("not known", against.unknown), ("care", against.care)):
        for entry in entries:
            place = f"{entry.citation.source.title}, {entry.citation.page}"
            text = texts.get(entry.text, entry.text)
            console.print(f"  [yellow]{heading}:[/yellow] {escape(text)}  [dim]{escape(place)}[/dim]")
    if against.stops:
        return False
    dose = find_dose(medicine, who.age_months, who.weight_kg, who)
    if dose is None:
        most = over_maximum(medicine, who)
        why = f"the usual dose is over {most:g} mg a day" if most is not None else "no row fits this age and weight"
        console.print(f"  No dose: {why}.")
        return False
    console.print(f"  {escape(_said(dose))}")
    band = dose.band
    console.print(
        f"  [dim]{escape(band.citation.source.title)}, {escape(band.citation.page)}; "
        f"by {dose.by}{'; the age alone would have given another row' if dose.disagrees else ''}; "
        f"reviewed: {'yes' if band.reviewed else 'no'}[/dim]"
    )
    if band.note:
        console.print(f"  [dim]{escape(band.note)}[/dim]")
    return True


def _said(dose: Dose) -> str:
    band = dose.band
    amount = dict(band.amount)
    if "ml_from" in amount:
        amount = {"ml": f"{amount.pop('ml_from')} to {amount.pop('ml_to')}", **amount}
    parts = [", ".join(f"{key}: {value}" for key, value in amount.items())]
    if band.every_hours:
        parts.append(f"every {band.every_hours} hours")
    elif band.times_a_day:
        parts.append(f"{band.times_a_day} times a day" if band.times_a_day > 1 else "once a day")
    if band.days:
        parts.append(f"for {band.days} days" if band.days > 1 else "one day only")
    elif band.until:
        parts.append(f"until: {band.until.replace('_', ' ')}")
    return "; ".join(parts)


@app.command("check")
def check_protocols() -> None:
    """Prove by enumeration that the tables have no gap and no overlap, and that every pack can tell them."""
    from time import perf_counter

    from rich.console import Console

    from afya.errors import DataError
    from afya.packs import available as packs
    from afya.packs import load_pack
    from afya.protocols import available, load_formulary, load_protocol
    from afya.protocols.check import check_bands, prove
    from afya.protocols.texts import check_texts

    console = Console(highlight=False)
    faults = 0
    for name in available():
        protocol = load_protocol(name)
        start = perf_counter()
        proof = prove(protocol)
        seconds = perf_counter() - start
        found = [str(finding) for finding in proof.findings]
        warned: dict[str, list[Finding]] = {}
        for code in packs():
            pack = load_pack(code)
            for finding in check_texts(protocol, pack):
                if finding.level == "error":
                    found.append(f"{code}/{finding}")
                else:
                    warned.setdefault(code, []).append(finding)
        for line in found:
            console.print(line, markup=False, soft_wrap=True)
        for code, findings in warned.items():
            _warn(code, protocol, findings, console)
        faults += len(found)
        rows = sum(len(table.rows) for table in protocol.tables.values())
        told = [code for code in packs() if name in load_pack(code).protocols]
        console.print(
            f"{name}: {len(protocol.tables)} tables, {rows} rows, {proof.tried:,} combinations tried in "
            f"{seconds:.2f} s, {len(told)} languages, {len(found)} faults.",
            soft_wrap=True,
        )
    formulary = load_formulary()
    found = [str(finding) for medicine in formulary.medicines.values() for finding in check_bands(medicine)]
    for line in found:
        console.print(line, markup=False, soft_wrap=True)
    faults += len(found)
    bands = sum(len(medicine.bands) for medicine in formulary.medicines.values())
    console.print(f"formulary: {len(formulary.medicines)} medicines, {bands} bands, {len(found)} faults.")
    if faults:
        raise DataError(f"{faults} faults in the protocols or packs.", hint="Mend the lines above.")


def _warn(code: str, protocol: Protocol, findings: list[Finding], console: Console) -> None:
    from afya.packs import load_pack
    from afya.protocols.texts import offered_sections

    pack = load_pack(code)
    offered = offered_sections(protocol, pack.for_protocol(protocol.name))
    lacking = [section for section in protocol.optional if section not in offered]
    keys = ", ".join(finding.key for finding in findings[:_SHOWN])
    more = f" and {len(findings) - _SHOWN} more" if len(findings) > _SHOWN else ""
    parts = f" (not offered: {', '.join(lacking)})" if lacking else ""
    line = f"warning: {code}: {len(findings)} texts of {protocol.name} are missing{parts}: {keys}{more}."
    console.print(line, markup=False, soft_wrap=True)
