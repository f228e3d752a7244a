"""MMLU-Pro, health: MMLU's questions made harder, with up to ten options.

Origin: TIGER-AI-Lab/MMLU-Pro; the health questions also stand in gersteinlab's medagents benchmark. Licence: MIT. Size:
12,032 test questions, of which 818 on health. Citation: Wang Y, Ma X, Zhang G, et al. MMLU-Pro: A More Robust and
Challenging Multi-Task Language Understanding Benchmark. NeurIPS 2024, Datasets and Benchmarks.

Formats: JSON lines (test.jsonl, validation.jsonl) with options as a list (the original's export: question_id, answer)
or as an object (the selection's: realidx, answer_idx). Rows of another category are rejected as not_health.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import (
    Record,
    answer_index,
    identifier,
    json_lines,
    labelled_options,
    optional_text,
    text,
    texts,
)
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "ABCDEFGHIJ"


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(file)

    def make(row: Record) -> Item:
        category = text(row, "category")
        if category != "health":
            raise Malformed("not_health", f"the category is '{category[:40]}'")
        if isinstance(row.get("options"), list):
            options = tuple(option.strip() for option in texts(row, "options"))
            letter, native_id = optional_text(row, "answer"), identifier(row, "question_id")
        else:
            options = labelled_options(row, "options", _LABELS)
            letter, native_id = optional_text(row, "answer_idx"), identifier(row, "realidx")
        if len(options) > len(_LABELS):
            raise Malformed("wrong_type", f"{len(options)} options where at most {len(_LABELS)} are known")
        return reading.item(
            native_id,
            "en",
            task="mcq",
            split=split,
            question=text(row, "question"),
            options=options,
            answer=(answer_index(letter, _LABELS, len(options)),),
            rationale=optional_text(row, "cot_content"),
            extra=extra(taken_from=optional_text(row, "src")),
        )

    yield from outcomes(reading, json_lines(reading, file), make)


SOURCE = Source(
    name="mmlu-pro",
    title="MMLU-Pro (health)",
    licence="MIT",
    url="https://github.com/TIGER-AI-Lab/MMLU-Pro",
    citation="Wang et al. 2024, MMLU-Pro, NeurIPS Datasets and Benchmarks",
    languages=("en",),
    tasks=("mcq",),
    reads="test.jsonl, validation.jsonl",
    patterns=("test.jsonl", "validation.jsonl"),
    read=read,
)
