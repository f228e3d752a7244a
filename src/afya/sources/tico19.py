"""TICO-19: sentences and terms about COVID-19 in many languages, aligned.

Origin: tico-19/tico-19.github.io; sentences translated by people, the term lists by Facebook's (f_) and Google's (g_)
translators. Licence: CC0-1.0. Size: 3,071 sentences, in 19 languages here; 306 and 337 terms and a few more. Citation:
Anastasopoulos A, Cattelan A, Dou Z-Y, et al. TICO-19: the Translation Initiative for COvid-19. NLP COVID-19 Workshop at
EMNLP 2020.

Formats: tico19_multiparallel.jsonl, one sentence a line under its locale codes ('id' is Indonesian: where it holds no
id such as 'CMU_1:4', the line number names the sentence; what is out of line there is moved to the line it translates
or refused, see `tico19_alignment`); terminologies/{f,g}_*.csv with id or stringID, sourceLang,
targetLang, sourceString, targetString, and sometimes pos and description. Each language is an item of the task
parallel, its group the sentence or term. A list's source term stands in every file and becomes one item. Sentences
are an evaluation set (test); terms are for glossaries (train).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from afya.items import Split
from afya.languages import by_foreign_code
from afya.sources.files import csv_records, json_lines
from afya.sources.source import Malformed, Outcome, Reading, Source, extra
from afya.sources.tico19_alignment import Aligner

_LIST_COLUMNS = ("sourceLang", "targetLang", "sourceString", "targetString")
_NORTHERN_SOTHO = "ns"
_SENTENCE_ID = re.compile(r"[A-Za-z]+_\d+(?::\d+)?|\d+")
_SENTENCE = extra(kind="sentence")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        if file.suffix == ".jsonl":
            yield from _sentences(reading, file)
    sources: dict[tuple[str, str, str], str] = {}
    for file in reading.files:
        if file.suffix == ".csv":
            yield from _terms(reading, file, sources)


@cache
def locale_language(locale: str) -> str:
    """Our code for a locale such as 'es-419', 'ns_ZA' or 'fuv'; an unknown one stays as it is."""
    code = locale.replace("_", "-").partition("-")[0].lower()
    if code == _NORTHERN_SOTHO:
        return "nso"
    return by_foreign_code().get(code, code)


def _sentences(reading: Reading, file: Path) -> Iterator[Outcome]:
    split = reading.split("test")
    aligner = Aligner()
    for row in json_lines(reading, file):
        if isinstance(row, Malformed):
            yield reading.reject(row)
            continue
        if not isinstance(row.get("en"), str):
            yield reading.reject(Malformed("missing_field", "the English sentence 'en' is missing"))
            continue
        told = row.get("id")
        named = isinstance(told, str) and _SENTENCE_ID.fullmatch(told) is not None
        for locale, value in row.items():
            lang = locale_language(locale)
            if not reading.wants(lang) or (named and locale == "id"):
                continue
            if isinstance(value, str):
                native = lang == "en"
                # Lines count from 1 in `reading`, and from 0 in the table.
                place = None if named else aligner.line_of(lang, reading.line - 1, value)
                if place is None and not named:
                    yield reading.reject(Malformed("misaligned", f"the text under '{locale[:20]}' is of another line"))
                    continue
                yield reading.item(
                    f"sentence-{told if place is None else place + 1}",
                    lang,
                    task="parallel",
                    split=split,
                    question=value,
                    origin="native" if native else "human",
                    translated_from=None if native else "en",
                    extra=_SENTENCE,
                )
            else:
                yield reading.reject(Malformed("wrong_type", f"'{locale[:20]}' is no text"))


def _terms(reading: Reading, file: Path, sources: dict[tuple[str, str, str], str]) -> Iterator[Outcome]:
    """A list's rows: the translated term, and the source term where it is met for the first time."""
    split: Split = reading.split("train")
    maker = file.stem.partition("_")[0]
    for row in csv_records(reading, file, _LIST_COLUMNS):
        try:
            if isinstance(row, Malformed):
                raise row
            number = (row.get("id") or row.get("stringID") or "").strip()
            if not any(row[name].strip() for name in ("sourceString", "targetString")):
                raise Malformed("empty_question", "the row has no term")
            if not number:
                raise Malformed("missing_field", "the term has no id")
            source, target = locale_language(row["sourceLang"]), locale_language(row["targetLang"])
            key = (maker, source, number)
            first = key not in sources
            if sources.setdefault(key, row["sourceString"]) != row["sourceString"]:
                raise Malformed("misaligned", f"term {number[:20]} is '{sources[key][:60]}' in an earlier file")
        except Malformed as fault:
            yield reading.reject(fault)
            continue
        about = extra(kind="term", list=maker, pos=row.get("pos") or None, description=row.get("description") or None)
        native_id = f"term-{maker}-{source}-{number}"
        for lang, value in ((source, row["sourceString"]), (target, row["targetString"])):
            if not reading.wants(lang) or (lang == source and not first):
                continue
            yield reading.item(
                native_id,
                lang,
                task="parallel",
                split=split,
                question=value,
                origin="native" if lang == source else "human",
                translated_from=None if lang == source else source,
                extra=about,
            )


SOURCE = Source(
    name="tico19",
    title="TICO-19",
    licence="CC0-1.0",
    url="https://github.com/tico-19/tico-19.github.io",
    citation="Anastasopoulos et al. 2020, TICO-19, NLP COVID-19 Workshop at EMNLP",
    languages=(
        *("en", "am", "ar", "de", "es", "ff", "fr", "ha", "hi", "id", "ig", "ja", "ko", "lg", "ln", "mg", "nso", "ny"),
        *("om", "pt", "ru", "rw", "sn", "so", "ss", "st", "sw", "ti", "tn", "wo", "xh", "yo", "zh", "zu"),
    ),
    tasks=("parallel",),
    reads="tico19_multiparallel.jsonl and terminologies/f_*.csv, g_*.csv",
    patterns=("tico19*.jsonl", "f_*.csv", "g_*.csv"),
    read=read,
)
