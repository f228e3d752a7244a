"""MMedBench: medical examinations in six languages, with an explanation of each answer.

Origin: Henrychur/MMedBench; drawn from MedQA, IgakuQA, FrenchMedMCQA, RuMedDaNet and HEAD-QA. Licence: CC-BY-NC-4.0.
Size: 45,048 training and 8,518 test questions. Citation: Qiu P, Wu C, Zhang X, et al. Towards Building Multilingual
Language Model for Medicine. Nature Communications 15:8384, 2024.

Format: {Train,Test}/{Chinese,English,French,Japanese,Russian,Spanish}.jsonl with question, options {"A": ...},
answer_idx (labels with commas between them), answer (the text), rationale, human_checked, human_check_passed, and
sometimes meta_info. Explanations were written by a model and checked by people in part: extra.rationale_checked says
so, and an explanation that failed the check is left out. There is no id: split and line number are one, and languages
are not aligned.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import Record, json_lines, labelled_options, option_indices, optional_text, text
from afya.sources.source import Outcome, Reading, Source, extra, outcomes

_LANGUAGES = {"Chinese": "zh", "English": "en", "French": "fr", "Japanese": "ja", "Russian": "ru", "Spanish": "es"}
_LABELS = "ABCDEFGHIJ"


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        lang = _LANGUAGES.get(file.stem)
        if lang is not None and reading.wants(lang):
            yield from _file(reading, file, lang)


def _file(reading: Reading, file: Path, lang: str) -> Iterator[Outcome]:
    split = reading.split_of(file)

    def make(row: Record) -> Item:
        options = labelled_options(row, "options", _LABELS)
        labels = [label.strip() for label in (optional_text(row, "answer_idx") or "").split(",") if label.strip()]
        checked, passed = row.get("human_checked"), row.get("human_check_passed")
        return reading.item(
            f"{split}-{lang}-{reading.line}",
            lang,
            task="mcq",
            split=split,
            question=text(row, "question"),
            options=options,
            answer=option_indices(labels, _LABELS, len(options)),
            rationale=None if checked is True and passed is False else optional_text(row, "rationale"),
            extra=extra(
                rationale_checked=(passed is True) if checked is True else None,
                examination=optional_text(row, "meta_info"),
            ),
        )

    yield from outcomes(reading, json_lines(reading, file), make)


SOURCE = Source(
    name="mmedbench",
    title="MMedBench",
    licence="CC-BY-NC-4.0",
    url="https://huggingface.co/datasets/Henrychur/MMedBench",
    citation="Qiu et al. 2024, MMedBench, Nature Communications 15:8384",
    languages=tuple(_LANGUAGES.values()),
    tasks=("mcq",),
    reads="{Train,Test}/{Chinese,English,French,Japanese,Russian,Spanish}.jsonl",
    patterns=tuple(f"{name}.jsonl" for name in _LANGUAGES),
    read=read,
)
