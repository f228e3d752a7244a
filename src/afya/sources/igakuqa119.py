"""IgakuQA119: Japan's 119th national examination for physicians (February 2025).

Origin: docto-rin/IgakuQA119, the ministry's papers turned into text by machine. Licence: Apache-2.0 for the collection;
the text is the ministry's. Size: 400 questions, of which 297 need no picture. Citation: docto-rin. IgakuQA119. 2025,
github.com/docto-rin/IgakuQA119.

Format: questions/119A_json.json to 119F_json.json, arrays of number, question, choices ["a. ...", ...], has_image; and
results/correct_answers.csv (問題番号, 解答) with the key: one or several letters, or the number to be calculated where
there are no choices; such a question becomes a long_form item. Questions with a picture are rejected as needs_picture,
and those in which the text recognition ran two of the five choices together as missing_option.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.items import Item
from afya.sources.files import Record, answer_index, csv_records, identifier, json_array, text, texts
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "abcde"
_KEY_FILE = "correct_answers.csv"
_NUMBER, _ANSWER = "問題番号", "解答"


def read(reading: Reading) -> Iterator[Outcome]:
    key = _key(reading)

    def make(row: Record) -> Item:
        return _item(reading, row, key)

    for file in reading.matching("*.json"):
        yield from outcomes(reading, json_array(reading, file), make)


def _key(reading: Reading) -> dict[str, str]:
    for file in _key_files(reading):
        rows = csv_records(reading, file, (_NUMBER, _ANSWER))
        return {row[_NUMBER].strip(): row[_ANSWER].strip() for row in rows if isinstance(row, dict)}
    raise DataError(
        f"{reading.path}: {_KEY_FILE} with the right answers is missing.",
        hint=f"{SOURCE.title} is read from {SOURCE.reads}.",
    )


def _key_files(reading: Reading) -> Iterator[Path]:
    yield from reading.matching(_KEY_FILE)
    for folder in list(reading.path.absolute().parents)[:2]:
        yield from (file for file in (folder / _KEY_FILE, folder / "results" / _KEY_FILE) if file.is_file())


def _item(reading: Reading, row: Record, key: dict[str, str]) -> Item:
    number = identifier(row, "number")
    if row.get("has_image") is True:
        raise Malformed("needs_picture", f"question {number[:20]} shows a picture")
    right = key.get(number)
    if not right:
        raise Malformed("missing_answer", f"question {number[:20]} is not in {_KEY_FILE}")
    question, choices, split = text(row, "question"), texts(row, "choices"), reading.split("test")
    about = extra(examination="119", block=number[3:4] or None)
    if not choices and right.replace(".", "", 1).isdecimal():
        return reading.item(
            number, "ja", task="long_form", split=split, question=question, answer_text=right, extra=about
        )
    if len(choices) != len(_LABELS) or any(
        not choice.startswith(f"{label}.") for label, choice in zip(_LABELS, choices, strict=True)
    ):
        found = ", ".join(choice[:2] for choice in choices) or "none"
        raise Malformed("missing_option", f"choices a. to e. were expected, found {found}")
    return reading.item(
        number,
        "ja",
        task="mcq",
        split=split,
        question=question,
        options=tuple(choice[2:].strip() for choice in choices),
        answer=tuple(sorted(answer_index(letter, _LABELS, len(choices)) for letter in right)),
        extra=about,
    )


SOURCE = Source(
    name="igakuqa119",
    title="IgakuQA119",
    licence="Apache-2.0",
    url="https://github.com/docto-rin/IgakuQA119",
    citation="docto-rin 2025, IgakuQA119",
    languages=("ja",),
    tasks=("mcq", "long_form"),
    reads="questions/119A_json.json to 119F_json.json and results/correct_answers.csv",
    patterns=("119?_json.json", _KEY_FILE),
    read=read,
)
