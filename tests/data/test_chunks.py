"""Rows into parts: bounded, in order, and no group torn."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afya.data import chunks
from afya.data.chunks import Chunks, in_groups


def parts(folder: Path, groups: list[str], size: int, at_once: int) -> list[list[str]]:
    writer = Chunks(folder / "raw", "x", size)
    frame = pl.DataFrame({"group_id": groups, "row": range(len(groups))}, schema_overrides={"group_id": pl.String})
    for start in range(0, len(groups), at_once):
        writer.add(frame[start : start + at_once])
    made = in_groups(writer.close(), folder, "x", size)
    assert list((folder / "raw").rglob("*.parquet")) == []
    return [pl.read_parquet(path)["group_id"].to_list() for path in made]


def test_groups_that_lie_together_stream_through_in_their_order(tmp_path: Path) -> None:
    assert parts(tmp_path, list("aabbbcdde"), 4, 2) == [list("aa"), list("bbbc"), list("dde")]


def test_groups_whose_rows_are_scattered_are_put_together(tmp_path: Path) -> None:
    assert parts(tmp_path, list("abcdabcd"), 4, 3) == [list("aabb"), list("ccdd")]


def test_a_group_larger_than_a_part_stays_whole(tmp_path: Path) -> None:
    assert parts(tmp_path, list("abbbbbbbc"), 3, 4) == [list("a"), list("bbbbbbb"), list("c")]


def test_what_is_put_in_order_is_bounded_and_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_ORDERED_ROWS", 20)
    groups = [str(number % 30) for number in range(90)]
    made = parts(tmp_path, groups, 12, 10)
    assert sorted(chain.from_iterable(made)) == sorted(groups)
    assert all(len(part) <= 12 for part in made)
    assert sum(len(set(part)) for part in made) == 30


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 9), st.integers(1, 9))
def test_no_row_is_lost_and_no_group_torn(
    tmp_path_factory: pytest.TempPathFactory, groups: list[str], size: int, at_once: int
) -> None:
    made = parts(tmp_path_factory.mktemp("parts"), groups, size, at_once)
    assert sorted(chain.from_iterable(made)) == sorted(groups)
    assert sum(len(set(part)) for part in made) == len(set(groups))
    assert all(len(part) <= size or len(set(part)) == 1 for part in made)
