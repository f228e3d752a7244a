"""The optimisers a stage can choose: AdamW, or Muon for the matrices with AdamW for the rest.

Muon (Jordan et al. 2024) replaces each matrix's momentum by the nearest orthogonal matrix; with the update scaled to
AdamW's usual size (Liu et al. 2025) both share one schedule. The pocket model reaches the same loss with it after about
half the tokens. A matrix that is spread over processes is brought together for that, since its parts say nothing of its
singular values; each process finds the same nearest matrix and keeps its part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

from afya.training.loop.sharding import mine, spread_as
from afya.training.recipe import StageSettings


def near_orthogonal(matrix: torch.Tensor, coefficients: tuple[float, float, float], rounds: int) -> torch.Tensor:
    """A matrix whose singular vectors are those of `matrix` and whose singular values are near 1.

    Each round applies the polynomial a x + b x^3 + c x^5 to the singular values (Newton-Schulz; Jordan et al. 2024).
    """
    a, b, c = coefficients
    found = matrix
    tall = found.size(0) > found.size(1)
    if tall:
        found = found.T
    found = found / found.norm().clamp(min=1e-7)
    for _ in range(rounds):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=b, alpha=c), found, beta=a)
    return found.T if tall else found


class _Muon(torch.optim.Muon):
    """torch's Muon, for weights spread over processes too.

    `low` is whether the nearest matrix is sought in bf16, as torch always does. In fp32 the processes' number does not
    show in the result.
    """

    low = False

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move each matrix along its momentum's nearest orthogonal matrix, scaled to AdamW's usual size."""
        from torch.distributed.tensor import DTensor

        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                momentum: torch.Tensor = state["momentum_buffer"]
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(momentum, group["momentum"])
                whole = update.full_tensor() if isinstance(update, DTensor) else update
                whole = whole.bfloat16() if self.low else whole
                moved = near_orthogonal(whole, group["ns_coefficients"], group["ns_steps"])
                rate = 0.2 * group["lr"] * math.sqrt(max(weight.shape))
                local = mine(weight)
                local.mul_(1 - group["lr"] * group["weight_decay"])
                local.add_(mine(spread_as(moved, weight)), alpha=-rate)
        return loss


class MuonAdamW(torch.optim.Optimizer):
    """Two optimisers that look like one: the same groups, state and state_dict as any torch optimiser.

    Args:
        matrices: weights of two dimensions inside the layers; Muon's.
        others: embeddings, output head, norms, biases; AdamW's.
        muon_rate, adamw_rate: their learning rates.
        low: Muon's matrix products in bf16.
    """

    def __init__(
        self,
        matrices: Iterable[torch.nn.Parameter],
        others: Iterable[torch.nn.Parameter],
        *,
        muon_rate: float,
        adamw_rate: float,
        betas: tuple[float, float],
        weight_decay: float,
        low: bool = False,
    ) -> None:
        # As groups, which may be empty: adapters are matrices all of them.
        self._muon = _Muon(
            [{"params": list(matrices)}], lr=muon_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self._muon.low = low
        self._adamw = torch.optim.AdamW(
            [{"params": list(others)}], lr=adamw_rate, betas=betas, weight_decay=weight_decay, fused=True
        )
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})
        self._link()

    def _link(self) -> None:
        """Let both halves work on this optimiser's own groups and state."""
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:1], self.param_groups[1:]
        self._muon.state = self._adamw.state = self.state

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None if closure is None else closure()
        self._muon.step()
        self._adamw.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As of any optimiser; what is loaded serves both halves."""
        super().load_state_dict(state_dict)
        self._link()


def make_optimizer(model: torch.nn.Module, stage: StageSettings, *, low: bool = False) -> torch.optim.Optimizer:
    """The stage's optimiser for the model's trainable weights; norms, biases and embeddings have no weight decay.

    Args:
        low: Muon's matrix products are computed in bf16.
    """
    embeddings = {
        id(weight)
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
        for weight in module.parameters(recurse=False)
    }
    head = getattr(model, "get_output_embeddings", lambda: None)()
    if head is not None:
        embeddings |= {id(weight) for weight in head.parameters()}
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    matrices = [weight for weight in trained if weight.ndim == 2 and id(weight) not in embeddings]
    chosen = {id(weight) for weight in matrices}
    others = [weight for weight in trained if id(weight) not in chosen]
    if stage.optimizer == "muon":
        return MuonAdamW(
            matrices,
            others,
            muon_rate=stage.muon_learning_rate,
            adamw_rate=stage.learning_rate,
            betas=stage.betas,
            weight_decay=stage.weight_decay,
            low=low,
        )
    groups = [{"params": matrices, "weight_decay": stage.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=stage.learning_rate, betas=stage.betas, fused=True)
