"""What a critic finds in a translation, and the one shape in which a model's replies are taken.

A model is asked for one JSON object that repeats an id it was given. The id is not known to whoever wrote the text that
is translated, so an answer that stands ready in a hostile text is not taken for the model's own. Anything else is
malformed: it is asked for again, and in the end counts as failed, never as "nothing found".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from afya.text.normalise import fold, normalise

Kind = Literal[
    "mistranslation",
    "omission",
    "addition",
    "quantity",
    "negation",
    "terminology",
    "untranslated",
    "grammar",
    "style",
    "other",
]
Severity = Literal["minor", "major", "critical"]
KINDS: tuple[str, ...] = get_args(Kind)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

_LONGEST_REPLY = 200_000
_END_OF_THOUGHT = "</think>"

Shape = TypeVar("Shape", bound=BaseModel)


class MalformedError(Exception):
    """Why a reply is not taken, in words that the model is told when it is asked again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: the words it is about, its kind, how much it matters, and what should stand there instead.

    `place`: where the words stand, in the translation or (what was left out) in the source; None where in neither, as
    with a critic that quotes loosely.
    """

    span: str
    kind: Kind
    severity: Severity
    suggestion: str | None
    place: Literal["translation", "source"] | None

    def as_json(self) -> dict[str, object]:
        """The finding as it is kept in a row's provenance and shown to a reviser."""
        return {
            "span": self.span,
            "kind": self.kind,
            "severity": self.severity,
            "suggestion": self.suggestion,
            "place": self.place,
        }


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Finding(_Strict):
    span: Annotated[str, Field(max_length=4_000)]
    kind: Kind
    severity: Severity
    suggestion: Annotated[str | None, Field(max_length=8_000)] = None


class _Critique(_Strict):
    id: str
    findings: Annotated[list[_Finding], Field(max_length=60)]


class _Revision(_Strict):
    id: str
    translation: str


def read_findings(reply: str, ident: str, source: str, translation: str) -> tuple[Finding, ...]:
    """The findings in a critic's reply, in its order. Raises MalformedError."""
    critique = _read(reply, ident, _Critique)
    return tuple(
        Finding(one.span, one.kind, one.severity, one.suggestion or None, _place(one.span, source, translation))
        for one in critique.findings
    )


def read_revision(reply: str, ident: str) -> str:
    """The translation in a reviser's reply. Raises MalformedError."""
    text = _read(reply, ident, _Revision).translation.strip()
    if not text:
        raise MalformedError("the translation is blank")
    if ident in text:
        raise MalformedError("the translation repeats the marks around the texts")
    return text


def worst_severity(findings: Sequence[Finding]) -> int:
    """0 for no finding, then 1 for minor, 2 for major, 3 for critical."""
    return max((SEVERITIES.index(finding.severity) + 1 for finding in findings), default=0)


def _read(reply: str, ident: str, shape: type[Shape]) -> Shape:
    if len(reply) > _LONGEST_REPLY:
        raise MalformedError(f"the reply has {len(reply)} characters")
    text = reply.rpartition(_END_OF_THOUGHT)[2]
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise MalformedError("there is no JSON object")
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError) as error:
        told = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise MalformedError(f"not one JSON object ({told})") from None
    try:
        read = shape.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the object"
        raise MalformedError(f"{place}: {first['msg']}") from None
    if getattr(read, "id", None) != ident:
        raise MalformedError("the id is not the one that was given")
    return read


def _place(span: str, source: str, translation: str) -> Literal["translation", "source"] | None:
    wanted = _loose(span)
    if not wanted:
        return None
    if wanted in _loose(translation):
        return "translation"
    return "source" if wanted in _loose(source) else None


def _loose(text: str) -> str:
    return " ".join(fold(normalise(text)).split())
