"""What the tests of builds share: native files of small sources, and recipes over them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from afya.data.build import Built, build
from afya.data.recipe import Recipe
from afya.datafiles import validate
from afya.folders import DatasetWriter, read_dataset
from afya.items import Item, from_frame
from afya.runs import Ledger

SUBJECTS = ("fever", "cough", "malaria", "measles", "diarrhoea", "anaemia", "asthma", "burns", "scabies", "worms")

TREATMENTS = {"A": "Rest", "B": "Water", "C": "Salt", "D": "Milk"}


def question(number: int) -> dict[str, object]:
    """A question of MedQA's format; no two are alike."""
    subject = SUBJECTS[number % len(SUBJECTS)]
    return {
        "question": f"A patient with {subject} comes to the clinic on day {number}. What should be given in that case?",
        "options": {letter: f"{name} for {subject}" for letter, name in TREATMENTS.items()},
        "answer_idx": "ABCD"[number % 4],
        "answer": "",
        "meta_info": "step1",
    }


def medqa(folder: Path, rows: Sequence[dict[str, object]], split: str = "train") -> Path:
    """MedQA's file with these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{split}.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return folder


def item(number: int, lang: str = "en", **changes: Any) -> Item:
    """A sound multiple-choice item of the source 'quiz'."""
    group = changes.pop("group_id", f"quiz:{number}")
    values: dict[str, Any] = {
        "item_id": f"{group}:{lang}",
        "group_id": group,
        "lang": lang,
        "task": "mcq",
        "split": "train",
        "question": f"What is good for a child with {SUBJECTS[number % len(SUBJECTS)]} in case {number} of the list?",
        "options": ("Clean water", "Sand", "Wind", "Stones"),
        "answer": (0,),
        "source": "quiz",
        "licence": "MIT",
        "origin": "native",
    }
    return Item(**{**values, **changes})


def dataset(folder: Path, items: Sequence[Item]) -> Path:
    """A dataset folder with these items."""
    writer = DatasetWriter(folder, {"command": "test"})
    for entry in items:
        writer.add(entry)
    ledger = Ledger()
    ledger.add("test", len(items), len(items))
    writer.finish(ledger, "# Quiz")
    return folder


def recipe(*sources: dict[str, Any], **keys: Any) -> Recipe:
    """A recipe over these sources."""
    return validate({"name": "try", "sources": list(sources), **keys}, Recipe, "the test's recipe")


def built(out: Path, *sources: dict[str, Any], root: Path, part_rows: int = 10_000, **keys: Any) -> Built:
    """Build a recipe over these sources."""
    return build(recipe(*sources, **keys), out, sources=root, part_rows=part_rows)


def rows(out: Path) -> dict[str, Item]:
    """The published items, by id."""
    return {entry.item_id: entry for frame in read_dataset(out) for entry in from_frame(frame)}


def reasons(out: Path, stage: str) -> dict[str, str]:
    """What a stage rejected: the reason of each item."""
    ledger = Ledger.from_frame(pl.read_parquet(out / "ledger.parquet"))
    return {entry.item_id: entry.reason for entry in ledger.rejections if entry.stage == stage}
