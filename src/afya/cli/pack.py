"""`afya pack`: begin a language, say what its pack lacks, try it, and see how far all of them are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from afya.assistant.pack_tests import Outcome
    from afya.packs import Finding
    from afya.packs.coverage import Coverage, Share

app = typer.Typer(help="Languages as folders: begin one, check it, try it, see what it lacks.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--packs",
        envvar="AFYA_PACKS",
        file_okay=False,
        help="A folder of packs that stand before those that come with afya.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SHOWN = 12
_HEADINGS = {
    "danger rules": "danger\nrules",
    "culture": "cul-\nture",
    "messages": "mes-\nsages",
    "protocols": "proto-\ncols",
    "spellings": "spell-\nings",
    "glossary": "glos-\nsary",
    "reviewed": "re-\nviewed",
}


@app.command("new")
def new(
    code: Annotated[str, typer.Argument(help="The language's code, such as ha, or with a region, such as sw-KE.")],
    source: Annotated[str, typer.Option("--from", help="The pack whose texts are to be translated.")] = "en",
    folder: Folder = None,
) -> None:
    """Begin a pack: every file with its keys, and each text to translate as a comment above an empty one."""
    from rich.console import Console

    from afya.packs.making import new_pack, own_root

    made = new_pack(code, own_root(folder), source=source)
    console = Console(highlight=False)
    table = _table("file", "to write", title=f"{made.folder}")
    for name in made.files:
        table.add_row(name, _to_write(made.folder / name))
    console.print(table)
    console.print("Fill the files from top to bottom; an empty text counts as missing.", markup=False)
    console.print(f"Then: afya pack lint {code}", markup=False)


@app.command("fill")
def fill(
    code: Annotated[str, typer.Argument(help="The pack, such as sw.")],
    source: Annotated[str, typer.Option("--from", help="The pack whose texts are to be translated.")] = "en",
    folder: Folder = None,
) -> None:
    """Write into a pack's files what it lacks: each key empty, what the English pack says above it as a comment."""
    from rich.console import Console

    from afya.packs.filling import fill_pack

    done = fill_pack(code, folder, source=source)
    console = Console(highlight=False)
    if not done:
        console.print(f"{code} lacks nothing of what {source} has.")
        return
    table = _table("file", "what was added")
    for filled in done:
        table.add_row(filled.file, "the file" if filled.new else f"{filled.entries} empty entries")
    console.print(table)
    console.print("An empty text counts as missing; afya pack lint says what is left.", markup=False)


@app.command("tidy")
def tidy(
    code: Annotated[str, typer.Argument(help="The pack, such as sw.")],
    source: Annotated[str, typer.Option("--from", help="The pack whose texts stand in the comments.")] = "en",
    folder: Folder = None,
) -> None:
    """Take out the comments that `new` and `fill` wrote, wherever the text below is there now."""
    from afya.packs.filling import tidy_pack

    changed = tidy_pack(code, folder, source=source)
    typer.echo(f"Shorter now: {', '.join(changed)}." if changed else "There was nothing to take out.")


