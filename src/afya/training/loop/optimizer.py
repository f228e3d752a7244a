"""The optimisers a stage can choose: AdamW, or Muon for the matrices with AdamW for the rest.

Muon (Jordan et al. 2024) replaces each matrix's momentum by the nearest orthogonal matrix; with the update scaled to
AdamW's usual size (Liu et al. 2025) both share one schedule. The pocket model reaches the same loss with it after about
half the tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from afya.training.recipe import StageRecipe


class MuonAdamW(torch.optim.Optimizer):
    """Two optimisers that look like one: the same groups, state and state_dict as any torch optimiser.

    Args:
        matrices: weights of two dimensions inside the layers; Muon's.
        others: embeddings, output head, norms, biases; AdamW's.
        muon_rate, adamw_rate: their learning rates.
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
    ) -> None:
        self._muon = torch.optim.Muon(
            list(matrices), lr=muon_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self._adamw = torch.optim.AdamW(list(others), lr=adamw_rate, betas=betas, weight_decay=weight_decay, fused=True)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})
        self._link()

    def _link(self) -> None:
        """Let both halves work on this optimiser's own groups and state."""
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:1], self.param_groups[1:]
        self._muon.state = self._adamw.state = self.state

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None if closure is None else closure()
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As of any optimiser; what is loaded serves both halves."""
        super().load_state_dict(state_dict)
        self._link()


def make_optimizer(model: torch.nn.Module, stage: StageRecipe) -> torch.optim.Optimizer:
    """The stage's optimiser for the model's trainable weights; norms, biases and embeddings have no weight decay."""
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
        )
    groups = [{"params": matrices, "weight_decay": stage.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=stage.learning_rate, betas=stage.betas, fused=True)
