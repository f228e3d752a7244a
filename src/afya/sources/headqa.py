"""HEAD-QA: examinations for specialised posts in the Spanish health system, and their translation into English.

Origin: aghie/head-qa (the Spanish ministry of health's examinations of 2013 to 2017, in medicine, nursing, psychology,
chemistry, pharmacology and biology). Licence: MIT. Size: 6,765 questions in each language (2,657 train, 1,366 dev,
2,742 test). Citation: Vilares D, Gómez-Rodríguez C. HEAD-QA: A Healthcare Dataset for Complex Reasoning. ACL 2019,
960-966.

Format: train_HEAD.json, dev_HEAD.json, test_HEAD.json (Spanish) and the same with _EN (English, machine-translated):
{"language", "exams": {name: {"name", "year", "category", "data": [{"qid", "qtext", "ra", "answers": [{"aid", "atext"}],
"image"}]}}}. `ra` is the right answer's `aid`, 0 for a question that was withdrawn. An examination and a question's
number name the same question in both languages. Questions with a picture are rejected as needs_picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from afya.errors import DataError
from afya.items import Item
from afya.sources.files import Record, entries, identifier, json_file, optional_text, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        content = json_file(reading, file)
        lang = _language(content, file)
        if reading.wants(lang):
            yield from outcomes(reading, _questions(reading, file, content), _maker(reading, file, lang))


def _language(content: object, file: Path) -> str:
    told = content.get("language") if isinstance(content, dict) else None
    if isinstance(told, str) and told.lower()[:2] in ("es", "en"):
        return told.lower()[:2]
    return "en" if "_EN" in file.stem else "es"


def _questions(reading: Reading, file: Path, content: object) -> Iterator[Record | Malformed]:
    """Every examination's questions, each with its examination's name, year and category put in."""
    exams = content.get("exams") if isinstance(content, dict) else None
    if not isinstance(exams, dict):
        raise DataError(f"{file}: no 'exams' object.", hint=f"{SOURCE.title} is read from {SOURCE.reads}.")
    flat: list[object] = []
    for key, exam in exams.items():
        questions = exam.get("data") if isinstance(exam, dict) else None
        if not isinstance(questions, list):
            flat.append(f"the examination '{key}' has no list 'data'")
            continue
        about = {"name": key, **{name: exam[name] for name in ("name", "year", "category") if name in exam}}
        flat += [{**question, **about} if isinstance(question, dict) else question for question in questions]
    yield from entries(reading, flat)


def _maker(reading: Reading, file: Path, lang: str) -> Callable[[Record], Item]:
    split = reading.split_of(file)

    def make(row: Record) -> Item:
        if optional_text(row, "image"):
            raise Malformed("needs_picture", "the question shows a picture")
        answers = row.get("answers")
        if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
            raise Malformed("missing_option", "'answers' is not a list of answers")
        numbers = [identifier(answer, "aid") for answer in answers]
        right = identifier(row, "ra")
        if right == "0":
            raise Malformed("missing_answer", "the question was withdrawn (ra is 0)")
        if numbers.count(right) != 1:
            raise Malformed("answer_outside_options", f"ra {right[:40]} is not one of {', '.join(numbers)[:80]}")
        return reading.item(
            f"{text(row, 'name').strip()}-{identifier(row, 'qid')}",
            lang,
            task="mcq",
            split=split,
            question=text(row, "qtext"),
            options=tuple(text(answer, "atext").strip() for answer in answers),
            answer=(numbers.index(right),),
            origin="native" if lang == "es" else "machine",
            translated_from=None if lang == "es" else "es",
            extra=extra(category=optional_text(row, "category"), year=_year(row)),
        )

    return make


def _year(row: Record) -> str | None:
    return identifier(row, "year") if row.get("year") else None


SOURCE = Source(
    name="headqa",
    title="HEAD-QA",
    licence="MIT",
    url="https://github.com/aghie/head-qa",
    citation="Vilares and Gómez-Rodríguez 2019, HEAD-QA, ACL, 960-966",
    languages=("es", "en"),
    tasks=("mcq",),
    reads="train_HEAD.json, dev_HEAD.json, test_HEAD.json and the same with _HEAD_EN",
    patterns=("*HEAD.json", "*HEAD_EN.json"),
    read=read,
)
