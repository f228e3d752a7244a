"""ASHABot's knowledge texts: questions and answers for India's community health workers.

Origin: A4i-tech/byoeb (sample_kb). Licence: MIT. Size: 55 questions in three of the five files; the other two are a
booklet and a schedule, which ask nothing. Citation: Ramjee P, Chhokar M, Sachdeva B, et al. ASHABot: An LLM-Powered
Chatbot to Support the Informational Needs of Community Health Workers. CHI 2025.

Format: plain text. A line that ends with a question mark, after a number or not, is a question; what follows it to the
next is its answer. The title above the first question stands in extra. A file without a question is rejected as
no_question, once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from afya.sources.files import text_lines
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

_NUMBER = re.compile(r"\d{1,3}[.)]?\s+")


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        yield from _file(reading, file)


def _file(reading: Reading, file: Path) -> Iterator[Outcome]:
    title: str | None = None
    question: str | None = None
    where, number = 0, 0
    answer: list[str] = []
    for line in text_lines(reading, file):
        if isinstance(line, Malformed):
            yield reading.reject(line)
            continue
        if line.strip().endswith("?"):
            here = reading.line
            if question is not None:
                yield _outcome(reading, file, where, number, question, answer, title)
            reading.stand(file, here)
            question, where, number, answer = _NUMBER.sub("", line.strip(), count=1), here, number + 1, []
        elif question is not None:
            answer.append(line.rstrip())
        elif title is None and line.strip():
            title = line.strip()
    if question is not None:
        yield _outcome(reading, file, where, number, question, answer, title)
    else:
        yield reading.reject(Malformed("no_question", "no line of the file is a question"))


def _outcome(
    reading: Reading, file: Path, where: int, number: int, question: str, answer: list[str], title: str | None
) -> Outcome:
    reading.stand(file, where)
    told = "\n".join(answer).strip()
    if not told:
        return reading.reject(Malformed("missing_answer", "nothing stands below the question"))
    return reading.item(
        f"{file.stem}-{number}",
        "en",
        task="long_form",
        split=reading.split("train"),
        question=question,
        answer_text=told,
        extra=extra(title=title),
    )


SOURCE = Source(
    name="ashabot",
    title="ASHABot knowledge texts",
    licence="MIT",
    url="https://github.com/A4i-tech/byoeb",
    citation="Ramjee et al. 2025, ASHABot, CHI",
    languages=("en",),
    tasks=("long_form",),
    reads="sample_kb/*.txt",
    patterns=("*_faq.txt", "dengue_*.txt", "immunization_*.txt", "safe_*.txt"),
    read=read,
)
