"""Review by people, from the build's list to the dataset with their decisions."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from afya.data.reviewing import apply_reviews, fill_queue
from afya.errors import DataError
from afya.folders import DatasetWriter, read_dataset
from afya.items import Item, from_frame
from afya.runs import Ledger, canonical
from afya.translation.memory import Memory
from afya.translation.review import Queue, Rating

ENGLISH = "How much ORS after each loose stool?"
SWAHILI = "ORS kiasi gani baada ya kuhara?"
BETTER = "Ni ORS kiasi gani baada ya kila kuhara?"


def item(number: int, lang: str, question: str, options: tuple[str, ...]) -> Item:
    made = lang != "en"
    return Item(
        item_id=f"own:{number}:{lang}",
        group_id=f"own:{number}",
        lang=lang,
        task="mcq",
        split="train",
        question=question,
        options=options,
        answer=(1,),
        source="own",
        licence="Apache-2.0",
        origin="machine" if made else "native",
        translator="apertium:" if made else None,
        translated_from="en" if made else None,
        extra=canonical({"review": True, "level": number}) if made else None,
    )


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Four groups in English and Swahili, all Swahili questions and options listed for review."""
    writer = DatasetWriter(tmp_path / "built", {"name": "own"})
    rows = []
    for number in range(4):
        writer.add(item(number, "en", ENGLISH, ("50 ml", "100 ml")))
        writer.add(item(number, "sw", f"{SWAHILI} {number}", ("ml 50", "ml 100")))
        texts = [("question", ENGLISH, f"{SWAHILI} {number}"), ("option.1", "100 ml", "ml 100")]
        rows += [
            (f"own:{number}:sw", f"own:{number}", "sw", name, "en", source, made, "own", "failed", "a check")
            for name, source, made in texts
        ]
    ledger = Ledger()
    ledger.add("read", 8, 8)
    names = ("item_id", "group_id", "lang", "field", "source_lang", "source_text", "translation", "source")
    table = pl.DataFrame(rows, schema=[*names, "reason", "detail"], orient="row")
    writer.finish(ledger, "# Own\n", table)
    return tmp_path / "built"


@pytest.fixture
def queue(tmp_path: Path, dataset: Path) -> Queue:
    opened = Queue(tmp_path / "review.sqlite")
    counts = fill_queue(dataset, opened)
    assert (counts.added, counts.present) == (8, 0)
    assert fill_queue(dataset, opened).present == 8
    for entry in opened.rows():
        number, name = entry.row.item_id.split(":")[1], entry.row.field
        poor = number == "2" and name == "option.1"
        edit = BETTER if number == "1" and name == "question" else None
        raters = ("ade",) if number == "3" and name == "question" else ("ade", "bisi")
        score = 1 if poor else 4
        told = opened.rate(Rating(entry.row.row_id, rater, score, 5, score, edit=edit) for rater in raters)
        assert not told.refused
    return opened


def test_decisions_are_applied_with_provenance(tmp_path: Path, dataset: Path, queue: Queue) -> None:
    with Memory(tmp_path / "memory.sqlite") as memory:
        done = apply_reviews(dataset, tmp_path / "out", queue, memory=memory)
        assert memory.exact(ENGLISH, "en", "sw") is not None
    assert (done.settled, done.edited, done.rejected, done.waiting) == (2, 1, 1, 1)
    rows = {row.item_id: row for frame in read_dataset(tmp_path / "out") for row in from_frame(frame)}
    assert set(rows) == {f"own:{n}:en" for n in range(4)} | {"own:0:sw", "own:1:sw", "own:3:sw"}
    edited = rows["own:1:sw"]
    assert edited.question == BETTER
    assert (edited.options, edited.answer) == (("ml 50", "ml 100"), (1,))
    assert (edited.origin, edited.translator, edited.translated_from) == ("machine", "apertium:", "en")
    told = json.loads(edited.extra or "{}")
    assert told["human_review"]["raters"] == ["ade", "bisi"]
    assert told["human_review"]["edited"] == ["question"]
    assert told["level"] == 1
    assert "review" not in told
    assert [(check.name, check.passed) for check in edited.checks or ()] == [("human_review", True)]
    # What has one rating waits: the item stays marked, its other text is settled.
    waits = rows["own:3:sw"]
    assert json.loads(waits.extra or "{}")["review"] is True
    assert [(check.name, check.passed) for check in waits.checks or ()] == [("human_review", False)]
    ledger = pl.read_parquet(tmp_path / "out" / "ledger.parquet")
    assert ledger.filter(pl.col("reason") == "rejected_by_reviewers")["item_id"].to_list() == ["own:2:sw"]
    assert "Krippendorff" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_what_waits_can_be_left_out(tmp_path: Path, dataset: Path, queue: Queue) -> None:
    done = apply_reviews(dataset, tmp_path / "out", queue, settled_only=True)
    assert done.waiting == 0
    assert done.ledger.reasons("review") == {"rejected_by_reviewers": 1, "review_not_settled": 1}


def test_a_review_is_not_applied_to_another_dataset(tmp_path: Path, dataset: Path, queue: Queue) -> None:
    writer = DatasetWriter(tmp_path / "other", {"name": "other"})
    writer.add(item(1, "sw", "Swali lingine?", ("ml 50", "ml 100")))
    ledger = Ledger()
    ledger.add("read", 1, 1)
    writer.finish(ledger, "# Other\n")
    with pytest.raises(DataError, match="its question is not the text that was reviewed"):
        apply_reviews(tmp_path / "other", tmp_path / "out", queue)
    with pytest.raises(DataError, match="nothing was marked for review"):
        fill_queue(tmp_path / "other", queue)
