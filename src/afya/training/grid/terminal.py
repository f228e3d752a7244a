"""A grid's results in the terminal: means over seeds, and what each variant changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afya.bench.analysis.summary import ALL, percent
from afya.bench.page.cells import counted, p_value, signed
from afya.training.grid.declare import START
from afya.training.grid.results import GAP, LOW, WHOLE, WORST, Results

if TYPE_CHECKING:
    from rich.console import Console

_SHORT = {ALL: "all", LOW: "low-resource", WORST: "worst", GAP: "best less worst"}
HEADS = {ALL: "all languages", LOW: "low-resource", WORST: "worst language", GAP: "best less worst"}


def print_results(results: Results, console: Console) -> None:
    """Two tables for each data set, in per cent and points, with 95% intervals over seeds."""
    from rich.table import Table
    from rich.text import Text

    def printed(title: str, head: list[str], rows: list[list[str]]) -> None:
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(table)

    tokens = {row["variant"]: f"{row['tokens']:,}" for row in results.budgets.iter_rows(named=True)}
    for data in results.data:
        means = cell_of(results.means, data)
        shown = [what for what in WHOLE if any(key[1] == what for key in means)]
        rows = [
            [variant, tokens.get(variant, "0")] + [_mean(means.get((variant, what))) for what in shown]
            for variant in (START, *results.grid.variants)
            if (variant, ALL) in means
        ]
        heads = [_SHORT[what] for what in shown]
        printed(f"{data}: % right, {_seeds(means)}", ["variant", "tokens", *heads], rows)
        changes = cell_of(results.differences, data)
        rows = [
            [f"{variant} less {results.grid.against(variant)}"]
            + [_change(changes.get((variant, what))) for what in shown]
            for variant in results.grid.variants
            if (variant, ALL) in changes
        ]
        if rows:
            printed(f"{data}: difference in points, {_seeds(changes)}", ["variants", *heads], rows)
    console.print(
        Text(
            "[low, high]: 95% t interval over seeds, the measured cases being the same for all. p: paired t test over "
            "seeds, Holm-adjusted over the comparisons of a column. Worst: each run's worst language.",
            style="dim",
        )
    )
    for remark in results.remarks:
        console.print(Text(remark, style="bold"))


def cell_of(table: Any, data: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The rows of a data set by variant and what they tell."""
    return {(row["variant"], row["what"]): row for row in table.iter_rows(named=True) if row["data"] == data}


def _seeds(cells: dict[tuple[str, str], dict[str, Any]]) -> str:
    """'mean over 5 seeds', 'mean over 3 to 5 seeds'; of the variants, not of the start."""
    counts = {row["seeds"] for (variant, _), row in cells.items() if variant != START}
    few, many = min(counts), max(counts)
    return f"mean over {counted(many, 'seed')}" if few == many else f"mean over {few} to {many} seeds"


def _mean(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    told = percent(row["mean"])
    return told if row["low"] is None else f"{told}\n[{percent(row['low'])}, {percent(row['high'])}]"


def _change(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    told = change_text(row).replace(" [", "\n[")
    return told if row["p_holm"] is None else f"{told}\np {p_value(row['p_holm'])}"


def change_text(row: dict[str, Any]) -> str:
    """'+3.1 [+0.2, +6.0]', in points; without the interval where there is none."""
    told = signed(row["difference"])
    return told if row["low"] is None else f"{told} [{signed(row['low'])}, {signed(row['high'])}]"
