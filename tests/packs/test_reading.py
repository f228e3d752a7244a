"""What a file parses to is kept by its content, and never trusted when it is not that content's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.packs import reading
from afya.packs.reading import cache_folder, layered, mapping, parsed


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFYA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "packs"


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were parsed, one entry a time."""
    done: list[Path] = []

    def counted(path: Path) -> object:
        done.append(path)
        return read_yaml(path)

    monkeypatch.setattr(reading, "read_yaml", counted)
    return done


def test_a_file_is_parsed_once_and_again_when_it_was_changed(tmp_path: Path, parses: list[Path]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: {b: [x, 1, 2.5, true, null]}\n")
    assert parsed(path) == parsed(path) == {"a": {"b": ["x", 1, 2.5, True, None]}}
    assert parses == [path]
    path.write_text("a: other\n")
    assert parsed(path) == {"a": "other"}
    assert parses == [path, path]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: json.dumps(json.loads(text) | {"content": '{"a": "forged"}'}),
        lambda text: "[]",
        lambda text: "",
    ],
)
def test_a_damaged_or_forged_entry_is_not_believed(
    tmp_path: Path, cache: Path, parses: list[Path], damage: object
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: true danger\n")
    parsed(path)
    (kept,) = cache.glob("*.json")
    assert callable(damage)
    kept.write_text(damage(kept.read_text()))
    assert parsed(path) == {"a": "true danger"}
    assert len(parses) == 2


def test_the_folder_can_be_deleted_or_read_only(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: b\n")
    parsed(path)
    for kept in cache.iterdir():
        kept.unlink()
    cache.rmdir()
    assert parsed(path) == {"a": "b"}
    assert not [left for left in cache.iterdir() if left.suffix == ".tmp"]
    cache.parent.joinpath("packs").rename(cache.parent / "away")
    cache.write_text("a file where the folder should be")
    assert parsed(path) == {"a": "b"}
    assert cache_folder() == cache


def test_a_key_that_is_a_number_is_a_mistake_with_and_without_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: {1: x}\n")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"the key a\.1 is not a word"):
            mapping(path)


def test_layers_go_over_one_another_key_by_key_and_row_by_row(tmp_path: Path) -> None:
    for name, text in {
        "above": "a: {x: 2}\nlist: [9]\nrows: [{id: one, v: 2}, {id: three, v: 3}]\n",
        "below": "a: {x: 1, y: 1}\nlist: [1, 2]\nrows: [{id: one, v: 1}, {id: two, v: 1}]\nb: 1\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.yaml").write_text(text)
    assert layered((tmp_path / "above", tmp_path / "below"), "f.yaml") == {
        "a": {"x": 2, "y": 1},
        "list": [9],
        "rows": [{"id": "one", "v": 2}, {"id": "two", "v": 1}, {"id": "three", "v": 3}],
        "b": 1,
    }
    assert layered((tmp_path / "above",), "absent.yaml") == {}
