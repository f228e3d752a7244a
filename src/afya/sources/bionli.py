"""BioNLI: do the sentences of an abstract support its conclusion, or one that was turned round?

Origin: StonyBrookNLP/BioNLI. Licence: CC-BY-4.0. Size: a full and a balanced version with one test set of 6,308 pairs;
the balanced has 5,544 training pairs. Citation: Bastan M, Surdeanu M, Balasubramanian N. BioNLI: Generating a
Biomedical NLI Dataset Using Lexico-semantic Constraints for Adversarial Examples. Findings of EMNLP 2022.

Format: CSV files named by split (train_..., dev_... or val_..., test_...) with supp_set (the premise), conclusion (the
hypothesis), label_cat ('pos', or one of the strategies by which it was falsified), and mostly pmid and index. The
entity marks <re> <er> <el> <le> stay in the text, as they are part of the task. A balanced and a full file under one
folder share rows; those of the second are rejected as duplicate_id where pmid and index tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import csv_records
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_OPTIONS = ("entailment", "not entailment")
_POSITIVE = "pos"


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(file)

    def make(row: dict[str, str]) -> Item:
        strategy = row["label_cat"].strip()
        if not strategy:
            raise Malformed("missing_answer", "'label_cat' is empty")
        if not row["supp_set"].strip():
            raise Malformed("missing_context", "'supp_set' is empty")
        pmid, index = (row.get("pmid") or "").strip(), (row.get("index") or "").strip()
        return reading.item(
            f"{pmid}-{index}" if pmid and index else f"{file.stem}-{reading.line}",
            "en",
            task="nli",
            split=split,
            question=row["conclusion"],
            context=row["supp_set"],
            options=_OPTIONS,
            answer=(0 if strategy == _POSITIVE else 1,),
            extra=extra(pubmed_id=pmid or None, strategy=None if strategy == _POSITIVE else strategy),
        )

    yield from outcomes(reading, csv_records(reading, file, ("supp_set", "conclusion", "label_cat")), make)


SOURCE = Source(
    name="bionli",
    title="BioNLI",
    licence="CC-BY-4.0",
    url="https://github.com/StonyBrookNLP/BioNLI",
    citation="Bastan et al. 2022, BioNLI, Findings of EMNLP",
    languages=("en",),
    tasks=("nli",),
    reads="train_*.csv, dev_*.csv or val_*.csv, test_*.csv",
    patterns=("train*.csv", "dev*.csv", "val*.csv", "test*.csv"),
    read=read,
)
