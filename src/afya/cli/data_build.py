"""`afya data build`, `recipes`, `inspect` and `diff`: make a dataset by a recipe, and look at what was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli.tables import plain, print_rows, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from afya.data.inspect import Inspection
    from afya.runs import Ledger

_COLUMNS = 8


def build(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of one of 'afya data recipes'.")],
    out: Annotated[Path, typer.Option("--out", help="The dataset folder to make, or to go on with.")],
    sources: Annotated[
        Path | None, typer.Option("--sources", help="The folder that the recipe's relative paths are taken from.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes to use.")] = 1,
    ray: Annotated[str | None, typer.Option("--ray", help="A Ray cluster instead: its address, or 'local'.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as sources.medquad.limit=100."),
    ] = None,
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep the parts in OUT.work when all is done.")
    ] = False,
) -> None:
    """Build a dataset by a recipe: every stage, with an account of every row. A killed build goes on where it was."""
    from rich.console import Console

    from afya.data.build import build as run_recipe
    from afya.data.recipe import load_recipe

    loaded, folder = load_recipe(recipe, overrides or ())
    with _progress() as report:
        built = run_recipe(
            loaded,
            out,
            sources=sources or folder,
            workers=workers,
            ray=ray,
            keep_work=keep_work,
            on_progress=report,
        )
    console = Console()
    if built.before:
        console.print(f"{out} was built before by this very recipe: nothing was done.", markup=False, soft_wrap=True)
    for entry in built.absent:
        console.print(f"Not read: {entry.label}. {entry.why} {entry.how}", markup=False, soft_wrap=True)
    console.print(ledger_table(built.ledger))
    print_rows(loaded.title or loaded.name, built.manifest, out)


def recipes() -> None:
    """List the recipes that are shipped."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.data.recipe import load_recipe
    from afya.data.recipe import recipes as shipped

    table = Table(title="Recipes: afya data build NAME --out FOLDER", title_justify="left")
    for column in ("name", "sources", "what it makes"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for name in shipped():
        recipe, _ = load_recipe(name)
        table.add_row(*(Text(cell) for cell in (name, str(len(recipe.sources)), recipe.description.strip())))
    Console().print(table)


def inspect(
    folder: Annotated[Path, typer.Argument(help="A dataset folder.")],
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="A SentencePiece .model file or a tokenizer's folder: count its tokens."),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=0, help="Items to show of each language.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Another seed shows other items.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what is in a dataset: rows by language, task, split, source, licence and origin; checks; samples; tokens."""
    import json

    from rich.console import Console

    from afya.data.inspect import inspect as look

    found = look(folder, tokenizer=tokenizer, samples=samples, seed=seed)
    if as_json:
        typer.echo(json.dumps(found.plain(), ensure_ascii=False, indent=2))
        return
    console = Console()
    for table in _inspection_tables(found):
        console.print(table)


def diff(
    before: Annotated[Path, typer.Argument(help="A dataset folder.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
    examples: Annotated[int, typer.Option("--examples", min=0, help="Examples of each kind.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what differs between two datasets: rows added, removed and changed, and in which columns."""
    import json

    from rich.console import Console

    from afya.data.diff import KINDS
    from afya.data.diff import diff as compare

    found = compare(before, after, examples=examples)
    if as_json:
        typer.echo(json.dumps(found.plain(), ensure_ascii=False, indent=2))
        return
    console = Console()
    rows = _table("language", "source", *KINDS, title=f"From {before} to {after}")
    pairs = {(lang, source) for kind in KINDS for lang, listed in found.rows[kind].items() for source in listed}
    for lang, source in sorted(pairs):
        cells = [f"{found.rows[kind].get(lang, {}).get(source, 0):,}" for kind in KINDS]
        rows.add_row(*plain(lang, source, *cells))
    rows.add_row(*plain("all", "", *(f"{found.total(kind):,}" for kind in KINDS)))
    console.print(rows)
    if found.columns:
        changed = _table("column", "rows in which it changed")
        for name, count in found.columns.items():
            changed.add_row(*plain(name, f"{count:,}"))
        console.print(changed)
    for kind in KINDS:
        for entry in found.examples[kind]:
            change = f": {entry['column']}: {entry['before']} -> {entry['after']}" if kind == "changed" else ""
            console.print(f"{kind} {entry['item_id']}{change}", markup=False, highlight=False)
    console.print(f"{found.same:,} rows are the same.", markup=False, highlight=False)


def _inspection_tables(found: Inspection) -> Iterator[Table]:
    from afya.languages import language

    named = {code: f"{language(code).name} ({code})" for code in found.languages}
    for name, counted in found.counts.items():
        # Few values make columns, many make rows.
        if len(counted) <= _COLUMNS:
            table = _table("language", *counted, "all", title=f"Rows by {name}")
            for code, total in found.languages.items():
                shown = [f"{listed[code]:,}" if code in listed else "-" for listed in counted.values()]
                table.add_row(*plain(named[code], *shown, f"{total:,}"))
            table.add_row(
                *plain("all", *(f"{sum(listed.values()):,}" for listed in counted.values()), f"{found.total:,}")
            )
        else:
            table = _table(name, "rows", "languages", title=f"Rows by {name}")
            for value, listed in counted.items():
                table.add_row(*plain(value, f"{sum(listed.values()):,}", str(len(listed))))
        yield table
    if found.translators:
        table = _table("translator", "rows", title="Translated by")
        for name, rows in found.translators.items():
            table.add_row(*plain(name, f"{rows:,}"))
        yield table
    if found.checks:
        table = _table("check", "passed", "failed", title="Checks of translations")
        for name, results in found.checks.items():
            table.add_row(*plain(name, f"{results['passed']:,}", f"{results['failed']:,}"))
        yield table
    if found.tokens:
        heads = ("language", "items", "tokens an item", "groups also in English", "tokens to English")
        table = _table(*heads, title=f"Tokens under {found.tokenizer}")
        for code, tax in found.tokens.items():
            ratio = "-" if tax.ratio is None else f"{tax.ratio:.2f}"
            table.add_row(*plain(named[code], f"{tax.items:,}", f"{tax.mean:.1f}", f"{tax.shared_groups:,}", ratio))
        yield table
    if any(found.samples.values()):
        table = _table("language", "question, options", "answer", "source", title="Samples")
        for code, samples in found.samples.items():
            for row in samples:
                asked = f"{row['question']}\n{row['options']}" if row["options"] else row["question"]
                table.add_row(*plain(code, asked, row["answer"], f"{row['source']} ({row['origin']})"))
        yield table


def _table(*columns: str, title: str | None = None) -> Table:
    """A table whose columns of numbers stand to the right."""
    table = table_of(*columns, title=title)
    texts = ("language", "source", "question, options", "answer", "column", "check", "translator", "licence")
    for column, name in zip(table.columns, columns, strict=True):
        column.justify = "left" if name in texts else "right"
    return table


def ledger_table(ledger: Ledger) -> Table:
    """Each stage's rows in, made, out and left out, with the reasons."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Rows (every one accounted for: ledger.parquet)", title_justify="left")
    made = bool(ledger.rows_made)
    names = ("stage", "in", *(("made",) if made else ()), "out", "left out", "why")
    for name in names:
        table.add_column(name, justify="left" if name in ("stage", "why") else "right", overflow="fold")
    for stage in ledger.rows_in:
        reasons = ledger.reasons(stage)
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        counts = (
            ledger.rows_in[stage],
            *((ledger.rows_made[stage],) if made else ()),
            ledger.rows_out[stage],
            reasons.total(),
        )
        table.add_row(Text(stage), *(f"{count:,}" for count in counts), Text(why))
    return table


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A line for each stage on standard error, where there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def told(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = int(bars.add_task(stage, total=total))
            bars.update(bars.task_ids[list(tasks).index(stage)], completed=done, total=total)

        yield told
