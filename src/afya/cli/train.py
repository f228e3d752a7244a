"""`afya train`: run a training recipe, or continue the run that is in the folder; and what is done with its models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from afya.cli import train_export, train_grid, train_plan, train_proof, train_recipes, train_translation


class _RecipeFirst(TyperGroup):
    """A group whose first word may be a recipe: `afya train demo` is `afya train run demo`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RecipeFirst,
    help="Train a model by a recipe: afya train RECIPE --out RUN. Plan it before; prove, publish, export it after.",
    no_args_is_help=True,
)


@app.command("run")
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, a shipped recipe (demo), or parts joined by '+'.")],
    out: Annotated[Path, typer.Option("--out", help="The run folder to make or to continue.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as stages.stage2.learning_rate=0.001."),
    ] = None,
    guard: Annotated[
        bool, typer.Option("--guard", help="End with exit code 8 if the last stage made a language worse.")
    ] = False,
) -> None:
    """Train a model by a recipe: stage after stage, from checkpoints if it was interrupted.

    Writes a model folder for each stage (use it as hf:RUN/STAGE), training.csv, the ledger and a summary; where the
    recipe has a proof, RUN/proof/report.html says what each language gained and lost.
    """
    from rich.console import Console
    from rich.table import Table

    from afya.errors import ConfigError
    from afya.training import load_recipe
    from afya.training import train as run_recipe
    from afya.training.loop.progress import ConsoleWatcher, is_main
    from afya.training.recipe import read_recipe

    if read_recipe(recipe, overrides or ())[0].get("kind") == "translation":
        train_translation.run(recipe, out, overrides or ())
        return
    console = Console(stderr=True)
    with ConsoleWatcher(console) as watcher:
        told = load_recipe(recipe, overrides or ())
        if guard and told.proof is None:
            raise ConfigError("--guard: the recipe has no 'proof'.", hint="Say there what to measure on.")
        results = run_recipe(told, out, watcher)
    if not is_main():
        return
    table = Table(title=f"{out}: trained", title_justify="left")
    for name in ("stage", "steps", "tokens", "examples", "rejected", "loss"):
        table.add_column(name, justify="left" if name == "stage" else "right", overflow="fold")
    for result in results:
        numbers = (result.steps, sum(result.tokens.values()), result.examples, result.rejected)
        table.add_row(result.name, *(f"{number:,}" for number in numbers), f"{result.loss:.3f}")
    shown = Console()
    shown.print(table)
    shown.print(
        f"The model: hf:{out} (a stage's: hf:{out / results[0].folder}). Measure it: afya bench run --model hf:{out}; "
        f"ask it: afya ask --model {out}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    train_proof.tell_proof(out, told, guard)


app.command("plan")(train_plan.plan)
app.command("recipes")(train_recipes.recipes)
app.command("tokens")(train_recipes.tokens)
app.command("prove")(train_proof.prove)
app.command("publish")(train_proof.publish)
app.command("export")(train_export.export)
app.command("extend-tokenizer")(train_export.extend_tokenizer)
app.command("grid")(train_grid.grid)
