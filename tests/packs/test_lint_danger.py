"""The linter looks at the words that are a danger sign together, and at the sentences that only look like one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from afya.errors import ConfigError
from afya.packs import load_pack
from afya.packs.lint_danger import inspect_danger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(load_pack("en").folder, tmp_path / "en")
    return tmp_path / "en"


def change(path: Path, **keys: object) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, value in keys.items():
        content[name] = {**content.get(name, {}), **value} if isinstance(value, dict) else value
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def codes(folder: Path) -> set[tuple[str, str]]:
    pack = load_pack(folder.name, folder.parent)
    return {(found.code, found.key) for found in inspect_danger(pack, load_pack("en"))}


def test_the_english_pack_has_none_of_these_faults(folder: Path) -> None:
    assert codes(folder) == set()


def test_words_that_are_missing_or_serve_nothing_are_told(folder: Path) -> None:
    change(folder / "danger.yaml", concepts={"belly": [], "nowhere": ["thing"], "pain": ["..."]})
    assert {("no_words", "concepts.belly"), ("unused_concept", "concepts.nowhere")} <= codes(folder)
    assert ("bad_phrase", "concepts.pain") in codes(folder)


def test_groups_that_one_word_would_fire_or_that_name_nothing_are_faults(folder: Path) -> None:
    groups = {"stridor": [{"all": ["noise"]}], "hiccups": [{"all": ["noise", "breth"]}]}
    change(folder / "danger_groups.yaml", groups=groups)
    assert {("lone_group", "stridor"), ("unknown_concept", "hiccups"), ("unknown_rule", "hiccups")} <= codes(folder)


def test_a_sentence_that_only_looks_like_a_sign_must_not_be_one(folder: Path) -> None:
    change(folder / "danger.yaml", look_alikes={"chest_pain": ["A heavy bag hangs on her chest."]})
    assert ("false_alarm", "rules.chest_pain") in codes(folder)


def test_a_well_childs_sentence_is_tried_too(folder: Path) -> None:
    change(folder / "danger_groups.yaml", groups={"stridor": [{"all": ["drink", "well"]}]})
    change(folder / "danger.yaml", concepts={"well": ["well"]})
    assert ("false_alarm", "rules.stridor") in codes(folder)


def test_a_faulty_group_names_the_file_and_the_key(folder: Path) -> None:
    change(folder / "danger_groups.yaml", groups={"stridor": [{"all": ["noise", "breath"], "apart": "far"}]})
    with pytest.raises(ConfigError, match=r"danger_groups\.yaml.*apart"):
        _ = load_pack("en", folder.parent).groups
    assert ("unreadable", "-") in codes(folder)
