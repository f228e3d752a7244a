"""Run a benchmark again and again, killing it at a later point each time, until it finishes. A program for a test.

    python killed_bench.py MODEL_FOLDER DATASET RUN_FOLDER

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
import transformers.models.auto.modeling_auto
import transformers.models.llama.modeling_llama
import transformers.pipelines  # noqa: F401

from afya.bench.running.run import bench_run


def attempt(model: str, data: Path, out: Path) -> int:
    """Start one try; the id of its process."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            bench_run(f"hf:{model}", [data], out, settings="cloze", part_rows=20, options={"device": "cpu"})
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def finished_steps(out: Path) -> int:
    """How far the run in a folder is: its parts, and the files it ends with."""
    names = ("items.parquet", "replies.parquet", "scores.parquet")
    # os.walk passes over a folder that the run removes while it is looked through; Path.glob fails there (Python 3.11).
    parts = sum(file.endswith(".json") for _, _, files in os.walk(out / "parts") for file in files)
    return parts + sum((out / name).exists() for name in names)


def main(model: str, data: str, out: str) -> None:
    """Kill a try after each step that it finishes, then let it run through."""
    killed, before = 0, -1
    while True:
        child = attempt(model, Path(data), Path(out))
        ended = 0
        while not ended and finished_steps(Path(out)) <= before:
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
