"""Sentences whose pieces are the text again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from afya.text.sentences import sentences, split

ENDS = (".", "!", "?", "。", "！", "？")


@given(st.text(alphabet=' .!?。！？\nabcÀ1"”)', max_size=80))
def test_the_pieces_rebuild_the_text(text: str) -> None:
    pieces = split(text, ENDS)
    assert "".join(pieces) == text
    assert all(pieces)


def test_points_in_numbers_and_after_initials_end_nothing() -> None:
    assert sentences("J. Doe gave 2.5 ml. Is it right?  Yes!", "en") == [
        "J. Doe gave 2.5 ml. ",
        "Is it right?  ",
        "Yes!",
    ]


def test_scripts_without_blanks_and_lines_are_split() -> None:
    assert split("発熱。咳！\nほか", ENDS) == ["発熱。", "咳！\n", "ほか"]