@app.command("lint")
def lint(
    code: Annotated[str | None, typer.Argument(help="One pack; by default all.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
    every: Annotated[bool, typer.Option("--all", help="Print every finding, not the first of each kind.")] = False,
) -> None:
    """Say what a pack lacks and what is wrong in it, against the English one and the protocols."""
    from rich.console import Console

    from afya.errors import DataError

    found = {name: _inspected(name, folder) for name in _chosen(code, folder)}
    if as_json:
        _print_json({name: [_as_dict(finding) for finding in listed] for name, listed in found.items()})
    else:
        console = Console(highlight=False)
        for name, listed in found.items():
            _show_findings(console, name, listed, every=every)
    errors = sum(finding.level == "error" for listed in found.values() for finding in listed)
    if errors:
        raise DataError(f"{errors} errors in {', '.join(name for name, listed in found.items() if _errors(listed))}.")


@app.command("test")
def try_out(
    code: Annotated[str | None, typer.Argument(help="One pack; by default all that have tests.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Ask the assistant every message of a pack's tests.jsonl, and compare what comes with what is written there."""
    from rich.console import Console

    from afya.assistant import Assistant
    from afya.assistant.knowledge import knowledge_of
    from afya.assistant.pack_tests import KINDS, run_tests
    from afya.errors import AfyaError, DataError
    from afya.packs import load_pack

    outcomes: dict[str, Sequence[Outcome]] = {}
    unusable: dict[str, str] = {}
    for name in _chosen(code, folder):
        try:
            if load_pack(name, folder).tests:
                assistant = Assistant(name, packs=folder, knowledge=knowledge_of(name, packs=folder))
                outcomes[name] = run_tests(assistant)
        except AfyaError as error:
            if code is not None:
                raise
            unusable[name] = str(error)
    if not outcomes and not unusable:
        raise DataError(
            "There are no tests.", hint="Write them in tests.jsonl of the pack; the English one has examples."
        )
    failed = sum(not outcome.passed for listed in outcomes.values() for outcome in listed)
    if as_json:
        listed = {name: [outcome.as_dict() for outcome in tests] for name, tests in outcomes.items()}
        _print_json({"packs": listed, "unusable": unusable})
    else:
        console = Console(highlight=False)
        table = _table("pack", "tests", "passed", *KINDS, title="Packs, tried")
        for name, tests in outcomes.items():
            faults = Counter(kind for outcome in tests for kind in {fault.kind for fault in outcome.faults})
            passed = sum(outcome.passed for outcome in tests)
            cells = [f"[red]{faults[kind]}[/]" if faults[kind] else "" for kind in KINDS]
            table.add_row(name, f"{len(tests)}", _coloured(passed, len(tests)), *cells)
        for name in unusable:
            table.add_row(name, "[red]cannot be used[/]", "")
        console.print(table)
        _show_failures(outcomes, SHOWN if code is None else None)
        for name, why in unusable.items():
            console.print(f"{name}: {why}", markup=False, soft_wrap=True)
    if failed or unusable:
        raise DataError(f"{failed} tests failed; {len(unusable)} packs cannot be used.")


@app.command("coverage")
def coverage(folder: Folder = None, as_json: AsJson = False) -> None:
    """How much of every pack is written, beside the English one, and who has reviewed it."""
    from rich.console import Console

    from afya.packs import available, load_pack, regional
    from afya.packs.coverage import COLUMNS
    from afya.packs.coverage import coverage as measure

    rows = [measure(load_pack(name, folder)) for name in (*available(folder), *regional(folder))]
    if as_json:
        _print_json([row.as_dict() for row in rows])
        return
    table = _table("pack", *map(_broken, (*COLUMNS, "reviewed")), title="What is written, of what the English pack has")
    for row in rows:
        table.add_row(*_coverage_cells(row))
    console = Console(highlight=False)
    console.print(table)
    for row in rows:
        for name, share in row.columns.items():
            if share.fault:
                console.print(f"{row.lang}, {name}: {share.fault}", markup=False, soft_wrap=True)


def _chosen(code: str | None, folder: Path | None) -> tuple[str, ...]:
    from afya.packs import available, regional

    return (code,) if code is not None else (*available(folder), *regional(folder))


def _inspected(code: str, folder: Path | None) -> list[Finding]:
    """The findings of a pack; one that cannot be read at all is one finding."""
    from afya.errors import ConfigError
    from afya.packs import Finding, inspect, load_pack
    from afya.protocols import available, load_protocol
    from afya.protocols.texts import check_texts

    try:
        pack = load_pack(code, folder)
    except ConfigError as error:
        return [Finding("error", "unreadable", "the pack", "-", str(error))]
    found = inspect(pack)
    told = {(finding.file, finding.key) for finding in found}
    for name in available():
        asked = check_texts(load_protocol(name), pack)
        found += [finding for finding in asked if (finding.file, finding.key) not in told]
    return sorted(dict.fromkeys(found), key=lambda finding: (finding.level != "error", finding.file))


def _show_findings(console: Console, code: str, found: Sequence[Finding], *, every: bool) -> None:
    from rich.text import Text

    errors = _errors(found)
    if not found:
        console.print(f"[green]✓[/] {code}: nothing is wrong.")
        return
    mark = "[red]✗[/]" if errors else "[green]✓[/]"
    console.print(f"{mark} {code}: {errors} errors, {len(found) - errors} warnings.")
    groups = Counter((finding.level, finding.file, finding.code) for finding in found)
    if every or len(found) == len(groups):
        for finding in found:
            style = "red" if finding.level == "error" else "yellow"
            console.print(Text(finding.level, style=style), Text(f"{finding}"), soft_wrap=True)
        return
    table = _table("", "file", "count", "the first")
    for (level, file, code_), count in groups.items():
        first = next(found_ for found_ in found if (found_.level, found_.file, found_.code) == (level, file, code_))
        shown = Text(first.message if first.key == "-" else f"{first.key}: {first.message}")
        table.add_row(Text(level, style="red" if level == "error" else "yellow"), Text(file), f"{count}", shown)
    console.print(table)
    console.print(f"Every one: afya pack lint {code} --all", markup=False)


def _show_failures(outcomes: dict[str, Sequence[Outcome]], most: int | None) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    failed = [(name, outcome) for name, tests in outcomes.items() for outcome in tests if not outcome.passed]
    for name, outcome in failed[:most]:
        console.print(f"{name} {outcome.test.id}: {outcome.test.text}", markup=False, soft_wrap=True)
        for fault in outcome.faults:
            console.print(f"    {fault}", markup=False, soft_wrap=True, style="yellow")
    if most is not None and len(failed) > most:
        console.print(f"and {len(failed) - most} more: afya pack test LANG", markup=False)


def _coverage_cells(row: Coverage) -> Iterable[str]:
    yield row.lang
    for share in row.columns.values():
        yield _share(share)
    yield f"[green]{len(row.reviewers)}[/]" if row.reviewed else "[yellow]no[/]"


def _broken(heading: str) -> str:
    """A heading on two lines, so that the table fits a narrow terminal."""
    return _HEADINGS.get(heading, heading)


def _share(share: Share) -> str:
    if share.fault:
        return "[red]fault[/]"
    if share.all is None:
        return f"{share.done}" if share.done else "[red]0[/]"
    return _coloured(share.done, share.all)


def _coloured(done: int, every: int) -> str:
    if done >= every:
        return f"[green]✓ {done}[/]"
    return f"[{'yellow' if done else 'red'}]{done}/{every}[/]"


def _to_write(path: Path) -> str:
    """How much there is to write in a new file."""
    text = path.read_text(encoding="utf-8")
    empty = sum(line.rstrip().endswith((': ""', ": []", ": ''")) for line in text.splitlines())
    if path.suffix == ".jsonl":
        return f"{text.count(chr(10))} messages"
    return f"{empty} entries" if empty else "as far as you know"


def _errors(found: Iterable[Finding]) -> int:
    return sum(finding.level == "error" for finding in found)


def _as_dict(finding: Finding) -> dict[str, str]:
    return {name: getattr(finding, name) for name in ("level", "code", "file", "key", "message")}


def _print_json(content: object) -> None:
    import json

    typer.echo(json.dumps(content, ensure_ascii=False, indent=2))


def _table(*columns: str, title: str | None = None) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), header_style="bold underline")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
