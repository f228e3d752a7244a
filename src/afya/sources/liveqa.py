"""LiveQA 2017, medical task: letters to the United States' National Library of Medicine, with answers.

Origin: abachaa/LiveQA_MedicalTask_TREC2017. Licence: none is stated. Size: 634 training pairs (388 for 200 letters, 246
for 246) and 104 test letters. Citation: Ben Abacha A, Agichtein E, Pinter Y, Demner-Fushman D. Overview of the Medical
Question Answering Task at TREC 2017 LiveQA. TREC 2017.

Formats: XML with an NLM-QUESTION a letter. Training files: SUBJECT, MESSAGE, then SUB-QUESTION with ANNOTATIONS (FOCUS,
TYPE) and ANSWERs; every answer is an entry. Test files: Original-Question (SUBJECT, MESSAGE), NIST-PARAPHRASE, perhaps
NLM-Summary, ANNOTATIONS, and ReferenceAnswers; a letter is an entry, its first answer is the reference, the others
stand in extra. The question is the letter as it was written, its subject in extra. Both test files hold the same
letters: read from one folder, the second's are rejected as duplicate_id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from afya.items import Item
from afya.sources.files import xml_root
from afya.sources.source import Malformed, Outcome, Reading, Source, extra

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def read(reading: Reading) -> Iterator[Outcome]:
    for file in reading.files:
        root = xml_root(reading, file)
        if isinstance(root, Malformed):
            yield reading.reject(root)
            continue
        number = 0
        for letter in root.iter("NLM-QUESTION"):
            for make in (_tested(letter),) if letter.find("Original-Question") is not None else _trained(letter):
                number += 1
                reading.stand(file, number, "pair")
                try:
                    yield _item(reading, file, make)
                except Malformed as fault:
                    yield reading.reject(fault)


class _Pair:
    """What one entry is made of; `native_id` None where the file gives none."""

    def __init__(
        self, letter: Element, native_id: str | None, answers: list[str], about: Element, tested: bool
    ) -> None:
        self.letter, self.native_id, self.answers, self.about, self.tested = letter, native_id, answers, about, tested


def _trained(letter: Element) -> Iterator[_Pair]:
    """A training letter's entries: one for each answer, and one that will be refused where it has none."""
    told = letter.get("questionid") or letter.get("qid")
    number = 0
    for part in letter.iter("SUB-QUESTION"):
        for answer in part.iter("ANSWER"):
            number += 1
            name = answer.get("answerid") or (f"{told}-A{number}" if told else None)
            yield _Pair(letter, name, [_words(answer)], part, tested=False)
    if not number:
        yield _Pair(letter, told, [], letter, tested=False)


def _tested(letter: Element) -> _Pair:
    answers = [_words(answer) for answer in letter.iter("ANSWER")]
    return _Pair(letter, letter.get("qid"), answers, letter, tested=True)


def _item(reading: Reading, file: Path, pair: _Pair) -> Item:
    answers = [answer for answer in pair.answers if answer]
    if pair.native_id is None:
        raise Malformed("missing_field", "the letter has no id")
    if not answers:
        raise Malformed("missing_answer", "the answer is empty")
    subject, message = (_words(pair.letter.find(f".//{name}")) for name in ("SUBJECT", "MESSAGE"))
    set_name = "test" if pair.tested else file.stem.rpartition("Medical-")[2].lower() or "train"
    return reading.item(
        f"{set_name}-{pair.native_id}",
        "en",
        task="long_form",
        split=reading.split("test" if pair.tested else "train"),
        question=message or subject,
        answer_text=answers[0],
        extra=extra(
            subject=subject or None,
            letter=pair.letter.get("questionid") or pair.letter.get("qid"),
            focus=_all(pair.about, "FOCUS"),
            type=_all(pair.about, "TYPE"),
            paraphrase=_words(pair.letter.find("NIST-PARAPHRASE")) or None,
            summary=_words(pair.letter.find("NLM-Summary")) or None,
            other_answers=answers[1:] or None,
        ),
    )


def _all(element: Element, name: str) -> list[str] | None:
    return [words for words in map(_words, element.iter(name)) if words] or None


def _words(element: Element | None) -> str:
    """The element's text; the files indent it, so runs of white space are one space."""
    return "" if element is None else " ".join("".join(element.itertext()).split())


SOURCE = Source(
    name="liveqa",
    title="LiveQA 2017, medical task",
    licence="unknown",
    url="https://github.com/abachaa/LiveQA_MedicalTask_TREC2017",
    citation="Ben Abacha et al. 2017, Overview of the Medical Question Answering Task at TREC LiveQA",
    languages=("en",),
    tasks=("long_form",),
    reads="TREC-2017-LiveQA-Medical-Train-1.xml, -Train-2.xml and -Test.xml",
    patterns=("TREC-2017-LiveQA-Medical-*.xml",),
    read=read,
)
