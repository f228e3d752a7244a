"""How a judge is asked about one reply and one criterion, and how its verdict is read.

The wording is data (judging/*.yaml). What is judged was written by a model and may try to direct the judge, so it
stands between marks that carry a code, and a verdict counts only with the same code. The code is made of a hash that
covers the reply itself: no reply can hold its own. A judge may still be talked into a wrong verdict; see
docs/judging.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afya.bench.reading.extract_fold import spoken
from afya.datafiles import read_model
from afya.languages import language
from afya.models.base import Message, Prompt
from afya.runs import canonical, sha256_text

Asking = Literal["facts", "rubric"]
ASKINGS: tuple[Asking, ...] = get_args(Asking)

Reason = Literal["error", "empty", "truncated", "withheld", "no_verdict", "other_code", "several"]
"""Why a judge's reply has no verdict. `other_code`: a verdict without this question's code, perhaps the reply's own."""
REASONS: tuple[str, ...] = get_args(Reason)

_FIELDS = re.compile(r"\{(code|conversation|reply|statement|language)\}")
_CODE_LENGTH = 8


class Wording(BaseModel):
    """One file of judging/. `accept` lists, for each verdict, the words that label files may use for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Asking
    verdicts: tuple[str, ...] = Field(min_length=2)
    accept: dict[str, tuple[str, ...]]
    threshold: float = Field(ge=0, le=1)
    max_tokens: int = Field(ge=1)
    source: Annotated[str, Field(min_length=1)]
    reviewed: bool
    ask: str

    @model_validator(mode="after")
    def _whole(self) -> Wording:
        if set(self.accept) != set(self.verdicts):
            raise ValueError("accept has a line for each verdict and no other")
        words = [word for listed in self.accept.values() for word in listed]
        if len(set(words)) < len(words):
            raise ValueError("accept has one word for two verdicts")
        missing = {"code", "conversation", "reply", "statement"} - set(_FIELDS.findall(self.ask))
        if missing:
            raise ValueError(f"ask lacks {', '.join(sorted(missing))}")
        return self

    @property
    def sha256(self) -> str:
        """The hash of what judges read and may answer: part of every question's hash."""
        return sha256_text(canonical([self.name, list(self.verdicts), self.ask]))

    def verdict_of(self, label: str) -> str | None:
        """The verdict that a label of a file means, None where it means none."""
        said = label.strip().casefold()
        return next((verdict for verdict, words in self.accept.items() if said in words), None)


@cache
def wording(name: Asking) -> Wording:
    """The shipped wording. Raises ConfigError when its file is wrong."""
    with as_file(files("afya.bench") / "judging" / f"{name}.yaml") as path:
        return read_model(path, Wording)


@dataclass(frozen=True)
class Question:
    """What is judged: the conversation that the reply ends, the reply, and the fact or criterion."""

    conversation: str
    reply: str
    statement: str
    lang: str


def ask(told: Wording, question: Question) -> tuple[Prompt, str]:
    """(prompt, code). No text that is filled in is read for fields again."""
    digest = sha256_text(canonical([told.sha256, *question.__dict__.values()]))
    material = question.conversation + question.reply + question.statement
    length = next(size for size in range(_CODE_LENGTH, len(digest) + 1) if digest[:size] not in material)
    code = digest[:length]
    values = {
        "code": code,
        "conversation": question.conversation,
        "reply": question.reply,
        "statement": question.statement,
        "language": language(question.lang).name,
    }
    text = _FIELDS.sub(lambda field: values[field[1]], told.ask)
    return Prompt((Message("user", text),)), code


def read_verdict(
    text: str | None, code: str, verdicts: tuple[str, ...], finish_reason: str = "stop"
) -> tuple[str | None, Reason | None]:
    """(verdict, None), or (None, why there is none).

    Read are JSON objects with the question's code under "case" and a verdict, and lines "Verdict CODE: ...", outside of
    thinking. Verdicts that differ are none: the last word is not taken on trust.
    """
    said = spoken(text or "")
    if said.unfinished:
        return None, "truncated"
    found: set[str] = set()
    others = False
    for made in _objects(said.text):
        if "verdict" not in made:
            continue
        if str(made.get("case", "")).strip().casefold() != code:
            others = True
        elif (verdict := _known(made["verdict"], verdicts)) is not None:
            found.add(verdict)
    for line in re.findall(rf"(?im)^[\s*_#>-]*verdict\s+{code}\s*[*_]*\s*[:：]\s*(.+)$", said.text):
        verdict = _known(line.strip(" *_.\"'`"), verdicts)
        if verdict is not None:
            found.add(verdict)
    if len(found) == 1:
        return found.pop(), None
    if found:
        return None, "several"
    if finish_reason == "filtered":
        return None, "withheld"
    if finish_reason == "length":
        return None, "truncated"
    if not said.text.strip():
        return None, "empty"
    return None, "other_code" if others else "no_verdict"


def _known(value: object, verdicts: tuple[str, ...]) -> str | None:
    said = " ".join(value.replace("_", " ").casefold().split()) if isinstance(value, str) else None
    return said if said in verdicts else None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of a text, outermost ones; one that says a key twice is none."""
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    place = text.find("{")
    while place >= 0:
        try:
            made, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if isinstance(made, dict):
                yield made
        place = text.find("{", end)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands there twice")
    return made
