"""What a turn is made of: a frozen request, what each stage found, and the answer.

A stage gets the context and gives back a new one with its own field filled; nothing is changed in place, so a stage
that is stopped for being late leaves no half-written state behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from afya.protocols.conditions import Value
from afya.protocols.evaluate import Assessment

Colour = Literal["red", "yellow", "green", "unknown"]
Origin = Literal["pack", "model"]
RouteName = Literal["emergency", "protocol", "danger_list", "out_of_scope", "unknown"]
# Without these stages an answer is still the protocol's: the language is then unknown, the model's wording left out.
DISPENSABLE = frozenset({"language", "phrase"})
Status = Literal["ok", "exit", "failed", "late", "skipped"]


@dataclass(frozen=True, slots=True)
class Request:
    """One message: what was typed, and the language the person chose."""

    text: str
    lang: str


@dataclass(frozen=True, slots=True)
class Received:
    """The message within bounds. `fault` is the key of the notice that says why it cannot be answered, or None."""

    text: str
    bytes: int
    fault: str | None


@dataclass(frozen=True, slots=True)
class LanguageCheck:
    """Whether the message is in the chosen language: True, False, or None where that is uncertain."""

    matches: bool | None
    detected: str | None
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A danger phrase found: which rule, which words, where, in which language's pack, and whether it is denied."""

    rule: str
    words: str
    start: int
    end: int
    lang: str
    denied: bool


@dataclass(frozen=True, slots=True)
class Triage:
    """The danger phrases found, and the rules that stand (not denied), in the order of the rules."""

    signs: tuple[Sign, ...]
    standing: tuple[str, ...]
    langs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the message says about the child, by the protocol's inputs; and numbers left out as impossible."""

    findings: Mapping[str, Value]
    left_out: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where the message goes, and the sections of the protocol it is about."""

    name: RouteName
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phrasing:
    """A model's wording of the advice. `text` is set only when every check passed; `failed` names the others."""

    model: str
    text: str | None
    failed: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph of the answer. `kind` tells how to show it; `origin` who wrote it."""

    kind: str
    text: str
    origin: Origin = "pack"


@dataclass(frozen=True, slots=True)
class SourceNote:
    """A document and the place in it that the answer rests on, and whether a clinician has signed the row."""

    title: str
    publisher: str
    page: str
    row: str
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Event:
    """What one stage did: for the audit. `detail` holds plain values only (no text of the message)."""

    stage: str
    status: Status
    ms: float
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is given back for one message.

    `colour` is None when nothing was assessed. `uncertain` holds the sentences that say what is not known, `missing`
    the names of the protocol's inputs that are. Every block but those of origin "model" is the pack's text.
    """

    lang: str
    colour: Colour | None
    route: RouteName | None
    blocks: tuple[Block, ...]
    sources: tuple[SourceNote, ...]
    uncertain: tuple[str, ...]
    missing: tuple[str, ...]
    findings: Mapping[str, Value]
    signs: tuple[Sign, ...]
    events: tuple[Event, ...]

    @property
    def text(self) -> str:
        """The whole answer as plain text, a block a line."""
        return "\n".join(block.text for block in self.blocks)

    def as_dict(self) -> dict[str, object]:
        """The answer as JSON values."""
        return {
            "lang": self.lang,
            "colour": self.colour,
            "route": self.route,
            "blocks": [{"kind": block.kind, "text": block.text, "origin": block.origin} for block in self.blocks],
            "sources": [
                {
                    "title": note.title,
                    "publisher": note.publisher,
                    "page": note.page,
                    "row": note.row,
                    "reviewed": note.reviewed,
                }
                for note in self.sources
            ],
            "uncertain": list(self.uncertain),
            "missing": list(self.missing),
            "findings": dict(self.findings),
            "danger_signs": [
                {"rule": sign.rule, "words": sign.words, "lang": sign.lang, "denied": sign.denied}
                for sign in self.signs
            ],
            "events": [
                {"stage": event.stage, "status": event.status, "ms": round(event.ms, 2), **event.detail}
                for event in self.events
            ],
        }


@dataclass(frozen=True, slots=True)
class Context:
    """One turn so far. A field is None until its stage has run, and stays None when the stage failed."""

    request: Request
    received: Received | None = None
    language: LanguageCheck | None = None
    normalised: str | None = None
    triage: Triage | None = None
    facts: Facts | None = None
    route: Route | None = None
    assessment: Assessment | None = None
    phrasing: Phrasing | None = None
    answer: Answer | None = None
    notice: str | None = None
    failed: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether a stage failed without which no advice may be given."""
        return any(name not in DISPENSABLE for name in self.failed)
