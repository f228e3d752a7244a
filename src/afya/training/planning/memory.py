"""The memory of a run by part, for each process, on one device or spread over several (FSDP2).

Counted are the tensors of one step (dry_run.py). Spread over N processes, each holds 1/N of the weights, gradients,
optimiser state and average, and beside them, gathered whole: the layer that computes and the one fetched before its
turn, the embeddings, last norm and output layer, and the gradients of one layer on their way to their owners
(loop/sharding.py). Weights in four bits are not spread: the method qlora runs in one process.

Bytes a parameter: a weight that learns 4 (fp32), its gradient 4, AdamW's two moments 8 (Muon's one momentum 4 for the
layers' matrices), its moving average 4; a frozen weight 2 in bf16 or 4 in fp32. There are no separate master copies:
the weights that learn are the fp32 masters, and autocast's bf16 copies of them are counted as what they are. A four-bit
weight takes 1/2 byte, and a byte for each block of 64 with 4 bytes for each 256 blocks (double quantisation, Dettmers
et al. 2023, section 3): 0.516 bytes; where it is used, the layer's largest matrix is whole in bf16 for a moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.training.planning import dry_run as dry
from afya.training.planning.devices import Device, assumptions
from afya.training.planning.skeleton import four_bit_weights
from afya.training.recipe import Recipe, RunSettings

if TYPE_CHECKING:
    import torch

GIB = 2**30
FOUR_BITS = 0.5 + 1 / 64 + 4 / (64 * 256)


@dataclass(frozen=True)
class Part:
    """A part of the memory: bytes, and how they come about."""

    name: str
    bytes: int
    told: str = ""


@dataclass(frozen=True)
class Memory:
    """What one process takes at its fullest, and what its device has. Bytes.

    `at`: the part of a step in which it is fullest, or "loading"; `loading`: the most that the machine (not the GPU)
    holds for one process while the weights are read.
    """

    parts: tuple[Part, ...]
    at: str
    available: int
    loading: int

    @property
    def needed(self) -> int:
        """All of it."""
        return sum(part.bytes for part in self.parts)

    @property
    def fits(self) -> bool:
        """Whether the device has as much."""
        return self.needed <= self.available


@dataclass(frozen=True)
class Weights:
    """Bytes of a skeleton's weights that memory depends on.

    `held`: all; `layer`: the largest layer as it is gathered; `outside`: what is in no layer, as it is gathered;
    `learning_layer`, `learning_outside`: parameters that learn there; `quantised_now`: bytes that the weights which
    will be held in four bits have in the skeleton; `quantised`: how many they are; `widest`: parameters of the largest
    of them; `learning`: parameters that learn; `converted`: bytes of the largest weight that is not used as it is read.
    """

    held: int
    layer: int
    outside: int
    learning_layer: int
    learning_outside: int
    quantised_now: int
    quantised: int
    widest: int
    learning: int
    converted: int


def weights_of(model: torch.nn.Module, recipe: RunSettings) -> Weights:
    """The figures of a skeleton."""
    from afya.training.loop.sharding import inner_model

    base: Any = inner_model(model)
    kinds = set(base._no_split_modules or ())
    layers = [module for module in model.modules() if type(module).__name__ in kinds]
    in_layers = {id(weight) for layer in layers for weight in layer.parameters()}
    four = {id(weight): weight for weight in four_bit_weights(model, recipe)}
    low = 2 if recipe.precision == "bf16" else None

    def bytes_of(weight: torch.Tensor) -> int:
        return weight.numel() * weight.element_size()

    def gathered(layer: torch.nn.Module) -> int:
        spread = [weight for weight in layer.parameters() if id(weight) not in four]
        return sum(weight.numel() * (low or weight.element_size()) for weight in spread)

    every = list(model.parameters())
    outside = [weight for weight in every if id(weight) not in in_layers]
    return Weights(
        held=sum(bytes_of(weight) for weight in every),
        layer=max((gathered(layer) for layer in layers), default=0),
        outside=sum(bytes_of(weight) for weight in outside),
        learning_layer=max((_learning(layer.parameters()) for layer in layers), default=0),
        learning_outside=_learning(outside),
        quantised_now=sum(bytes_of(weight) for weight in four.values()),
        quantised=sum(weight.numel() for weight in four.values()),
        widest=max((weight.numel() for weight in four.values()), default=0),
        learning=_learning(every),
        # Files hold bf16, which is used where it lies; fp32 is made of it.
        converted=max((bytes_of(weight) for weight in every if weight.element_size() > 2), default=0),
    )


def _learning(weights: Any) -> int:
    return sum(weight.numel() for weight in weights if weight.requires_grad)


def plan_memory(step: dry.StepMemory, weights: Weights, recipe: RunSettings, device: Device, processes: int) -> Memory:
    """The memory of one of `processes` processes, each on a device of its own, from the dry step of one."""
    loading = _loading(weights)
    moments = {at: _moment(kinds, at, weights, recipe, processes) for at, kinds in step.parts.items()}
    at = max(moments, key=lambda name: sum(part.bytes for part in moments[name]))
    tensors = moments[at]
    total = sum(part.bytes for part in tensors)
    on_processor = device.kind == "processor"
    if on_processor and loading > total:
        at, tensors, total = "loading", [Part("weights while they are read", loading)], loading
    elif on_processor and processes == 1:
        # The heap of a process is as large as its small tensors ever were, also when the large ones are at their most.
        # What is computed again comes in other lengths with every batch and does not fit into the holes it left.
        again = step.parts[dry.BACKWARD][dry.ACTIVATIONS] if recipe.gradient_checkpointing else 0
        held = max(0, step.small + step.large - sum(step.peak().values())) + again
        tensors.append(Part("freed and still held", held, "tensors below 32 MiB, by the C library's heap"))
        total += held
    return Memory((*tensors, *_beside(total, on_processor, processes)), at, device.memory, loading)


def least_memory(weights: Weights, recipe: Recipe, processes: int) -> int:
    """Bytes that no setting of the steps brings a process below: weights, gradients and the optimiser's moments."""
    moments = 8 if any(stage.optimizer == "adamw" for stage in recipe.stages) else 4
    spread = (weights.held - weights.quantised_now + (4 + moments) * weights.learning) // processes
    return spread + int(weights.quantised * FOUR_BITS)


