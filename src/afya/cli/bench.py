"""`afya bench`: measure models in every language, and report what came out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli import bench_compare, bench_export, bench_extract, bench_import, bench_judge, bench_probe
from afya.cli.bench_shared import engine_settings, print_projection, progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from afya.runs import Ledger

_DETAILS = "Print every language of every model and setting, all counts, and the account of rows."

app = typer.Typer(help="Measure models in every language, and report what came out.", no_args_is_help=True)
app.command("extract")(bench_extract.extract)
app.command("import-replies")(bench_import.import_replies)
app.command("compare")(bench_compare.compare)
app.command("export")(bench_export.export)
app.command("judge")(bench_judge.judge)
app.command("probe")(bench_probe.probe)


@app.command("run")
def run(
    model: Annotated[
        list[str],
        typer.Option(
            "--model",
            help="hf:FOLDER, hf:OWNER/NAME, openai:NAME, anthropic:NAME, google:NAME, embed:FOLDER or replies:FILE, "
            "optionally named: base=hf:FOLDER. May be repeated.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The run folder; an unfinished run in it is continued.")],
    data: Annotated[
        list[Path] | None, typer.Option("--data", help="A dataset folder with choice items. May be repeated.")
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            help="A declared task: a YAML file, FILE.py:FUNCTION, or a shipped one such as vignettes or "
            "medsafety=FOLDER (see 'afya bench tasks'). May be repeated.",
        ),
    ] = None,
    langs: Annotated[
        str, typer.Option("--langs", help="Languages: sw,yo,zu; or all: those of the twelve that the data has.")
    ] = "all",
    tasks: Annotated[
        str, typer.Option("--tasks", help="What to take of --data: mcq, nli, or both with a comma.")
    ] = "mcq,nli",
    split: Annotated[
        str, typer.Option("--split", help="Splits of --data: test, dev, train, several with commas; or all.")
    ] = "test",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            help="letter and cloze score the options, generate reads a written answer; changed by +5-shot, +cot, "
            "+english, +translated: generate+cot. May be repeated.",
            show_default="letter, or the task's own",
        ),
    ] = None,
    translator: Annotated[
        str | None,
        typer.Option("--translator", help="The translator of +translated, such as ct2:FOLDER or llm:openai:NAME."),
    ] = None,
    rotations: Annotated[
        int, typer.Option("--rotations", help="In how many orders of its options each item is asked.")
    ] = 1,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Items per language and task; the same groups in every language.")
    ] = None,
    normalise: Annotated[
        str, typer.Option("--normalise", help="Divide an option's score by nothing (none) or by its length (bytes).")
    ] = "none",
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", help="Longest written answer.", show_default="256; a text 512; with +cot 1,024"),
    ] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="0: always the most probable token.")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of items under a limit, and of sampling.")] = 0,
    dtype: Annotated[str | None, typer.Option("--dtype", help="hf: float32, bfloat16 or float16.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="hf: cpu, cuda, cuda:1 ...")] = None,
    batch_tokens: Annotated[int | None, typer.Option("--batch-tokens", help="hf: tokens in one batch.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            help="Models at an address: the address, such as http://localhost:8000/v1; openai: several with commas.",
        ),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option("--api-key-env", help="Models at an address: the environment variable that holds the key."),
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", help="Models at an address: requests at a time, at most.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            help="KEY=VALUE (YAML), any other setting of an engine: price_in=2.5, body={reasoning_effort: low}, "
            "omit=\\[temperature]; NAME.KEY=VALUE for one model: tuned.base_url=http://localhost:8001/v1. May be "
            "repeated.",
        ),
    ] = None,
    budget_usd: Annotated[
        float | None,
        typer.Option("--budget-usd", min=0.0, help="Stop before the run costs more, counted from its first start."),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            "--cache",
            help="A folder of replies that runs share, or none.",
            show_default="afya in the user's cache folder",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and what it would cost; ask nothing.")
    ] = False,
    details: Annotated[bool, typer.Option("--details", help=_DETAILS)] = False,
) -> None:
    """Ask models about the items of datasets and tasks, score what they say, and write the report."""
    from typing import cast

    from rich.console import Console

    from afya.bench.asking.cache import cache_folder
    from afya.bench.running.plan import Request
    from afya.bench.running.run import ask, bench_project
    from afya.bench.scoring.score import Normalise
    from afya.items import SPLITS
    from afya.languages import parse_codes
    from afya.models.base import Sampling

    options = {
        "dtype": dtype,
        "device": device,
        "batch_tokens": batch_tokens,
        "base_url": base_url,
        "api_key_env": api_key_env,
        "concurrency": concurrency,
        **engine_settings(option or []),
    }
    request = Request.of(
        model,
        data or [],
        task_refs=task or [],
        langs=None if langs.strip() == "all" else parse_codes(langs),
        tasks=_listed(tasks),
        splits=SPLITS if split.strip() == "all" else _listed(split),
        settings=setting,
        limit=limit,
        seed=seed,
        sampling=Sampling(temperature=temperature, seed=seed),
        max_tokens=max_tokens,
        normalise=cast(Normalise, normalise),
        rotations=rotations,
        translator=translator,
        options={key: value for key, value in options.items() if value is not None},
    )
    console = Console()
    if dry_run:
        print_projection(bench_project(request), console)
        return
    kept = cache_folder() if cache is None else None if cache == "none" else Path(cache)
    with progress() as report_progress:
        result = ask(request, out, budget_usd=budget_usd, cache=kept, on_progress=report_progress)
    _show([out], None, out / "report.html", console, details=details)
    _print_ledger(result.ledger, out, console, details)
    for note in result.notes:
        console.print(f"Note: {note}", markup=False, soft_wrap=True)


@app.command("rescore")
def rescore(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of 'afya bench run' or 'import-replies'.")],
    normalise: Annotated[
        str | None, typer.Option("--normalise", help="none or bytes.", show_default="as the run was made")
    ] = None,
) -> None:
    """Score what models said again, with today's rules. Nobody is asked."""
    from typing import cast

    from rich.console import Console

    from afya.bench.running.rescore import rescore as score_again
    from afya.bench.scoring.score import Normalise

    console = Console()
    for folder in runs:
        done = score_again(folder, cast("Normalise | None", normalise))
        console.print(f"{folder}: {done.rows:,} replies scored, {done.changed.height:,} otherwise than before.")
        moved = done.changed.group_by("model", "outcome_before", "outcome", maintain_order=True).len()
        for name, before, after, count in moved.iter_rows():
            console.print(f"  {name}: {before or 'nothing'} -> {after}: {count:,}", markup=False)


