"""A language's file: all of it there, nothing unknown in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from afya.datafiles import read_model
from afya.errors import ConfigError
from afya.languages import core_codes
from afya.text.literals import TextLiterals, folder, literal_codes, text_literals


@pytest.mark.parametrize("lang", literal_codes())
def test_every_file_is_whole(lang: str) -> None:
    assert text_literals(lang).language == lang


def test_the_twelve_languages_have_a_file() -> None:
    assert set(core_codes()) <= set(literal_codes())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  verb_final: false", "", "verb_final"),
        ("unit_first: false", "units_first: false", "did you mean 'unit_first'"),
        ("  relatives: []", "  relatives: [[]]", "relatives"),
        ('  before: ["no"', "  before: [no", "before"),
    ],
)
def test_a_file_with_a_missing_or_strange_key_is_refused_by_name(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    text = (folder() / "en.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "en.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_model(tmp_path / "en.yaml", TextLiterals)
