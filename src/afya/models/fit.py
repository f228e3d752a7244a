"""Which models fit into a device's memory, at which precision and context length.

needed = weights x (1 + overhead) + key-value cache. The numbers and their sources stand in catalogue.yaml under `fit`.
What the formula leaves out (activations of long prompts, fragments, other programs) makes it a first look, no promise.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from afya.errors import ConfigError
from afya.models.catalogue import ModelEntry, Quantisation, Shape, catalogue
from afya.runs import memory_gib

QUANTISATIONS: tuple[Quantisation, ...] = get_args(Quantisation)
_GB = 1e9
_MIB = 2**20


@dataclass(frozen=True)
class Memory:
    """A device and its memory in GB (10^9 bytes)."""

    name: str
    gb: float


@dataclass(frozen=True)
class Fit:
    """GB that a model needs at a precision: its weights with what running them takes, and the key-value cache.

    `cache_gb` None: the model's shape is not known, the cache is left out.
    """

    model: ModelEntry
    precision: Quantisation
    weights_gb: float
    cache_gb: float | None

    @property
    def needed_gb(self) -> float:
        """All of it."""
        return self.weights_gb + (self.cache_gb or 0.0)


def needed(model: ModelEntry, precision: Quantisation, tokens: int, sequences: int = 1) -> Fit | None:
    """What a model needs to hold `sequences` of `tokens` each; None when its size is not known.

    Experts that rest count in full: they must be in memory.
    """
    if model.parameters is None:
        return None
    rule = catalogue().fit
    weights = model.parameters.total * rule.bytes_per_weight[precision] * (1 + rule.overhead)
    cache = None if model.shape is None else cache_bytes(model.shape, tokens) * sequences / _GB
    return Fit(model, precision, weights, cache)


def cache_bytes(shape: Shape, tokens: int) -> float:
    """Bytes of the key-value cache of one sequence; layers with a window keep no more than it."""
    width = shape.kv_width or 2 * (shape.kv_heads or 0) * (shape.head_dim or 0)
    full = shape.layers if shape.full_layers is None else shape.full_layers
    kept = full * tokens + (shape.layers - full) * min(tokens, shape.window or tokens)
    return float(width * kept * catalogue().fit.kv_bytes)


def fitting(models: Sequence[ModelEntry], memory: Memory, tokens: int, sequences: int = 1) -> list[list[Fit]]:
    """For each model whose weights are open and size is known, its needs at each precision that fits; none left out."""
    rows = []
    for model in models:
        if not model.open or model.parameters is None:
            continue
        if model.context is not None and tokens > model.context:
            continue
        fits = [needed(model, precision, tokens, sequences) for precision in QUANTISATIONS]
        rows.append([fit for fit in fits if fit is not None and fit.needed_gb <= memory.gb])
    return [row for row in rows if row]


def device(name: str) -> Memory:
    """A device of the catalogue by name. Raises ConfigError naming those there are."""
    wanted = name.lower().replace("-", " ").replace("nvidia ", "").strip()
    for row in catalogue().devices:
        if row.name.lower().replace("-", " ") == wanted:
            return Memory(row.name, row.memory_gb)
    names = ", ".join(row.name for row in catalogue().devices)
    raise ConfigError(f"The catalogue has no device '{name}'.", hint=f"It has {names}; or say --memory GB.")


def this_machine() -> list[Memory]:
    """The GPUs of this machine, as their driver's tool names them, and the machine's own memory."""
    found = _gpus()
    gib = memory_gib()
    if gib is not None:
        found.append(Memory("processor", gib * 2**30 / _GB))
    if not found:
        raise ConfigError("This system does not say how much memory it has.", hint="Say it with --memory GB.")
    return found


def _gpus() -> list[Memory]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    gpus = []
    for line in told.splitlines():
        name, _, mib = line.rpartition(",")
        if mib.strip().isdigit():
            gpus.append(Memory(name.strip(), int(mib) * _MIB / _GB))
    return gpus
