"""How long the packs of the twelve languages take to load, every file of each, in a process that just started.

Beside one another: the first time (YAML parsed and kept), every later time (what was kept, checked by its hashes), and
what parsing the same files costs with PyYAML's loader in Python and with the one in C, without reading anything from
them. CPU seconds of a process of its own each, the import of afya.packs and its schemas counted; the wall clock of the
later time is what the aim is about.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from afya.packs import builtin_folder

AIM_S = 0.5
RUNS = 5

_LOAD = """
import time
wall, cpu = time.perf_counter(), time.process_time()
from afya.languages import core_codes
from afya.packs import load_pack
for code in core_codes():
    load_pack(code).{what}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""
_PARSE = """
import sys, time, yaml
cpu = time.process_time()
for path in sys.argv[1:]:
    yaml.load(open(path, encoding="utf-8").read(), Loader=yaml.{loader})
print(0.0, time.process_time() - cpu)
"""


def measured(code: str, cache: str, *arguments: str) -> tuple[float, float]:
    """Wall and CPU seconds that the code prints, run in a new process."""
    environment = {**os.environ, "AFYA_CACHE": cache}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


def best(code: str, cache: str | None, *arguments: str) -> tuple[float, float]:
    """The fastest of several runs; without a cache folder each run has an empty one."""
    found = []
    for _ in range(RUNS):
        with TemporaryDirectory() as empty:
            found.append(measured(code, cache or empty, *arguments))
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def main() -> None:
    """Print the table."""
    from afya.languages import core_codes

    files = [str(path) for code in core_codes() for path in sorted((builtin_folder() / code).rglob("*.yaml"))]
    size = sum(Path(path).stat().st_size for path in files) / 1e6
    table = Table(title=f"12 packs, {len(files)} YAML files, {size:.1f} MB (best of {RUNS}, seconds)")
    for column in ("way", "wall", "CPU", "aim"):
        table.add_column(column, justify="left" if column == "way" else "right")
    everything, needed = _LOAD.format(what="read_all()"), _LOAD.format(what="messages")
    with TemporaryDirectory() as cache:
        measured(everything, cache)
        rows = [
            ("what a turn needs at once, later times", best(needed, cache), AIM_S),
            ("every file, later times", best(everything, cache), AIM_S),
            ("every file, first time", best(everything, None), None),
            ("parsing alone, PyYAML in C", best(_PARSE.format(loader="CSafeLoader"), cache, *files), None),
            ("parsing alone, PyYAML in Python", best(_PARSE.format(loader="SafeLoader"), cache, *files), None),
        ]
    for way, (wall, cpu), aim in rows:
        table.add_row(way, f"{wall:.3f}" if wall else "", f"{cpu:.3f}", "" if aim is None else f"under {aim}")
    Console().print(table)


if __name__ == "__main__":
    main()
