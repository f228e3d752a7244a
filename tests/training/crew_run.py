"""Runs recipes with processes that train together, as torchrun would start them; called by warm_process.py.

A job is {recipe, out, size, set, place, signal, largest_file}. `size` processes train the recipe with the overrides
`set`; where `place` is given the leader gets `signal` (a number, by default SIGKILL) there, see killed_run.py, and when
it is dead the others are killed too, as torchrun does; no file can be larger than `largest_file` bytes.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from afya.errors import AfyaError
from afya.training import load_recipe, run
from afya.training.loop import trainer
from afya.training.loop.distributed import Crew
from afya.training.loop.progress import Watcher
from afya.training.loop.sharding import bring_together, mine
from afya.training.packs.plan import DataPlan
from afya.training.recipe import StageSettings


class Signaller(Watcher):
    """Sends the process a signal after a step."""

    def __init__(self, place: list[Any] | None, number: int) -> None:
        self.place, self.number, self.stage = place, number, ""

    def stage_starts(self, stage: StageSettings, plan: DataPlan, rejected: int, done: int) -> None:
        self.stage = stage.name

    def step(self, step: int, loss: float, tokens: int, langs: Mapping[str, float]) -> None:
        if self.place == ["step", self.stage, step]:
            os.kill(os.getpid(), self.number)


def child(job: dict[str, Any], rank: int, port: int) -> int:
    if job["size"] > 1:
        ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": job["size"], "LOCAL_WORLD_SIZE": job["size"]}
        os.environ |= {key: str(value) for key, value in ranks.items()}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    if "largest_file" in job:
        # Python ignores the signal that comes with it, so that writing beyond it fails as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"], job["largest_file"]))

    def telling(model: torch.nn.Module, crew: Crew) -> None:
        held, whole = (
            sum(size) for size in zip(*((mine(w).numel(), w.numel()) for w in model.parameters()), strict=True)
        )
        print(f"process {rank} of {crew.size} held {held / whole:.2f} of the weights", file=sys.stderr, flush=True)
        bring_together(model, crew)

    vars(trainer)["bring_together"] = telling
    watcher = Signaller(job.get("place"), job.get("signal", signal.SIGKILL))
    try:
        run.train(load_recipe(job["recipe"], job.get("set", [])), Path(job["out"]), watcher)
    except AfyaError as error:
        print(f"process {rank}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except SystemExit as error:
        return int(str(error.code))
    return 0


def attend(size: int, child: Callable[[int, int], int]) -> list[int]:
    """The exit codes of `size` processes that call `child` with their rank and a free port; -9 of a killed one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pids = []
    for rank in range(size):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = child(rank, port)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        pids.append(pid)
    codes: dict[int, int] = {}
    while len(codes) < len(pids):
        pid, status = os.wait()
        codes[pid] = os.waitstatus_to_exitcode(status)
        if codes[pid] < 0:
            for other in set(pids) - set(codes):
                os.kill(other, signal.SIGKILL)
    return [codes[pid] for pid in pids]
