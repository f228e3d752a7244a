"""One training step on tensors without contents: what it holds in memory at its fullest, by kind.

The step is the real one: the model's own layers with their adapters, attention by documents, the loss, gradient
checkpointing, autocast, clipping and the optimiser. Its tensors have shapes and types and no contents (torch's
FakeTensorMode), so that a step of a model of billions takes seconds and no memory. Every storage that an operation
makes is counted from then until it is freed. So nothing here assumes what a layer keeps for the backward pass: it is
seen.

What is not seen: what a kernel takes and gives back inside one operation, and what allocators round up. A processor's
attention kernel stands for a GPU's: both keep queries, keys, values, the output and one number a query and head
(Dao et al. 2022).
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from afya.training.loop import loss as loop_loss
from afya.training.loop.attention import use_document_attention
from afya.training.loop.loss import document_losses
from afya.training.loop.optimizer import make_optimizer
from afya.training.packs.layout import document_layout
from afya.training.recipe import RunSettings, StageSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS, GRADIENTS, OPTIMISER = "weights", "gradients", "optimiser state"
COPIES, LOGITS, ACTIVATIONS = "copies of weights in bf16", "logits and loss", "activations"
KINDS = (WEIGHTS, GRADIENTS, OPTIMISER, COPIES, LOGITS, ACTIVATIONS)
# What the C library gives back to the system when it is freed; smaller blocks stay in the process's heap (mallopt(3),
# M_MMAP_THRESHOLD: it grows to 32 MiB by itself).
LARGE = 32 * 2**20
FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


@dataclass(frozen=True)
class Batch:
    """What a process computes together: documents of these lengths, and how many of their tokens are learned."""

    lengths: tuple[int, ...]
    learned: int

    @property
    def tokens(self) -> int:
        """Tokens of the row."""
        return sum(self.lengths)


@dataclass(frozen=True)
class StepMemory:
    """Bytes by kind at the fullest moment of each part of a step (forward, backward, update).

    `small`, `large`: the most bytes that tensors below and from `LARGE` on took, each at its own fullest moment.
    """

    parts: Mapping[str, Mapping[str, int]]
    small: int
    large: int

    def peak(self) -> Mapping[str, int]:
        """Bytes by kind at the fullest moment of the step."""
        return max(self.parts.values(), key=lambda kinds: sum(kinds.values()))


def dry_step(model: torch.nn.Module, recipe: RunSettings, stage: StageSettings, batch: Batch) -> StepMemory:
    """The memory of one optimiser step of a language model's stage, as one process on one device would take it.

    Args:
        model: a skeleton on the meta device (see skeleton.py); it is left there.

    Raises:
        RuntimeError, NotImplementedError: the model's code asks for the contents of a tensor.
    """
    _take_head_apart(_base(model))
    by_documents = use_document_attention(_base(model))
    keeps_logits = _keeps_logits(_base(model))

    def prepare() -> Callable[[], torch.Tensor]:
        inputs = _inputs(batch)

        def loss() -> torch.Tensor:
            losses, _ = document_losses(model, inputs, by_documents, keeps_logits, recipe.loss_chunk)
            return losses.sum() / batch.learned

        return loss

    return step_memory(model, recipe, stage, prepare)


def step_memory(
    model: torch.nn.Module,
    recipe: RunSettings,
    stage: StageSettings,
    prepare: Callable[[], Callable[[], torch.Tensor]],
) -> StepMemory:
    """The memory of one optimiser step of a skeleton, which is left on the meta device.

    Args:
        prepare: makes a batch without contents and gives what computes its loss.

    Raises:
        RuntimeError, NotImplementedError: the model's code asks for the contents of a tensor.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    model.train()
    with FakeTensorMode(), _contentless(model), _checkpointing(_base(model), recipe.gradient_checkpointing):
        batch_loss = prepare()
        learning = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = make_optimizer(model, stage)
        for weight in learning:
            weight.grad = torch.empty_like(weight)
        optimizer.step()
        model.zero_grad()
        ledger = _Ledger(model, optimizer)
        hooks = [_when_added(weight, ledger) for weight in learning]
        with ledger:
            for _ in range(min(stage.accumulate, 2)):
                ledger.begin(FORWARD)
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.precision == "bf16"):
                    loss = batch_loss()
                ledger.begin(BACKWARD)
                loss.backward()  # type: ignore[no-untyped-call]
                del loss
            ledger.begin(UPDATE)
            torch.nn.utils.clip_grad_norm_(learning, stage.clip)
            optimizer.step()
        for hook in hooks:
            hook.remove()
        model.zero_grad()
    return StepMemory(ledger.peaks, *ledger.most_of_sizes)


def _when_added(weight: Any, ledger: _Ledger) -> Any:
    return weight.register_post_accumulate_grad_hook(ledger.gradient)


