"""Tables that several commands print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def print_rows(title: str, manifest: dict[str, Any], out: Path) -> None:
    """The rows of a dataset by language and split, and where it was written."""
    from rich.console import Console

    console = Console()
    console.print(counts_table(title, manifest["rows"]))
    console.print(f"Written to {out}; README.md there says what it is.", markup=False, highlight=False, soft_wrap=True)


def counts_table(title: str, rows: dict[str, dict[str, int]]) -> Table:
    from afya.items import SPLITS
    from afya.languages import language

    table = table_of("language", *SPLITS, "all", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for code, counts in rows.items():
        cells = [f"{counts[name]:,}" if name in counts else "-" for name in SPLITS]
        table.add_row(f"{language(code).name} ({code})", *cells, f"{sum(counts.values()):,}")
    return table


def table_of(*columns: str, title: str | None = None) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def plain(*cells: str) -> list[Text]:
    """Cells that are shown as they are: a bracket in a dataset's text is no markup."""
    from rich.text import Text

    return [Text(cell) for cell in cells]
