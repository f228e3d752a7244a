"""`afya train`: run a training recipe, or continue the run that is in the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped recipe (demo).")],
    out: Annotated[Path, typer.Option("--out", help="The run folder to make or to continue.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as stages.stage2.learning_rate=0.001."),
    ] = None,
) -> None:
    """Train a model by a recipe: stage after stage, from checkpoints if it was interrupted.

    Writes a model folder for each stage (use it as hf:RUN/STAGE), training.csv, the ledger and a summary.
    """
    from rich.console import Console
    from rich.table import Table

    from afya.training import load_recipe
    from afya.training import train as run_recipe
    from afya.training.progress import ConsoleWatcher

    console = Console(stderr=True)
    with ConsoleWatcher(console) as watcher:
        results = run_recipe(load_recipe(recipe, overrides or ()), out, watcher)
    table = Table(title=f"{out}: trained", title_justify="left")
    for name in ("stage", "model", "steps", "tokens", "examples", "rejected", "loss"):
        table.add_column(name, justify="left" if name in ("stage", "model") else "right", overflow="fold")
    for result in results:
        numbers = (result.steps, sum(result.tokens.values()), result.examples, result.rejected)
        table.add_row(
            result.name, f"hf:{out / result.folder}", *(f"{number:,}" for number in numbers), f"{result.loss:.3f}"
        )
    Console().print(table)
