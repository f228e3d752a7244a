"""Trying a pack: every message of its tests.jsonl asked of the assistant, and what came otherwise than written there.

A test is a message of the pack's people with what must come of it: the route, the danger rules that stand (exactly
these), the protocol, facts, and words that must and must not stand in the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import Formatter

from afya.assistant.context import Answer
from afya.assistant.stages import Assistant
from afya.packs import Pack
from afya.packs.schema import PackTest
from afya.text.normalise import fold_marks

# What a fault is about, in the order in which a table shows them.
KINDS: tuple[str, ...] = ("route", "protocol", "danger", "findings", "must", "must_not")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that came otherwise: what it is about, what was expected, what came."""

    kind: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.kind}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A test and its faults; none when it passed."""

    test: PackTest
    faults: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """Whether everything came as written."""
        return not self.faults

    def as_dict(self) -> dict[str, object]:
        """The outcome as JSON values."""
        faults = [{"kind": fault.kind, "expected": fault.expected, "found": fault.found} for fault in self.faults]
        return {"id": self.test.id, "passed": self.passed, "text": self.test.text, "faults": faults}


def run_tests(assistant: Assistant, ask: Callable[[str], Answer] | None = None) -> tuple[Outcome, ...]:
    """Every test of the assistant's pack, in the file's order. `ask` answers instead of the assistant, where given."""
    pack = assistant.resources.chosen.pack
    answer = ask or assistant.ask
    return tuple(Outcome(test, tuple(_faults(test, answer(test.text), pack))) for test in pack.tests)


def _faults(test: PackTest, answer: Answer, pack: Pack) -> Iterator[Fault]:
    if test.route is not None and answer.route != test.route:
        yield Fault("route", test.route, str(answer.route))
    if test.protocol is not None and answer.protocol != test.protocol:
        yield Fault("protocol", test.protocol, str(answer.protocol))
    standing = sorted({sign.rule for sign in answer.signs if not sign.denied})
    if standing != sorted(set(test.danger)):
        yield Fault("danger", _listed(sorted(set(test.danger))), _listed(standing))
    for name, value in (test.findings or {}).items():
        if answer.findings.get(name) != value:
            yield Fault("findings", f"{name} = {value}", f"{answer.findings.get(name)}")
    said = fold_marks(answer.text)
    for wanted in test.must:
        if not _stands(wanted, said, answer, pack):
            yield Fault("must", wanted, _short(answer.text))
    for unwanted in test.must_not:
        if _stands(unwanted, said, answer, pack):
            yield Fault("must_not", f"no {unwanted}", _short(answer.text))


def _listed(rules: list[str]) -> str:
    return ", ".join(rules) or "none"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 160 else f"{flat[:160]}..."


def _stands(wanted: str, said: str, answer: Answer, pack: Pack) -> bool:
    """Whether a text of the pack (named by its key) or else the words themselves stand in the answer."""
    views = [pack]
    if answer.protocol is not None and answer.protocol in pack.protocol_texts:
        views.insert(0, pack.for_protocol(answer.protocol))
    for view in views:
        template = view.messages.get(wanted)
        if template is not None:
            pieces = [piece for piece, _, _, _ in Formatter().parse(template) if piece.strip()]
            return all(fold_marks(piece.strip()) in said for piece in pieces)
    return fold_marks(wanted) in said
