"""Small items, dataset folders and run folders for the tests of prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from afya.bench.asking.prompt_parts import write_prompts
from afya.bench.settings import parse_setting
from afya.bench.tasks.selection import Selection, choose
from afya.folders import DatasetWriter
from afya.items import Item, Split
from afya.runs import Ledger, RunFolder


def quiz_item(number: int, lang: str, split: Split = "test", **changes: object) -> Item:
    """Question `number` of a quiz whose answers go through the options in turn."""
    base = Item(
        item_id=f"quiz:{number}:{lang}",
        group_id=f"quiz:{number}",
        lang=lang,
        task="mcq",
        split=split,
        question=f"Question {number} in {lang}?",
        options=("fever", "water", "salt", "cough"),
        answer=(number % 4,),
        source="quiz",
        licence="x",
        origin="human",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def write(path: Path, items: Sequence[Item]) -> Path:
    """A dataset folder of the items."""
    writer, ledger = DatasetWriter(path, {"made": "by a test"}), Ledger()
    for item in items:
        writer.add(item)
    ledger.add("make", len(items), len(items))
    writer.finish(ledger, "# A quiz")
    return path


@contextmanager
def run_folder(path: Path) -> Iterator[RunFolder]:
    """A run folder at `path`, made or opened again."""
    with RunFolder.open(path, "test", {}) as folder:
        yield folder


def asked(data: Path, out: Path, setting: str, ledger: Ledger | None = None, **options: Any) -> pl.DataFrame:
    """The prompts that `write_prompts` makes of a dataset folder's test items, all parts in one table."""
    chosen = choose(Selection((data,), options.pop("langs", None), kind=options.pop("kind", "choice")))
    with run_folder(out) as folder:
        parts = write_prompts(folder, chosen, parse_setting(setting), 50, ledger or Ledger(), **options)
        return pl.concat([pl.read_parquet(part) for part in parts])
