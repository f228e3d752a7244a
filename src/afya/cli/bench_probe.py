"""`afya bench probe`: signs that a model has seen a benchmark's items before, by language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli.bench_shared import OPTION_HELP

if TYPE_CHECKING:
    from rich.console import Console

    from afya.bench.probing.probe_run import Probed, ProbeResult


def probe(
    model: Annotated[
        list[str], typer.Option("--model", help="hf:FOLDER, openai:NAME ..., optionally named. May be repeated.")
    ],
    data: Annotated[list[Path], typer.Option("--data", help="A dataset folder to probe for. May be repeated.")],
    out: Annotated[Path, typer.Option("--out", help="The run folder; an unfinished run in it is continued.")],
    fresh: Annotated[
        list[Path] | None,
        typer.Option("--fresh", help="A dataset folder with items that no model has seen, of the same kind."),
    ] = None,
    langs: Annotated[
        str, typer.Option("--langs", help="Languages: sw,yo,zu; or all: those of the twelve that the data has.")
    ] = "all",
    tasks: Annotated[str, typer.Option("--tasks", help="mcq, nli, or both with a comma.")] = "mcq",
    split: Annotated[str, typer.Option("--split", help="test, dev, train, several with commas; or all.")] = "test",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Items per language and task.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice under a limit, and of the orders.")] = 0,
    k: Annotated[
        float | None, typer.Option("--k", help="The share of tokens that Min-K% looks at. Default 0.2.")
    ] = None,
    orders: Annotated[
        int | None, typer.Option("--orders", min=2, help="Orders of the options, the published one included.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Of a continuation.")] = None,
    base_url: Annotated[str | None, typer.Option("--base-url", help="The address of models at an address.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="hf: cpu, cuda, cuda:1 ...")] = None,
    option: Annotated[list[str] | None, typer.Option("--option", help=OPTION_HELP)] = None,
) -> None:
    """Look for signs that models have seen the items: n-gram overlap, Min-K%, the order of the options."""
    from rich.console import Console

    from afya.bench.probing.probe_run import probe_run
    from afya.cli.bench_shared import engine_settings, progress
    from afya.items import SPLITS
    from afya.languages import parse_codes

    def listed(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))

    with progress() as told:
        result = probe_run(
            model,
            data,
            out,
            fresh=tuple(fresh or ()),
            langs=None if langs.strip() == "all" else parse_codes(langs),
            tasks=listed(tasks),
            splits=SPLITS if split.strip() == "all" else listed(split),
            limit=limit,
            seed=seed,
            k=k,
            orders=orders,
            max_tokens=max_tokens,
            options={"base_url": base_url, "device": device, **engine_settings(option or [])},
            on_progress=told,
        )
    _print(result, Console())


def _print(result: ProbeResult, console: Console) -> None:
    from afya.cli.tables import plain, table_of

    table = table_of(
        "model", "task", "language", "probe", "n", "mean [95%]", "against", "difference [95%]", "p (Holm)", "reading",
        title="Signs of having seen the items",
    )  # fmt: skip
    for row in result.rows:
        table.add_row(*plain(row.model, row.task, row.lang, row.probe, f"{row.n:,}", *_cells(row), row.reading))
    console.print(table)
    for note in result.notes:
        console.print(note, markup=False)
    console.print(
        f"Every item: {result.folder / 'probes.parquet'}; this table: {result.folder / 'probes.csv'}",
        markup=False,
        soft_wrap=True,
    )


def _cells(row: Probed) -> tuple[str, ...]:
    def interval(value: float | None, low: float | None, high: float | None) -> str:
        if value is None:
            return "-"
        return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"

    against = "-"
    if row.against is not None and row.compared is not None:
        count = "" if row.n_compared is None else f", n={row.n_compared:,}"
        against = f"{row.against}: {row.compared:.3f}{count}"
    return (
        interval(row.mean, row.low, row.high),
        against,
        interval(row.difference, row.difference_low, row.difference_high),
        "-" if row.p is None else f"{row.p:.4f}",
    )
