"""The sums of one optimiser step, kept on the device and read once.

Reading a number from a GPU waits for all that was sent to it. So losses, counts and the gradients' norm are added up
where they are made, over all processes, and read in one go before the optimiser moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from afya.training.loop.log import Sums

if TYPE_CHECKING:
    from afya.training.loop.distributed import Crew


@dataclass(frozen=True)
class Step:
    """What was read: the sum of the losses (nats), the gradients' norm, whether a process was asked to stop, and sums,
    learned tokens and tokens by language."""

    loss: float
    norm: float
    stop: bool
    lang_loss: list[float]
    lang_labels: list[int]
    lang_tokens: list[int]

    def add_to(self, sums: Sums) -> None:
        """Add the step to the sums since the last row of the table."""
        sums.loss += self.loss
        sums.labels += sum(self.lang_labels)
        sums.lang_loss = [old + new for old, new in zip(sums.lang_loss, self.lang_loss, strict=True)]
        sums.lang_labels = [old + new for old, new in zip(sums.lang_labels, self.lang_labels, strict=True)]
        sums.lang_tokens = [old + new for old, new in zip(sums.lang_tokens, self.lang_tokens, strict=True)]


class Tally:
    """Adds up the batches of a step; for a number of languages, on a device."""

    def __init__(self, langs: int, device: torch.device) -> None:
        self._by_lang = torch.zeros(3, langs, dtype=torch.float64, device=device)
        self._total = torch.zeros((), dtype=torch.float64, device=device)
        self._langs = torch.arange(langs, device=device)

    def add(self, losses: torch.Tensor, inputs: dict[str, Any]) -> None:
        """Add the (answers) losses of a batch, nats, which carries `label_langs` (answers) and `langs_tokens`."""
        # A product instead of index_add_, whose order of adding, and so the last digit, a GPU leaves to chance.
        belongs = (inputs["label_langs"] == self._langs[:, None]).double()
        losses = losses.detach().double()
        self._by_lang[0] += belongs @ losses
        self._by_lang[1] += belongs.sum(1)
        self._by_lang[2] += inputs["langs_tokens"]
        self._total += losses.sum()

    def read(self, norm_squared: torch.Tensor, stop: bool, crew: Crew) -> Step:
        """The sums over all processes; the tally begins anew."""
        mine = torch.stack((self._total, norm_squared.to(self._total), torch.full_like(self._total, float(stop))))
        total, squared, stops, *rest = crew.add(torch.cat((mine, self._by_lang.flatten()))).tolist()
        self._by_lang.zero_()
        self._total.zero_()
        langs = len(self._langs)
        loss, labels, tokens = (rest[start : start + langs] for start in range(0, 3 * langs, langs))
        return Step(total, squared**0.5, stops > 0, loss, [round(n) for n in labels], [round(n) for n in tokens])
