"""`afya train plan`: what a run will take before it starts, whether it fits, and what to change if not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from afya.training.planning.planner import RunPlan


def plan(
    recipe: Annotated[str, typer.Argument(help="A recipe file, a shipped recipe, or parts joined by '+'.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as method=qlora."),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu", help="The GPU to plan for, such as RTX4090 or A100-80, or cpu (default: this machine's)."
        ),
    ] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="How many; the weights are spread over them.")] = 1,
    price: Annotated[
        float | None, typer.Option("--price", min=0, metavar="USD", help="What one of them costs an hour.")
    ] = None,
    utilisation: Annotated[
        float | None,
        typer.Option("--utilisation", min=0.01, max=1, help="The share of its peak that is reached (0.01 to 1)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Say what a run will take before it starts: parameters, memory by part, tokens, steps, hours and cost.

    Nothing is downloaded but, for a model that afya does not know, its config.json. Where the run does not fit,
    settings are tried until it does, and shown. Ends with exit code 0 either way.
    """
    from rich.console import Console

    from afya.errors import ConfigError, require
    from afya.training import load_recipe
    from afya.training.recipe import read_recipe

    for module in ("torch", "transformers", "accelerate", "peft"):
        require(module, "train", "Planning a run")
    from transformers.utils import logging

    from afya.training.planning.plan import plan_run
    from afya.training.recipe.folders import check_folders

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if read_recipe(recipe, overrides or ())[0].get("kind") == "translation":
        from afya.training.translating import load_translation_recipe
        from afya.training.translating.planning import plan_translation

        pairs = load_translation_recipe(recipe, overrides or ())
        with Console(stderr=True).status(f"Counting what {pairs.name} takes"):
            _show(plan_translation(pairs, gpu=gpu, gpus=gpus, price=price, utilisation=utilisation), as_json)
        return
    found = load_recipe(recipe, overrides or ())
    with Console(stderr=True).status(f"Counting what {found.name} takes"):
        planned = plan_run(found, gpu=gpu, gpus=gpus, price=price, utilisation=utilisation)
    _show(planned, as_json)
    if as_json:
        return
    console = Console(highlight=False)
    try:
        check_folders(found)
    except ConfigError as missing:
        console.print(f"Before it can start: {missing}", markup=False, soft_wrap=not console.is_terminal)


def _show(plan: RunPlan, as_json: bool) -> None:
    from rich.console import Console

    from afya.training.planning.tables import tables

    if as_json:
        import json

        typer.echo(json.dumps(plan.as_dict(), ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False)
    for part in tables(plan):
        console.print(part)
