"""What commands of `afya bench` that ask models share: engine settings, progress bars, the table of costs to come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from afya.bench.running.costs import Projection

OPTION_HELP = (
    "KEY=VALUE (YAML), any setting of an engine: price_in=2.5, body={reasoning_effort: low}, omit=\\[temperature]; "
    "NAME.KEY=VALUE is for the model of that name alone. May be repeated."
)


def engine_settings(told: Sequence[str]) -> dict[str, object]:
    """The engine settings of --option KEY=VALUE or NAME.KEY=VALUE; values are YAML."""
    from afya.datafiles import override
    from afya.errors import ConfigError

    settings: dict[str, object] = {}
    for text in told:
        key, equals, value = text.partition("=")
        if not equals or not key.rpartition(".")[2].isidentifier():
            raise ConfigError(f"--option '{text}' is not of the form KEY=VALUE.", hint="For example: price_in=2.5")
        settings[key] = override({}, f"value={value}")["value"]
    return settings


def print_projection(rows: Sequence[Projection], console: Console, what: str = "items") -> None:
    """What would be asked and what it would cost, a line for each model and language, and the sum."""
    import math

    from afya.bench.running.costs import token_rates
    from afya.cli.tables import plain, table_of

    def dollars(value: float | None) -> str:
        return "not known" if value is None else f"{value:,.4f}" if value < 10 else f"{value:,.2f}"

    columns = ("model", "language", what, "prompt tokens", "reply tokens", "USD at least", "USD at most", "a 1,000")
    table = table_of(*columns, title="What would be asked (nothing was)")
    for column in table.columns[2:]:
        column.justify = "right"
    for row in rows:
        counts = (f"{row.items:,}", f"{row.prompt_tokens:,}", f"{row.reply_tokens:,}")
        costs = (dollars(row.least_usd), dollars(row.most_usd), dollars(row.most_a_thousand))
        table.add_row(*plain(row.model, row.lang, *counts, *costs))
    console.print(table)
    known = [row.most_usd for row in rows if row.most_usd is not None]
    console.print(
        f"At most {math.fsum(known):,.2f} USD" + (" and what has no price." if len(known) < len(rows) else ".")
    )
    rates = token_rates()
    console.print(f"Prompt tokens are estimated: rates of {rates.tokenizer} on {rates.text}.", markup=False)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each model on standard error, where there is a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    shown = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*shown, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = int(bars.add_task(what, total=total))
            bars.update(bars.task_ids[list(tasks).index(what)], completed=done)

        yield told
