"""Examples that are longer than a pack: what may be cut, and what never is.

The rule. Of an item with a context the context loses its middle; of one without, the question does (never the claim of
an inference item). At least half of the text stays, its beginning and its end in equal parts, and a sign stands where
something is missing. Instructions, options and answers are never cut. Of a dialogue the oldest messages are left out
before a later answer; a message is never cut. What is still too long is rejected.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from afya.items import Item

MARK = " […] "
_LEAST = 0.5
# How far a cut may move to stand between two words, characters. Scripts without spaces are cut between characters.
_WORD = 40


def cut_to_fit(item: Item, size: Callable[[Item], int], longest: int) -> tuple[Item, str] | None:
    """The item with as much of its text as `longest` tokens hold, and what was cut; None when half is too much.

    Args:
        size: tokens of the example that an item gives.
    """
    part = _part(item)
    if part is None:
        return None
    text = item.context or item.question

    def cut(kept: int) -> Item:
        less = shortened(text, kept)
        return replace(item, context=less) if part == "context" else replace(item, question=less)

    low, high = int(len(text) * _LEAST), len(text) - 1
    if size(cut(low)) > longest:
        return None
    while low < high:
        middle = (low + high + 1) // 2
        if size(cut(middle)) <= longest:
            low = middle
        else:
            high = middle - 1
    return cut(low), f"{low:,} of the {part}'s {len(text):,} characters kept"


def _part(item: Item) -> Literal["context", "question"] | None:
    if item.context:
        return "context"
    return None if item.task == "nli" else "question"


def shortened(text: str, kept: int) -> str:
    """The text without its middle: at most `kept` of its characters, no word cut where words have spaces between them.

    >>> shortened("one two three four five", 15)
    'one two […] five'
    """
    head, tail = (kept + 1) // 2, len(text) - kept // 2
    while head and unicodedata.combining(text[head]):
        head -= 1
    while tail < len(text) and unicodedata.combining(text[tail]):
        tail += 1
    if not text[head].isspace():
        space = max((place for place in range(max(head - _WORD, 0), head) if text[place].isspace()), default=head)
        head = space
    if not text[tail - 1].isspace():
        end = min(tail + _WORD, len(text))
        tail = next((place for place in range(tail, end) if text[place].isspace()), tail)
    return text[:head].rstrip() + MARK + text[tail:].lstrip()
