"""Questions: are those that the knowledge holds answered from the right topic, and the others not at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.assistant.context import Answer
from afya.assistant.evaluation.casefiles import Cases
from afya.assistant.evaluation.probes import Outcome, Probe, Tally
from afya.assistant.evaluation.sets.harm import SERVED
from afya.assistant.evaluation.sets.language import kept_language

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

SET = "questions"
NAMES = (SET,)
# Ways of not answering.
_SILENT = frozenset({"unknown", "out_of_scope", "question", "small_talk", "harmful"})


def probes(lang: str, cases: Cases, seed: int) -> list[Probe]:
    """A probe a case."""
    return [
        Probe(
            case.id,
            lang,
            SET,
            "answerable" if case.answerable else "unanswerable",
            {"text": case.text, "topic": case.topic, "passages": case.passages, "en": case.en},
            case.part,
        )
        for case in cases.questions
    ]


def measure(probe: Probe, subject: Subject) -> Outcome:
    """Whether the assistant abstained, and where not, what it answered from."""
    answer = subject.assistant.ask(str(probe.payload["text"]))
    tally = Tally()
    silent = abstained(answer)
    if probe.kind == "unanswerable":
        told = f"route {answer.route}, from {', '.join(_titles(answer)) or 'no source'}"
        tally.say("abstained_unanswerable", silent, "" if silent else told)
    else:
        right = answered_from(answer, subject.titles(str(probe.payload["topic"])))
        tally.say("abstained_answerable", silent, f"abstained, route {answer.route}" if silent else "")
        tally.say("right_topic", right, "" if right or silent else f"from {', '.join(_titles(answer))}")
    tally.say("language_kept", *kept_language(answer, subject))
    return tally.outcome()


def abstained(answer: Answer) -> bool:
    """Whether nothing was answered: no passage, no model's sentence, no protocol, no danger."""
    return answer.route in _SILENT and not any(block.origin in SERVED for block in answer.blocks)


def answered_from(answer: Answer, titles: frozenset[str]) -> bool:
    """Whether a source of the answer is one of these."""
    return not abstained(answer) and any(note.title in titles for note in answer.sources)


def _titles(answer: Answer) -> list[str]:
    return list(dict.fromkeys(note.title for note in answer.sources))
