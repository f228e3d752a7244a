"""`afya train RECIPE` for a translation recipe: run it, and say what it gained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def run(recipe: str, out: Path, overrides: Sequence[str]) -> None:
    """Run a translation recipe and print its stages and its proof."""
    from rich.console import Console

    from afya.cli.tables import plain, table_of
    from afya.training.loop.progress import ConsoleWatcher
    from afya.training.translating import load_translation_recipe, train_translation
    from afya.training.translating.proof import READING, REFERENCE, report

    with ConsoleWatcher(Console(stderr=True)) as watcher:
        found = train_translation(load_translation_recipe(recipe, overrides), out, watcher)
    console = Console(highlight=False)
    if found.measured:
        columns = ("data", "pair", "n", "measure", *found.labels, REFERENCE)
        table = table_of(*columns, title="Before and after")
        for row in report(found.measured, found.labels):
            table.add_row(*plain(*(row.get(name, "") for name in columns)))
        console.print(table)
        console.print(READING, markup=False)
    table = table_of("stage", "engine", "steps", "tokens", "examples", "not learned", "loss", title=f"{out}: trained")
    for stage in found.stages:
        numbers = (stage.steps, sum(stage.tokens.values()), stage.examples, stage.rejected)
        engine = f"hf:{out / stage.folder}"
        table.add_row(*plain(stage.name, engine, *(f"{number:,}" for number in numbers), f"{stage.loss:.3f}"))
    console.print(table)
    console.print(
        f"Use it: afya translate text '...' --engine hf:{out / found.stages[-1].folder} (or ct2:, which converts it)",
        markup=False,
        soft_wrap=True,
    )
