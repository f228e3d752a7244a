"""Prompts and their options as trees of tokens, each laid out in one row: what sequences begin with stands once.

A tree's tokens are written in the order of a dictionary's entries: an entry repeats nothing of the one before it and
says only what is new. So a token's ancestors are the tokens that it continues, and each token knows where the part of
the row ends that continues it. Token j is an ancestor of token i, or i itself, exactly when

    j <= i < end[j]

which is the whole attention mask. Positions are depths: they start again where a branch does.

    "fever is | hot"     tokens    fever is hot cold      an option's last token is predicted, never read
    "fever is | cold"    depth         0  1   2    2
                         end           4  4   3    4
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Query:
    """A prompt and its options as token ids; neither the prompt nor an option is empty."""

    prompt: list[int]
    options: list[list[int]]


@dataclass(slots=True)
class Tree:
    """One row. `tokens`, `depths` and `ends` run along it; the scored tokens are listed option by option.

    The output at `places[k]` predicts the token `targets[k]`, which belongs to option `slots[k]` (options are numbered
    through the queries in their order). `branches`: whether some token is not an ancestor of all behind it.
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    branches: bool = False

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Costs:
    """What reading a row of n tokens costs: `token` * n + `pair` * n * n. Rows grow no longer than `longest`."""

    token: float
    pair: float
    longest: int

    def row(self, tokens: int) -> float:
        return self.token * tokens + self.pair * tokens * tokens


def size(query: Query) -> int:
    """About how many tokens a query's row has: options that begin alike are counted apart."""
    return len(query.prompt) + sum(len(option) - 1 for option in query.options)


def grouped(queries: Sequence[Query], costs: Costs) -> Iterator[tuple[list[int], int]]:
    """Indices of neighbouring queries that are cheaper to read in one row than in rows of their own, and its tokens.

    Rotations of an item share question and instruction, items of one few-shot setting share its examples: the row they
    share reads that once. But each token is held against the whole row, so a row may grow too long to be worth it.
    """
    group: list[int] = []
    length = 0
    for index, query in enumerate(queries):
        own = size(query)
        if group:
            joined = length + own - shared(queries[index - 1].prompt, query.prompt)
            if joined <= costs.longest and costs.row(joined) < costs.row(length) + costs.row(own):
                group.append(index)
                length = joined
                continue
            yield group, length
        group, length = [index], own
    if group:
        yield group, length


def shared(one: list[int], other: list[int]) -> int:
    """How many tokens two sequences have in common at their beginnings."""
    low, high = 0, min(len(one), len(other))
    # Halving, with whole slices compared at once, is many times faster than token by token.
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def grow(queries: Sequence[Query], first_slots: Sequence[int]) -> Tree:
    """The tree of some queries. `first_slots` says which number each query's first option has."""
    tree = Tree()
    path: list[int] = []  # The place of every token of the sequence that is being written.
    before: list[int] = []
    for index in sorted(range(len(queries)), key=lambda number: queries[number].prompt):
        query = queries[index]
        stem = len(query.prompt)
        _write(tree, path, shared(before, query.prompt), query.prompt)
        before = query.prompt
        tail: list[int] = []
        for number in sorted(range(len(query.options)), key=lambda number: query.options[number]):
            option = query.options[number]
            _write(tree, path, stem + shared(tail, option[:-1]), option[:-1], stem)
            tail = option[:-1]
            tree.places += path[stem - 1 :]
            tree.targets += option
            tree.slots += [first_slots[index] + number] * len(option)
    _close(tree, path, 0)
    return tree


def _write(tree: Tree, path: list[int], kept: int, sequence: list[int], stem: int = 0) -> None:
    """Write what `sequence` (which starts at depth `stem`) says beyond the first `kept` tokens of the path."""
    _close(tree, path, kept)
    new = sequence[kept - stem :]
    start = len(tree.tokens)
    tree.branches |= bool(new) and bool(start) and (not path or path[-1] != start - 1)
    tree.tokens += new
    tree.depths += range(kept, kept + len(new))
    tree.ends += [0] * len(new)
    path += range(start, start + len(new))


def _close(tree: Tree, path: list[int], kept: int) -> None:
    end = len(tree.tokens)
    for place in path[kept:]:
        tree.ends[place] = end
    del path[kept:]
