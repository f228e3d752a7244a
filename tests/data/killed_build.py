"""Build a dataset again and again, killing it at a later point each time, until it finishes. A program for a test.

    python killed_build.py SOURCES OUT [once]

Each try is a process forked from this one, which has loaded the libraries and used none. It prints how many tries were
killed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from pathlib import Path

import polars  # noqa: F401
from recipes_for_tests import recipe

from afya.data.build import build, work_folder

RECIPE = recipe(
    {"source": "medqa"},
    {"dataset": "quiz"},
    normalise=True,
    exact_duplicates=True,
    balance={"rows_per_language": 20},
    split={"dev": 0.2},
)


def attempt(sources: Path, out: Path) -> int:
    """Start one try; the id of its process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            build(RECIPE, out, sources=sources, part_rows=16)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def finished_steps(out: Path) -> int:
    """How far the build is: its parts, and the files that it ends with."""
    # os.walk takes no offence at folders that are removed while it walks.
    parts = sum(name.endswith(".json") for _, _, names in os.walk(work_folder(out) / "parts") for name in names)
    made = sum(not name.startswith(".") for _, _, names in os.walk(out) for name in names)
    # When the dataset is whole the parts go.
    return 10_000 + made if (out / "manifest.json").exists() else parts + made


def main(sources: str, out: str, once: str = "") -> None:
    """Kill a try after each step that it finishes, then let it run through."""
    killed, before = 0, -1
    while True:
        child = attempt(Path(sources), Path(out))
        ended = 0
        while not ended and (once or finished_steps(Path(out)) <= before):
            time.sleep(0.0005)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended and status:
                raise SystemExit("a try failed by itself")
        if ended:
            break
        before = finished_steps(Path(out))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        killed += 1
    print(killed)


if __name__ == "__main__":
    main(*sys.argv[1:])