class _Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of every storage from the operation that makes it until it is freed."""

    def __init__(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: Counter[str] = Counter()
        self.peaks: dict[str, dict[str, int]] = {}
        self._kinds: dict[int, str] = {}
        self._vocabulary = _vocabulary(model)
        self._total = 0
        self._sizes = [0, 0]
        self.most_of_sizes = [0, 0]
        self._part = FORWARD
        self._most: Counter[str] = Counter()
        for tensor in (*model.parameters(), *model.buffers()):
            self._add(tensor, WEIGHTS)
        for entries in optimizer.state.values():
            for value in entries.values():
                if isinstance(value, torch.Tensor):
                    self._add(value, OPTIMISER)

    def begin(self, part: str) -> None:
        """A part of the step begins."""
        self._part = part
        self._note()

    def gradient(self, weight: torch.Tensor) -> None:
        """A weight has its gradient."""
        if weight.grad is None:
            return
        key = weight.grad.untyped_storage()._cdata
        size = weight.grad.untyped_storage().nbytes()
        before = self._kinds.get(key)
        if before is not None and before != GRADIENTS:
            self.live[before] -= size
            self.live[GRADIENTS] += size
            self._kinds[key] = GRADIENTS
            self._note()

    def _add(self, tensor: torch.Tensor, kind: str) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._kinds:
            return
        size = storage.nbytes()
        self._kinds[key] = kind
        self.live[kind] += size
        self._total += size
        self._sizes[size >= LARGE] += size
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self.live[self._kinds.pop(key)] -= size
        self._total -= size
        self._sizes[size >= LARGE] -= size

    def _note(self) -> None:
        self.most_of_sizes = [max(pair) for pair in zip(self.most_of_sizes, self._sizes, strict=True)]
        if self._total >= self._most[self._part]:
            self._most[self._part] = self._total
            self.peaks[self._part] = {kind: self.live[kind] for kind in KINDS}

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        copied = func is torch.ops.aten._to_copy.default and self._is_weight(args[0])
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                wide = tensor.ndim > 0 and tensor.shape[-1] == self._vocabulary
                self._add(tensor, COPIES if copied else LOGITS if wide else ACTIVATIONS)
        self._note()
        return out

    def _is_weight(self, tensor: torch.Tensor) -> bool:
        return self._kinds.get(tensor.untyped_storage()._cdata) == WEIGHTS


def _base(model: Any) -> Any:
    """The transformers model inside adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _take_head_apart(model: Any) -> None:
    """The loss tries on real numbers whether a model's output layer can be met alone; here there are none, and a linear
    one is taken to be such."""
    head = model.get_output_embeddings()
    if head is not None:
        loop_loss._separable[head] = loop_loss._is_linear(head)


def _vocabulary(model: torch.nn.Module) -> int:
    return int(_base(model).config.get_text_config().vocab_size)


def _keeps_logits(model: torch.nn.Module) -> bool:
    import inspect

    return "logits_to_keep" in inspect.signature(model.forward).parameters


def _inputs(batch: Batch) -> dict[str, Any]:
    """A row as `PackCollator` makes it, without contents."""

    def numbers(*shape: int) -> torch.Tensor:
        return torch.empty(shape, dtype=torch.long)

    return {
        "input_ids": numbers(1, batch.tokens),
        "position_ids": numbers(1, batch.tokens),
        "kept": numbers(batch.learned),
        "labels": numbers(batch.learned),
        "documents": document_layout(batch.lengths),
    }


@contextmanager
def _contentless(model: torch.nn.Module) -> Iterator[None]:
    """The model's weights as tensors without contents on the processor; on the meta device again afterwards."""
    made: dict[int, torch.Tensor] = {}
    before: list[tuple[dict[str, Any], str, torch.Tensor]] = []
    for module in model.modules():
        parts: list[dict[str, Any]] = [module._parameters, module._buffers]
        for part in parts:
            for name, value in part.items():
                if value is None:
                    continue
                before.append((part, name, value))
                if id(value) not in made:
                    empty = torch.empty(value.shape, dtype=value.dtype)
                    is_weight = isinstance(value, torch.nn.Parameter)
                    made[id(value)] = torch.nn.Parameter(empty, value.requires_grad) if is_weight else empty
    for place, name, value in before:
        place[name] = made[id(value)]
    try:
        yield
    finally:
        for place, name, value in before:
            place[name] = value


@contextmanager
def _checkpointing(model: Any, wanted: bool) -> Iterator[None]:
    # transformers renamed these in its fifth version.
    word = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"
    if wanted:
        enable = getattr(model, f"{word}_checkpointing_enable")
        enable(**{f"{word}_checkpointing_kwargs": {"use_reentrant": False}})
    try:
        yield
    finally:
        if wanted:
            getattr(model, f"{word}_checkpointing_disable")()
