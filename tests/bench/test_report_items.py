"""The items in a report: which are in it, and that they are packed whole, aligned and the same each time."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from report_runs import HOSTILE, LANGS, make_run

from afya.bench.analysis.summary import read_scores
from afya.bench.page.browser import Packed, pack_items
from afya.bench.page.report import write_report
from afya.errors import DataError


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def packed(run: Path, budget_mb: float = 40.0) -> Packed:
    found = pack_items(read_scores([run]), [run], budget_mb)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("items") / "run", ("one", "two"), 0.5, 1, setting=("generate", "letter"))


def test_every_item_has_every_reply_as_it_was_given(run: Path) -> None:
    found = packed(run)
    index = unpacked(found.index)
    entries = [entry for chunk in found.chunks for entry in unpacked(chunk)]
    replies = pl.read_parquet(run / "replies.parquet")
    assert found.items == found.all_items == len(entries) == 30 * len(LANGS)
    assert sum(index["chunks"]) == len(entries)
    assert sum(len(entry["r"]) for entry in entries) == found.replies == replies.height
    said = {(row["model"], row["setting"], row["item_id"]): row["text"] for row in replies.iter_rows(named=True)}
    letters = {
        (row["model"], row["setting"], row["item_id"]): row["outcome"][0] if row["outcome"] != "error" else "x"
        for row in pl.read_parquet(run / "scores.parquet").iter_rows(named=True)
    }
    for item, outcomes, entry in zip(index["id"], index["outcomes"], entries, strict=True):
        assert HOSTILE in entry["q"]
        assert (entry["o"], entry["w"]) == (["A & B", "<b>bold</b>", "c", "d"], [0])
        for reply in entry["r"]:
            subject = index["subjects"][reply["s"]]
            key = (subject["label"], subject["setting"], item)
            assert reply["t"] == said[key]
            assert outcomes[reply["s"]] == letters[key]


def test_the_same_run_is_packed_to_the_same_bytes(run: Path) -> None:
    assert packed(run) == packed(run)


def test_a_budget_keeps_whole_groups_in_all_languages(tmp_path: Path) -> None:
    texts = make_run(tmp_path / "run", "one", 0.9, 1, groups=400, said="".join(map(chr, range(0x4E00, 0x5E00))))
    whole = packed(texts)
    some = packed(texts, whole.size / 2e6)
    assert 0 < some.items < some.all_items == whole.items
    assert some.size <= whole.size / 2
    index, every = unpacked(some.index), unpacked(whole.index)
    assert index["id"] == every["id"][: some.items]
    groups = [item.rsplit(":", 1)[0] for item in index["id"]]
    assert all(groups.count(group) == len(LANGS) for group in set(groups))
    page = write_report([texts], tmp_path / "page.html", items_mb=whole.size / 2e6).read_text(encoding="utf-8")
    assert f"{some.items:,} of 1,600 items are in this page" in page


def test_no_budget_leaves_the_items_out_and_the_sample_in(run: Path, tmp_path: Path) -> None:
    assert pack_items(read_scores([run]), [run], 0) is None
    page = write_report([run], tmp_path / "page.html", items_mb=0).read_text(encoding="utf-8")
    assert "application/gzip" not in page
    assert "Replies to case:" in page


def test_items_that_the_run_did_not_keep_are_shown_as_they_were_asked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "one", 0.9, 1, groups=3)
    (run / "items.parquet").unlink()
    entries = [entry for chunk in packed(run).chunks for entry in unpacked(chunk)]
    assert all(entry["q"].startswith("Choose.\n\nQuestion") for entry in entries)


def test_further_orders_of_options_are_no_replies_of_their_own(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "one", 0.9, 1, groups=3, setting="letter")
    for name in ("scores", "replies"):
        table = pl.read_parquet(run / f"{name}.parquet")
        turned = table.with_columns(rotation=pl.lit(1, pl.Int16))
        pl.concat([table, turned]).write_parquet(run / f"{name}.parquet")
    assert packed(run).replies == 3 * len(LANGS)


def test_open_replies_are_in_the_page_beside_the_others(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", ("one", "two"), 0.9, 1, groups=4, kind="written", task="advice")
    page = write_report([run], tmp_path / "page.html").read_text(encoding="utf-8")
    assert "All 16 items that were asked are in this page, with 32 replies." in page
    assert "ROUGE-L (legacy)" in page
    assert "No item with a right answer was asked" in page


def test_a_torn_table_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "one", 0.9, 1, groups=3)
    scores = read_scores([run])
    (run / "items.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(DataError, match=r"items\.parquet: this table of the run cannot be read"):
        pack_items(scores, [run])
