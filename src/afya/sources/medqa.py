"""MedQA (USMLE): questions in the style of the United States medical licensing examination.

Origin: jind11/MedQA, the US part, with five or four options. Licence: MIT. Size: 12,723 questions (10,178 train, 1,272
dev, 1,273 test). Citation: Jin D, Pan E, Oufattole N, Weng W-H, Fang H, Szolovits P. What Disease Does This Patient
Have? A Large-scale Open Domain Question Answering Dataset from Medical Exams. Applied Sciences 11(14):6421, 2021.

Format: JSON lines with question, options {"A": ...}, answer (its text), answer_idx (its letter), meta_info (the
examination's step). There is no id: the split and the line number are one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.items import Item
from afya.sources.files import Record, answer_index, json_lines, labelled_options, optional_text, text
from afya.sources.source import Outcome, Reading, Source, extra, outcomes

_LABELS = "ABCDE"
_FOUR = "phrases_no_exclude_"
_OTHER_PARTS = ("Mainland", "Taiwan")


def read(reading: Reading) -> Iterator[Outcome]:
    stems: dict[str, Path] = {}
    for file in reading.files:
        if set(file.parts) & set(_OTHER_PARTS):
            raise DataError(f"{file}: this is a Chinese part of MedQA.", hint="Give the folder of the US part.")
        # The four- and the five-option files hold the same questions; together every one would stand twice.
        native = file.stem.removeprefix(_FOUR)
        if native in stems:
            raise DataError(f"{file}: {stems[native]} is the same split.", hint="Give a folder with one file a split.")
        stems[native] = file
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(file)

    def make(row: Record) -> Item:
        options = labelled_options(row, "options", _LABELS)
        return reading.item(
            f"{file.stem.removeprefix(_FOUR)}-{reading.line}",
            "en",
            task="mcq",
            split=split,
            question=text(row, "question"),
            options=options,
            answer=(answer_index(optional_text(row, "answer_idx"), _LABELS, len(options)),),
            extra=extra(examination=optional_text(row, "meta_info")),
        )

    yield from outcomes(reading, json_lines(reading, file), make)


SOURCE = Source(
    name="medqa",
    title="MedQA (USMLE)",
    licence="MIT",
    url="https://github.com/jind11/MedQA",
    citation="Jin et al. 2021, What Disease Does This Patient Have?, Applied Sciences 11(14):6421",
    languages=("en",),
    tasks=("mcq",),
    reads="train.jsonl, dev.jsonl, test.jsonl (or phrases_no_exclude_*.jsonl, the four-option files)",
    patterns=("train.jsonl", "dev.jsonl", "test.jsonl", "phrases_no_exclude_*.jsonl"),
    read=read,
)
