"""MedQuAD: questions and answers from the websites of the United States' National Institutes of Health.

Origin: abachaa/MedQuAD. Licence: CC-BY-4.0. Size: 47,457 pairs, of which 16,407 have an answer (three collections were
published without theirs). Citation: Ben Abacha A, Demner-Fushman D. A Question-Entailment Approach to Question
Answering. BMC Bioinformatics 20:511, 2019.

Formats: the original XML, a folder a collection and a file a document (Document id source url; Focus; QAPair with
Question qid qtype and Answer); or medquad_nonempty.jsonl with id ("collection/qid"), source, url, focus, qtype,
question, answer. Both give the same ids. Pairs without an answer are rejected as missing_answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.items import Item
from afya.sources.files import Record, identifier, json_lines, optional_text, text, xml_root
from afya.sources.source import Malformed, Outcome, Reading, Source, extra, outcomes


def read(reading: Reading) -> Iterator[Outcome]:
    # One document of CancerGov is published as seven with the same ids; their focus tells them apart.
    focus_of: dict[str, str | None] = {}

    def make(row: Record) -> Item:
        native_id, focus = identifier(row, "id"), optional_text(row, "focus")
        answer = optional_text(row, "answer")
        if answer is None:
            raise Malformed("missing_answer", "the answer is empty")
        if focus_of.setdefault(native_id, focus) != focus:
            native_id = f"{native_id}/{focus}"
        return reading.item(
            native_id,
            "en",
            task="long_form",
            split=split,
            question=text(row, "question"),
            answer_text=answer,
            extra=extra(
                collection=optional_text(row, "source"),
                url=optional_text(row, "url"),
                focus=focus,
                type=optional_text(row, "qtype"),
            ),
        )

    split = reading.split("train")
    for file in reading.files:
        rows = _xml_pairs(reading, file) if file.suffix == ".xml" else json_lines(reading, file)
        yield from outcomes(reading, rows, make)


def _xml_pairs(reading: Reading, file: Path) -> Iterator[Record | Malformed]:
    """The pairs of an XML document, as the JSON lines have them."""
    root = xml_root(reading, file)
    if isinstance(root, Malformed):
        yield root
        return
    focus = root.findtext("Focus")
    for number, pair in enumerate(root.iter("QAPair"), 1):
        reading.stand(file, number, "pair")
        question, answer = pair.find("Question"), pair.find("Answer")
        if question is None:
            yield Malformed("empty_question", "the pair has no Question")
            continue
        yield {
            "id": f"{file.parent.name}/{question.get('qid', '')}" if question.get("qid") else None,
            "source": root.get("source"),
            "url": root.get("url"),
            "focus": focus.strip() if focus else None,
            "qtype": question.get("qtype"),
            "question": (question.text or "").strip(),
            "answer": "" if answer is None else "".join(answer.itertext()).strip(),
        }


SOURCE = Source(
    name="medquad",
    title="MedQuAD",
    licence="CC-BY-4.0",
    url="https://github.com/abachaa/MedQuAD",
    citation="Ben Abacha and Demner-Fushman 2019, BMC Bioinformatics 20:511",
    languages=("en",),
    tasks=("long_form",),
    reads="*.xml in a folder for each collection, or medquad_nonempty.jsonl",
    patterns=("*.xml", "medquad*.jsonl"),
    read=read,
)
