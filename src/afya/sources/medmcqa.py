"""MedMCQA: questions of the Indian entrance examinations AIIMS and NEET-PG.

Origin: medmcqa/medmcqa, and the selection of 2,816 questions in gersteinlab's medagents benchmark. Licence: MIT. Size:
193,155 questions (182,822 train, 4,183 dev, 6,150 test; the test key is not public). Citation: Pal A, Umapathi LK,
Sankarasubbu M. MedMCQA: A Large-scale Multi-Subject Multi-Choice Dataset for Medical Domain Question Answering.
Proceedings of CHIL 2022, PMLR 174:248-260.

Formats: the original JSON lines (train.json, dev.json, test.json) with opa to opd, cop (the right option's number), exp
(an explanation), subject_name, topic_name, id; and the selection's JSON lines with options {"A": ...}, answer_idx,
realidx. The original counts cop from 1, copies of it on data hubs from 0; which one a file does is decided over the
whole file, because a key that is off by one would look sound row by row.
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
)
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "ABCD"
_KEYS = ("opa", "opb", "opc", "opd")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(file)
    first = _first_number(reading, file)

    def original(row: Record) -> Item:
        number = row.get("cop")
        if number is None or number == -1:
            raise Malformed("missing_answer", "no answer is marked")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number - first < len(_KEYS):
            raise Malformed("answer_outside_options", f"cop is {str(number)[:40]}, not {first} to {first + 3}")
        return reading.item(
            identifier(row, "id"),
            "en",
            task="mcq",
            split=split,
            question=text(row, "question"),
            options=tuple(text(row, key).strip() for key in _KEYS),
            answer=(number - first,),
            rationale=optional_text(row, "exp"),
            extra=extra(
                subject=optional_text(row, "subject_name"),
                topic=optional_text(row, "topic_name"),
                choice_type=optional_text(row, "choice_type"),
            ),
        )

    def selected(row: Record) -> Item:
        # The collection that holds this selection gives other datasets the same fields and file names.
        if "category" in row:
            raise Malformed("wrong_source", "the row has a 'category', which MMLU-Pro's rows have and MedMCQA's do not")
        options = labelled_options(row, "options", _LABELS)
        return reading.item(
            identifier(row, "realidx"),
            "en",
            task="mcq",
            split=split,
            question=text(row, "question"),
            options=options,
            answer=(answer_index(optional_text(row, "answer_idx"), _LABELS, len(options)),),
        )

    def make(row: Record) -> Item:
        return selected(row) if "options" in row else original(row)

    yield from outcomes(reading, json_lines(reading, file), make)


def _first_number(reading: Reading, file: Path) -> int:
    """1, or 0 when the file's numbers reach 0 in more than stray rows (a quarter is usual) and never reach 4."""
    counts: dict[object, int] = {}
    done = reading.bytes_done
    for row in json_lines(reading, file):
        number = None if isinstance(row, Malformed) else row.get("cop")
        if isinstance(number, int):
            counts[number] = counts.get(number, 0) + 1
    reading.bytes_done = done
    return 0 if counts.get(0, 0) > counts.get(4, 0) else 1


SOURCE = Source(
    name="medmcqa",
    title="MedMCQA",
    licence="MIT",
    url="https://github.com/medmcqa/medmcqa",
    citation="Pal, Umapathi and Sankarasubbu 2022, MedMCQA, CHIL, PMLR 174:248-260",
    languages=("en",),
    tasks=("mcq",),
    reads="train.json, dev.json, test.json (JSON lines with opa to opd and cop), or the same as .jsonl with options",
    patterns=("train.json", "dev.json", "test.json", "train.jsonl", "dev.jsonl", "test.jsonl"),
    read=read,
)
