"""What the checks share about one text: its tokens, cut once, and what is known of each, found out once.

A token is what stands between blanks, in lower case, with its punctuation. Cutting is the cheapest thing that can be
done with a text; what a check wants to know of a token ("is it a denial?") it works out when it first meets it and
looks up from then on. Twenty thousand pairs a second leave no room for more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

Known = TypeVar("Known")

# Tokens of a morphologically rich language never end; beyond this many the memory is begun anew.
_MOST_TOKENS = 200_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, the same in lower case, and its tokens."""

    text: str
    lower: str
    tokens: list[str]


@lru_cache(maxsize=64)
def reading(text: str) -> Reading:
    """`text` cut into tokens. All checks of a pair ask for the same two texts, so the last ones are kept."""
    lower = text.lower()
    return Reading(text, lower, lower.split())


class Tokens(dict[str, Known]):
    """What `find` says of a token, asked once for each: `tokens[token]`."""

    def __init__(self, find: Callable[[str], Known]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, token: str) -> Known:
        if len(self) >= _MOST_TOKENS:
            self.clear()
        found = self[token] = self._find(token)
        return found
