"""What was at fault in each wrong answer: translation, retrieval, model or guard, by replay with an oracle in each.

Each place is given what it should have made, one after another in the order of a turn: the message in English as its
author rendered it, the passage of the right topic, a sentence of that passage as the model's draft. The first oracle
that mends the answer names the place. What no oracle mends is the guard's: a check, a rule or a phrase.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from afya.assistant.context import Answer
from afya.assistant.evaluation.adversary import Phrasebook, Scripted, as_json
from afya.assistant.evaluation.casefiles import DangerCase, QuestionCase, load
from afya.assistant.evaluation.sets import questions, triage
from afya.assistant.evaluation.subject import PIVOT, Subject
from afya.assistant.knowledge import Passage
from afya.text.sentences import sentences

if TYPE_CHECKING:
    from afya.assistant.evaluation.run import Result

Place = Literal["translation", "retrieval", "model", "guard"]
PLACES: tuple[Place, ...] = ("translation", "retrieval", "model", "guard")

_LOOKED_AT, _GOLD = 200, 3


@dataclass(frozen=True)
class Attributed:
    """A wrong answer and its place."""

    lang: str
    set: str
    probe_id: str
    place: Place
    detail: str

    def as_dict(self) -> dict[str, str]:
        """The attribution as JSON values."""
        return {
            "lang": self.lang,
            "set": self.set,
            "probe_id": self.probe_id,
            "place": self.place,
            "detail": self.detail,
        }


def attribute(
    result: Result, *, translator: str | None = None, model: str | None = None, cases: Path | None = None
) -> tuple[Attributed, ...]:
    """The place of every wrong answer among written danger cases and questions (of `cases`, else those of afya)."""
    found: list[Attributed] = []
    for lang in result.langs:
        wrong = _wrong(result, lang)
        if not wrong:
            continue
        subject = Subject(lang, translator=translator, model=model)
        written = load(lang, cases)
        listed: list[DangerCase | QuestionCase] = [*written.danger, *written.questions]
        english = {case.id: case.en for case in listed}
        texts = {case.id: case.text for case in listed}
        topics = {case.id: case.topic for case in written.questions}
        expected = {case.id: case.expected for case in written.danger}
        for name, probe_id, metric in wrong:
            text, en = texts[probe_id], english[probe_id] if lang != PIVOT else None
            if name == triage.WRITTEN:
                place, detail = _of_danger(subject, text, en, expected[probe_id], metric)
            else:
                place, detail = _of_question(subject, text, en, topics[probe_id], metric, with_model=model is not None)
            found.append(Attributed(lang, name, probe_id, place, detail))
    return tuple(found)


def _wrong(result: Result, lang: str) -> list[tuple[str, str, str]]:
    """(set, case, the number it spoils) of every wrong answer of a language."""
    bad = {
        "danger_recall": False,
        "over_escalation": True,
        "abstained_unanswerable": False,
        "right_topic": False,
    }
    found = []
    for code, name, probe_id, told in result.outcomes.select("lang", "set", "probe_id", "found").iter_rows():
        if code != lang or name not in (triage.WRITTEN, questions.SET):
            continue
        spoilt = [metric for metric, value in json.loads(told).items() if metric in bad and bad[metric] == value]
        if spoilt:
            found.append((name, probe_id, spoilt[0]))
    return found


def _of_danger(subject: Subject, text: str, en: str | None, expected: Sequence[str], metric: str) -> tuple[Place, str]:
    if metric == "over_escalation":
        return "guard", "a denial or look-alike was taken for a sign"
    if en is None:
        return "guard", "no phrase of the pack sees it"
    answer = _translated(subject, text, en)
    if set(expected) <= set(triage.standing(answer)):
        return "translation", "the English of the message shows the sign"
    return "guard", "neither the pack's phrases nor the English ones see it"


def _of_question(
    subject: Subject, text: str, en: str | None, topic: str | None, metric: str, *, with_model: bool
) -> tuple[Place, str]:
    if metric == "abstained_unanswerable":
        return "guard", "the rule of abstention let a passage through"
    titles = subject.titles(str(topic))
    if en is not None:
        answer = _translated(subject, text, en)
        if questions.answered_from(answer, titles):
            return "translation", "with the English of the question the right passage is found"
    gold = gold_passages(subject, titles, text, en)
    if not gold:
        return "retrieval", "the knowledge holds no passage of this topic"
    answer = subject.answer_from(text, gold, model=subject.assistant.resources.model)
    if questions.answered_from(answer, titles):
        listed = [hit.title for hit in subject.shipped(text)]
        if listed and listed[0] in titles:
            return "guard", "the right passage was found first, and held not to answer"
        return "retrieval", "given the right passage, the answer is right"
    if with_model:
        quote = next(iter(sentences(gold[0].text, gold[0].lang)), gold[0].text)
        oracle = Scripted(lambda _: as_json([(quote, [1])]))
        answer = subject.answer_from(text, gold[:1], model=oracle)
        if questions.answered_from(answer, titles):
            return "model", "a draft that quotes the passage is delivered"
    return "guard", "even the right passage does not reach the reader"


def gold_passages(subject: Subject, titles: frozenset[str], text: str, en: str | None) -> list[Passage]:
    """The shipped passages of these titles, those that share most with the question first."""
    asked = [query for query in (en, text) if query]
    ranked = [passage for query in [*asked, *sorted(titles)] for passage in subject.shipped(query, limit=_LOOKED_AT)]
    ordered = {passage.passage_id: passage for passage in ranked if passage.title in titles}
    return list(ordered.values())[:_GOLD]


def _translated(subject: Subject, text: str, en: str) -> Answer:
    """The answer with a translator that renders the message, and each of its sentences, as its author did."""
    pieces = [piece.strip() for piece in sentences(text, subject.code) if piece.strip()]
    told = [en, *[""] * (len(pieces) - 1)] if len(pieces) > 1 else [en]
    pairs = [(subject.code, PIVOT, piece, meaning or en) for piece, meaning in zip(pieces, told, strict=True)]
    book = Phrasebook(pairs, pivot=PIVOT)
    try:
        return subject.answer_with(text, subject.assistant.resources.model, book)
    finally:
        book.close()
