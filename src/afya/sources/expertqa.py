"""ExpertQA: questions that experts asked from their work, with answers by systems that they then corrected.

Origin: chaitanyamalaviya/ExpertQA. Licence: MIT. Size: 2,177 questions in 32 fields; those of medicine and biology are
read. Citation: Malaviya C, Lee S, Chen S, Sieber E, Yatskar M, Roth D. ExpertQA: Expert-Curated Questions and
Attributed Answers. NAACL 2024, 3025-3045.

Format: r2_compiled_anon.jsonl with question, annotator_id, answers {system: answer_string, revised_answer_string,
attribution, claims, usefulness, ...} and metadata (field, specific_field, question_type). 'Healthcare / Medicine'
becomes the source expertqa-med, 'Biology' expertqa-bio; other fields are rejected as not_health. The reference is the
first answer that the expert revised, else the first. There is no id: the line number is one. The file names no split:
all is test.
"""

from __future__ import annotations

from collections.abc import Iterator

from afya.items import Item
from afya.sources.files import Record, json_lines, optional_text, record, text
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes

_VARIANTS = {"Healthcare / Medicine": "med", "Biology": "bio"}


def read(reading: Reading) -> Iterator[Outcome]:
    def make(row: Record) -> Item:
        about = record(row, "metadata")
        field = text(about, "field").strip()
        if field not in _VARIANTS:
            raise Malformed("not_health", f"the field is '{field[:40]}'")
        system, answer, revised = _answer(record(row, "answers"))
        return reading.item(
            str(reading.line),
            "en",
            task="long_form",
            split=split,
            question=text(row, "question"),
            answer_text=answer,
            variant=_VARIANTS[field],
            extra=extra(
                field=field,
                specific_field=(optional_text(about, "specific_field") or "").strip() or None,
                question_type=[part.strip() for part in (optional_text(about, "question_type") or "").split("|")],
                answered_by=system,
                revised=revised,
            ),
        )

    for file in reading.files:
        split = reading.split_of(file)
        yield from outcomes(reading, json_lines(reading, file), make)


def _answer(answers: Record) -> tuple[str, str, bool]:
    """(system, answer, whether the expert revised it) of the answer to learn from."""
    known = [(name, value) for name, value in answers.items() if isinstance(value, dict)]
    for key, revised in (("revised_answer_string", True), ("answer_string", False)):
        for name, value in known:
            found = optional_text(value, key)
            if found is not None:
                return name, found, revised
    raise Malformed("missing_answer", "no system's answer has a text")


SOURCE = Source(
    name="expertqa",
    title="ExpertQA (medicine and biology)",
    licence="MIT",
    url="https://github.com/chaitanyamalaviya/ExpertQA",
    citation="Malaviya et al. 2024, ExpertQA, NAACL, 3025-3045",
    languages=("en",),
    tasks=("long_form",),
    reads="r2_compiled_anon.jsonl",
    patterns=("r2_compiled_anon.jsonl",),
    read=read,
)
