"""Which sequences share a batch, and what happens when one is too large for the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from afya.errors import EngineError

MAX_ROWS = 1024
T = TypeVar("T")


def batches(lengths: Sequence[int], budget: int, *, extra: int = 0) -> Iterator[list[int]]:
    """Indices grouped so that rows times the longest (plus `extra`) stay within `budget` tokens, longest first.

    Sorting by length keeps padding small; longest first, so that memory that will not do shows at the start. A sequence
    longer than the budget makes a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    start = 0
    while start < len(order):
        longest = lengths[order[start]] + extra
        rows = min(max(1, budget // max(1, longest)), MAX_ROWS)
        yield order[start : start + rows]
        start += rows


def halving(rows: list[T], work: Callable[[list[T]], list[Any]]) -> list[Any]:
    """The results of `work`, in smaller batches when memory is short; a row too large alone gives a text saying so."""
    import torch

    try:
        return work(rows)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise EngineError(f"The model failed: {error}") from error
    # Outside the except block: the exception's frames hold the tensors that did not fit.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if len(rows) == 1:
        return ["out of memory for this prompt alone"]
    middle = len(rows) // 2
    return halving(rows[:middle], work) + halving(rows[middle:], work)
