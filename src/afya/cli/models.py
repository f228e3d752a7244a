"""`afya models`: the models that afya knows by name, which fit here, and how to start a server for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from afya.models.catalogue import ModelEntry
    from afya.models.fit import Fit, Memory

app = typer.Typer()

FamilyOption = Annotated[str | None, typer.Option("--family", help="Of one family: Qwen3, Llama, Gemma 3 ...")]
MedicalOption = Annotated[bool | None, typer.Option("--medical/--general", help="Made for medicine, or not.")]
SizeOption = Annotated[float | None, typer.Option("--max-params", help="At most so many billion parameters.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="Whose card names this language: sw, yo, zu ...")]


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    family: FamilyOption = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Of one maker: OpenAI, Google ...")] = None,
    medical: MedicalOption = None,
    open_weights: Annotated[
        bool | None, typer.Option("--open/--proprietary", help="Weights open, or served by their maker alone.")
    ] = None,
    max_params: SizeOption = None,
    lang: LangOption = None,
) -> None:
    """Models known by name: without a command, list all, or those that meet every condition."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.languages import language
    from afya.models.catalogue import select

    rows = select(
        family=family,
        provider=provider,
        medical=medical,
        open_weights=open_weights,
        max_params=max_params,
        lang=None if lang is None else language(lang).code,
    )
    table = Table()
    for name in ("id", "B", "active", "context", "licence", "medical", "thinking", "USD/M in / out"):
        right = name in ("B", "active", "context")
        table.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=name == "id")
    for model in rows:
        size, price = model.parameters, model.price
        table.add_row(
            *(
                Text(value)
                for value in (
                    model.id,
                    _number(size.total if size else None),
                    _number(size.active if size else None),
                    f"{model.context:,}" if model.context else "",
                    model.licence or "",
                    "yes" if model.medical else "",
                    "" if model.thinking.mode == "none" else model.thinking.mode,
                    f"{price.input:g} / {price.output:g}" if price else "",
                )
            )
        )
    console = Console()
    console.print(table)
    unread = sum(not model.reviewed for model in rows)
    console.print(f"{len(rows)} models; the facts of {unread} were not read again at their source (reviewed: false).")


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="A model's id, hub name or API name.")]) -> None:
    """Show everything that is known of a model, and where it stands."""
    from rich.console import Console

    from afya.models.catalogue import catalogue, find

    model = find(name)
    console = Console(soft_wrap=True, highlight=False)
    told: dict[str, object] = {"model": model.spec, **model.model_dump(exclude={"id"}, exclude_none=True)}
    for key, value in told.items():
        console.print(f"{key}: {_shown(value)}", markup=False)
    unknown = [key for key, value in model.model_dump().items() if value is None and key != "base"]
    if unknown:
        console.print(f"not known: {', '.join(unknown)}", markup=False)
    for provider in catalogue().providers:
        if provider.name == model.provider and not model.open:
            console.print(f"served at: {provider.base_url} (key in {provider.key_env})", markup=False)
            console.print(f"price from: {provider.prices}, {model.price.as_of if model.price else ''}", markup=False)
    if model.fixed_sampling:
        console.print("It takes no temperature: --option 'omit=[temperature]'", markup=False)
    if not model.reviewed:
        console.print("These facts were not read again at their source: look there before they decide anything.")


