"""Weights spread over processes (FSDP2): how they are spread, and how they are brought together for a file.

Every process holds a part of each weight, its gradient and its optimiser's state; a layer is whole only while it
computes. Files always hold whole tensors, so that a run can go on with any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from afya.training.loop.distributed import Crew


def inner_model(model: torch.nn.Module) -> PreTrainedModel:
    """The transformers model inside a PEFT model, or the model itself."""
    base = getattr(model, "get_base_model", None)
    found: PreTrainedModel = model if base is None else base()  # type: ignore[assignment]
    return found


def learned(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The weights that learn, by name; tied ones once."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def shard(model: torch.nn.Module, crew: Crew, *, low: bool) -> None:
    """Spread the model's weights over the crew, layer by layer, on the process's device.

    Args:
        low: the layers compute in bf16 (autocast): they are then gathered as bf16, half the bytes, and their gradients
            added in fp32. Embeddings, last norm and output layer are gathered as they are.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    device = "cuda" if torch.cuda.is_available() else "cpu"
    mesh = init_device_mesh(device, (crew.size,), mesh_dim_names=("shard",))
    halved = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    whole = MixedPrecisionPolicy(cast_forward_inputs=False)
    # Weights in four bits are bytes with a meaning of their own and cannot be cut: each process keeps all of them.
    kept: set[torch.nn.Parameter] = set()
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None and not weight.is_floating_point():
                # Their own `to` takes the scales along.
                placed: torch.nn.Parameter = weight.to(device)  # type: ignore[assignment]
                module._parameters[name] = placed
                kept.add(placed)
    kinds = set(inner_model(model)._no_split_modules or ())
    for layer in [module for module in model.modules() if type(module).__name__ in kinds]:
        fully_shard(layer, mesh=mesh, mp_policy=halved if low else whole, ignored_params=kept)
    # The rest too is let go after the forward pass: a measurement between two steps must leave sharded weights behind.
    fully_shard(model, mesh=mesh, mp_policy=whole, reshard_after_forward=True, ignored_params=kept)


def mine(tensor: torch.Tensor) -> torch.Tensor:
    """The part of a tensor that this process holds; all of a tensor that is not spread."""
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def spread_as(whole: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A whole tensor spread as `weight` is; itself where `weight` is not spread. Nothing is sent."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(weight, DTensor):
        return whole
    # The copy lets go of the rest of the whole tensor.
    return distribute_tensor(whole.to(weight.device), weight.device_mesh, weight.placements, src_data_rank=None).clone()


def gathered(tensors: Mapping[str, torch.Tensor], crew: Crew) -> dict[str, torch.Tensor]:
    """The whole tensors on the leader, in its memory; nothing on the others. All processes call it."""
    from torch.distributed.tensor import DTensor

    found = {}
    for name, tensor in tensors.items():
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if crew.leads:
            found[name] = whole.detach().cpu().contiguous()
    return found


@torch.no_grad()
def put(weights: Mapping[str, torch.Tensor], name: str, whole: torch.Tensor) -> None:
    """Copy a whole tensor into the weight of that name."""
    mine(weights[name]).copy_(mine(spread_as(whole, weights[name])))


def bring_together(model: torch.nn.Module, crew: Crew) -> None:
    """Give the leader's model whole weights again, where they learn, in its memory; for writing it, not for training.

    All processes call it; the others keep their parts.
    """
    from torch.distributed.tensor import DTensor

    made: dict[int, torch.nn.Parameter | None] = {}
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is None or not weight.requires_grad or not isinstance(weight, DTensor):
                continue
            if id(weight) not in made:
                whole = weight.full_tensor()
                made[id(weight)] = torch.nn.Parameter(whole.detach().cpu()) if crew.leads else None
            if crew.leads:
                module._parameters[name] = made[id(weight)]


def norm_squared(gradients: Iterable[torch.Tensor]) -> torch.Tensor:
    """The square of the norm of this process's gradients taken together, in fp64."""
    norms = torch._foreach_norm(list(gradients))
    return torch.stack(norms).double().square().sum()
