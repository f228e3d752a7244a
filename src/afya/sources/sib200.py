"""SIB-200: FLORES-200's sentences with their topic, aligned over the languages.

Origin: dadelani/sib-200. Licence: the sentences are FLORES-200's, CC-BY-SA-4.0. Size: 1,004 sentences (701 train, 99
dev, 204 test) in 205 languages. Citation: Adelani DI, Liu H, Shen X, et al. SIB-200: A Simple, Inclusive, and Big
Evaluation Dataset for Topic Classification in 200+ Languages and Dialects. EACL 2024, 226-245.

Formats: the original annotated/<code>/{train,dev,test}.tsv with index_id, category, text; or sib200_parallel.jsonl with
id, split, category and a text under each FLORES-200 code. Both give the same ids. Each language is an item of the task
parallel, with the topic in `extra`; a language that is not in the registry is rejected as unknown_language.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item, Split
from afya.languages import by_foreign_code
from afya.sources.files import csv_records, identifier, json_lines, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_ABOUT = ("id", "split", "category")
_SPLITS: dict[str, Split] = {"train": "train", "dev": "dev", "test": "test"}


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _tsv(reading, file) if file.suffix == ".tsv" else _parallel(reading, file)


def _parallel(reading: Reading, file: Path) -> Iterator[Outcome]:
    for row in json_lines(reading, file):
        try:
            if isinstance(row, Malformed):
                raise row
            native_id, native, topic = identifier(row, "id"), text(row, "split"), text(row, "category")
            if native not in _SPLITS:
                raise Malformed("unknown_split", f"'{native[:20]}' is none of {', '.join(_SPLITS)}")
        except Malformed as fault:
            yield reading.reject(fault)
            continue
        split, about = reading.split(_SPLITS[native]), extra(topic=topic)
        for code in row:
            lang = by_foreign_code().get(code, code)
            if code in _ABOUT or not reading.wants(lang):
                continue
            try:
                yield _item(reading, native_id.removeprefix("sib200-"), lang, split, text(row, code), about)
            except Malformed as fault:
                yield reading.reject(fault)


def _tsv(reading: Reading, file: Path) -> Iterator[Outcome]:
    code = file.parent.name
    lang, split = by_foreign_code().get(code, code), reading.split_of(Path(file.name))
    if not reading.wants(lang):
        return

    def make(row: dict[str, str]) -> Item:
        number = row["index_id"].strip()
        if not number:
            raise Malformed("missing_field", "'index_id' is empty")
        return _item(reading, number, lang, split, row["text"], extra(topic=row["category"]))

    yield from outcomes(reading, csv_records(reading, file, ("index_id", "category", "text"), "\t"), make)


def _item(reading: Reading, number: str, lang: str, split: Split, sentence: str, about: str | None) -> Item:
    native = lang == "en"
    return reading.item(
        number,
        lang,
        task="parallel",
        split=split,
        question=sentence,
        origin="native" if native else "human",
        translated_from=None if native else "en",
        extra=about,
    )


SOURCE = Source(
    name="sib200",
    title="SIB-200",
    licence="CC-BY-SA-4.0",
    url="https://github.com/dadelani/sib-200",
    citation="Adelani et al. 2024, SIB-200, EACL, 226-245",
    languages=tuple(sorted(set(by_foreign_code().values()))),
    tasks=("parallel",),
    reads="annotated/<code>/{train,dev,test}.tsv, or sib200_parallel.jsonl",
    patterns=("train.tsv", "dev.tsv", "test.tsv", "sib200*.jsonl"),
    read=read,
)
