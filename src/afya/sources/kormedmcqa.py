"""KorMedMCQA: Korean licensing examinations for doctors, nurses, pharmacists and dentists.

Origin: sean0042/KorMedMCQA (the examinations of 2012 to 2021 are read here, later ones are its test set). Licence:
CC-BY-NC-2.0. Size: 7,469 questions. Citation: Kweon S, Choi B, Chu G, et al. KorMedMCQA: Multi-Choice Question
Answering Benchmark for Korean Healthcare Professional Licensing Examinations. arXiv:2403.01469, 2024.

Format: a folder for each profession with train.csv, valid.csv (or dev.csv), test.csv and fewshot.csv: subject, year,
period, q_number, question, A to E, answer (a letter, or a number from 1 in fewshot.csv), cot (an explanation). An
examination's year, period and number are a question's id. The few-shot examples go to the split dev; they repeat
questions of valid.csv, and are then rejected as duplicate_id.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.items import Item, Split
from afya.sources.files import answer_index, csv_records
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "ABCDE"
_NUMBERS = "12345"
_ID = ("subject", "year", "period", "q_number")


def read(reading: Reading) -> Iterator[Outcome]:
    # The examples come last: where they repeat an examination's question, it is the examination's row that stays.
    for file in sorted(reading.files, key=lambda file: file.stem == "fewshot"):
        split = reading.split("dev") if file.stem == "fewshot" else reading.split_of(file)

        def make(row: dict[str, str], split: Split = split) -> Item:
            return _item(reading, row, split)

        yield from outcomes(reading, csv_records(reading, file, (*_ID, "question", *_LABELS, "answer")), make)


def _item(reading: Reading, row: dict[str, str], split: Split) -> Item:
    answer = row["answer"].strip()
    labels = _NUMBERS if answer.isdecimal() else _LABELS
    if not all(row[key].strip() for key in _ID):
        raise Malformed("missing_field", f"one of {', '.join(_ID)} is empty")
    explanation = row.get("cot", "")
    return reading.item(
        "-".join(row[key].strip() for key in _ID),
        "ko",
        task="mcq",
        split=split,
        question=row["question"],
        options=tuple(row[label].strip() for label in _LABELS),
        answer=(answer_index(answer, labels, len(labels)),),
        rationale=explanation if explanation.strip() else None,
        extra=extra(profession=row["subject"].strip(), year=row["year"].strip()),
    )


SOURCE = Source(
    name="kormedmcqa",
    title="KorMedMCQA",
    licence="CC-BY-NC-2.0",
    url="https://arxiv.org/abs/2403.01469",
    citation="Kweon et al. 2024, KorMedMCQA, arXiv:2403.01469",
    languages=("ko",),
    tasks=("mcq",),
    reads="train.csv, valid.csv (or dev.csv), test.csv and fewshot.csv in a folder for each profession",
    patterns=("train.csv", "valid.csv", "dev.csv", "test.csv", "fewshot.csv"),
    read=read,
)
