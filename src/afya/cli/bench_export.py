"""`afya bench export`: our tasks in the files of other evaluation programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from afya.bench.exports.common import Collected


def export(
    out: Annotated[Path, typer.Option("--out", help="The folder to write; a new or empty one.")],
    source: Annotated[
        list[Path] | None, typer.Argument(help="Dataset folders, or one run folder of 'afya bench run'.")
    ] = None,
    format_: Annotated[
        Literal["lm-eval", "inspect"],
        typer.Option("--format", help="lm-eval: YAML for the lm-evaluation-harness; inspect: a file for inspect_ai."),
    ] = "lm-eval",
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            help="letter, cloze or generate, with +5-shot, +cot or +english as wanted. inspect takes generate only. "
            "May be repeated.",
            show_default="letter for lm-eval, generate for inspect",
        ),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="A declared task, as for 'afya bench run'. May be repeated.")
    ] = None,
    langs: Annotated[
        str, typer.Option("--langs", help="Languages: sw,yo,zu; or all: those of the twelve that there are.")
    ] = "all",
    split: Annotated[
        str, typer.Option("--split", help="Splits of the datasets: test, dev, train, several with commas; or all.")
    ] = "test",
    limit: Annotated[
        int | None, typer.Option("--limit", help="Items per language and task, the same groups in all languages.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides which items --limit takes, and the examples.")] = 0,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", min=1, help="The longest reply.", show_default="as in 'afya bench run'"),
    ] = None,
    for_model: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="hf:FOLDER, a local model that the export is for: there it reads the same tokens as with afya, and "
            "cloze options are scored with the end of the turn.",
        ),
    ] = None,
    without_afya: Annotated[
        bool,
        typer.Option("--without-afya", help="lm-eval: no filter that reads replies with afya, for where it is absent."),
    ] = False,
) -> None:
    """Write the prompts of datasets, declared tasks or a run as tasks of another program."""
    from rich.console import Console

    from afya.bench.exports.common import Wanted, collect, settings_of
    from afya.bench.exports.fitting import fitted
    from afya.bench.exports.inspect import write_inspect
    from afya.bench.exports.lm_eval import write_lm_eval
    from afya.errors import ConfigError
    from afya.items import SPLITS
    from afya.languages import parse_codes

    if without_afya and format_ == "inspect":
        raise ConfigError("--without-afya: the scorer for inspect_ai is afya's.", hint="Use --format lm-eval.")
    splits = SPLITS if split.strip() == "all" else tuple(part.strip() for part in split.split(",") if part.strip())
    codes = None if langs.strip() == "all" else tuple(parse_codes(langs))
    wanted = Wanted(codes, splits, limit, seed, tuple(task or ()), max_tokens)
    asked = settings_of(setting or ["letter" if format_ == "lm-eval" else "generate"])
    collected = [collect(source or [], one, wanted) for one in asked]
    fit = None if for_model is None else fitted(for_model)
    if format_ == "lm-eval":
        names = write_lm_eval(collected, out, fit=fit, without_afya=without_afya)
    else:
        names = write_inspect(collected, out, fit=fit)
    console = Console()
    for made in collected:
        _print(made, console)
    console.print(f"Tasks: {', '.join(names)}", markup=False, soft_wrap=True)
    console.print(f"Written to {out}; README.md there says how to run them.", markup=False, soft_wrap=True)


def _print(made: Collected, console: Console) -> None:
    from afya.cli.tables import plain, table_of

    table = table_of("task", "language", "exported", "left out", "why", title=f"Items asked as {made.setting.name}")
    for column in table.columns[2:4]:
        column.justify = "right"
    for task, lang, exported, left, why in made.counts():
        table.add_row(*plain(task, lang, f"{exported:,}", f"{left:,}", why))
    console.print(table)