@app.command("fit")
def fit(
    memory: Annotated[float | None, typer.Option("--memory", min=0.1, help="Memory in GB (10^9 bytes).")] = None,
    gpu: Annotated[str | None, typer.Option("--gpu", help="A device by name: L4, RTX 4090, H100 ...")] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="So many of them.")] = 1,
    context: Annotated[int, typer.Option("--context", min=1, help="Tokens of prompt and reply together.")] = 4096,
    sequences: Annotated[int, typer.Option("--sequences", min=1, help="So many at a time.")] = 1,
    family: FamilyOption = None,
    medical: MedicalOption = None,
    max_params: SizeOption = None,
    lang: LangOption = None,
) -> None:
    """Say which open models fit: on a device, in so much memory, or (with neither) on this machine."""
    from rich.console import Console

    from afya.errors import ConfigError
    from afya.languages import language
    from afya.models.catalogue import catalogue, select
    from afya.models.fit import Memory, device, fitting, this_machine

    if memory is not None and gpu is not None:
        raise ConfigError("Both --memory and --gpu were given.", hint="Give one of them, or neither for this machine.")
    if memory is not None:
        places = [Memory("memory", memory * gpus)]
    elif gpu is not None:
        one = device(gpu)
        places = [Memory(one.name if gpus == 1 else f"{gpus} x {one.name}", one.gb * gpus)]
    else:
        places = this_machine()
    models = select(
        family=family,
        medical=medical,
        max_params=max_params,
        open_weights=True,
        lang=None if lang is None else language(lang).code,
    )
    console = Console()
    for place in places:
        _print_fits(console, place, fitting(models, place, context, sequences), len(models), context, sequences)
    unsized = [model.id for model in models if model.parameters is None]
    if unsized:
        console.print(f"Size not known: {', '.join(unsized)}.", markup=False)
    console.print(
        "GB for weights, what running them takes, and the 16-bit key-value cache. * without the cache: the model's "
        f"shape is not known. Formula and figures: {catalogue().fit.source}",
        markup=False,
    )


@app.command("serve")
def serve(
    name: Annotated[str, typer.Argument(help="An open model's id or hub name.")],
    server: Annotated[str, typer.Option("--server", help="vllm, sglang or llama.cpp.")] = "vllm",
    context: Annotated[int | None, typer.Option("--context", min=1, help="Tokens of prompt and reply.")] = None,
    gpus: Annotated[int, typer.Option("--gpus", min=1, help="GPUs for each copy.")] = 1,
    copies: Annotated[int, typer.Option("--copies", min=1, help="Copies of the model, a server each.")] = 1,
    port: Annotated[int, typer.Option("--port", help="The first server's port.")] = 8000,
    thinking: Annotated[bool, typer.Option("--thinking/--no-thinking", help="Where it can be switched.")] = False,
) -> None:
    """Print the command lines that start a model's servers, and the one that measures it there. Starts nothing."""
    from typing import cast

    from afya.models.catalogue import find
    from afya.models.serve import Server, commands

    made = commands(
        find(name),
        cast("Server", server),
        context=context,
        gpus_each=gpus,
        copies=copies,
        port=port,
        thinking=thinking,
    )
    for line in made.servers:
        typer.echo(line)
    typer.echo("# when they answer:")
    typer.echo(made.bench)


def _print_fits(
    console: Console, place: Memory, rows: Sequence[Sequence[Fit]], asked: int, context: int, sequences: int
) -> None:
    from rich.table import Table
    from rich.text import Text

    from afya.models.fit import QUANTISATIONS

    times = f" x {sequences}" if sequences > 1 else ""
    table = Table(title=f"{place.name}, {place.gb:,.1f} GB, {context:,}{times} tokens", title_justify="left")
    table.add_column("id")
    for precision in QUANTISATIONS:
        table.add_column(f"{precision} GB", justify="right")
    for row in sorted(rows, key=lambda fits: -_size(fits[0].model)):
        by_precision = {entry.precision: entry for entry in row}
        cells = [_needs(by_precision.get(precision)) for precision in QUANTISATIONS]
        table.add_row(Text(row[0].model.id), *(Text(cell) for cell in cells))
    console.print(table)
    console.print(f"{len(rows)} of {asked} open models fit.")


def _size(model: ModelEntry) -> float:
    return model.parameters.total if model.parameters else 0.0


def _needs(entry: Fit | None) -> str:
    return "" if entry is None else f"{entry.needed_gb:,.1f}{'*' if entry.cache_gb is None else ''}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
