"""JMMLU, medicine and biology: MMLU's questions in Japanese.

Origin: nlp-waseda/JMMLU; translated by machine, then checked, selected and corrected by translators. Licence:
CC-BY-SA-4.0. Size: 7,536 questions in 53 subjects, of which 1,701 in the twelve subjects read here. Citation: Yin Z,
Wang H, Horio K, Kawahara D, Sekine S. Should We Respect LLMs? A Cross-Lingual Study on the Influence of Prompt
Politeness on LLM Performance. SICon at EMNLP 2024; arXiv:2402.14531.

Format: MMLU's (CSV without a header: question, options A to D, letter), one file a subject, named after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.sources.mmlu import numbered, row_maker
from afya.sources.source import Outcome, Reading, Source, outcomes

SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "high_school_biology",
    "human_aging",
    "human_sexuality",
    "medical_genetics",
    "nutrition",
    "professional_medicine",
    "professional_psychology",
    "virology",
)


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        make = row_maker(reading, "ja", file.stem, "test", reading.split("test"), "human", "en")
        yield from outcomes(reading, numbered(reading, file), make)


SOURCE = Source(
    name="jmmlu",
    title="JMMLU (medicine and biology)",
    licence="CC-BY-SA-4.0",
    url="https://github.com/nlp-waseda/JMMLU",
    citation="Yin et al. 2024, Should We Respect LLMs?, SICon at EMNLP; arXiv:2402.14531",
    languages=("ja",),
    tasks=("mcq",),
    reads="<subject>.csv of the twelve subjects in medicine and biology",
    patterns=tuple(f"{subject}.csv" for subject in SUBJECTS),
    read=read,
)
