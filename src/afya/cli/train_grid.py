"""`afya train grid`: variants of a recipe from several seeds, measured on the same cases and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def grid(
    name: Annotated[str, typer.Argument(metavar="GRID", help="A grid file, or the name of a shipped grid.")],
    out: Annotated[Path, typer.Option("--out", help="The grid's folder to make or to continue.")],
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Runs at a time.")] = 1,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the grid, such as seeds=[1,2,3]."),
    ] = None,
) -> None:
    """Train every variant of a recipe from every seed, measure all on the same cases, and say what differs.

    Runs that are done are not done again. Writes grid.csv and report.html beside the runs.
    """
    from rich.console import Console

    from afya.errors import RunError, require
    from afya.training.grid import load_grid, run_grid, write_results
    from afya.training.grid.progress import ConsoleGridWatcher
    from afya.training.grid.terminal import print_results

    require("matplotlib", "report", "The report of a grid")
    chosen = load_grid(name, overrides or ())
    with ConsoleGridWatcher(Console(stderr=True)) as watcher:
        failures = run_grid(chosen, out, jobs=jobs, watcher=watcher)
    console = Console(highlight=False)
    results = write_results(chosen, out, failures)
    print_results(results, console)
    console.print(f"Table: {out / 'grid.csv'}\nReport: {out / 'report.html'}", markup=False, soft_wrap=True)
    if failures:
        told = "; ".join(f"{failure.name}: {failure.told.rstrip('.')}" for failure in failures)
        raise RunError(
            f"{len(failures)} of the grid's runs failed: {told}.",
            hint="Mend the cause and start the same command again; what is done is not done again.",
        )
