from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from afya import folders
from afya.errors import DataError, RunError
from afya.folders import DatasetWriter, dataset_files, read_dataset
from afya.items import Item, from_frame
from afya.runs import Ledger, sha256_path


def items(count: int, lang: str = "sw", split: str = "train") -> list[Item]:
    return [
        Item(
            item_id=f"drill:{number}:{lang}",
            group_id=f"drill:{number}",
            lang=lang,
            task="mcq",
            split=split,  # type: ignore[arg-type]
            question=f"Swali {number}",
            options=("Ndiyo", "Hapana"),
            answer=(number % 2,),
            source="drill",
            licence="Apache-2.0",
            origin="synthetic",
        )
        for number in range(count)
    ]


def write(path: Path, rows: list[Item]) -> None:
    writer = DatasetWriter(path, {"command": "test"})
    for row in rows:
        writer.add(row)
    ledger = Ledger()
    ledger.add("import", len(rows), len(rows))
    writer.finish(ledger, "# Drill\n")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [*items(7), *items(3, "yo", "test")]
    write(tmp_path / "d", rows)
    assert [file.relative_to(tmp_path / "d/data").as_posix() for file in dataset_files(tmp_path / "d")] == [
        "sw/train-00000-of-00001.parquet",
        "yo/test-00000-of-00001.parquet",
    ]
    assert [item for frame in read_dataset(tmp_path / "d") for item in from_frame(frame)] == rows
    assert sum(frame.height for frame in read_dataset(tmp_path / "d", ["yo"], ["test"])) == 3


def test_large_sets_become_several_files_and_order_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "ROWS_PER_FILE", 4)
    rows = items(10)
    write(tmp_path / "d", rows)
    assert [file.name for file in dataset_files(tmp_path / "d")] == [
        f"train-0000{n}-of-00003.parquet" for n in range(3)
    ]
    assert [item for frame in read_dataset(tmp_path / "d") for item in from_frame(frame)] == rows


def test_the_same_items_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a", items(20))
    write(tmp_path / "b", items(20))
    assert sha256_path(tmp_path / "a") == sha256_path(tmp_path / "b")


def test_a_dataset_is_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "d", items(2))
    with pytest.raises(RunError, match="already holds a dataset"):
        DatasetWriter(tmp_path / "d", {"command": "test"})
    with pytest.raises(RunError, match='made otherwise: command: "test" -> "other"'):
        DatasetWriter(tmp_path / "d", {"command": "other"})


def test_an_unfinished_build_is_made_again(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "d", {"command": "test"})
    writer.add(items(1)[0])
    with pytest.raises(DataError, match="no finished dataset"):
        dataset_files(tmp_path / "d")
    write(tmp_path / "d", items(3))
    assert sum(frame.height for frame in read_dataset(tmp_path / "d")) == 3


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="holds no dataset"):
        DatasetWriter(tmp_path, {})


def test_a_ledger_that_does_not_add_up_makes_no_dataset(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "d", {})
    writer.add(items(1)[0])
    ledger = Ledger()
    ledger.add("import", 2, 1)
    with pytest.raises(RunError, match="does not add up"):
        writer.finish(ledger, "")
    assert not (tmp_path / "d/manifest.json").exists()


def test_asking_for_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    write(tmp_path / "d", items(2))
    with pytest.raises(DataError, match=r"nothing in Yoruba \(yo\). It has: sw"):
        dataset_files(tmp_path / "d", ["yo"])
    with pytest.raises(DataError, match=r"no rows in the splits asked for \(dev\)"):
        dataset_files(tmp_path / "d", splits=["dev"])
    with pytest.raises(DataError, match="no such dataset folder"):
        dataset_files(tmp_path / "nowhere")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "d", items(2))
    file = dataset_files(tmp_path / "d")[0]
    pl.DataFrame({"question": ["?"]}).write_parquet(file)
    with pytest.raises(DataError, match="item_id"):
        list(read_dataset(tmp_path / "d"))
    file.write_bytes(b"torn")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        list(read_dataset(tmp_path / "d"))


def test_the_datasets_library_loads_the_folder_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    write(tmp_path / "d", [*items(5), *[replace(row, split="dev") for row in items(2, "yo")]])
    loaded = datasets.load_dataset(str(tmp_path / "d"), "sw", cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == 5
    assert loaded["train"][0]["options"] == ["Ndiyo", "Hapana"]
    yoruba = datasets.load_dataset(str(tmp_path / "d"), "yo", cache_dir=str(tmp_path / "cache"))
    assert yoruba["validation"].num_rows == 2


def test_a_file_that_the_manifest_names_and_that_is_gone_is_missed(tmp_path: Path) -> None:
    write(tmp_path / "d", [*items(7), *items(3, "yo")])
    next((tmp_path / "d" / "data" / "yo").glob("*.parquet")).unlink()
    assert sum(frame.height for frame in read_dataset(tmp_path / "d", ["sw"])) == 7
    with pytest.raises(DataError, match=r"1 of its files are missing, such as data/yo/train-00000-of-00001\.parquet"):
        list(read_dataset(tmp_path / "d"))
