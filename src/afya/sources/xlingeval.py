"""XLingHealth: patients' questions with answers (LiveQA, MedicationQA), translated by machine into three languages.

Origin: claws-lab/XLingEval. Licence: Apache-2.0. Size: 246 and 690 questions in English, Chinese, Spanish and Hindi, in
rows of 1,230 and 3,450. Citation: Jin Y, Chandra M, Verma G, Hu Y, De Choudhury M, Kumar S. Better to Ask in English:
Cross-Lingual Evaluation of Large Language Models for Healthcare Queries. The Web Conference 2024.

Format: LiveQA_4lang.jsonl and MedicationQA_4lang.jsonl with id, label, answer_ids, and question_ and answer_ followed
by English, Chinese, Spanish, Hindi. Of the five rows of a question one has label 1: its own answer. The four others
(label 0) set it beside answers to other questions, named by `answer_ids`. One entry is therefore a question: its own
answer is the reference, and extra.wrong_answers names the questions whose answers do not fit. Where the English answer
is missing the 'translations' are of the word "nan", and the entry is rejected in every language. The English LiveQA
part is the second training file of the source 'liveqa'.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import Record, identifier, json_lines, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

_LANGUAGES = {"en": "English", "zh": "Chinese", "es": "Spanish", "hi": "Hindi"}


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    name = file.stem.partition("_")[0].lower()
    current: str | None = None
    rows: list[Record] = []
    where = 0
    for row in json_lines(reading, file):
        try:
            if isinstance(row, Malformed):
                raise row
            number = identifier(row, "id")
            if row.get("label") not in (0, 1):
                raise Malformed("unknown_label", "'label' is neither 0 nor 1")
            identifier(row, "answer_ids")
        except Malformed as fault:
            yield reading.reject(fault)
            continue
        if number != current:
            here = reading.line
            reading.stand(file, where)
            yield from _question(reading, name, current, rows)
            reading.stand(file, here)
            current, rows, where = number, [], here
        rows.append(row)
    reading.stand(file, where)
    yield from _question(reading, name, current, rows)


def _question(reading: Reading, name: str, number: str | None, rows: list[Record]) -> Iterator[Outcome]:
    """The outcomes of the rows that share an id, one for each language."""
    if number is None:
        return
    right = [row for row in rows if row["label"] == 1]
    wrong = [f"{name}-{identifier(row, 'answer_ids')}" for row in rows if row["label"] == 0]
    for lang in _LANGUAGES:
        if reading.wants(lang):
            try:
                if len(right) != 1:
                    raise Malformed("missing_answer", f"{len(right)} of its {len(rows)} rows have label 1, not one")
                yield _item(reading, f"{name}-{number}", lang, right[0], wrong)
            except Malformed as fault:
                yield reading.reject(fault, f"{reading.source.name}:{name}-{number}:{lang}")


def _item(reading: Reading, native_id: str, lang: str, row: Record, wrong: list[str]) -> Item:
    if row.get("answer_English") is None:
        raise Malformed("missing_answer", "the English answer, which the others translate, is missing")
    question, answer = text(row, f"question_{_LANGUAGES[lang]}"), text(row, f"answer_{_LANGUAGES[lang]}")
    return reading.item(
        native_id,
        lang,
        task="long_form",
        split=reading.split("test"),
        question=question.strip(),
        answer_text=answer.strip(),
        origin="native" if lang == "en" else "machine",
        translated_from=None if lang == "en" else "en",
        extra=extra(wrong_answers=wrong or None),
    )


SOURCE = Source(
    name="xlingeval",
    title="XLingHealth (LiveQA and MedicationQA)",
    licence="Apache-2.0",
    url="https://github.com/claws-lab/XLingEval",
    citation="Jin et al. 2024, XLingEval, The Web Conference",
    languages=tuple(_LANGUAGES),
    tasks=("long_form",),
    reads="LiveQA_4lang.jsonl and MedicationQA_4lang.jsonl",
    patterns=("LiveQA_4lang.jsonl", "MedicationQA_4lang.jsonl"),
    read=read,
)
