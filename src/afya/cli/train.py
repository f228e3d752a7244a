"""`afya train`: run a training recipe, or continue the run that is in the folder; and what is done with its models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from afya.cli import train_export


class _RecipeFirst(TyperGroup):
    """A group whose first word may be a recipe: `afya train demo` is `afya train run demo`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RecipeFirst,
    help="Train a model by a recipe (afya train RECIPE --out RUN), and export what came out.",
    no_args_is_help=True,
)
app.command("export")(train_export.export)
app.command("extend-tokenizer")(train_export.extend_tokenizer)


@app.command("run")
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
    from afya.training.loop.progress import ConsoleWatcher

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
