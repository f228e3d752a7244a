"""FrenchMedMCQA: questions of the French specialisation diploma in pharmacy, with one or several right answers.

Origin: qanastek/FrenchMedMCQA. Licence: Apache-2.0. Size: 3,105 questions (2,171 train, 312 dev, 622 test). Citation:
Labrak Y, Bazoge A, Dufour R, Daille B, Gourraud P-A, Morin E, Rouvier M. FrenchMedMCQA: A French Multiple-Choice
Question Answering Dataset for Medical Domain. LOUHI at EMNLP 2022, 41-46.

Format: a JSON array with id, question, answers {"a": ...}, correct_answers ["a", ...], subject_name, type,
nbr_correct_answers. One question of train stands there twice; the second is rejected as duplicate_id.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.items import Item, Split
from afya.sources.files import (
    Record,
    answer_index,
    identifier,
    json_array,
    labelled_options,
    optional_text,
    text,
    texts,
)
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "abcde"


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        split = reading.split_of(file)

        def make(row: Record, split: Split = split) -> Item:
            return _item(reading, row, split)

        yield from outcomes(reading, json_array(reading, file), make)


def _item(reading: Reading, row: Record, split: Split) -> Item:
    options = labelled_options(row, "answers", _LABELS)
    right = texts(row, "correct_answers")
    told = row.get("nbr_correct_answers")
    if isinstance(told, int) and told != len(right):
        raise Malformed("missing_answer", f"{len(right)} right answers where {str(told)[:20]} are announced")
    return reading.item(
        identifier(row, "id"),
        "fr",
        task="mcq",
        split=split,
        question=text(row, "question"),
        options=options,
        answer=tuple(sorted(answer_index(letter, _LABELS, len(options)) for letter in right)),
        extra=extra(subject=optional_text(row, "subject_name"), type=optional_text(row, "type")),
    )


SOURCE = Source(
    name="frenchmedmcqa",
    title="FrenchMedMCQA",
    licence="Apache-2.0",
    url="https://github.com/qanastek/FrenchMedMCQA",
    citation="Labrak et al. 2022, FrenchMedMCQA, LOUHI at EMNLP, 41-46",
    languages=("fr",),
    tasks=("mcq",),
    reads="train.json, dev.json, test.json",
    patterns=("train.json", "dev.json", "test.json"),
    read=read,
)
