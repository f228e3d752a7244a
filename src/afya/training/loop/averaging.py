"""An average of the weights of several steps in the place of the last step's.

Noise that the last steps' batches left in the weights goes out of the average, much as a longer decay of the learning
rate would take it out (Izmailov et al. 2018; Sanyal et al. 2023 for language models). The steps themselves do not know
of it: the loss curve is the same with and without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import safe_open

from afya.errors import RunError
from afya.training.loop.checkpoints import WEIGHTS, fault
from afya.training.loop.sharding import mine, put


class MovingAverage:
    """The exponential moving average of the weights that learn, in fp32 beside them, spread as they are.

    At step n it keeps min(decay, (1 + n) / (10 + n)) of itself: without the second term a stage of a few hundred steps
    would end near the weights that it began with.
    """

    def __init__(self, weights: Mapping[str, torch.Tensor], decay: float) -> None:
        self._weights, self._decay = weights, decay
        self.tensors = {name: weight.detach().float().clone() for name, weight in weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step."""
        keeps = min(self._decay, (1 + step) / (10 + step))
        average = [mine(tensor) for tensor in self.tensors.values()]
        torch._foreach_lerp_(average, [mine(weight).float() for weight in self._weights.values()], 1 - keeps)

    def load(self, file: Path) -> None:
        """Go on from the average in a checkpoint."""
        with safe_open(file, "pt") as opened:
            for name in self.tensors:
                put(self.tensors, name, opened.get_tensor(name))

    @torch.no_grad()
    def take_place(self) -> None:
        """Copy the average into the weights."""
        for name, weight in self._weights.items():
            mine(weight).copy_(mine(self.tensors[name]))


def mean_of_checkpoints(folders: Sequence[Path], weights: Mapping[str, torch.Tensor]) -> None:
    """Put the mean of the checkpoints' weights into `weights`, one tensor at a time.

    Raises:
        RunError: one of them is damaged.
    """
    for folder in folders:
        problem = fault(folder)
        if problem is not None:
            raise RunError(
                f"The mean of the last {len(folders)} checkpoints cannot be made: {folder}: {problem}.",
                hint=f"Remove {folder.parent} and start the same command again; the stage is trained anew.",
            )
    with ExitStack() as open_files:
        files = [open_files.enter_context(safe_open(folder / WEIGHTS, "pt")) for folder in folders]
        for name in weights:
            total = files[0].get_tensor(name).double()
            for file in files[1:]:
                total += file.get_tensor(name).double()
            put(weights, name, (total / len(files)).float())
