"""LAFAND-MT: news in English or French, and people's translations into African languages.

Origin: masakhane-io/lafand-mt. Licence: CC-BY-NC-4.0 for the data (its README; the LICENSE file, GPL-3.0, is the
code's): rows may be trained and measured with, not used commercially. Size: en-sw 30,782 training pairs, en-yo 6,644,
en-zu 3,500, fr-wo 3,360, with dev and test. Citation: Adelani DI, Alabi JO, Fan A, et al. A Few Thousand Translations
Go a Long Way! Leveraging Pre-trained Models for African News Translation. NAACL 2022, 3053-3070.

Format: a folder a pair (en-swa) with train, dev and test, each one file a language ending in its code (train.en,
train.swa), aligned by line. Each line is an item of the task parallel in either language. Where one file is longer than
the other, the lines that have no partner are rejected as misaligned.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from afya.errors import DataError
from afya.languages import by_foreign_code
from afya.sources.files import text_lines
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

_SOURCES = ("en", "fr")
_CODES = ("amh", "hau", "ibo", "kin", "lug", "nya", "sna", "swa", "tsn", "twi", "wol", "xho", "yor", "zul")
_MACRO = {"swa": "sw"}
_ABOUT = extra(kind="sentence", domain="news")


def read(reading: Reading) -> Iterator[Outcome]:
    for source in (file for code in _SOURCES for file in reading.matching(f"*.{code}")):
        partners = [file for file in reading.files if file.parent == source.parent and file.stem == source.stem]
        translations = [file for file in partners if file.suffix[1:] not in _SOURCES]
        if len(translations) != 1:
            raise DataError(
                f"{source}: {len(translations)} translations lie beside it where one was expected.",
                hint=f"{SOURCE.title} is read from {SOURCE.reads}; give the folder, not one file of it.",
            )
        yield from _pair(reading, source, translations[0])


def _pair(reading: Reading, first: Path, second: Path) -> Iterator[Outcome]:
    source, target = first.suffix[1:], _language(second.suffix[1:])
    split = reading.split_of(first)
    pairs = zip_longest(text_lines(reading, first), text_lines(reading, second))
    for number, pair in enumerate(pairs, 1):
        for lang, file, line, other in (
            (source, first, pair[0], pair[1]),
            (target, second, pair[1], pair[0]),
        ):
            if not reading.wants(lang):
                continue
            reading.stand(file, number)
            try:
                if isinstance(line, Malformed):
                    raise line
                if line is None or other is None:
                    raise Malformed("misaligned", f"{first.name} and {second.name} have not equally many lines")
            except Malformed as fault:
                yield reading.reject(fault)
                continue
            yield reading.item(
                f"{source}-{target}-{first.stem}-{number}",
                lang,
                task="parallel",
                split=split,
                question=line,
                origin="native" if lang == source else "human",
                translated_from=None if lang == source else source,
                extra=_ABOUT,
            )


def _language(code: str) -> str:
    return _MACRO.get(code) or by_foreign_code().get(code, code)


SOURCE = Source(
    name="lafand-mt",
    title="LAFAND-MT",
    licence="CC-BY-NC-4.0",
    url="https://github.com/masakhane-io/lafand-mt",
    citation="Adelani et al. 2022, LAFAND-MT, NAACL, 3053-3070",
    languages=(*_SOURCES, *(_language(code) for code in _CODES)),
    tasks=("parallel",),
    reads="a folder a pair (en-swa) with train.en and train.swa, dev.*, test.*",
    patterns=tuple(f"{split}.{code}" for split in ("train", "dev", "test") for code in (*_SOURCES, *_CODES)),
    read=read,
)
