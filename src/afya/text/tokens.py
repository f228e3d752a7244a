"""What is known of each token, found out when it is first met and looked up from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Known = TypeVar("Known")

# Tokens of a morphologically rich language never end; beyond this many the memory is begun anew.
_MOST_TOKENS = 200_000


class Tokens(dict[str, Known]):
    """What `find` says of a token, asked once for each: `tokens[token]`."""

    def __init__(self, find: Callable[[str], Known]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, token: str) -> Known:
        found = self._find(token)
        if len(self) >= _MOST_TOKENS:
            self.clear()
        self[token] = found
        return found
