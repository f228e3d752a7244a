from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from afya.data.building import write_sample, write_vignettes
from afya.errors import ConfigError, RunError
from afya.folders import read_dataset
from afya.items import from_frame
from afya.languages import core_codes
from afya.protocols import load_protocol
from afya.protocols.cases import CaseSource, load_cases
from afya.protocols.vignettes import generate
from afya.runs import Ledger, sha256_path


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


def test_no_two_vignettes_read_the_same_and_the_ledger_names_those_left_out(tmp_path: Path) -> None:
    write_vignettes(tmp_path / "v", {"train": 600, "test": 300}, langs=["en", "sw"], seed=7)
    items = [item for frame in read_dataset(tmp_path / "v") for item in from_frame(frame)]
    assert len({(item.lang, item.question, tuple(sorted(item.options or ()))) for item in items}) == len(items) == 1800
    ledger = Ledger.from_frame(pl.read_parquet(tmp_path / "v" / "ledger.parquet"))
    ledger.check()
    left_out = {entry.item_id: entry.reason for entry in ledger.rejections}
    assert set(left_out.values()) == {"repeated_case"}
    # The ids are the numbers of the draws: a case that was left out leaves a gap, and the rest stay what they were.
    assert not left_out.keys() & {item.item_id for item in items}
    drawn = {item.item_id: item for split in ("train", "test") for item in generate(["en", "sw"], 700, 7, split)}
    assert all(drawn[item.item_id].question == item.question for item in items)


def test_asking_for_more_cases_than_there_are_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = load_cases()
    draw = {"age_months": [4, 8], "diarrhoea_days": [2, 4]}
    kind = source.spec.kinds["dose_zinc"].model_copy(update={"draw": draw})
    small = CaseSource(load_protocol(), source.spec.model_copy(update={"kinds": {"dose_zinc": kind}}))
    monkeypatch.setattr("afya.protocols.vignettes.load_cases", lambda name: small)
    with pytest.raises(ConfigError, match=r"2,000 cases were asked for in train; \d+ different ones were found"):
        write_vignettes(tmp_path / "v", {"train": 2000}, langs=["en"])
    write_vignettes(tmp_path / "v", {"train": 10}, langs=["en"])


def test_nothing_asked_for_and_a_folder_in_use_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No vignettes"):
        write_vignettes(tmp_path / "v", {"test": 0})
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds no dataset"):
        write_sample(tmp_path, ["en"])
