"""MedExpQA: the Spanish residency examination's clinical cases with doctors' explanations, in four languages.

Origin: HiTZ/MedExpQA (the same cases as CasiMedicos, complete, with gold explanations and retrieved passages). Licence:
CC-BY-4.0. Size: 622 cases a language (434 train, 63 dev, 125 test). Citation: Alonso I, Oronoz M, Agerri R. MedExpQA:
Multilingual Benchmarking of Large Language Models for Medical Question Answering. Artificial Intelligence in Medicine
155, 2024.

Format: data/<lang>/<split>.<lang>.casimedicos.rag.jsonl (or without .rag) with id (the same in every language), year,
question_id_specific, type (the specialty), full_question, options {"1": ...}, correct_option (a number), full_answer,
full_answer_no_ref, explanations, lang, rag. Examinations since 2015 have four options: the fifth is null. The rationale
is full_answer; the explanation of each option alone and the retrieved passages are not taken over.
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
    record,
    text,
)
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "12345"
_LANGUAGES = ("es", "en", "fr", "it")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split_of(Path(file.name.partition(".")[0]))
    named = file.name.split(".")[1:2]
    if named and named[0] in _LANGUAGES and not reading.wants(named[0]):
        return

    def make(row: Record) -> Item:
        lang = text(row, "lang")
        if lang not in _LANGUAGES:
            raise Malformed("unknown_language", f"'{lang[:20]}' is none of {', '.join(_LANGUAGES)}")
        options = labelled_options({"options": _known(record(row, "options"))}, "options", _LABELS)
        return reading.item(
            identifier(row, "id"),
            lang,
            task="mcq",
            split=split,
            question=text(row, "full_question"),
            options=options,
            answer=(answer_index(_number(row), _LABELS, len(options)),),
            rationale=optional_text(row, "full_answer"),
            origin="native" if lang == "es" else "machine",
            translated_from=None if lang == "es" else "es",
            extra=extra(
                specialty=optional_text(row, "type"),
                year=identifier(row, "year") if row.get("year") is not None else None,
            ),
        )

    yield from outcomes(reading, json_lines(reading, file), make)


def _known(options: Record) -> Record:
    """The options without a fifth that is null."""
    return {label: value for label, value in options.items() if label != _LABELS[-1] or value is not None}


def _number(row: Record) -> str | None:
    return identifier(row, "correct_option") if row.get("correct_option") is not None else None


SOURCE = Source(
    name="medexpqa",
    title="MedExpQA",
    licence="CC-BY-4.0",
    url="https://huggingface.co/datasets/HiTZ/MedExpQA",
    citation="Alonso et al. 2024, MedExpQA, Artificial Intelligence in Medicine 155",
    languages=_LANGUAGES,
    tasks=("mcq",),
    reads="data/<lang>/<split>.<lang>.casimedicos.rag.jsonl",
    patterns=("*.casimedicos.rag.jsonl", "*.casimedicos.jsonl"),
    read=read,
)
