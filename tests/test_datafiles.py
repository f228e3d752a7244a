from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from afya.datafiles import read_model, read_yaml
from afya.errors import ConfigError


class Dose(BaseModel):
    model_config = ConfigDict(extra="forbid")
    drug: str
    milligrams: int


def test_a_repeated_key_is_an_error_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("drug: zinc\nmilligrams: 10\ndrug: iron\n")
    with pytest.raises(ConfigError, match=r"a\.yaml, line 3: the key 'drug' appears twice"):
        read_yaml(file)


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("drug: zinc\nmiligrams: 10\n")
    with pytest.raises(ConfigError, match=r"unknown key 'miligrams' \(did you mean 'milligrams'\?\)"):
        read_model(file, Dose)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"a: [1, 2\n", "line 2: did not find expected"), (b"\xff\xfe\x00a", "not UTF-8"), (b"a: 1\n b: 2\n", "line 2")],
)
def test_what_is_not_yaml_is_an_error_with_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        read_yaml(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: no such file"):
        read_yaml(tmp_path / "gone.yaml")


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes("drug: zinc\nmilligrams: 10\n".encode("utf-8-sig"))
    assert read_model(file, Dose) == Dose(drug="zinc", milligrams=10)


def test_an_empty_file_says_so_and_what_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("# nothing yet\n")
    with pytest.raises(ConfigError, match=r"the file is empty\. It needs the keys: drug, milligrams"):
        read_model(file, Dose)
