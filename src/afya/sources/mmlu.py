"""MMLU, the medical subjects: four-option questions gathered from practice examinations and textbooks.

Origin: hendrycks/test. Licence: MIT. Size: 1,794 test questions in the nine subjects read here. Citation: Hendrycks D,
Burns C, Basart S, Zou A, Mazeika M, Song D, Steinhardt J. Measuring Massive Multitask Language Understanding.
ICLR 2021.

Format: CSV without a header: question, options A to D, the answer's letter. The file's name gives the subject and the
split ('anatomy_test.csv'); a row's place in the file is its id. The five rows of '_dev' are few-shot examples; they and
'_val' become the split dev.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from afya.items import Item, Origin, Split
from afya.sources.files import answer_index, csv_rows
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

COLUMNS = 6
LABELS = "ABCD"
SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "human_aging",
    "medical_genetics",
    "nutrition",
    "professional_medicine",
    "virology",
)
_NATIVE_SPLITS = ("dev", "val", "test")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        subject, native = subject_and_split(file)
        make = row_maker(reading, "en", subject, native, reading.split_of(file))
        yield from outcomes(reading, numbered(reading, file), make)


def subject_and_split(file: Path) -> tuple[str, str]:
    """('anatomy', 'test') for anatomy_test.csv; a name without a split is a test set's."""
    subject, _, native = file.stem.rpartition("_")
    return (subject, native) if subject and native in _NATIVE_SPLITS else (file.stem, "test")


def numbered(reading: Reading, file: Path) -> Iterator[tuple[int, list[str]] | Malformed]:
    """The rows of a file with their place in it (from 1); a malformed row keeps its place."""
    for number, row in enumerate(csv_rows(reading, file, COLUMNS), 1):
        yield (number, row) if isinstance(row, list) else row


def row_maker(
    reading: Reading,
    lang: str,
    subject: str,
    native: str,
    split: Split,
    origin: Origin = "native",
    translated_from: str | None = None,
    variant: str | None = None,
) -> Callable[[tuple[int, list[str]]], Item]:
    """A function from a numbered row to its Item."""
    about = extra(subject=subject, native_split=native)

    def make(numbered_row: tuple[int, list[str]]) -> Item:
        number, (question, *options, letter) = numbered_row
        return reading.item(
            f"{subject}-{native}-{number}",
            lang,
            task="mcq",
            split=split,
            question=question,
            options=tuple(option.strip() for option in options),
            answer=(answer_index(letter, LABELS, len(options)),),
            origin=origin,
            translated_from=translated_from,
            variant=variant,
            extra=about,
        )

    return make


SOURCE = Source(
    name="mmlu",
    title="MMLU (medical subjects)",
    licence="MIT",
    url="https://github.com/hendrycks/test",
    citation="Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding, ICLR",
    languages=("en",),
    tasks=("mcq",),
    reads="<subject>_test.csv, <subject>_val.csv, <subject>_dev.csv of the nine medical subjects",
    patterns=tuple(f"{subject}_{native}.csv" for subject in SUBJECTS for native in _NATIVE_SPLITS),
    read=read,
)