@app.command("report")
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of 'afya bench run'.")],
    out: Annotated[Path, typer.Option("--out", help="The HTML file to write.")] = Path("report.html"),
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="A name for each run, in order, when the runs are stages of one training."),
    ] = None,
    tables: Annotated[
        str,
        typer.Option("--tables", help="Formats of the tables written beside the page: csv, parquet, md, tex, or none."),
    ] = "csv",
    details: Annotated[bool, typer.Option("--details", help=_DETAILS)] = False,
) -> None:
    """Print the table of one or more runs, and write every table and one HTML page."""
    from rich.console import Console

    _show(runs, label, out, Console(), () if tables.strip() == "none" else _listed(tables), details)


@app.command("tasks")
def tasks() -> None:
    """List the tasks that afya declares, and what each needs."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.bench.tasks.declare import needs, shipped

    table = Table(title="Tasks for --task", title_justify="left")
    for name in ("name", "kind", "what", "needs"):
        table.add_column(name, overflow="fold")
    for entry in shipped():
        table.add_row(entry.name, entry.kind, Text(entry.title), Text(needs(entry) or "nothing"))
    Console().print(table)


def _show(
    runs: Sequence[Path],
    labels: Sequence[str] | None,
    page: Path,
    console: Console,
    formats: Sequence[str] = ("csv",),
    details: bool = False,
) -> None:
    """Print what runs came to, and write the page and the tables."""
    from afya.bench.analysis.analyse import analyse
    from afya.bench.analysis.tables import write_tables
    from afya.bench.page.report import print_leaderboard, print_stages, print_table, write_report

    found = analyse(runs, labels)
    if labels and len(labels) > 1:
        print_stages(found.summary, console)
    else:
        print_leaderboard(found, console)
    if details:
        print_table(found.summary, console)
    write_report(runs, page, labels=labels, analysis=found)
    # A run's own page is called report.html and lies beside its tables.
    place = page.with_name("tables" if page.stem == "report" else f"{page.stem}-tables")
    if formats:
        write_tables(found, place, formats)
    where = f"Report: {page}" + (f"; tables: {place}" if formats else "")
    console.print(where, markup=False, soft_wrap=True)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _print_ledger(ledger: Ledger, run: Path, console: Console, details: bool) -> None:
    """The account of rows: a line, or, where some were left out or `details` are wanted, a table."""
    if details or ledger.rejections:
        console.print(_ledger_table(ledger))
        return
    asked = sum(count for stage, count in ledger.rows_out.items() if stage.startswith("scores:"))
    line = f"{asked:,} replies, every item accounted for, none left out: {run / 'ledger.parquet'}"
    console.print(line, markup=False, soft_wrap=True)


def _ledger_table(ledger: Ledger) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Rows (every one accounted for: ledger.parquet)", title_justify="left")
    for name in ("step", "in", "out", "left out", "why"):
        table.add_column(name, justify="right" if name in ("in", "out", "left out") else "left", overflow="fold")
    for stage in ledger.rows_in:
        reasons = ledger.reasons(stage)
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        counts = (ledger.rows_in[stage], ledger.rows_out[stage], reasons.total())
        table.add_row(Text(stage), *(f"{count:,}" for count in counts), Text(why))
    return table
