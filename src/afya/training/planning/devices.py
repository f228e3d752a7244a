"""The devices a run can be planned for: the GPUs of gpus.yaml, and this machine's."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.runs import memory_gib
from afya.training.recipe import Form, Method

_MIB, _GIB = 2**20, 2**30


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gpu(_Strict):
    """A row of gpus.yaml; the file's head says what the fields are."""

    name: str
    memory_mib: int = Field(gt=0)
    called: str | None
    price: float | None = Field(gt=0)
    as_of: str
    source: str
    reviewed: bool


class _Gpus(_Strict):
    gpus: tuple[Gpu, ...]


class OnGpu(_Strict):
    """What a process on a GPU takes besides its tensors."""

    context_gib: float
    communication_gib: float
    fragments: float


class OnProcessor(_Strict):
    """What a process on a processor takes besides its tensors."""

    libraries_gib: float
    fragments: float


class CharactersPerToken(_Strict):
    """By language code, and for all others."""

    languages: dict[str, float]
    others: float


class Assumptions(_Strict):
    """assumptions.yaml; the file says where its figures come from."""

    utilisation: dict[Method, float]
    several: float
    gpu: OnGpu
    processor: OnProcessor
    refused_from: float
    characters_per_token: CharactersPerToken
    tokens_beside: int
    fill: float
    learned: dict[Form, float]
    document: int


@dataclass(frozen=True)
class Device:
    """A device: bytes of memory, its peak (operations a second, None where not known) and US dollars an hour."""

    name: str
    kind: Literal["gpu", "processor"]
    memory: int
    peak: float | None
    price: float | None
    price_source: str | None


@cache
def gpus() -> tuple[Gpu, ...]:
    """The GPUs that can be planned for by name."""
    return read_model(Path(__file__).with_name("gpus.yaml"), _Gpus).gpus


@cache
def assumptions() -> Assumptions:
    """What plans assume."""
    return read_model(Path(__file__).with_name("assumptions.yaml"), Assumptions)


def device(name: str | None, precision: str) -> Device:
    """A device by name: a GPU of gpus.yaml ("RTX 4090", "rtx4090-24", "a100-80"), "cpu" for this machine's processor,
    or None for what a run here would use.

    Raises:
        ConfigError: there is no such device.
    """
    if name is None:
        return this_machine(precision)
    if name.casefold() == "cpu":
        return _processor(precision)
    from afya.training.loop.utilisation import gpu_peak

    # Either "RTX4090-24" or, without the memory, "RTX4090".
    found = [gpu for gpu in gpus() if _plain(name) in (_plain(gpu.name), _plain(gpu.name.rpartition("-")[0]))]
    if len(found) != 1:
        names = ", ".join(gpu.name for gpu in found or gpus())
        problem = f"'{name}' may be several GPUs" if found else f"There is no GPU '{name}' to plan for"
        raise ConfigError(f"{problem}.", hint=f"Choose one of {names}; or cpu for this machine's processor.")
    gpu = found[0]
    peak = gpu_peak(gpu.called) if gpu.called is not None and precision == "bf16" else None
    told = f"{gpu.source}, {gpu.as_of}" if gpu.price is not None else None
    return Device(gpu.name, "gpu", gpu.memory_mib * _MIB, peak, gpu.price, told)


def this_machine(precision: str, *, measure: bool = True) -> Device:
    """The device a run here would use: its first GPU, or the processor (whose peak takes a moment to `measure`)."""
    import torch

    if not torch.cuda.is_available():
        return _processor(precision) if measure else Device("cpu", "processor", _machine_memory(), None, None, None)
    from afya.training.loop.utilisation import gpu_peak

    name = torch.cuda.get_device_name()
    memory = int(torch.cuda.get_device_properties(0).total_memory)
    return Device(name, "gpu", memory, gpu_peak(name) if precision == "bf16" else None, None, None)


def _processor(precision: str) -> Device:
    import torch

    from afya.training.loop.utilisation import device_peak

    # Beside a GPU the processor's peak is not measured: nobody would train on it.
    peak = None if torch.cuda.is_available() else device_peak(precision)
    return Device("cpu", "processor", _machine_memory(), peak, None, None)


def _machine_memory() -> int:
    """Bytes that this machine, or the container around this process, may hold."""
    limits = [] if (gib := memory_gib()) is None else [int(gib * _GIB)]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            told = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if told.isdigit():
            limits.append(int(told))
    if not limits:
        raise ConfigError("This system does not say how much memory it has.", hint="Plan for a device with --gpu NAME.")
    return min(limits)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold().removeprefix("nvidia ") if letter.isalnum())
