"""How well the hardware is used: the model's arithmetic a second, over what the device can do at most.

Counted is the arithmetic that the model asks for (model FLOPs utilisation, Chowdhery et al. 2022, PaLM, appendix B):
activations that are computed a second time to save memory are not counted. A multiplication and addition of each weight
takes 2 operations a token forward and 2 backward to the activations; a weight that learns takes 2 more. So a fully
trained model takes 6 N operations a token, and one with adapters 4 N for the whole and 2 for each adapter weight. The
input embedding is a look-up and counts nothing. The output layer counts for the learned tokens only, and attention for
the tokens that are truly attended: those of the same document, before the token, within the window.
"""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.training.packs.plan import DataPlan

if TYPE_CHECKING:
    import torch

_WINDOW = 30.0
_MEASURED = 0.3
_SIDE = 1_024


@dataclass(frozen=True)
class Speed:
    """How fast it goes, over the last half minute. `utilisation` (0 to 1) is None where the device's peak is not known;
    `memory` is the most bytes held so far: of the GPU, or of the process where there is none."""

    tokens_per_second: float
    utilisation: float | None
    memory: int


@dataclass(frozen=True)
class Work:
    """Floating-point operations of forward and backward pass, on average over a plan's tokens."""

    layers: float
    output: float
    attention: float

    @property
    def per_token(self) -> float:
        """Operations a token."""
        return self.layers + self.output + self.attention


class Pace:
    """Measures speed: told of the tokens after every step, it tells the rate over the last half minute."""

    def __init__(self, flops_per_token: float, peak: float | None) -> None:
        self.flops_per_token, self.peak = flops_per_token, peak
        self._points: deque[tuple[float, int]] = deque()

    def step(self, tokens: int) -> Speed | None:
        """The speed after a step; None after the first, which also pays for warming up."""
        now = time.perf_counter()
        points = self._points
        points.append((now, tokens))
        while len(points) > 2 and points[1][0] < now - _WINDOW:
            points.popleft()
        if len(points) < 2:
            return None
        began, before = points[0]
        rate = (tokens - before) / max(now - began, 1e-9)
        used = None if self.peak is None else rate * self.flops_per_token / self.peak
        return Speed(rate, used, memory_peak())

    def skip(self, seconds: float) -> None:
        """Leave the last `seconds` out: something else was done than training."""
        self._points = deque((at + seconds, tokens) for at, tokens in self._points)


def work_of(model: Any, plan: DataPlan) -> Work:
    """What a token of the plan costs in this model (a transformers model, with adapters or without)."""
    documents = [plan.examples[number] for pack in plan.packs for number in pack]
    lengths = [len(entry.tokens) for entry in documents]
    tokens = max(sum(lengths), 1)
    learned = sum(int(entry.learned.sum()) for entry in documents)
    # Images have an encoder of their own in some models, which text never enters.
    inner = model.get_decoder() if hasattr(model, "get_decoder") else model
    embedding = id(model.get_input_embeddings().weight)
    head = model.get_output_embeddings()
    outer = {embedding} | ({id(head.weight)} if head is not None else set())
    layers = sum(_operations(weight) for weight in inner.parameters() if weight.ndim > 1 and id(weight) not in outer)
    output = _operations(head.weight) * learned / tokens if head is not None else 0.0
    return Work(float(layers), output, _attention(model.config.get_text_config(), lengths))


def _operations(weight: torch.nn.Parameter) -> int:
    stored: Any = getattr(weight, "quant_state", None)
    # Weights in four bits are stored two to a byte; their true shape stands beside them.
    size = int(stored.shape.numel()) if stored is not None else weight.numel()
    return (6 if weight.requires_grad else 4) * size


def _attention(config: Any, lengths: list[int]) -> float:
    """Operations a token of scores and weighted sums: 2 products forward and 4 backward, 2 operations each."""
    heads = int(config.num_attention_heads)
    width = heads * int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = ["sliding_attention" if window else "full_attention"] * int(config.num_hidden_layers)
    tokens = max(sum(lengths), 1)
    total = 0.0
    for kind in set(kinds):
        reach = int(window) if window and kind == "sliding_attention" else max(lengths, default=0)
        keys = sum(_attended(length, reach) for length in lengths)
        total += list(kinds).count(kind) * 12.0 * width * keys / tokens
    return total


def _attended(length: int, reach: int) -> int:
    """Pairs of a token and one it attends to (itself or earlier, within `reach`) in a document of `length` tokens.

    >>> _attended(4, 10), _attended(4, 2)
    (10, 7)
    """
    near = min(length, reach)
    return near * (near + 1) // 2 + (length - near) * reach


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Peak(_Strict):
    name: str
    """Part of the name that torch.cuda.get_device_name gives."""
    teraflops: float = Field(gt=0)
    """Dense bf16 matrix products with sums in fp32, 10^12 operations a second."""
    source: str


class _Peaks(_Strict):
    gpus: tuple[_Peak, ...]


def device_peak(precision: str) -> float | None:
    """Operations a second that the devices of the run can do at most, together; None for a GPU that is not listed.

    A GPU's figure is that of `peaks.yaml` (bf16, dense). A processor's is measured once, in the recipe's precision.
    """
    import torch

    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if torch.cuda.is_available():
        one = gpu_peak(torch.cuda.get_device_name())
    else:
        one = _processor_peak(precision, torch.get_num_threads())
    return None if one is None else processes * one


def gpu_peak(name: str) -> float | None:
    """The listed peak of a GPU by its full name; the longest entry that is part of the name counts."""
    peaks = read_model(Path(__file__).with_name("peaks.yaml"), _Peaks).gpus
    fitting = [entry for entry in peaks if entry.name.lower() in name.lower()]
    return max(fitting, key=lambda entry: len(entry.name)).teraflops * 1e12 if fitting else None


@cache
def _processor_peak(precision: str, threads: int) -> float:
    """Operations a second of the fastest of the matrix products that fit into a third of a second."""
    del threads  # part of what the measurement is kept by
    import torch

    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    # No random numbers: the run's own generator must not be touched.
    left = torch.full((_SIDE, _SIDE), 0.5, dtype=kind)
    with torch.inference_mode():
        torch.mm(left, left)
        best, until = 0.0, time.perf_counter() + _MEASURED
        while time.perf_counter() < until:
            began = time.perf_counter()
            torch.mm(left, left)
            best = max(best, 2.0 * _SIDE**3 / (time.perf_counter() - began))
    return best


def memory_peak() -> int:
    """The most bytes held so far: of this process's GPU, or of the process itself."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    import resource
    import sys

    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1_024
