"""`afya demo`: the main job end to end, small enough for two cores: data, benchmark, two stages, benchmark, answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from afya.training.recipe import Recipe

CASES = "cases"
"""What the unseen cases are called in the proof."""

AIM_OVERALL, AIM_WORST = 0.85, 0.75


def demo(
    out: Annotated[Path, typer.Option("--out", help="The run folder; the same command continues it.")] = Path(
        "runs/demo"
    ),
    groups: Annotated[
        int, typer.Option("--groups", min=10, help="Unseen cases to measure on, in every language.")
    ] = 80,
    recipe_name: Annotated[str, typer.Option("--recipe", help="A recipe file, or the name of a shipped one.")] = "demo",
) -> None:
    """Build data, measure an untrained pocket model, train it in two stages, measure after each, answer a question."""
    from rich.console import Console

    from afya.errors import require
    from afya.training.recipe import load_recipe

    for module, extra in (("torch", "local"), ("accelerate", "train"), ("matplotlib", "report")):
        require(module, extra, "The demo")
    console = Console(highlight=False)
    began = time.monotonic()
    recipe = load_recipe(recipe_name)
    console.rule("1. Data: the built-in sample and unseen cases from the clinical protocols")
    cases = _write_data(out / "data", recipe, groups, console)
    console.rule("2. Two stages of training, with a benchmark before and after each")
    runs = _train_and_measure(recipe, cases, out, console)
    console.rule("3. The result")
    report = _report(runs, out, console)
    console.rule("4. Two questions from health workers")
    _ask_assistant(console)
    console.rule("5. Where to go from here")
    _print_next(out, report, recipe, console)
    console.print(f"Done in {time.monotonic() - began:.0f} s.")


def _write_data(folder: Path, recipe: Recipe, groups: int, console: Console) -> Path:
    """The dataset folders of the demo, made once; returns the one with the test cases."""
    from afya.data.building import write_sample, write_vignettes

    sample, cases = folder / "sample", folder / "vignettes"
    if not (sample / "manifest.json").exists():
        write_sample(sample, recipe.langs)
    if not (cases / "manifest.json").exists():
        with _bar("drawing cases") as report:
            total = groups * len(recipe.langs)
            write_vignettes(
                cases,
                {"test": groups},
                langs=recipe.langs,
                seed=recipe.seed,
                on_progress=lambda n: report("", n, total),
            )
    console.print(f"{sample}: 40 groups on community health in {len(recipe.langs)} languages (unreviewed).")
    console.print(f"{cases}: {groups} cases in {len(recipe.langs)} languages, none of which is ever trained on.")
    return cases


def _train_and_measure(recipe: Recipe, cases: Path, out: Path, console: Console) -> dict[str, Path]:
    """Train the recipe with a proof on the cases: before the first stage and after every one; returns the bench runs by
    label."""
    from afya.training.loop.progress import ConsoleWatcher
    from afya.training.proof.measuring import BEFORE, place_of
    from afya.training.recipe import Proof, ProofData
    from afya.training.run import train

    training = out / "training"
    proof = Proof(data=(ProofData(name=CASES, source="dataset", path=cases, setting="cloze"),))
    with ConsoleWatcher(console) as watcher:
        train(recipe.model_copy(update={"proof": proof}), training, watcher)
    return {label: place_of(training, label, CASES) for label in (BEFORE, *(stage.name for stage in recipe.stages))}


def _is_overall() -> pl.Expr:
    import polars as pl

    return pl.col("lang") == "all"


def _report(runs: dict[str, Path], out: Path, console: Console) -> Path:
    from afya.bench.analysis.summary import read_scores, summarise, write_csv
    from afya.bench.page.report import print_stages, write_report
    from afya.languages import language

    summary = summarise(read_scores(list(runs.values()), list(runs)))
    write_csv(summary, out / "summary.csv")
    report = write_report(
        list(runs.values()),
        out / "report.html",
        title="A pocket model before and after two stages of training",
        labels=list(runs),
    )
    print_stages(summary, console)
    last = summary.filter(label=list(runs)[-1])
    overall = last.row(by_predicate=_is_overall(), named=True)["accuracy"]
    worst = last.filter(~_is_overall()).sort("accuracy").row(0, named=True)
    told = "reached" if overall >= AIM_OVERALL and worst["accuracy"] >= AIM_WORST else "not reached"
    console.print(
        f"After the last stage: {overall:.1%} over all languages (aim: {AIM_OVERALL:.0%}), {worst['accuracy']:.1%} "
        f"in the worst, {language(worst['lang']).name} (aim: {AIM_WORST:.0%}). The aim is {told}."
    )
    console.print(
        "A pocket model has learned these protocols' cases and nothing else. "
        "It is for trying the system, not for medicine."
    )
    return report


def _ask_assistant(console: Console) -> None:
    from importlib.resources import files
    from typing import cast

    from rich.text import Text

    from afya.assistant import Assistant
    from afya.cli.ask import show
    from afya.datafiles import read_yaml
    from afya.languages import language

    for example in cast(list[dict[str, str]], read_yaml(Path(str(files("afya"))) / "cli" / "demo.yaml")):
        console.print(Text(f"{language(example['lang']).name}: {example['question']}", style="bold"))
        console.print(Text(f"(In English: {example['english']})", style="dim"))
        show(Assistant(example["lang"]).ask(example["question"]), console)
        console.print()


def _print_next(out: Path, report: Path, recipe: Recipe, console: Console) -> None:
    model = out / "training" / recipe.stages[-1].name
    lines = (
        f"Open the report in a browser:       {report}",
        f"What each stage gained and lost:    {out}/training/proof/report.html",
        'Ask a question yourself:            afya ask --lang sw "Mtoto ana homa na degedege"',
        "Import a public data set:           afya data sources",
        "Measure a model of your own:        "
        f"afya bench run --model hf:FOLDER --data {out}/data/vignettes --out runs/mine",
        f"The trained pocket model:           {model}",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar that goes away when done; gives a function of what is being done, items done and items in all."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def report(_: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
