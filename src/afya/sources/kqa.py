"""K-QA: questions that patients asked online, with physicians' answers and the facts an answer must have.

Origin: Itaymanes/K-QA. Licence: MIT. Size: 1,212 questions, 201 of them with answers. Citation: Manes I, Ronn N, Cohen
D, Ilan Ber R, Horowitz-Kugler Z, Stanovsky G. K-QA: A Real-World Medical Q&A Benchmark. BioNLP at ACL 2024, 277-294.

Format: questions_w_answers.jsonl with Question, Free_form_answer, Must_have and Nice_to_have (lists of facts), Sources,
ICD_10_diag. questions.jsonl, whose questions have no answer, is not read. There is no id: the line number is one.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.items import Item
from afya.sources.files import Record, json_lines, optional_text, text, texts
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes


def read(reading: Reading) -> Iterator[Outcome]:
    def make(row: Record) -> Item:
        answer = optional_text(row, "Free_form_answer")
        if answer is None:
            raise Malformed("missing_answer", "'Free_form_answer' is missing")
        return reading.item(
            f"{reading.line}",
            "en",
            task="long_form",
            split=reading.split("test"),
            question=text(row, "Question"),
            answer_text=answer,
            extra=extra(
                must_have=texts(row, "Must_have") or None,
                nice_to_have=texts(row, "Nice_to_have") or None,
                sources=(optional_text(row, "Sources") or "").split() or None,
                icd_10=optional_text(row, "ICD_10_diag"),
            ),
        )

    for file in reading.files:
        yield from outcomes(reading, json_lines(reading, file), make)


SOURCE = Source(
    name="kqa",
    title="K-QA",
    licence="MIT",
    url="https://github.com/Itaymanes/K-QA",
    citation="Manes et al. 2024, K-QA, BioNLP at ACL, 277-294",
    languages=("en",),
    tasks=("long_form",),
    reads="questions_w_answers.jsonl",
    patterns=("questions_w_answers.jsonl",),
    read=read,
)
