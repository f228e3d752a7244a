"""Sequences laid out as a tree keep every token once, and each token sees its own beginning and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from afya.models.prefix_trees import Costs, Query, Tree, grouped, grow, shared, size

TOKENS = st.lists(st.integers(0, 2), min_size=1, max_size=6)
QUERIES = st.lists(st.builds(Query, TOKENS, st.lists(TOKENS, min_size=1, max_size=4)), min_size=1, max_size=4)


def first_slots(queries: list[Query]) -> list[int]:
    return [sum(len(query.options) for query in queries[:index]) for index in range(len(queries))]


def seen(tree: Tree, place: int) -> list[int]:
    """The tokens that the token at a place attends to, itself included."""
    return [tree.tokens[other] for other in range(place + 1) if place < tree.ends[other]]


@settings(max_examples=150, deadline=None)
@given(QUERIES)
def test_each_scored_token_sees_exactly_what_stands_before_it(queries: list[Query]) -> None:
    tree = grow(queries, first_slots(queries))
    flat = [(query.prompt, option) for query in queries for option in query.options]
    assert len(tree.targets) == sum(len(option) for _, option in flat)
    read: dict[int, list[int]] = {}
    for place, target, slot in zip(tree.places, tree.targets, tree.slots, strict=True):
        prompt, _ = flat[slot]
        done = read.setdefault(slot, [])
        assert seen(tree, place) == [*prompt, *done]
        assert tree.depths[place] == len(prompt) + len(done) - 1
        done.append(target)
    assert [read[slot] for slot in range(len(flat))] == [option for _, option in flat]


@settings(max_examples=150, deadline=None)
@given(QUERIES)
def test_a_tree_without_branches_is_a_plain_row(queries: list[Query]) -> None:
    tree = grow(queries, first_slots(queries))
    plain = all(seen(tree, place) == tree.tokens[: place + 1] for place in range(len(tree)))
    assert tree.branches == (not plain)


@settings(max_examples=150, deadline=None)
@given(TOKENS, TOKENS)
def test_shared_counts_equal_tokens_from_the_start(one: list[int], other: list[int]) -> None:
    count = shared(one, other)
    assert one[:count] == other[:count]
    assert count == min(len(one), len(other)) or one[count] != other[count]


def test_a_question_stands_once_for_all_its_options_and_rotations() -> None:
    question = list(range(100, 150))
    one = Query([*question, 1, 2, 9], [[5, 6], [5, 7], [8, 6]])
    other = Query([*question, 2, 1, 9], [[5, 6], [5, 7], [8, 6]])
    # 50 of the question, 3 + 3 of the listed options, and 5, 8 behind each.
    assert len(grow([one, other], [0, 3])) == 50 + 3 + 3 + 2 + 2


def test_neighbours_share_a_row_where_that_is_cheaper() -> None:
    question, example = list(range(100, 150)), list(range(900, 930))
    rotations = [Query([*question, turn], [[1]]) for turn in range(3)]
    queries = [*rotations, Query(example, [[1]])]
    assert list(grouped(queries, Costs(token=1.0, pair=0.001, longest=1000))) == [([0, 1, 2], 53), ([3], 30)]
    assert [group for group, _ in grouped(queries, Costs(1.0, 0.001, longest=51))] == [[0], [1], [2], [3]]
    few = [Query([*example, *(1000 + 40 * number + place for place in range(40))], [[1]]) for number in range(9)]
    groups = [group for group, _ in grouped(few, Costs(token=1.0, pair=0.01, longest=100_000))]
    assert 1 < len(groups) < 9, "a row stops growing where attention over it costs more than it saves"
    assert [index for group in groups for index in group] == list(range(9))
    assert size(few[0]) == 70
