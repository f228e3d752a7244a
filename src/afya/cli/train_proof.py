"""`afya train prove` and `afya train publish`: what a run gained and lost, and its model given away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from afya.training.recipe import ProofData, Recipe

_NAME = 40


def prove(
    run: Annotated[Path, typer.Argument(help="The run folder that 'afya train' wrote.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="A dataset folder to measure on, beside those of the recipe.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What the data are called (default: the folder's).")
    ] = None,
    setting: Annotated[
        str, typer.Option("--setting", help="How they are asked: letter, cloze, generate ...")
    ] = "letter",
    role: Annotated[
        str, typer.Option("--role", help="taught: what was to be learned; general: what must not be forgotten.")
    ] = "taught",
    split: Annotated[str, typer.Option("--split", help="train, dev or test.")] = "test",
    langs: Annotated[str | None, typer.Option("--langs", help="Language codes (default: the recipe's).")] = None,
    count: Annotated[int | None, typer.Option("--count", min=1, help="No more than this many groups.")] = None,
    afresh: Annotated[bool, typer.Option("--afresh", help="Measure again what was measured before.")] = False,
) -> None:
    """Measure a run's models again, or on other data: before the first stage and after each that is finished.

    Writes RUN/proof/report.html and proof.json, and completes the stages' cards. Data that a stage learned from are
    refused.
    """
    from rich.console import Console

    from afya.training.proof.again import prove_again
    from afya.training.proof.proving import recipe_of
    from afya.training.proof.terminal import print_proof

    told = Console(stderr=True, highlight=False)
    recipe = recipe_of(run)
    given = {"name": name, "setting": setting, "role": role, "split": split, "langs": langs, "count": count}
    added = [] if data is None else [_entry(data, given, recipe)]
    found = prove_again(run, recipe, added, afresh=afresh, tell=lambda text: told.print(text, markup=False))
    console = Console(highlight=False)
    print_proof(found, console)
    console.print(f"Report: {run / 'proof' / 'report.html'}", markup=False, soft_wrap=True)


def _entry(data: Path, given: Mapping[str, object], recipe: Recipe) -> ProofData:
    import re

    from afya.datafiles import validate
    from afya.languages import parse_codes
    from afya.training.recipe import ProofData

    name = given["name"] or re.sub(r"[^a-z0-9_-]+", "-", data.resolve().name.lower()).strip("-_")[:_NAME]
    langs = given["langs"]
    told = {**given, "name": name, "langs": parse_codes(str(langs)) if langs else None}
    return validate({"source": "dataset", "path": str(data.resolve()), **told}, ProofData, f"--data {data}")


def tell_proof(run: Path, recipe: Recipe, guard: bool) -> None:
    """After a training: the proof's tables, where the recipe has one.

    Raises:
        GuardError: under the guard, the last stage made a language significantly worse. ConfigError: under the guard,
            nothing was measured.
    """
    from rich.console import Console

    from afya.training.proof.guard import guard as flags_of
    from afya.training.proof.guard import refuse
    from afya.training.proof.proving import findings_of
    from afya.training.proof.terminal import print_proof

    if recipe.proof is not None:
        console = Console(highlight=False)
        print_proof(findings_of(run, recipe), console)
        console.print(f"Report: {run / 'proof' / 'report.html'}", markup=False, soft_wrap=True)
    if guard:
        last = recipe.stages[-1].name
        refuse([flag for flag in flags_of(run) if flag.stage == last], f"{run / last} is not to be published")


def publish(
    run: Annotated[Path, typer.Argument(help="The run folder that 'afya train' wrote.")],
    to: Annotated[Path, typer.Option("--to", help="The new folder to write.")],
    stage: Annotated[str | None, typer.Option("--stage", help="The stage to publish (default: the last).")] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="An export of the stage to publish instead of its own folder.")
    ] = None,
    guard: Annotated[
        bool, typer.Option("--guard/--no-guard", help="Refuse a stage that made a language significantly worse.")
    ] = True,
    hub: Annotated[
        str | None, typer.Option("--hub", metavar="OWNER/NAME", help="Upload the folder to this repository of a hub.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository public (default: private).")] = False,
) -> None:
    """Give a stage's model away: a folder with the model and its card, completed by the figures of the proof.

    The card names what became worse in which language; with the guard such a stage is not published (exit code 8).
    """
    from rich.console import Console

    from afya.training.giving import upload
    from afya.training.proof.publish import publish as publish_language_model
    from afya.training.translating.publish import is_translation_run
    from afya.training.translating.publish import publish as publish_translator

    give = publish_translator if is_translation_run(run) else publish_language_model
    done = give(run, to, stage=stage, exported=export, guard=guard)
    console = Console(highlight=False)
    for flag in done.flags:
        console.print(flag, style="bold red", markup=False)
    for note in done.notes:
        console.print(note, markup=False)
    console.print(f"{done.stage} is published in {done.folder}; README.md there is its card.", markup=False)
    if hub is not None:
        console.print(f"Uploaded: {upload(done.folder, hub, public=public)}", markup=False, soft_wrap=True)
