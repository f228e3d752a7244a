"""Words and phrases in scripts with and without spaces."""

from __future__ import annotations

import pytest

from afya.errors import ConfigError
from afya.text.normalise import normalise
from afya.text.words import Phrases, words


def keys(lang: str, phrases: list[str], text: str) -> list[str]:
    return [match.key for match in Phrases(lang, [(phrase, phrase) for phrase in phrases]).find(normalise(text))]


def test_a_combining_mark_never_ends_a_word() -> None:
    assert [word.text for word in words("ọ̀nà gbọ̀ọ̀rọ̀, 8 oṣù")] == ["ọ̀nà", "gbọ̀ọ̀rọ̀", "8", "oṣù"]


@pytest.mark.parametrize(
    ("lang", "phrase", "text", "found"),
    [
        ("en", "fits", "He has FITS.", True),
        ("en", "fits", "it benefits him", False),
        ("en", "convuls*", "she is convulsing", True),
        ("en", "can't drink", "he can’t drink", True),
        ("en", "cannot ... drink", "cannot even really drink", True),
        ("en", "cannot ... drink", "cannot a b c d drink", False),
        ("en", "cannot ... drink", "he cannot walk. drink water", False),
        ("en", "months", "8months", True),
        ("en", "fit", "fitness", False),
        ("zu", "*xhuzula", "ingane iyaxhuzula", True),
        ("yo", "ọmọ kò mu", "omo ko mu", True),
        ("yo", "omo ko mu", "Ọmọ kò mu ọmú", True),
        ("yo", "gìrì", "omo mi ni giri", True),
        ("yo", "giri", "Ọmọ mi ní gìrì", True),
        ("ko", "경련*", "아이가 경련을 해요", True),
        ("zh", "抽搐", "孩子一直抽搐了", True),
        ("zh", "不能...喝", "不能正常喝水", True),
        ("zh", "不能...喝", "不能走路，喝水很好", False),
        ("ja", "けいれん", "昨日からけいれんしています", True),
        ("ja", "がた", "かた", False),
    ],
)
def test_phrases_are_found_as_people_write_them(lang: str, phrase: str, text: str, found: bool) -> None:
    assert bool(keys(lang, [phrase], text)) is found


def test_a_match_says_where_it_stands() -> None:
    text = "孩子抽 搐了"
    (match,) = Phrases("zh", [("convulsions", "抽搐")]).find(text)
    assert text[match.start : match.end] == "抽 搐"


def test_a_phrase_without_words_is_refused() -> None:
    with pytest.raises(ConfigError, match="holds no word"):
        Phrases("en", [("x", "...")])
