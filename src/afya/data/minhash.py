"""MinHash signatures of shingles, their bands, and the true similarity of texts that share one.

Signatures follow Broder, "On the resemblance and containment of documents" (1997), with the multiply-shift functions of
Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair problem" (1997).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afya.data.shingles import Hashes, Places, mix, powers

_PAIRS = 512
_BOUND_BITS = 20


def signatures(grams: Hashes, places: Places, count: int, seed: int) -> NDArray[np.uint32]:
    """(texts, count) MinHash signatures; `places` (texts + 1,) says where each text's shingles begin.

    A text without shingles has the largest value everywhere.
    """
    draw = np.random.Generator(np.random.PCG64(seed)).integers(0, 1 << 32, (2, count), dtype=np.uint32)
    factors, offsets = draw[0] | np.uint32(1), draw[1]
    values = (grams >> np.uint64(32)).astype(np.uint32)
    found = np.full((count, len(places) - 1), np.uint32(0xFFFFFFFF))
    filled = np.flatnonzero(np.diff(places))
    if len(filled):
        starts = places[filled]
        moved = np.empty_like(values)
        for index in range(count):
            np.multiply(values, factors[index], out=moved)
            np.add(moved, offsets[index], out=moved)
            found[index, filled] = np.minimum.reduceat(moved, starts)
    return np.ascontiguousarray(found.T)


def bands(signature: NDArray[np.uint32], rows: int) -> Hashes:
    """(texts, bands) one hash for each run of `rows` values of a signature, never 0."""
    texts, count = signature.shape
    split = signature.reshape(texts, count // rows, rows).astype(np.uint64)
    factors = powers(rows)[0][:rows]
    return mix((split * factors).sum(axis=2, dtype=np.uint64) + np.arange(count // rows, dtype=np.uint64)) | np.uint64(
        1
    )


def jaccard(
    grams: NDArray[np.uint32], places: Places, left: Places, right: Places, least: float = 0.0
) -> NDArray[np.float64]:
    """(pairs,) the Jaccard similarity of texts `left` and `right`, by their distinct, sorted shingles in `grams`.

    Pairs below `least` have 0. Most of those are told by an upper bound, at a fifth of the cost.
    """
    order = np.argsort(left, kind="stable")
    found = np.zeros(len(left))
    table = np.zeros(1 << _BOUND_BITS, dtype=bool)
    for start in range(0, len(left), _PAIRS):
        chosen = order[start : start + _PAIRS]
        bound = _upper_bound(grams, places, left[chosen], right[chosen], table)
        chosen = chosen[bound >= least]
        found[chosen] = _exactly(grams, places, left[chosen], right[chosen])
    found[found < least] = 0
    return found


def _upper_bound(
    grams: NDArray[np.uint32], places: Places, left: Places, right: Places, table: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What the similarity cannot exceed: shingles of the right looked for in a table of hashes of the left's.

    `table` is all False, and is left so. `left` is sorted.
    """
    texts, owner = np.unique(left, return_inverse=True)
    salts = mix(np.arange(1, len(texts) + 1, dtype=np.uint64)).astype(np.uint32)
    sizes, other = (places[numbers + 1] - places[numbers] for numbers in (texts, right))
    drop = np.uint32(32 - _BOUND_BITS)
    marked = (grams[_spread(places[texts], sizes)] ^ np.repeat(salts, sizes)) >> drop
    table[marked] = True
    there = table[(grams[_spread(places[right], other)] ^ np.repeat(salts[owner], other)) >> drop]
    table[marked] = False
    counts = np.concatenate(([0], np.cumsum(there, dtype=np.int32)))
    ends = np.cumsum(other)
    shared = np.minimum(counts[ends] - counts[ends - other], sizes[owner])
    return np.asarray(shared / np.maximum(sizes[owner] + other - shared, 1))


def _exactly(grams: NDArray[np.uint32], places: Places, left: Places, right: Places) -> NDArray[np.float64]:
    numbers = np.arange(len(left), dtype=np.uint64) << np.uint64(32)
    sizes = [places[texts + 1] - places[texts] for texts in (left, right)]
    keys = np.concatenate(
        [
            np.repeat(numbers, size) | grams[_spread(places[texts], size)]
            for texts, size in zip((left, right), sizes, strict=True)
        ]
    )
    keys.sort()
    both = keys[1:][keys[1:] == keys[:-1]]
    shared = np.bincount((both >> np.uint64(32)).astype(np.int64), minlength=len(left))
    return np.asarray(shared / np.maximum(sizes[0] + sizes[1] - shared, 1))


def _spread(starts: Places, sizes: Places) -> Places:
    """The places of runs that begin at `starts` and have `sizes`, one run after the other."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes))


def distinct(grams: Hashes, places: Places) -> tuple[NDArray[np.uint32], Places]:
    """Each text's shingles once and sorted, as 32-bit values, and where each text's begin."""
    texts = np.repeat(np.arange(len(places) - 1, dtype=np.uint64), np.diff(places))
    keys = (texts << np.uint64(32)) | (grams >> np.uint64(32))
    keys.sort()
    keys = keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys
    ends = np.searchsorted(keys, np.arange(len(places), dtype=np.uint64) << np.uint64(32))
    return keys.astype(np.uint32), ends.astype(np.int64)
