"""CasiMedicos: clinical cases of the Spanish residency examination (MIR) with doctors' explanations, in four languages.

Origin: ixa-ehu/antidote-casimedicos; written in Spanish by doctors, the other languages translated by machine. Licence:
CC-BY-4.0 (its README; a LICENSE file beside it is CC0-1.0). Size: 558 cases a language, of which train and dev are 436.
Citation: Sviridova E, Yeginbergen A, Estarrona A, Cabrio E, Villata S, Agerri R. CasiMedicos-Arg: A Medical Question
Answering Dataset Annotated with Explanatory Argumentative Structures. EMNLP 2024.

Format: casimedicos_<lang>.jsonl with id (the same in every language), lang, split, type (the specialty), question,
options {"1": ...}, answer (its number), rationale. Examinations since 2015 have four options: the fifth is then the
text 'nan' and is left out. A row whose options ran together in the translation is rejected as missing_option.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.items import Item, Split
from afya.sources.files import Record, answer_index, identifier, json_lines, labelled_options, optional_text, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_LABELS = "12345"
_LANGUAGES = ("es", "en", "fr", "it")
_SPLITS: dict[str, Split] = {"train": "train", "dev": "dev", "validation": "dev", "test": "test"}


def read(reading: Reading) -> Iterator[Outcome]:
    def make(row: Record) -> Item:
        return _item(reading, row)

    for file in reading.files:
        lang = file.stem.rpartition("_")[2]
        if lang not in _LANGUAGES or reading.wants(lang):
            yield from outcomes(reading, json_lines(reading, file), make)


def _item(reading: Reading, row: Record) -> Item:
    lang, native = text(row, "lang"), text(row, "split")
    if lang not in _LANGUAGES:
        raise Malformed("unknown_language", f"'{lang[:20]}' is none of {', '.join(_LANGUAGES)}")
    if native not in _SPLITS:
        raise Malformed("unknown_split", f"'{native[:20]}' is none of {', '.join(_SPLITS)}")
    options = labelled_options(row, "options", _LABELS)
    if options[-1:] == ("nan",):
        options = options[:-1]
    return reading.item(
        identifier(row, "id"),
        lang,
        task="mcq",
        split=reading.split(_SPLITS[native]),
        question=text(row, "question"),
        options=options,
        answer=(answer_index(optional_text(row, "answer"), _LABELS, len(options)),),
        rationale=optional_text(row, "rationale"),
        origin="native" if lang == "es" else "machine",
        translated_from=None if lang == "es" else "es",
        extra=extra(specialty=optional_text(row, "type")),
    )


SOURCE = Source(
    name="casimedicos",
    title="CasiMedicos",
    licence="CC-BY-4.0",
    url="https://github.com/ixa-ehu/antidote-casimedicos",
    citation="Sviridova et al. 2024, CasiMedicos-Arg, EMNLP",
    languages=_LANGUAGES,
    tasks=("mcq",),
    reads="casimedicos_es.jsonl, casimedicos_en.jsonl, casimedicos_fr.jsonl, casimedicos_it.jsonl",
    patterns=("casimedicos_??.jsonl",),
    read=read,
)
