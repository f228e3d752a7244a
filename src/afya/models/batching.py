"""Which sequences share a batch: plain arithmetic, no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MAX_ROWS = 1024


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
