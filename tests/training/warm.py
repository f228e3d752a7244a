"""A process that has imported what training needs and forks for each job; the first who asks starts it.

Forks of one process cost a second each where fresh interpreters cost ten.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _process() -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("warm_process.py"))
    process = subprocess.Popen(
        [sys.executable, script], text=True, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    """End it and what it has forked."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _asked(told: Path, **job: Any) -> Any:
    """The answer to a job; what its processes say is added to the file `told`."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({**job, "told": str(told)}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    except BaseException:
        # It may be in the middle of the job: the next who asks gets another.
        _end(process)
        _process.cache_clear()
        raise


def run_with_kills(recipe: Path, out: Path, places: list[list[Any]]) -> None:
    """Train the recipe into `out`, killed at each of the places and started again; see killed_run.py."""
    told = out.with_name(f"{out.name}-told")
    amiss = _asked(told, kind="killed", recipe=str(recipe), out=str(out), places=places)
    assert amiss == "", f"{amiss}\n{told.read_text(encoding='utf-8')}"


def crew_runs(recipe: Path, jobs: list[dict[str, Any]]) -> tuple[list[list[int]], str]:
    """The exit codes of each job's processes, and all that was told; see crew_run.py. `out` is beside the recipe."""
    told = recipe.with_name("told")
    described = [{"recipe": str(recipe), **job, "out": str(recipe.with_name(job["out"]))} for job in jobs]
    codes = _asked(told, kind="crews", crews=described)
    return codes, told.read_text(encoding="utf-8")


def sharded_losses(folder: Path) -> str:
    """What the two processes of sharded_loss.py tell, a line each."""
    codes = _asked(folder / "told", kind="sharded", meet=str(folder / "meet"))
    told = (folder / "told").read_text(encoding="utf-8")
    assert codes == [0, 0], told
    return told
