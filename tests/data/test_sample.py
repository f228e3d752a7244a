"""The built-in sample is whole and parallel, and a file that is not is refused with file and key."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from afya.data.sample import folder, sample_items
from afya.errors import ConfigError
from afya.items import validate
from afya.languages import core_codes


def test_every_group_stands_in_all_twelve_languages() -> None:
    items = list(sample_items())
    assert len({item.item_id for item in items}) == len(items) >= 480
    langs = Counter(item.lang for item in items)
    assert set(langs) == set(core_codes())
    assert len(set(langs.values())) == 1
    tasks = Counter(item.task for item in items if item.lang == "en")
    assert tasks["mcq"] >= 24
    assert tasks["nli"] >= 8
    assert tasks["long_form"] >= 8
    assert all(validate(item) is None for item in items)
    assert {item.licence for item in items} == {"Apache-2.0"}


def test_translations_say_that_a_machine_made_them() -> None:
    for item in sample_items():
        if item.lang == "en":
            assert item.translated_from is None
        else:
            assert item.origin == "machine"
            assert item.translated_from == "en"
        assert item.extra_value("reviewed") is False


def test_parallel_items_agree_in_answer_split_and_options() -> None:
    groups: dict[str, set[tuple[object, ...]]] = {}
    for item in sample_items():
        facts = (item.task, item.split, item.answer, len(item.options or ()), item.context is None)
        groups.setdefault(item.group_id, set()).add(facts)
    assert all(len(facts) == 1 for facts in groups.values())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  zinc-days:", "  zinc-dais:", "'zinc-days' is missing"),
        ("language: sw", "language: zu", "language is 'zu'"),
        ("reviewed: false", "revieved: false", "unknown key 'revieved'"),
    ],
)
def test_a_fault_names_file_and_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    copy = tmp_path / "sample"
    shutil.copytree(folder(), copy)
    path = copy / "sw.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as caught:
        list(sample_items(["sw"], where=copy))
    assert "sw.yaml" in str(caught.value)


def test_a_lost_option_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "sample"
    shutil.copytree(folder(), copy)
    path = copy / "sw.yaml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if line.strip() == "options:")
    del lines[first + 1]
    path.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match="3 options, the English text has 4"):
        list(sample_items(["sw"], where=copy))


def test_a_language_without_a_file_is_an_error() -> None:
    with pytest.raises(ConfigError, match="Hausa"):
        list(sample_items(["ha"]))
