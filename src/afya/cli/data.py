"""`afya data`: bring public datasets in, and look at what there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli import data_build
from afya.cli.tables import counts_table, plain, print_rows, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from afya.sources import ImportResult

app = typer.Typer(help="Bring public datasets in and build checked multilingual ones.", no_args_is_help=True)
app.command("build")(data_build.build)
app.command("recipes")(data_build.recipes)
app.command("inspect")(data_build.inspect)
app.command("diff")(data_build.diff)

_EXAMPLES = 3
_NAMED = 6


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="The dataset's name; 'afya data sources' lists them.")],
    path: Annotated[Path, typer.Argument(help="Its file, or the folder that its files are in.")],
    out: Annotated[Path, typer.Option("--out", help="The dataset folder to write.")],
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first malformed row.")] = False,
    langs: Annotated[
        str | None, typer.Option("--langs", help="Only these languages: sw,yo,zu; or all (of the twelve).")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Put every row into this split: train, dev or test.")
    ] = None,
) -> None:
    """Read a public dataset's files into a dataset folder, and print what became of every row."""
    from typing import cast

    from rich.console import Console

    from afya.items import Split
    from afya.languages import parse_codes
    from afya.sources import import_source
    from afya.sources import source as find_source

    codes = None if langs is None else parse_codes(langs)
    if codes and langs == "all":
        codes = tuple(code for code in codes if code in find_source(source).languages)
    with _progress(f"importing {source}") as report:
        result = import_source(
            source, path, out, strict=strict, langs=codes, split=cast("Split | None", split), on_progress=report
        )
    console = Console()
    console.print(_rows_table(result))
    if result.ledger.rejections:
        console.print(_rejections_table(result))
    console.print(
        f"{result.rows_read:,} rows read, {result.rows_written:,} written to {out}, "
        f"{result.rows_read - result.rows_written:,} rejected.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


@app.command("sources")
def sources(
    name: Annotated[str | None, typer.Argument(help="One of them: which files it reads, where it comes from.")] = None,
) -> None:
    """List the public datasets that can be imported, or tell more of one."""
    from rich.console import Console

    from afya.sources import SOURCES
    from afya.sources import source as find_source

    console = Console()
    if name is not None:
        entry = find_source(name)
        told = {
            "title": entry.title,
            "languages": " ".join(entry.languages),
            "tasks": ", ".join(entry.tasks),
            "licence": entry.licence,
            "reads": entry.reads,
            "origin": entry.url,
            "please cite": entry.citation,
        }
        for key, value in told.items():
            console.print(f"{key}: {value}", markup=False, highlight=False, soft_wrap=True)
        return
    table = table_of("name", "languages", "task", "licence")
    table.columns[0].no_wrap = True
    for entry in SOURCES.values():
        codes = entry.languages
        shown = " ".join(codes) if len(codes) <= _NAMED else f"{len(codes)} languages"
        table.add_row(*plain(entry.name, shown, ", ".join(entry.tasks), entry.licence))
    console.print(table)
    console.print("'afya data sources NAME' says which files one reads, where it comes from and how to cite it.")


@app.command("sample")
def sample(
    out: Annotated[Path, typer.Option("--out", help="The dataset folder to write.")],
    langs: Annotated[str, typer.Option("--langs", help="Languages: sw,yo,zu; or all (of the twelve).")] = "all",
) -> None:
    """Write the built-in sample: 40 groups on community health, parallel, unreviewed."""
    from afya.data.building import write_sample
    from afya.languages import parse_codes

    print_rows("The built-in sample", write_sample(out, parse_codes(langs)), out)


@app.command("vignettes")
def vignettes(
    out: Annotated[Path, typer.Option("--out", help="The dataset folder to write.")],
    train: Annotated[int, typer.Option("--train", min=0, help="Cases in the train split.")] = 0,
    dev: Annotated[int, typer.Option("--dev", min=0, help="Cases in the dev split.")] = 0,
    test: Annotated[int, typer.Option("--test", min=0, help="Cases in the test split.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other cases.")] = 0,
    langs: Annotated[str, typer.Option("--langs", help="Languages: sw,yo,zu; or all (of the twelve).")] = "all",
) -> None:
    """Draw practice cases from the clinical protocols, with exact answers, the same cases in every language."""
    from afya.data.building import write_vignettes
    from afya.items import Split
    from afya.languages import parse_codes

    codes = parse_codes(langs)
    groups: dict[Split, int] = {"train": train, "dev": dev, "test": test}
    total = sum(groups.values()) * len(codes)
    with _progress("drawing vignettes") as report:
        manifest = write_vignettes(
            out, groups, langs=codes, seed=seed, on_progress=lambda rows: report(rows, total, rows)
        )
    print_rows("Vignettes", manifest, out)


def _rows_table(result: ImportResult) -> Table:
    return counts_table(f"{result.source.title}: rows written", result.manifest["rows"])


def _rejections_table(result: ImportResult) -> Table:
    from afya.sources.source import STAGE

    table = table_of("reason", "rows", "for example", title="Rows rejected (all of them: ledger.parquet)")
    table.columns[1].justify = "right"
    for reason, count in result.ledger.reasons(STAGE).most_common():
        for index, entry in enumerate(result.examples(reason, _EXAMPLES)):
            # A row whose id could not be read is named by its place, which the detail says already.
            name = "" if (entry.detail or "").startswith(entry.item_id.partition(":")[2]) else f" ({entry.item_id})"
            shown = (reason, f"{count:,}") if index == 0 else ("", "")
            table.add_row(*plain(*shown, f"{entry.detail}{name}"))
    return table


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """A bar on standard error, where there is a terminal; gives a function of bytes done, bytes in all and rows."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, rows=0)

        def report(done: int, total: int, rows: int) -> None:
            bar.update(task, completed=min(done, total), total=total, rows=rows)

        yield report
