"""One spelling for what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afya.text.normalise import fold, fold_marks, normalise


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("o\u0323\u0300na\u0300", "\u1ecd\u0300n\u00e0"),
        ("８か月　３８．５℃", "8か月 38.5°C"),
        ("٣ أشهر", "3 أشهر"),
        ("८ महीने", "8 महीने"),
        ("a\u200bb\u202ec\x00d", "abcd"),
        ("he can’t", "he can't"),
        ("a \t b\r\n\r\n c\x0bd ", "a b\nc\nd"),
        ("\ud800abc", "abc"),
        ("三天", "三天"),
    ],
)
def test_typed_text_gets_one_spelling(typed: str, read: str) -> None:
    assert normalise(typed) == read


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


def test_folding_case_keeps_yoruba_marks_and_folding_marks_drops_them() -> None:
    assert fold("Ọmọ Ní GÌRÌ") == "ọmọ ní gìrì"
    assert fold_marks("Ọmọ Ní GÌRÌ") == "omo ni giri"
    assert fold_marks("ñu ŋ sëqët ɗan") == "nu n seqet dan"


def test_marks_that_are_letters_stay() -> None:
    assert fold_marks("がん हिन्दी 경련") == "がん हिन्दी 경련"
