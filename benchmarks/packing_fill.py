"""How full packs are on real instruction data, beside TRL's best-fit packing and first-fit over the same token lists.

MedQuAD, K-QA and CasiMedicos (its rationales, four languages) as one-turn chats. An answer is broken when a method
leaves out a token of it. A plan of ours is a pass over the data in its own proportions, as a stage would make it. The
files are looked for in ../shared, or where AFYA_SHARED says; TRL is measured where it is installed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from afya.folders import read_dataset
from afya.items import from_frame
from afya.sources.importing import import_source
from afya.training.examples.build import Built, build_examples
from afya.training.examples.lesson import Lesson
from afya.training.examples.material import lesson_texts
from afya.training.packs.plan import make_plan
from afya.training.recipe import DataSource, Form, Length, MixtureRule, StageRecipe
from afya.training.weights.pocket import build_tokenizer

SHARED = Path(os.environ.get("AFYA_SHARED", Path(__file__).parents[2] / "shared")) / "data"
SOURCES: tuple[tuple[str, Form], ...] = (
    ("medquad", "instruction"),
    ("kqa", "instruction"),
    ("casimedicos", "rationale"),
)
TARGET = 0.97
CAPACITIES = (1024, 2048, 4096)
Rows = Sequence[tuple[list[int], list[int]]]
"""Tokens and labels (-100 where nothing is learned)."""


def lessons(folder: Path) -> list[Lesson]:
    """Every item of the sources that has an answer to learn, whatever its split."""
    found: list[Lesson] = []
    for name, form in SOURCES:
        import_source(name, SHARED / name, folder / name)
        for frame in read_dataset(folder / name, langs=None, splits=None):
            found += [Lesson(item, form) for item in from_frame(frame)]
    return found


def trl_packs(rows: Rows, capacity: int) -> tuple[list[int], list[int], int]:
    """(tokens, labels) of each pack that TRL makes, and how many answers lost tokens."""
    from datasets import Dataset, disable_progress_bars
    from trl.data_utils import pack_dataset

    disable_progress_bars()
    given = Dataset.from_dict({"input_ids": [tokens for tokens, _ in rows], "labels": [labels for _, labels in rows]})
    packed: Any = pack_dataset(given, capacity, "bfd")
    labels = [sum(label != -100 for label in pack) for pack in packed["labels"]]
    broken = sum(any(label != -100 for label in labels[capacity:]) for _, labels in rows)
    return [len(pack) for pack in packed["input_ids"]], labels, broken


def first_fit(rows: Rows, capacity: int) -> tuple[list[int], list[int], int]:
    """The same for first fit, in the order of the data, of what is not too long."""
    room: list[int] = []
    labels: list[int] = []
    for tokens, marks in rows:
        if len(tokens) > capacity:
            continue
        place = next((number for number, free in enumerate(room) if free >= len(tokens)), len(room))
        if place == len(room):
            room.append(capacity)
            labels.append(0)
        room[place] -= len(tokens)
        labels[place] += sum(mark != -100 for mark in marks)
    return [capacity - free for free in room], labels, 0


def stage(capacity: int) -> StageRecipe:
    """One pass over the data, eight packs a step."""
    return StageRecipe(
        name="fill",
        data=(DataSource(source="sample"),),
        mixture=MixtureRule(temperature=1.0),
        length=Length(epochs=1),
        pack_tokens=capacity,
        packs_per_step=8,
        learning_rate=1e-5,
    )


def main() -> int:
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        found = lessons(Path(folder))
    tokenizer = build_tokenizer(list(lesson_texts(found[::8])), 8_000, max(CAPACITIES))
    langs = sorted({lesson.item.lang for lesson in found})
    whole: Built = build_examples(found, tokenizer, 1_000_000, "fill")
    rows = [
        (
            one.tokens.tolist(),
            [int(token) if mark else -100 for token, mark in zip(one.tokens, one.learned, strict=True)],
        )
        for one in whole.examples
    ]
    tokens = sum(len(row) for row, _ in rows)
    table = Table(title=f"Packs of {len(rows):,} real examples, {tokens:,} tokens")
    for name in ("pack", "method", "packs", "fill", "packs without a label", "answers broken", "left out", "seconds"):
        table.add_column(name, justify="left" if name == "method" else "right")
    worst = 1.0
    for capacity in CAPACITIES:
        began = time.perf_counter()
        built = build_examples(found, tokenizer, capacity, "fill")
        plan = make_plan(built.examples, langs, stage(capacity), [0])
        ours = time.perf_counter() - began
        counts = [[int(plan.examples[number].learned.sum()) for number in pack] for pack in plan.packs]
        worst = min(worst, plan.fill)
        empty = sum(not any(pack) for pack in counts)
        left = len(whole.examples) - len(built.examples)
        row = [f"{len(plan.packs):,}", f"{plan.fill:.2%}", f"{empty}", "0", f"{left:,} ({len(built.cuts)} cut)"]
        table.add_row(f"{capacity:,}", "afya (rendering and tokenising too)", *row, f"{ours:.1f}")
        for name, method in (("TRL, best fit", trl_packs), ("first fit", first_fit)):
            began = time.perf_counter()
            try:
                sizes, labels, broken = method(rows, capacity)
            except ImportError:
                continue
            took = time.perf_counter() - began
            fill, left = sum(sizes) / capacity / len(sizes), 0
            if method is first_fit:
                left = sum(len(tokens) > capacity for tokens, _ in rows)
            told = [f"{len(sizes):,}", f"{fill:.2%}", f"{labels.count(0)}", f"{broken:,}", f"{left:,}", f"{took:.1f}"]
            table.add_row("", name, *told)
    console.print(table)
    console.print(f"Least fill {worst:.2%}; wanted: {TARGET:.0%}.")
    return 0 if worst >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
