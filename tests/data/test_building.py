from __future__ import annotations

from pathlib import Path

import pytest

from afya.data.building import write_sample, write_vignettes
from afya.errors import ConfigError, RunError
from afya.folders import read_dataset
from afya.items import from_frame
from afya.languages import core_codes
from afya.runs import sha256_path


def test_the_sample_folder_is_parallel_in_twelve_languages_and_says_that_it_is_unreviewed(tmp_path: Path) -> None:
    manifest = write_sample(tmp_path / "sample")
    assert tuple(manifest["rows"]) == core_codes()
    items = [item for frame in read_dataset(tmp_path / "sample") for item in from_frame(frame)]
    assert len(items) == 480
    groups = {item.group_id for item in items}
    assert len(groups) == 40
    for code in core_codes():
        assert {item.group_id for item in items if item.lang == code} == groups
    assert {item.origin for item in items if item.lang in ("sw", "wo", "yo", "zu")} == {"machine"}
    card = (tmp_path / "sample/README.md").read_text()
    assert "reviewed any of them" in card
    assert "Wolof" in card


def test_vignettes_of_the_same_seed_are_the_same_bytes_and_of_another_seed_are_not(tmp_path: Path) -> None:
    groups = {"train": 8, "test": 5}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_vignettes(tmp_path / name, groups, langs=["en", "yo"], seed=seed)  # type: ignore[arg-type]
    hashes = [sha256_path(tmp_path / name / "data") for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_vignette_is_the_same_case_with_the_same_answer_in_every_language(tmp_path: Path) -> None:
    write_vignettes(tmp_path / "v", {"test": 20}, seed=3)
    items = [item for frame in read_dataset(tmp_path / "v") for item in from_frame(frame)]
    assert len(items) == 20 * 12
    for group in {item.group_id for item in items}:
        told = [item for item in items if item.group_id == group]
        assert {item.lang for item in told} == set(core_codes())
        assert len({(item.answer, item.extra) for item in told}) == 1
        assert len({item.question for item in told}) == 12


def test_nothing_asked_for_and_a_folder_in_use_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No vignettes"):
        write_vignettes(tmp_path / "v", {"test": 0})
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds no dataset"):
        write_sample(tmp_path, ["en"])
