"""PubMedQA, the expert-labelled part: a question about a paper, its abstract, and yes, no or maybe.

Origin: pubmedqa/pubmedqa. Licence: MIT. Size: 1,000 questions, 500 of them the test set. Citation: Jin Q, Dhingra B,
Liu Z, Cohen W, Lu X. PubMedQA: A Dataset for Biomedical Research Question Answering. EMNLP-IJCNLP 2019, 2567-2577.

Format: ori_pqal.json, one object from PubMed id to QUESTION, CONTEXTS, LABELS (the sections' names), MESHES, YEAR,
LONG_ANSWER (the paper's conclusion) and final_decision. test_ground_truth.json beside it names the test questions, the
others are the train split; without it every question is taken for a test question.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.errors import DataError
from afya.items import Item
from afya.sources.files import Record, entries, json_file, optional_text, text, texts
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_OPTIONS = ("yes", "no", "maybe")
_KEY_FILE = "test_ground_truth.json"


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.matching("*.json"):
        if file.name == _KEY_FILE:
            continue
        key = file.parent / _KEY_FILE
        tested = json_file(reading, key) if key.exists() else None
        content = json_file(reading, file)
        if not isinstance(content, dict) or not isinstance(tested, dict | None):
            raise DataError(f"{file}: an object from PubMed ids to questions was expected.")
        # The id goes into its row, so that it is checked for characters that are none like the rest.
        rows = ({**row, "id": name} if isinstance(row, dict) else row for name, row in content.items())

        def make(row: Record, tested: Record | None = tested) -> Item:
            return _item(reading, row, tested)

        yield from outcomes(reading, entries(reading, rows), make)


def _item(reading: Reading, row: Record, tested: Record | None) -> Item:
    pubmed_id = text(row, "id")
    decision = optional_text(row, "final_decision")
    if decision is None:
        raise Malformed("missing_answer", "final_decision is missing")
    if decision not in _OPTIONS:
        raise Malformed("answer_outside_options", f"'{decision[:40]}' is none of {', '.join(_OPTIONS)}")
    sections = texts(row, "LABELS")
    return reading.item(
        pubmed_id,
        "en",
        task="mcq",
        split=reading.split("test" if tested is None or pubmed_id in tested else "train"),
        question=text(row, "QUESTION"),
        context="\n\n".join(texts(row, "CONTEXTS")) or None,
        options=_OPTIONS,
        answer=(_OPTIONS.index(decision),),
        rationale=optional_text(row, "LONG_ANSWER"),
        extra=extra(sections=sections or None, year=optional_text(row, "YEAR"), mesh=texts(row, "MESHES") or None),
    )


SOURCE = Source(
    name="pubmedqa",
    title="PubMedQA (expert-labelled)",
    licence="MIT",
    url="https://github.com/pubmedqa/pubmedqa",
    citation="Jin et al. 2019, PubMedQA, EMNLP-IJCNLP, 2567-2577",
    languages=("en",),
    tasks=("mcq",),
    reads="ori_pqal.json, with test_ground_truth.json beside it for the split",
    patterns=("ori_pqal.json", _KEY_FILE),
    read=read,
)