def _moment(kinds: Mapping[str, int], at: str, weights: Weights, recipe: RunSettings, processes: int) -> list[Part]:
    spread = f", spread over {processes}" if processes > 1 else ""
    frozen = weights.held - 4 * weights.learning - weights.quantised_now
    parts = [Part("weights that learn", 4 * weights.learning // processes, f"fp32, {weights.learning:,}{spread}")]
    if frozen > 0:
        kind = "bf16" if recipe.precision == "bf16" else "fp32"
        parts.append(Part("weights that do not learn", frozen // processes, kind + spread))
    if weights.quantised:
        told = f"NF4 with its constants, {weights.quantised:,}" + (", whole on each" if processes > 1 else "")
        parts.append(Part("weights in four bits", int(weights.quantised * FOUR_BITS), told))
        if at != dry.UPDATE:
            parts.append(Part("a four-bit matrix made whole", 2 * weights.widest, "bf16, the largest"))
    gradients = kinds[dry.GRADIENTS] // processes
    copies = kinds[dry.COPIES]
    if processes > 1 and at != dry.UPDATE:
        parts.append(
            Part("weights gathered", 2 * weights.layer + weights.outside, "two layers, and all outside layers")
        )
        copies = min(copies, weights.outside // 2)
        if at == dry.BACKWARD:
            passing = 4 * (weights.learning_layer + weights.learning_outside)
            parts.append(Part("gradients on their way", passing, "one layer, and all outside layers"))
    parts.append(Part("gradients", gradients, f"fp32{spread}"))
    parts.append(Part("optimiser state", kinds[dry.OPTIMISER] // processes, f"fp32{spread}"))
    if recipe.average is not None and recipe.average.kind == "ema":
        parts.append(Part("moving average", 4 * weights.learning // processes, f"fp32{spread}"))
    parts.append(Part("copies of weights in bf16", copies, "made by autocast"))
    told = "one layer's are made again at a time" if recipe.gradient_checkpointing else "kept from forward to backward"
    parts.append(Part("activations", kinds[dry.ACTIVATIONS], told))
    parts.append(Part("logits and loss", kinds[dry.LOGITS], f"at most {recipe.loss_chunk:,} learned tokens at a time"))
    return [part for part in parts if part.bytes > 0]


def _beside(tensors: int, on_processor: bool, processes: int) -> list[Part]:
    """What a process takes besides its tensors; assumptions.yaml says where the figures come from."""
    assumed = assumptions()
    if on_processor:
        own = assumed.processor
        return [
            Part("fragments and work space", int(own.fragments * tensors), f"{own.fragments:.0%} of the tensors"),
            Part("libraries", int(own.libraries_gib * GIB), "the process with its imports"),
        ]
    gpu = assumed.gpu
    parts = [
        Part("fragments", int(gpu.fragments * tensors), f"{gpu.fragments:.0%} of the tensors"),
        Part("CUDA context", int(gpu.context_gib * GIB), "with the libraries' work space"),
    ]
    if processes > 1:
        parts.append(Part("communication", int(gpu.communication_gib * GIB), "NCCL's buffers"))
    return parts


def _loading(weights: Weights) -> int:
    """Bytes while the weights are read: all of them, and one more copy of the largest that is converted."""
    return int(weights.quantised * FOUR_BITS) + weights.held - weights.quantised_now + weights.converted
