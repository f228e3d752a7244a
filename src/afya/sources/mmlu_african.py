"""MMLU's clinical subjects in eleven African languages, row by row beside the English.

Origin: InstituteforDiseaseModeling/Bridging-the-Gap-Low-Resource-African-Languages; translated by people. Licence: MIT.
Size: clinical knowledge and college medicine, 438 test, 51 validation and 10 few-shot questions a language. Citation:
Alhanai T, Kasumovic A, Ghassemi M, Zitzelberger A, Lundin J, Chabot-Couture G. Bridging the Gap: Enhancing LLM
Performance for Low-Resource African Languages with New Benchmarks, Fine-Tuning, and Cultural Adjustments. AAAI 2025;
arXiv:2412.12417.

Format: the folder mmlu_cm_ck_vir with <subject>_<split>_<lang>.csv in MMLU's format (no language: English). The row is
what aligns the languages, so a file with another number of rows than the English one is rejected row by row as
misaligned. Folders ending in _mt (machine translation) and _bt (its translation back into English) become the sources
mmlu-african-mt and mmlu-african-bt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from afya.errors import DataError
from afya.items import Origin
from afya.sources.files import csv_rows
from afya.sources.mmlu import COLUMNS, numbered, row_maker
from afya.sources.source import Malformed, Outcome, Reading, Source, outcomes

_LANGUAGES = ("en", "zu", "xh", "af", "ig", "sn", "am", "bm", "nso", "st", "tn", "ts")
_VARIANTS = ("mt", "bt")
_NAME = re.compile(r"(?P<subject>.+)_(?P<split>dev|val|test)(?:_(?P<lang>[a-z]{2,3}))?")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        subject, native, code = _parts(file)
        variant = next((name for name in _VARIANTS if file.parent.name.endswith(f"_{name}")), None)
        # What was translated back is English again, out of the language that the file's name gives.
        lang, translated_from = ("en", code) if variant == "bt" else (code, "en" if code != "en" else None)
        if lang in _LANGUAGES and not reading.wants(lang):
            continue
        origin: Origin = "machine" if variant else "native" if code == "en" else "human"
        english = _english(file, subject, native)
        expected = _count(reading, english) if english is not None and english != file else None
        count = _count(reading, file) if expected is not None else None
        if count != expected:
            name = english.name if english else ""
            yield from _misaligned(reading, file, f"the file has {count} rows where {name} has {expected}")
            continue
        split = reading.split_of(Path(f"{native}.csv"))
        make = row_maker(reading, lang, subject, native, split, origin, translated_from, variant)
        yield from outcomes(reading, numbered(reading, file), make)


def _parts(file: Path) -> tuple[str, str, str]:
    """('college_medicine', 'test', 'zu') for college_medicine_test_zu.csv; no language means English."""
    match = _NAME.fullmatch(file.stem)
    if match is None:
        raise DataError(
            f"{file}: the name is not <subject>_<split>_<lang>.csv.", hint=f"It is read from {SOURCE.reads}."
        )
    return match["subject"], match["split"], match["lang"] or "en"


def _english(file: Path, subject: str, native: str) -> Path | None:
    folder = file.parent.name
    for name in _VARIANTS:
        folder = folder.removesuffix(f"_{name}")
    english = file.parent.parent / folder / f"{subject}_{native}.csv"
    return english if english.is_file() else None


def _count(reading: Reading, file: Path) -> int:
    done = reading.bytes_done
    rows = sum(1 for _ in csv_rows(reading, file, COLUMNS))
    reading.bytes_done = done
    return rows


def _misaligned(reading: Reading, file: Path, detail: str) -> Iterator[Outcome]:
    for _ in csv_rows(reading, file, COLUMNS):
        yield reading.reject(Malformed("misaligned", detail))


SOURCE = Source(
    name="mmlu-african",
    title="MMLU clinical in African languages",
    licence="MIT",
    url="https://github.com/InstituteforDiseaseModeling/Bridging-the-Gap-Low-Resource-African-Languages",
    citation="Alhanai et al. 2025, Bridging the Gap, AAAI; arXiv:2412.12417",
    languages=_LANGUAGES,
    tasks=("mcq",),
    reads="mmlu_cm_ck_vir/<subject>_<split>_<lang>.csv (English without _<lang>), also from the folders _mt and _bt",
    patterns=tuple(
        f"{subject}_{native}{ending}.csv"
        for subject in ("clinical_knowledge", "college_medicine", "virology")
        for native in ("dev", "val", "test")
        for ending in ("", "_*")
    ),
    read=read,
)
