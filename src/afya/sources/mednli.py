"""MedNLI: sentences from patients' histories, and what follows from them according to doctors.

Origin: physionet.org/content/mednli/1.0.0. Licence: PhysioNet Credentialed Health Data License 1.5.0: only a person
with credentials may hold it and nothing of it may be passed on, translations included; it is read from the user's own
copy. Size: 14,049 pairs (11,232 train, 1,395 dev, 1,422 test). Citation: Romanov A, Shivade C. Lessons from Natural
Language Inference in the Clinical Domain. EMNLP 2018, 1586-1596.

Format: mli_{train,dev,test}_v1.jsonl with sentence1 (the premise), sentence2 (the hypothesis), gold_label, pairID, and
parses that are not read. A pair whose annotators did not agree ('-') is rejected as missing_answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import Record, identifier, json_lines, optional_text, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_OPTIONS = ("entailment", "neutral", "contradiction")
_UNDECIDED = "-"


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(file)

    def make(row: Record) -> Item:
        label, premise = optional_text(row, "gold_label"), optional_text(row, "sentence1")
        if label is None or label == _UNDECIDED:
            raise Malformed("missing_answer", "the pair has no gold_label")
        if label not in _OPTIONS:
            raise Malformed("answer_outside_options", f"'{label[:40]}' is none of {', '.join(_OPTIONS)}")
        if premise is None:
            raise Malformed("missing_context", "'sentence1' is empty")
        return reading.item(
            identifier(row, "pairID"),
            "en",
            task="nli",
            split=split,
            question=text(row, "sentence2"),
            context=premise,
            options=_OPTIONS,
            answer=(_OPTIONS.index(label),),
            extra=extra(redistributable=False),
        )

    yield from outcomes(reading, json_lines(reading, file), make)


SOURCE = Source(
    name="mednli",
    title="MedNLI",
    licence="PhysioNet-Credentialed-1.5.0",
    url="https://physionet.org/content/mednli/1.0.0/",
    citation="Romanov and Shivade 2018, MedNLI, EMNLP, 1586-1596",
    languages=("en",),
    tasks=("nli",),
    reads="mli_train_v1.jsonl, mli_dev_v1.jsonl, mli_test_v1.jsonl of your own credentialed copy",
    patterns=("mli_*_v1.jsonl",),
    read=read,
)
