"""Files, tables and dataset folders through an engine: every line and item comes out, or is accounted for."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from afya.data.building import write_sample
from afya.errors import ConfigError, DataError, EngineError, RunError
from afya.folders import read_dataset
from afya.items import from_frame
from afya.translation.base import EngineIdentity, Hint, Translation
from afya.translation.checks import Checker
from afya.translation.datasets import translate_dataset
from afya.translation.files import Work, text_lines, translate_lines, translate_table


@dataclass
class Fickle:
    """An engine that shouts, dies on texts with "xxdiexx" in them, is mute on "mute" and echoes "same"."""

    dead: bool = False
    asked: list[str] = field(default_factory=list)
    identity = EngineIdentity("fickle", "fickle", "0", "CC-BY-NC-4.0", True)
    uses_hints = False

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({("en", "sw"), ("en", "es")})

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
    ) -> list[Translation]:
        if self.dead:
            raise EngineError("The engine is gone.")
        self.asked += texts
        if any("xxdiexx" in text for text in texts):
            raise RuntimeError("died")
        return [Translation("" if "mute" in text else text.upper(), "fickle") for text in texts]

    def close(self) -> None: ...


def work(engine: Fickle | None = None, checker: Checker | None = None) -> Work:
    return Work(engine or Fickle(), "en", "sw", None, checker)


def test_a_file_keeps_its_lines_and_their_ends(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes("\ufeffone\r\n\n  two\x0bthree \r\nmute\nlast".encode())
    report = translate_lines(work(), tmp_path / "in", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"ONE\r\n\n  TWO\x0bTHREE \r\n\nLAST"
    assert (report.lines, report.failed) == (5, 1)
    assert report.problems == [(4, "no translation", "the engine gave an empty translation")]


def test_an_engine_that_dies_in_mid_file_loses_only_its_lines(tmp_path: Path) -> None:
    lines = [f"line {number:c}{number:c}" for number in range(97, 120)] * 30
    lines[300] = "xxdiexx"
    (tmp_path / "in").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = translate_lines(work(), tmp_path / "in", tmp_path / "out")
    assert (report.lines, report.failed) == (690, 1)
    assert report.problems[0][0] == 301
    made = (tmp_path / "out").read_text(encoding="utf-8").split("\n")
    assert made == [line.upper() if line != "xxdiexx" else "" for line in lines] + [""]


def test_checks_on_a_file_say_which_lines_failed(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("The child has had fever for 5 days.\n12\n\n", encoding="utf-8")
    report = translate_lines(work(checker=Checker("en", "sw")), tmp_path / "in", tmp_path / "out")
    assert report.checked == 2
    assert report.failures["language"] == 1 or report.failures["residue"] == 1
    assert {number for number, _, _ in report.problems} == {1}


def test_a_table_gets_a_column_and_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("id\ttext\n1\tone\\ntwo\n2\t\n3\tmute\n", encoding="utf-8")
    report = translate_table(work(), tmp_path / "in.tsv", tmp_path / "out.tsv", "text", into="swahili")
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8") == (
        "id\ttext\tswahili\n1\tone\\ntwo\tONE\\nTWO\n2\t\t\n3\tmute\t\n"
    )
    assert (report.lines, report.failed) == (3, 1)
    translate_table(work(), tmp_path / "in.tsv", tmp_path / "again.tsv", "2")
    assert (tmp_path / "again.tsv").read_text(encoding="utf-8").startswith("id\ttext\tsw\n")


@pytest.mark.parametrize(
    ("content", "column", "told"),
    [
        ("id\ttext\n1\n", "text", r"line 2: 1 column\(s\), the header has 2"),
        ("", "text", "the file is empty"),
        ("id\ttext\n", "txt", "Did you mean 'text'"),
        ("id\ttext\n", "3", "It has: id, text"),
        ("id\ttext\tsw\n", "text", "has a column 'sw' already"),
    ],
)
def test_a_wrong_table_is_told_and_nothing_is_written(tmp_path: Path, content: str, column: str, told: str) -> None:
    (tmp_path / "in.tsv").write_text(content, encoding="utf-8")
    with pytest.raises((DataError, ConfigError), match=told):
        translate_table(work(), tmp_path / "in.tsv", tmp_path / "out.tsv", column)
    assert [file.name for file in tmp_path.iterdir()] == ["in.tsv"]


def test_a_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"fine\n\xff\n")
    with pytest.raises(DataError, match="line 2: byte 0"):
        list(text_lines(tmp_path / "in"))
    with pytest.raises(DataError, match="cannot be read"):
        list(text_lines(tmp_path / "none"))


def test_a_file_is_never_written_over_itself(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("x\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="over itself"):
        translate_lines(work(), tmp_path / "in", tmp_path / "in")


def test_an_engine_that_is_gone_or_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("".join(f"line {number}x\n" for number in range(20_000)), encoding="utf-8")
    with pytest.raises(EngineError, match="gone"):
        translate_lines(work(Fickle(dead=True)), tmp_path / "in", tmp_path / "out")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(RunError, match="cannot be written"):
            translate_lines(work(), tmp_path / "in", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


def test_a_dataset_comes_out_in_other_languages_with_an_account(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", ["en", "fr"])
    engine = Fickle()
    done = translate_dataset(tmp_path / "sample", tmp_path / "out", engine, "en", ["sw", "es"])
    manifest, ledger = done.manifest, done.ledger
    assert set(manifest["rows"]) == {"sw", "es"}
    assert ledger.rows_in["translate en-sw"] == 40
    ledger.check()
    made = [item for frame in read_dataset(tmp_path / "out", ["sw"]) for item in from_frame(frame)]
    asked = {item.group_id: item for frame in read_dataset(tmp_path / "sample", ["en"]) for item in from_frame(frame)}
    assert len(made) == len(asked) == 40
    for item in made:
        original = asked[item.group_id]
        assert item.question == original.question.upper()
        assert (item.answer, item.split, item.licence) == (original.answer, original.split, original.licence)
        assert item.extra_value("non_commercial") is True
    assert "Not for commercial use" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    letters = {"A", "B", "C", "D"}
    assert not letters & set(engine.asked)


def test_items_that_fail_stand_in_the_ledger(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", ["en"])
    first = next(iter(read_dataset(tmp_path / "sample", ["en"])))["question"][0]

    class Choosy(Fickle):
        def translate(
            self, texts: Sequence[str], source: str, target: str, *, hints: Sequence[Sequence[Hint]] | None = None
        ) -> list[Translation]:
            return super().translate([text + " mute" * (text in first) for text in texts], source, target)

    done = translate_dataset(
        tmp_path / "sample", tmp_path / "out", Choosy(), "en", ["sw"], check=True, keep_source=True
    )
    manifest, ledger = done.manifest, done.ledger
    rejected = [entry for entry in ledger.rejections if entry.reason == "not_translated"]
    assert len(rejected) >= 1
    assert "question" in (rejected[0].detail or "")
    assert sum(manifest["rows"]["sw"].values()) == 40 - len(rejected)
    assert sum(manifest["rows"]["en"].values()) == 40
    made = [item for frame in read_dataset(tmp_path / "out", ["sw"]) for item in from_frame(frame)]
    assert all(item.checks for item in made)


def test_a_pair_that_the_engine_lacks_is_told_before_anything_is_written(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample", ["en"])
    with pytest.raises(ConfigError, match="fickle does not translate English"):
        translate_dataset(tmp_path / "sample", tmp_path / "out", Fickle(), "en", ["sw", "zu"])
    with pytest.raises(ConfigError, match="both source and target"):
        translate_dataset(tmp_path / "sample", tmp_path / "out", Fickle(), "en", ["en"])
    assert not (tmp_path / "out").exists()
