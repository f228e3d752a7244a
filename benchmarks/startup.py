"""How long `afya --help` and `import afya` take, beside a bare Python and a bare typer program."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

RUNS = 9


def best(command: list[str]) -> float:
    """Seconds of the fastest of several runs of a whole process."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    python = sys.executable
    afya = str(Path(python).parent / "afya")
    typer_program = "import typer; app = typer.Typer(); app.command()(lambda: None); app(['--help'])"
    bare = best([python, "-c", "pass"])
    rows = [
        ("python -c pass", bare, None),
        ("import afya", best([python, "-c", "import afya"]) - bare, 0.1),
        ("a typer program of one line, --help", best([python, "-c", typer_program]), None),
        ("afya --help", best([afya, "--help"]), 0.3),
    ]
    table = Table(title=f"Start (best of {RUNS}, seconds)")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    table.add_column("aim", justify="right")
    for name, seconds, aim in rows:
        table.add_row(name, f"{seconds:.3f}", "" if aim is None else f"under {aim}")
    Console().print(table)


if __name__ == "__main__":
    main()
