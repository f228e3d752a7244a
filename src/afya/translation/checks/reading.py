"""A text in lower case and its tokens, cut once for all checks.

A token is what stands between blanks, in lower case, with its punctuation. Cutting is the cheapest thing that can be
done with a text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Reading(NamedTuple):
    """A text in lower case, its tokens, and each of them once."""

    lower: str
    tokens: list[str]
    distinct: frozenset[str]


@lru_cache(maxsize=64)
def reading(text: str) -> Reading:
    """`text` cut into tokens. All checks of a pair ask for the same two texts, so the last ones are kept."""
    lower = text.lower()
    tokens = lower.split()
    return Reading(lower, tokens, frozenset(tokens))
