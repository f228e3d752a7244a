"""A guided assessment: one question at a time, danger signs first, and no question whose answer changes nothing.

Nothing is printed here: a step is a Question and an outcome an Assessment, for a terminal or a page to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from afya.errors import DataError
from afya.protocols.conditions import Value
from afya.protocols.evaluate import Assessment, Findings, check_findings, evaluate
from afya.protocols.model import DANGER_SECTION, Input, Protocol

FORMAT = 1
"""The version of a saved assessment."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `choices` are the values of a yes-or-no question (True, False) or a choice; empty for a number.

    `key` is the question's text in a pack, `choice_keys` those of the choices; a number lies in [low, high) in steps.
    """

    name: str
    kind: Literal["int", "number", "bool", "enum"]
    key: str
    choices: tuple[Value, ...]
    choice_keys: tuple[str, ...]
    unit: str | None
    low: float | None
    high: float | None
    step: float
    section: str | None
    danger: bool


def question_of(entry: Input) -> Question:
    """The question for an input."""
    if entry.kind == "bool":
        keys: tuple[str, ...] = ("answer.is_true", "answer.is_false")
    else:
        keys = tuple(f"answer.{entry.name}.{value}" for value in entry.values)
    return Question(
        name=entry.name,
        kind=entry.kind,
        key=f"question.{entry.name}",
        choices=entry.domain(),
        choice_keys=keys,
        unit=entry.unit,
        low=entry.low,
        high=entry.high,
        step=entry.step,
        section=entry.section,
        danger=entry.danger,
    )


def next_question(
    protocol: Protocol,
    findings: Findings,
    *,
    sections: Iterable[str] | None = None,
    unknown: Iterable[str] = (),
) -> Input | None:
    """The input to ask for next; None when nothing more would change what is to be done.

    Danger signs come first, then the age and whatever every assessment needs, then what can still change the result of
    a table, in the order of the file; last the weight, where an amount depends on it. Once a red row is certain nothing
    more is asked. `unknown` names what was asked without an answer.
    """
    return _next(protocol, evaluate(protocol, findings, sections=sections), frozenset(unknown))


def _next(protocol: Protocol, assessment: Assessment, unknown: frozenset[str]) -> Input | None:
    if assessment.outside:
        return None
    missing = assessment.missing
    if assessment.colour == "red":
        if any(row.colour == "red" for row in assessment.rows):
            return None
        # That it is red is sure, but not yet which red: what to do may differ.
        red = [result for result in assessment.results if (row := result.at_least) and row.colour == "red"]
        missing = tuple(dict.fromkeys(name for result in red for name in result.missing))
    # What follows a first question that nobody could answer cannot decide its part any more.
    closed = {protocol.inputs[name].section for name in unknown if protocol.inputs[name].entry}
    open_names = [
        name for name in missing if name not in unknown and (protocol.inputs[name].section or "") not in closed
    ]
    if open_names:
        order = {name: place for place, name in enumerate(protocol.inputs)}
        return protocol.inputs[min(open_names, key=lambda name: (_rank(protocol.inputs[name]), order[name]))]
    if assessment.colour == "red":
        return None
    for entry in protocol.inputs.values():
        wanted = entry.dosing_only and assessment.findings.get(entry.name) is None and entry.name not in unknown
        if wanted and any(_by_weight(protocol, result.medicine) for result in assessment.doses):
            return entry
    return None


def _rank(entry: Input) -> int:
    return 0 if entry.danger else 1 if entry.section == DANGER_SECTION else 2 if entry.required else 3


def _by_weight(protocol: Protocol, medicine: str) -> bool:
    return any(band.kg is not None for band in protocol.medicines[medicine].bands)


class Guided:
    """An assessment under way: the answers in the order in which they came, and what follows from them."""

    def __init__(self, protocol: Protocol, sections: Sequence[str] | None = None) -> None:
        """`sections`: the parts to assess (default all). Raises DataError for one that the protocol does not have."""
        self.protocol = protocol
        self.sections = tuple(protocol.sections if sections is None else sections)
        self._answers: dict[str, Value | None] = {}
        self._assessment = evaluate(protocol, {}, sections=self.sections)

    @property
    def answers(self) -> Mapping[str, Value | None]:
        """What was answered, in order; None: not known."""
        return dict(self._answers)

    @property
    def question(self) -> Question | None:
        """The next question; None when the assessment is at its end."""
        entry = _next(self.protocol, self._assessment, self.unknown)
        return None if entry is None else question_of(entry)

    @property
    def result(self) -> Assessment:
        """The outcome for the answers so far."""
        return self._assessment

    @property
    def unknown(self) -> frozenset[str]:
        """What was asked and is not known."""
        return frozenset(name for name, value in self._answers.items() if value is None)

    @property
    def not_asked(self) -> tuple[str, ...]:
        """What a complete assessment would still have asked, in the order of the file.

        Of a part that begins with one question (has the child a cough?) only that one, as long as it is open.
        """
        missing = set(self._assessment.missing) - set(self._answers)
        opening = missing | self.unknown
        closed = {self.protocol.inputs[name].section for name in opening if self.protocol.inputs[name].entry}
        return tuple(
            name
            for name, entry in self.protocol.inputs.items()
            if name in missing and (entry.entry or entry.section not in closed)
        )

    def answer(self, name: str, value: Value | None) -> None:
        """Take an answer; None: not known. An answer to an earlier question replaces it.

        Raises DataError, and keeps the answers as they were, when the value cannot be.
        """
        answers = {**self._answers, name: value}
        check_findings(self.protocol, answers)
        self._assessment = evaluate(self.protocol, answers, sections=self.sections)
        self._answers = answers

    def back(self) -> str | None:
        """Take the last answer back; its name, or None when there is none."""
        if not self._answers:
            return None
        name = next(reversed(self._answers))
        del self._answers[name]
        self._assessment = evaluate(self.protocol, self._answers, sections=self.sections)
        return name

    def step(self) -> dict[str, object]:
        """Where the assessment stands, as plain values: the answers, the next question or null, the colour."""
        question = self.question
        return {
            "protocol": self.protocol.name,
            "answers": dict(self._answers),
            "question": None if question is None else asdict(question),
            "colour": self._assessment.colour,
            "not_asked": list(self.not_asked) if question is None else [],
        }

    def saved(self) -> dict[str, object]:
        """What is needed to go on later."""
        return {
            "format": FORMAT,
            "protocol": self.protocol.name,
            "version": self.protocol.version,
            "sections": list(self.sections),
            "answers": [[name, value] for name, value in self._answers.items()],
        }

    @classmethod
    def resumed(cls, protocol: Protocol, saved: object, where: str) -> Guided:
        """The assessment of a saved state. Raises DataError when it belongs to another protocol or is not one."""
        if not isinstance(saved, dict) or saved.get("format") != FORMAT:
            raise DataError(f"{where}: this is no saved assessment.", hint="Give another file to --save.")
        for key, now in (("protocol", protocol.name), ("version", protocol.version)):
            if saved.get(key) != now:
                raise DataError(
                    f"{where}: saved with {key} {saved.get(key)}, but this is {now}.",
                    hint="Start anew with another file.",
                )
        sections, answers = saved.get("sections"), saved.get("answers")
        if not isinstance(sections, list) or not isinstance(answers, list):
            raise DataError(f"{where}: sections and answers must be lists.", hint="Start anew with another file.")
        guided = cls(protocol, [str(section) for section in sections])
        for entry in answers:
            if not isinstance(entry, list) or len(entry) != 2:
                raise DataError(f"{where}: {entry!r} is no answer.", hint="Start anew with another file.")
            guided.answer(str(entry[0]), entry[1])
        return guided
