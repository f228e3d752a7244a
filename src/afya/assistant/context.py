"""What a turn is made of: a frozen request, what each stage found, and the answer.

A stage gets the context and gives back a new one with its own field filled; nothing is changed in place, so a stage
that is stopped for being late leaves no half-written state behind.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from afya.protocols.conditions import Value
from afya.protocols.evaluate import Assessment

if TYPE_CHECKING:
    # Defined where they are made; they know nothing of a turn.
    from afya.assistant.checks import Draft, Failure, Sentence, Verdict
    from afya.assistant.knowledge import Hit
    from afya.assistant.understanding.harm import Harm
    from afya.assistant.understanding.privacy import Masked

Colour = Literal["red", "yellow", "green", "unknown"]
Origin = Literal["pack", "passage", "model", "translation", "gloss", "name"]
"""Who wrote a paragraph: the pack; a passage, word for word; a model; a translator; the pack's glossary, term by term;
or it is a proper name (a language's)."""
RouteName = Literal[
    "emergency", "protocol", "question", "small_talk", "danger_list", "out_of_scope", "harmful", "unknown"
]
Mode = Literal["direct", "pivot", "retrieve+pivot"]
"""How a question in another language than the pivot's is answered: in itself, by its translation, or found by both."""
Who = Literal["child", "infant", "woman", "adult", "anyone"]
# Without these stages an answer is still the protocol's or a passage's: the language is then unknown, the spelling as
# it is, no translation and no model's wording, nothing kept.
_LEFT_OUT = "language spell translate_in retrieve generate verify translate_out check_back persist audit"
DISPENSABLE = frozenset(_LEFT_OUT.split())
Status = Literal["ok", "exit", "failed", "late", "skipped"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a conversation has found out so far: carried from one turn to the next.

    `asked` is the protocol's input that the last answer asked for, or "who" where it asked whom the message is about.
    `turns` counts the turns so far, `when` is the last one's time; `contradicted` were told in two ways.
    """

    findings: Mapping[str, Value] = field(default_factory=dict)
    protocol: str | None = None
    asked: str | None = None
    who: Who | None = None
    sections: tuple[str, ...] = ()
    when: datetime | None = None
    turns: int = 0
    contradicted: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One message: what was typed, the language the person chose, and what the conversation knows already."""

    text: str
    lang: str
    conversation: Known | None = None
    mode: Mode | None = None
    when: datetime | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """The message within bounds. `fault` is the key of the notice that says why it cannot be answered, or None.

    `remarks` are keys of notices about its signs: some are invisible, or letters of several scripts stand in a word.
    """

    text: str
    bytes: int
    fault: str | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LanguageCheck:
    """Whether the message is in the chosen language: True, False, or None where that is uncertain.

    `mixed` names the other languages that words or sentences of the message are in; `scripts` those of its letters.
    """

    matches: bool | None
    detected: str | None
    confidence: float
    reason: str
    mixed: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spelled:
    """A copy of the message with the pack's spellings, for triage and topics only; and the words put right.

    `near`: that copy with slips in words of danger phrases put right, for triage alone; None where there are none.
    """

    text: str
    changed: tuple[tuple[str, str], ...] = ()
    near: str | None = None


@dataclass(frozen=True, slots=True)
class Pivot:
    """The message in the pivot language (English).

    `origin`: the message itself (it is English), a translation that passed its checks, or the glossary's term-by-term
    gloss, which is good enough to search and to look for danger in, and is never shown as a translation. `failed` names
    the checks that a translation did not pass (it is then looked through for danger, and used for nothing else).
    """

    text: str
    origin: Literal["source", "translation", "gloss"]
    engine: str | None = None
    failed: tuple[str, ...] = ()
    error: str | None = None

    @property
    def sound(self) -> bool:
        """Whether the text says what the message says, as far as was checked."""
        return self.origin != "gloss" and not self.failed and self.error is None


@dataclass(frozen=True, slots=True)
class Sign:
    """A danger phrase found: which rule, which words, where, in which language's pack, and whether it is denied.

    `seen_in`: in the message, in the copy of it whose spelling was put right, or in the pivot text; offsets are there.
    """

    rule: str
    words: str
    start: int
    end: int
    lang: str
    denied: bool
    seen_in: Literal["message", "copy", "near", "pivot"] = "message"


@dataclass(frozen=True, slots=True)
class Triage:
    """The danger phrases found, and the rules that stand (not denied), in the order of the rules.

    `unseen_rules` have no phrases in the chosen language's pack: they were looked for in English and the pivot only.
    """

    signs: tuple[Sign, ...]
    standing: tuple[str, ...]
    langs: tuple[str, ...]
    unseen_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What the message says about the person, by the protocol's inputs; and numbers left out as impossible.

    `contradicted` were told otherwise earlier in the conversation (they count as not known, and are asked again),
    `remembered` come from earlier in it, `unanswered` were asked for and are not known to the person.
    """

    findings: Mapping[str, Value]
    left_out: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    contradicted: tuple[str, ...] = ()
    remembered: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Where the message goes: the protocol and its sections, or the kind of small talk."""

    name: RouteName
    sections: tuple[str, ...] = ()
    protocol: str | None = None
    talk: str | None = None


@dataclass(frozen=True, slots=True)
class Phrasing:
    """A model's wording of the advice. `text` is set only when every check passed; `failed` names the others."""

    model: str
    text: str | None
    failed: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which protocol the message is about, as far as it says; whom it is about; whether that must be asked.

    `named` are the protocols whose words stand in it, most first. `fresh`: it is about another person than before.
    """

    protocol: str
    who: Who | None = None
    ask_who: bool = False
    named: tuple[str, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The passages found for a question, best first, and whether they may answer it at all."""

    hits: tuple[Hit, ...]
    answerable: bool
    fingerprint: str
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generated:
    """A model's draft or failure, in which language, by which model, and after how many repairs."""

    model: str
    lang: str
    outcome: Draft | Failure
    repairs: int = 0


@dataclass(frozen=True, slots=True)
class Verified:
    """The verdicts on a draft; `passed` when every check passed on every sentence."""

    verdicts: tuple[Verdict, ...]
    passed: bool


@dataclass(frozen=True, slots=True)
class Delivered:
    """A draft in the language of the answer, sentence by sentence, and what the checks of its translation say.

    `passed` False: it is not shown; the sentences of the draft are, in the pivot language, and a supervisor is asked.
    """

    sentences: tuple[Sentence, ...]
    lang: str
    translated: bool
    verdicts: tuple[Verdict, ...] = ()
    passed: bool = True
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
    the names of the protocol's inputs that are, `asks` the one that is asked for ("who": whom it is about).
    `abstained`: it says that it does not know. `escalated` says why a supervisor is asked to look at it. `known` is for
    the next message. Every block tells by its origin who wrote it.
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
    known: Known | None = None
    protocol: str | None = None
    unseen_rules: tuple[str, ...] = ()
    escalated: tuple[str, ...] = ()
    asks: str | None = None
    abstained: bool = False

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
            "blocks": [asdict(block) for block in self.blocks],
            "sources": [asdict(note) for note in self.sources],
            "uncertain": list(self.uncertain),
            "missing": list(self.missing),
            "asks": self.asks,
            "protocol": self.protocol,
            "abstained": self.abstained,
            "escalated": list(self.escalated),
            "unseen_rules": list(self.unseen_rules),
            "findings": dict(self.findings),
            "danger_signs": [
                {name: getattr(sign, name) for name in ("rule", "words", "lang", "denied", "seen_in")}
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
    masked: Masked | None = None
    spelled: Spelled | None = None
    triage: Triage | None = None
    pivot: Pivot | None = None
    harm: Harm | None = None
    choice: Choice | None = None
    facts: Facts | None = None
    replied: bool = False
    route: Route | None = None
    assessment: Assessment | None = None
    retrieval: Retrieval | None = None
    phrasing: Phrasing | None = None
    generated: Generated | None = None
    verified: Verified | None = None
    delivered: Delivered | None = None
    answer: Answer | None = None
    known: Known | None = None
    notice: str | None = None
    failed: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether a stage failed without which no advice may be given."""
        return any(name not in DISPENSABLE for name in self.failed)


@dataclass(frozen=True, slots=True)
class Call:
    """What a model or translator was asked in a turn, and what it gave; JSON values."""

    asked: Mapping[str, object]
    given: object


def turn_name() -> str:
    """A name for a turn that no other has, and that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"


@dataclass(frozen=True, slots=True)
class Heard:
    """The turn that is running: its name, and what engines gave in it so far."""

    turn: str = field(default_factory=turn_name)
    calls: list[Call] = field(default_factory=list)


HEARD: ContextVar[Heard | None] = ContextVar("heard", default=None)
"""Set for each turn, and seen by all its stages; turns that run at once do not hear each other."""
