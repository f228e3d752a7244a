"""A mistake in a protocol file is an error that names its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from afya.errors import ConfigError
from afya.protocols import available, check, load_protocol
from afya.protocols.load import CHILD, builtin_folder

Edit = Callable[[str, str], Path]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A copy of the protocol files with one text replaced."""

    def edit(old: str, new: str, file: str = f"{CHILD}.yaml") -> Path:
        folder = tmp_path / "tables"
        shutil.copytree(builtin_folder(), folder)
        path = folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return edit


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("stridor: true}", "stridur: true}", r"cough_breathing, row 1, when: unknown .*'stridur'.*'stridor'"),
        ("below: 12}, breaths_per_minute: {from: 50}", "below: 12}, breaths_per_minute: {form: 50}", "from and below"),
        ("malaria_rdt: positive}", "malaria_rdt: yes}", "'malaria_rdt' is never True"),
        ("colour: red", "colour: purple", "tables.0.rows.0.colour"),
        ("page: sheet l.EmCare.CombinedDataElements, row 18", "page: ''", "tables.0.rows.0.page"),
        ("source: emcare", "source: emcar", "unknown source 'emcar'"),
        ("doses: [amoxicillin]", "doses: [amoxicilin]", "unknown medicine 'amoxicilin'"),
        ("count: 2", "count: 9", "at_least 9 of 4"),
        ("range: [2, 60]", "range: [60, 2]", "range"),
        ("        reviewed: false", "        reviewed: maybe", "tables.0.rows.0.reviewed"),
        ("kind: derive", "kind: derived", "tables.1.kind"),
        ("implies: {normal: {", "implies: {fine: {", "implies names a value"),
        ("{unable_to_drink: false}}", "{unable_to_drnk: false}}", "unknown input 'unable_to_drnk'"),
        ("{unable_to_drink: false}}", "{muac_mm: false}}", "'muac_mm', which is no yes-or-no question"),
    ],
)
def test_a_mistake_names_file_row_and_key(edited: Edit, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load_protocol(CHILD, edited(old, new))
    assert f"{CHILD}.yaml" in str(caught.value)


def test_a_table_cannot_read_a_later_one(edited: Edit) -> None:
    with pytest.raises(ConfigError, match="earlier table 'nutrition'"):
        load_protocol(CHILD, edited("{stridor: true}", "{nutrition: muac_not_used}"))


def test_an_unknown_protocol_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=CHILD):
        load_protocol("child")
    assert CHILD in available()


def test_the_protocol_has_no_gap_no_overlap_and_no_idle_row() -> None:
    assert check(load_protocol()) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "example"),
    [
        ("breaths_per_minute: {below: 50}}", "breaths_per_minute: {below: 49}}", "gap", "breaths_per_minute = 49"),
        ("breaths_per_minute: {below: 50}}", "breaths_per_minute: {below: 51}}", "overlap", "breaths_per_minute = 50"),
        ("muac_mm: {from: 115, below: 125}", "muac_mm: {from: 116, below: 125}", "gap", "muac_mm = 115"),
        ("muac_mm: {from: 115, below: 125}", "muac_mm: {from: 110, below: 114}", "unreachable", None),
        ("{malaria_rdt: not_done}", "{malaria_rdt: negative}", "gap", "malaria_rdt = not_done"),
        ("muac_mm: {from: 115, below: 125}}", "muac_mm: {below: 125}}", None, None),
        ("age_months: {from: 2, below: 6}}", "age_months: {from: 2, below: 7}}", "milder_first", "age_months = 6"),
    ],
)
def test_the_check_finds_what_is_broken_and_shows_a_case(
    edited: Edit, old: str, new: str, code: str | None, example: str | None
) -> None:
    found = check(load_protocol(CHILD, edited(old, new)))
    if code is None:
        assert found == []
        return
    hits = [finding for finding in found if finding.code == code]
    assert hits, found
    if example:
        assert any(example in (finding.example or "") for finding in hits)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[12, 36], kg: [10, 14], amount", "[13, 36], kg: [10, 14], amount", "dose_gap"),
        ("[12, 36], kg: [10, 14], amount", "[11, 36], kg: [10, 14], amount", "dose_overlap"),
        ("[12, 36], kg: [10, 14], amount", "[12, 36], kg: [11, 14], amount", "dose_gap"),
        ("amount: {mg: 10,", "amount: {mg: 30,", "dose_order"),
    ],
)
def test_the_check_finds_broken_bands(tmp_path: Path, old: str, new: str, code: str) -> None:
    folder = tmp_path / "tables"
    shutil.copytree(builtin_folder(), folder)
    path = folder / "formulary.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert code in {finding.code for finding in check(load_protocol(CHILD, folder))}
