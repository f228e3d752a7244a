"""Where the documents of a packed row lie.

A row of a training batch holds many documents end to end. Attention by documents (`afya.training.loop.attention`) is
told by the layout where each begins, and never sees two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class DocumentLayout:
    """`lengths` of the documents, tokens, in the row's order; `bounds` (documents + 1, int32) where each begins and the
    last one ends."""

    lengths: tuple[int, ...]
    bounds: torch.Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> DocumentLayout:
        """The layout on another device; accelerate calls it as it calls a tensor's."""
        return DocumentLayout(self.lengths, self.bounds.to(device, non_blocking=non_blocking))


def document_layout(lengths: Sequence[int]) -> DocumentLayout:
    """The layout of a row that holds documents of these lengths, in this order.

    >>> document_layout([3, 2]).bounds.tolist()
    [0, 3, 5]
    """
    from itertools import accumulate

    import torch

    return DocumentLayout(tuple(lengths), torch.tensor([0, *accumulate(lengths)], dtype=torch.int32))
