"""HealthVer: does a paper's evidence support, refute or leave open a claim about COVID-19?

Origin: sarrouti/HealthVer. Licence: none is stated. Size: 14,330 pairs, of which dev 1,917. Citation: Sarrouti M, Ben
Abacha A, Mrabet Y, Demner-Fushman D. Evidence-based Fact-Checking of Health-related Claims. Findings of EMNLP 2021.

Format: healthver_{train,dev,test}.csv with id, evidence, claim, label (Supports, Neutral, Refutes), topic_ip, question.
The evidence is the context, the claim is what is judged; the options are the dataset's own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import csv_records
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_OPTIONS = ("Supports", "Neutral", "Refutes")
_COLUMNS = ("id", "evidence", "claim", "label", "topic_ip", "question")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(file)
    native = file.stem.rpartition("_")[2]

    def make(row: dict[str, str]) -> Item:
        number, label = row["id"].strip(), row["label"].strip()
        if not number:
            raise Malformed("missing_field", "'id' is empty")
        if not row["evidence"].strip():
            raise Malformed("missing_context", "the evidence is empty")
        if not label:
            raise Malformed("missing_answer", "'label' is empty")
        if label not in _OPTIONS:
            raise Malformed("answer_outside_options", f"'{label[:40]}' is none of {', '.join(_OPTIONS)}")
        return reading.item(
            f"{native}-{number}",
            "en",
            task="nli",
            split=split,
            question=row["claim"],
            context=row["evidence"],
            options=_OPTIONS,
            answer=(_OPTIONS.index(label),),
            extra=extra(topic=row["topic_ip"].strip() or None, question=row["question"].strip() or None),
        )

    yield from outcomes(reading, csv_records(reading, file, _COLUMNS), make)


SOURCE = Source(
    name="healthver",
    title="HealthVer",
    licence="unknown",
    url="https://github.com/sarrouti/HealthVer",
    citation="Sarrouti et al. 2021, HealthVer, Findings of EMNLP",
    languages=("en",),
    tasks=("nli",),
    reads="healthver_train.csv, healthver_dev.csv, healthver_test.csv",
    patterns=("healthver_*.csv",),
    read=read,
)
