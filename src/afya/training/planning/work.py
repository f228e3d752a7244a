"""How long a stage takes and what it costs: its arithmetic over what the devices do in an hour.

The model's own arithmetic a token is counted as while a run is watched (loop/utilisation.py): 6 operations for each
weight that learns, 4 for one that does not, the output layer for learned tokens only, attention for the tokens truly
attended. Gradient checkpointing does the layers' forward pass a second time: 2 operations a weight and a third of
attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.training.loop.utilisation import work_of
from afya.training.planning.devices import Device, assumptions
from afya.training.planning.material import Material
from afya.training.recipe import Recipe, RunSettings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Work:
    """Operations a token: the model's own, and with what is computed again."""

    model: float
    done: float


def work(model: torch.nn.Module, material: Material, recipe: Recipe) -> Work:
    """What a token of a stage costs in a skeleton."""
    found: Any = work_of(model, material.plan)
    again = 0.0
    if recipe.gradient_checkpointing:
        # Of 6 operations a weight 2 are the forward pass; of 4, where it does not learn, also 2.
        again = found.layers / (3 if recipe.method == "full" else 2) + found.attention / 3
    return Work(found.per_token, found.per_token + again)


def utilisation_of(recipe: RunSettings, processes: int) -> float:
    """The share of the devices' peak that is assumed."""
    assumed = assumptions()
    return assumed.utilisation[recipe.method] * (assumed.several if processes > 1 else 1.0)


def hours(tokens: int | None, each: Work, device: Device, processes: int, utilisation: float) -> float | None:
    """Hours of a stage; None where its tokens or the device's peak are not known."""
    return hours_of(tokens, each.done, device, processes, utilisation)


def hours_of(tokens: int | None, operations: float, device: Device, processes: int, utilisation: float) -> float | None:
    """Hours for so many tokens of so many operations each; None where the tokens or the device's peak are not known."""
    if tokens is None or device.peak is None:
        return None
    return tokens * operations / (device.peak * utilisation * processes) / 3600
