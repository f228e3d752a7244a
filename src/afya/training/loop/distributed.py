"""One process that trains alone, or several that train one model together: who leads, and how they agree.

Started by torchrun or `accelerate launch`. The leader writes every file and talks to the person; the others compute and
wait. What fails on one process ends them all, and none is left waiting for another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from afya.errors import AfyaError, ConfigError
from afya.runs import RunFolder

if TYPE_CHECKING:
    import torch

_Made = TypeVar("_Made")

# The others wait while the leader measures a model on a benchmark, which may take hours.
_PATIENCE = timedelta(days=30)


@dataclass(frozen=True)
class Crew:
    """The processes of a run, as one of them sees them. `Crew()` is a process alone."""

    rank: int = 0
    size: int = 1
    _talk: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is done inside ends on all processes before any goes on; what fails on one ends all of them.

        Raises:
            SystemExit: it failed elsewhere, where it is told; with the exit code that it has there.
        """
        if self.size == 1:
            yield
            return
        failed: BaseException | None = None
        try:
            yield
        except BaseException as error:
            failed = error
        codes = self.gather(None if failed is None else getattr(failed, "exit_code", 1))
        first = next((rank for rank, code in enumerate(codes) if code is not None), None)
        if failed is not None and (first == self.rank or not isinstance(failed, AfyaError)):
            raise failed
        if first is not None:
            raise SystemExit(codes[first])

    def first(self, work: Callable[[], _Made]) -> _Made:
        """What `work` gives on the leader, on all processes. It is called on the leader alone."""
        made: list[_Made] = []
        with self.together():
            if self.leads:
                made.append(work())
        return made[0] if self.size == 1 else self.gather(made)[0][0]

    def gather(self, value: _Made) -> list[_Made]:
        """The values of all processes, in their order."""
        if self.size == 1:
            return [value]
        import torch.distributed as dist

        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self._talk)
        return values

    def add(self, sums: torch.Tensor) -> torch.Tensor:
        """The sum of all processes' tensors, in place, on every one."""
        if self.size > 1:
            import torch.distributed as dist

            dist.all_reduce(sums, group=self._talk if sums.device.type == "cpu" else None)
        return sums

    def share_packs(self, packs_per_step: int, accumulate: int, stage: str) -> tuple[int, int]:
        """(packs a process computes together, batches it adds) so that an optimiser step holds the recipe's packs.

        No process computes more packs together than the recipe says.

        Raises:
            ConfigError: the packs of a step cannot be divided among the processes.
        """
        step = packs_per_step * accumulate
        if step % self.size:
            fits = ", ".join(str(number) for number in range(1, step + 1) if step % number == 0)
            raise ConfigError(
                f"Stage '{stage}' has {step} packs in a step (packs_per_step {packs_per_step} x accumulate "
                f"{accumulate}), which {self.size} processes cannot share equally.",
                hint=f"Start as many processes as divide {step} ({fits}), or choose packs_per_step x accumulate as a "
                f"multiple of {self.size}, such as {-(-step // self.size) * self.size}; that is another recipe.",
            )
        mine = step // self.size
        together = max(number for number in range(1, packs_per_step + 1) if mine % number == 0)
        return together, mine // together


class FollowedFolder(RunFolder):
    """A run folder that the leader has opened and holds, for the others: to read from."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest, self.parts = path, manifest, path / "parts"

    def event(self, name: str, **values: object) -> None:
        """Told by the leader."""

    def note(self, key: str, value: object) -> None:
        """Noted by the leader."""

    def withdraw(self, *made: str) -> None:
        """Withdrawn by the leader."""

    def close(self) -> None:
        """Closed by the leader."""


def join() -> Crew:
    """This process's crew: the one that torchrun or accelerate started, or itself alone.

    Raises:
        ConfigError: several processes are announced and it is not said how they find each other, or DeepSpeed is asked.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        raise ConfigError(
            "DeepSpeed is not used: weights are spread over processes by PyTorch's own FSDP2.",
            hint="Start with torchrun --nproc-per-node N, or accelerate launch --multi_gpu.",
        )
    if size == 1:
        return Crew()
    missing = [name for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ConfigError(
            f"WORLD_SIZE is {size}, so {size} processes are to train together, but {', '.join(missing)} is not set.",
            hint="Start them with torchrun or accelerate launch, or unset WORLD_SIZE to train with one process.",
        )
    return _joined(size)


@cache
def _joined(size: int) -> Crew:
    import atexit

    import torch
    import torch.distributed as dist

    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(_leave)
    return Crew(dist.get_rank(), size, dist.new_group(backend="gloo", timeout=_PATIENCE))


def _leave() -> None:
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()
