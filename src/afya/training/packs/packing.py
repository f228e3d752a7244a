"""Best-fit packing: which examples share a row of the training batch."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence


def best_fit(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Packs of item numbers, no pack longer than `capacity`; longest items first, each into the fullest pack it fits.

    Ties go to the pack opened first, so equal input gives equal packs. Best-fit decreasing uses at most 11/9 of the
    fewest possible packs (Johnson et al. 1974).

    >>> best_fit([6, 3, 5, 4], 9)
    [[0, 1], [2, 3]]

    Raises:
        ValueError: an item is longer than `capacity`; such items are rejected before packing.
    """
    packs: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (free tokens, pack number), sorted
    for item in sorted(range(len(lengths)), key=lambda item: (-lengths[item], item)):
        length = lengths[item]
        if length > capacity:
            raise ValueError(f"Item {item} has {length} tokens, a pack holds {capacity}.")
        place = bisect_left(room, (length, -1))
        if place == len(room):
            packs.append([item])
            insort(room, (capacity - length, len(packs) - 1))
        else:
            free, pack = room.pop(place)
            packs[pack].append(item)
            insort(room, (free - length, pack))
    return packs


def fill(lengths: Sequence[int], packs: Sequence[Sequence[int]], capacity: int) -> float:
    """The share of the packs' room that holds tokens, 0 to 1."""
    return sum(lengths[item] for pack in packs for item in pack) / (len(packs) * capacity) if packs else 0.0
