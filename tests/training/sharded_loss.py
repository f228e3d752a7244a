"""One of two processes with a model spread over both: prints how far its chunked losses and gradients are from whole
ones, for tied and for untied embeddings. Called by warm_process.py.
"""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist
from test_loss_in_chunks import batch, make, of, whole
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from afya.training.loop.attention import use_document_attention
from afya.training.loop.loss import document_losses


def distance(tied: bool) -> float:
    """The largest relative distance of the losses and of any weight's gradient."""
    inputs, mesh = batch(), init_device_mesh("cpu", (2,))
    model = make("Gemma2", tied=tied)
    own = use_document_attention(model)
    truth, right = of(model, whole(model, inputs, own))
    model.zero_grad()
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    if tied:
        # As accelerate lays it: the shared weight is in one unit with the last norm.
        fully_shard([model.model.norm, model.model.embed_tokens, model.lm_head], mesh=mesh, reshard_after_forward=False)
    else:
        # The hardest case: the output layer's weight is let go as soon as its forward pass ends.
        fully_shard(model.lm_head, mesh=mesh, reshard_after_forward=True)
    fully_shard(model, mesh=mesh)
    losses, outputs = document_losses(model, inputs, own, True, 13)
    assert outputs.logits.shape[1] == 0
    torch.autograd.backward(losses.mean())
    pairs = [(losses.detach(), truth)]
    pairs += [(weight.grad.full_tensor(), right[name]) for name, weight in model.named_parameters()]
    return max(float((one - two).norm() / two.norm()) for one, two in pairs)


def tell(meet: str, rank: int) -> int:
    """`meet`: the file by which the processes find each other."""
    dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=2)
    # In one piece, that the other's line does not come between.
    sys.stdout.write(f"{distance(tied=True)} {distance(tied=False)}\n")
    dist.destroy_process_group()
    return 0
