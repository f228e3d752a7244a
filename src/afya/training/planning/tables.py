"""A plan as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from afya.training.planning.memory import GIB
from afya.training.planning.planner import Change, RunPlan, StagePlan

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BAR = 24


def tables(plan: RunPlan) -> Iterator[Table | Text]:
    """What a plan shows, from top to bottom: the run, its stages, the memory of the fullest, and what to change."""
    yield _run(plan)
    yield _stages(plan)
    yield _memory(plan)
    yield _verdict(plan)
    if plan.changes:
        yield _changes(plan.changes)


def _table(title: str, *columns: tuple[str, bool]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    return table


def _run(plan: RunPlan) -> Table:
    table = _table(f"{plan.name}: what it will take", ("", False), ("", False))
    table.show_header = False
    counted = plan.parameters
    share = counted.trained / (counted.all + counted.adapters)
    table.add_row("model", f"{plan.model}, {_billions(counted.published)} parameters as published")
    if counted.published != counted.all:
        table.add_row("", f"{_billions(counted.all)} of them read text and are loaded")
    table.add_row("", f"{_billions(counted.all - counted.embeddings)} without embeddings and output layer")
    table.add_row("learns", f"{counted.trained:,} parameters ({share:.2%}), method {plan.method}, {plan.precision}")
    many = f"{plan.devices} x " if plan.devices > 1 else ""
    name = "this machine's processor" if plan.device.name == "cpu" else plan.device.name
    peak = f", peak {plan.device.peak / 1e12:,.3g} TFLOPS" if plan.device.peak is not None else ""
    table.add_row("device", f"{many}{name}, {plan.device.memory / GIB:,.1f} GiB{' each' if many else ''}{peak}")
    if plan.price is not None:
        table.add_row("price", f"US$ {plan.price:,.2f} an hour each ({plan.price_source})")
    return table


def _stages(plan: RunPlan) -> Table:
    table = _table(
        "Stages",
        ("stage", False),
        ("tokens", True),
        ("steps", True),
        ("hours", True),
        ("US$", True),
        ("GiB each", True),
        ("tokens and steps", False),
    )
    for stage in plan.stages:
        table.add_row(
            stage.name,
            _count(stage.tokens, stage.exact),
            _count(stage.steps, stage.exact),
            _hours(stage.hours),
            "?" if stage.cost is None else f"~{stage.cost:,.2f}",
            f"{stage.memory.needed / GIB:,.1f}",
            stage.told,
        )
    if len(plan.stages) > 1:
        table.add_section()
        cost = "?" if plan.cost is None else f"~{plan.cost:,.2f}"
        table.add_row("together", "", "", _hours(plan.hours), cost, "", "")
    table.caption = _basis(plan)
    table.caption_justify = "left"
    return table


def _basis(plan: RunPlan) -> str:
    work = f"{max(stage.operations for stage in plan.stages) / 1e9:,.1f} GFLOP a token"
    if plan.device.peak is None:
        return f"{work}. No hours: the device's peak in {plan.precision} is not known here."
    hours = max(stage.operations for stage in plan.stages) * 1e6 / (plan.device.peak * plan.devices * plan.utilisation)
    hours /= 3_600
    cost = "" if plan.price is None else f", US$ ~{hours * plan.devices * plan.price:,.2f}"
    return (
        f"{work}; hours assume {plan.utilisation:.0%} of the device's peak (--utilisation).\nA million tokens take "
        f"{f'~{hours:,.1f} h' if hours >= 1 else f'~{hours * 60:,.1f} min'}{cost}."
    )


def _fullest(plan: RunPlan) -> StagePlan:
    return max(plan.stages, key=lambda stage: stage.memory.needed)


def _memory(plan: RunPlan) -> Table:
    from rich.text import Text

    stage = _fullest(plan)
    memory = stage.memory
    table = _table(
        f"Memory of each process, stage {stage.name}, {stage.batch_tokens:,} tokens together (fullest: {memory.at})",
        ("part", False),
        ("GiB", True),
        ("", False),
        ("", False),
    )
    most = max(part.bytes for part in memory.parts)
    for part in memory.parts:
        bar = Text("█" * max(1, round(_BAR * part.bytes / most)), style="cyan")
        table.add_row(Text(part.name), f"{part.bytes / GIB:,.2f}", bar, Text(part.told, style="dim"))
    table.add_section()
    style = "green" if memory.fits else "bold red"
    share = f"{memory.needed / memory.available:.0%} of {memory.available / GIB:,.1f} GiB"
    table.add_row("all", Text(f"{memory.needed / GIB:,.2f}", style=style), Text(share, style=style), "")
    return table


def _verdict(plan: RunPlan) -> Text:
    from rich.text import Text

    over = max(stage.memory.needed - stage.memory.available for stage in plan.stages) / GIB
    if plan.fits:
        return Text(f"It fits, with {-over:,.1f} GiB to spare.", style="green")
    told = f"It does not fit: {over:,.1f} GiB are missing."
    if not plan.changes:
        told += " No settings were found with which it would; choose a larger GPU or a smaller model."
    return Text(told, style="bold red")


def _changes(changes: tuple[Change, ...]) -> Table:
    table = _table(
        "What to change (the first that fits, most harmless changes first)",
        ("add to the command", False),
        ("GiB each", True),
        ("of", True),
        ("devices", True),
        ("hours", True),
        ("US$", True),
    )
    for change in changes:
        plan = change.plan
        table.add_row(
            "\n".join(change.options),
            f"{plan.needed / GIB:,.1f}",
            f"{plan.device.memory / GIB:,.1f}",
            f"{plan.devices}",
            _hours(plan.hours),
            "?" if plan.cost is None else f"~{plan.cost:,.2f}",
            end_section=True,
        )
    return table


def _hours(hours: float | None) -> str:
    if hours is None:
        return "?"
    return f"~{hours:,.1f}" if hours >= 0.1 else f"~{hours * 60:,.1f} min"


def _count(number: int | None, exact: bool) -> str:
    """A count; an estimated one in three digits, since it is not known to more."""
    if number is None:
        return "?"
    return f"{number:,}" if exact else f"~{int(float(f'{number:.3g}')):,}"


def _billions(count: int) -> str:
    return f"{count / 1e9:,.2f} billion" if count >= 1e8 else f"{count / 1e6:,.2f} million"
