"""How fast the two largest public datasets are imported, from their files to a dataset folder.

A row is one entry in one language, as the ledger counts it. The files are looked for in ../shared, or where AFYA_SHARED
says; without them there is nothing to measure.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from afya.sources import import_source

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
AIM = 20_000
RUNS = 3


def best(name: str) -> tuple[int, float]:
    """Rows read, and seconds of the fastest of several whole imports."""
    seconds, rows = float("inf"), 0
    for _ in range(RUNS):
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            rows = import_source(name, SHARED / name, Path(folder) / "out").rows_read
            seconds = min(seconds, time.perf_counter() - start)
    return rows, seconds


def main() -> None:
    """Print the table."""
    table = Table(title=f"Import (best of {RUNS}; aim: {AIM:,} rows a second)")
    for column in ("source", "rows", "seconds", "rows/s"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name in ("medquad", "tico19"):
        if not (SHARED / name).is_dir():
            table.add_row(name, "not measured", f"{SHARED / name} is absent", "")
            continue
        rows, seconds = best(name)
        table.add_row(name, f"{rows:,}", f"{seconds:.2f}", f"{rows / seconds:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
