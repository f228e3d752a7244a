"""AfriQA: questions that native speakers of ten African languages wrote, with answers, and people's translations.

Origin: masakhane-io/afriqa. Licence: CC-BY-4.0. Size: 12,239 questions; the train and dev queries in Swahili, Yoruba,
Zulu and Wolof are 3,335. Citation: Ogundepo O, Gwadabe TR, Rivera CE, et al. AfriQA: Cross-lingual Open-Retrieval
Question Answering for African Languages. Findings of EMNLP 2023.

Format: queries.afriqa.<lang>.<pivot>.<split>.json, JSON lines with id, question, answers, translated_question,
translated_answer, lang (ISO 639-3), split, translation_type. The answers are a Python list written as text, whose
quotes are not escaped where an answer has one. Each question is an item in its own language and one in the pivot
(English, or French for Wolof and Fon). About 45 in a hundred have no answer: they ask nothing that could be scored and
become aligned text (task parallel, extra.answered false), so that nothing is lost.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.items import Item, Origin, Split
from afya.languages import by_foreign_code, registry
from afya.sources.files import identifier, json_lines, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

_SPLITS: dict[str, Split] = {"train": "train", "dev": "dev", "test": "test"}
_MACRO = {"swa": "sw"}
"""Codes of macrolanguages, which ISO 639-3 knows beside the language that the registry has."""


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        pivot = _pivot(file)
        for row in json_lines(reading, file):
            try:
                if isinstance(row, Malformed):
                    raise row
                lang, native = _language(text(row, "lang")), text(row, "split")
                if native not in _SPLITS:
                    raise Malformed("unknown_split", f"'{native[:20]}' is none of {', '.join(_SPLITS)}")
                native_id = f"{lang}-{native}-{identifier(row, 'id')}"
            except Malformed as fault:
                yield reading.reject(fault)
                continue
            human = row.get("translation_type") == "human_translation"
            sides: tuple[tuple[str, str, str, Origin], ...] = (
                (lang, "question", "answers", "native"),
                (pivot, "translated_question", "translated_answer", "human" if human else "machine"),
            )
            for code, question, answers, origin in sides:
                if reading.wants(code):
                    try:
                        translated = None if code == lang else lang
                        yield _item(
                            reading,
                            native_id,
                            code,
                            _SPLITS[native],
                            text(row, question),
                            row.get(answers),
                            origin,
                            translated,
                        )
                    except Malformed as fault:
                        yield reading.reject(fault)


def _item(
    reading: Reading,
    native_id: str,
    lang: str,
    split: Split,
    question: str,
    answers: object,
    origin: Origin,
    translated_from: str | None,
) -> Item:
    found = answer_list(answers)
    return reading.item(
        native_id,
        lang,
        task="long_form" if found else "parallel",
        split=reading.split(split),
        question=question,
        answer_text=found[0] if found else None,
        origin=origin,
        translated_from=translated_from,
        extra=extra(other_answers=found[1:] or None) if found else extra(kind="question", answered=False),
    )


def answer_list(value: object) -> list[str]:
    """The answers in a list, or in a Python list written as text: "['a', 'b']"; blank ones are left out.

    A quote inside an answer is not always escaped ("['Léon M'ba']"); such a list is cut at its quotes and commas.
    Raises Malformed when the value is neither.
    """
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value.strip() or "[]")
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            inner = str(value).strip()
            if inner[:1] != "[" or inner[-1:] != "]":
                raise Malformed("wrong_type", f"'{inner[:40]}' is no list of answers") from None
            quote = inner[1:2]
            value = [part.strip().strip(quote) for part in inner[1:-1].split(f"{quote}, {quote}")]
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Malformed("wrong_type", "the answers are no list of texts")
    return [entry.strip() for entry in value if entry.strip()]


def _language(code: str) -> str:
    return _MACRO.get(code) or by_foreign_code().get(code, code)


def _pivot(file: Path) -> str:
    """The language of the translations, by the file's name."""
    words = file.name.split(".")
    if len(words) < 5 or words[3] not in registry():
        raise DataError(
            f"{file}: the name does not say which language the questions were translated into.",
            hint="Keep the published names, such as queries.afriqa.swa.en.train.json.",
        )
    return words[3]


SOURCE = Source(
    name="afriqa",
    title="AfriQA",
    licence="CC-BY-4.0",
    url="https://github.com/masakhane-io/afriqa",
    citation="Ogundepo et al. 2023, AfriQA, Findings of EMNLP",
    languages=("en", "fr", "bem", "fon", "ha", "ig", "rw", "sw", "tw", "wo", "yo", "zu"),
    tasks=("long_form", "parallel"),
    reads="queries.afriqa.<lang>.<pivot>.<split>.json",
    patterns=("queries.afriqa.*.json",),
    read=read,
)
