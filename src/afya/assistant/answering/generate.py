"""Asking a language model for an answer from passages: JSON sentences with citations, and nothing else.

The passages and the question are quoted as data between tags that carry a sign made from the whole request, which
nobody who wrote a passage can know. A passage or question that speaks to the model is not given to it. What comes back
is read strictly: one object of the given form, nothing before it, within bounds; anything else is a Failure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import regex
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from afya.assistant.checks.draft import Draft, Failure, Sentence, SourcePassage
from afya.assistant.understanding.injection import clean, instructions
from afya.datafiles import read_model
from afya.languages import language
from afya.models.base import Generation, Message, Prompt, Sampling
from afya.text.normalise import normalise
from afya.text.sentences import sentences as split

if TYPE_CHECKING:
    from afya.assistant.checks.verdict import Verdict

_FENCE = regex.compile(r"\A\s*```(?:json|JSON)?[ \t]*\n?")
# Markup, addresses and brackets of code do not belong into a sentence for a health worker.
_NO_SENTENCE = regex.compile(r"[<>{}`|\\]|https?:|www\.|\]\(|[\p{Cc}\p{Co}\p{Cs}]")
_CITATION = regex.compile(r"\s*\[\s*\d+(?:\s*,\s*\d+)*\s*\]")
_SLOT = regex.compile(r"\{(\w+)\}")


class Writer(Protocol):
    """What is asked of a model here; every LanguageModel does it."""

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Generation]: ...


class Bounds(Protocol):
    """What is taken from the limits of a turn: the most tokens that a model may write."""

    @property
    def model_tokens(self) -> float: ...


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sentences: Annotated[int, Field(gt=0)]
    characters: Annotated[int, Field(gt=0)]
    reply: Annotated[int, Field(gt=0)]
    passages: Annotated[int, Field(gt=0)]
    passage_characters: Annotated[int, Field(gt=0)]
    question: Annotated[int, Field(gt=0)]
    system: str
    user: str
    passage: str
    repair: str


class _Sentence(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: StrictStr
    cites: list[StrictInt]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sentences: list[_Sentence]


def draft(
    model: Writer, question: str, passages: Sequence[SourcePassage], lang: str, limits: Bounds
) -> Draft | Failure:
    """The model's sentences for `question` in `lang`, each citing passages by number (1 is the first); or why none.

    Citations count `passages` as they were given here, also where some of them are kept from the model. Raises what
    the model raises when it cannot run at all.
    """
    prompt = _prompt(question, passages, lang)
    if isinstance(prompt, Failure):
        return prompt
    return _asked(model, prompt, passages, limits, repaired=False)


def repair(
    model: Writer,
    question: str,
    passages: Sequence[SourcePassage],
    lang: str,
    limits: Bounds,
    first: Draft,
    verdicts: Sequence[Verdict],
) -> Draft | Failure:
    """A second try, with the checks named that the first one failed. There is no third: its result is final."""
    if first.repaired:
        return Failure("The draft has been repaired once; there is no second repair.", "repaired")
    prompt = _prompt(question, passages, lang)
    if isinstance(prompt, Failure):
        return prompt
    written = {"sentences": [{"text": one.text, "cites": list(one.cites)} for one in first.sentences]}
    faults = "\n".join(
        f"- {verdict.name}" + ("" if verdict.sentence is None else f", sentence {verdict.sentence + 1}")
        for verdict in verdicts
        if not verdict.passed
    )
    # The details of a verdict quote passages and the model's own text: only names and places go back to it.
    again = (
        *prompt.messages,
        Message("assistant", json.dumps(written, ensure_ascii=False)),
        Message("user", _filled(_file().repair, faults=faults)),
    )
    return _asked(model, Prompt(again), passages, limits, repaired=True)


def flagged(passages: Sequence[SourcePassage]) -> tuple[str, ...]:
    """The ids of the passages that speak to the model: to be shown as flagged, never given to it."""
    return tuple(passage.passage_id for passage in passages if instructions(passage.text))


def parse(reply: str, given: int, allowed: frozenset[int] | None = None) -> Draft | Failure:
    """What a model wrote, as a draft citing passages 1 to `given` (or those `allowed` of them); or what is wrong.

    A fence around the object and text behind it are borne, nothing before it. A key that is unknown or stands twice, a
    wrong type, a citation out of range, markup or an instruction in a sentence, or too much text refuse the whole.
    """
    bounds = _file()
    if len(reply) > bounds.reply:
        return Failure(f"The reply has {len(reply)} characters, more than {bounds.reply}.", "length")
    opened = _FENCE.sub("", reply, count=1).lstrip()
    if not opened.startswith("{"):
        return Failure("The reply does not begin with a JSON object.", "not_json")
    try:
        content, _ = json.JSONDecoder(object_pairs_hook=_once).raw_decode(opened)
        found = _Reply.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        return Failure(f"The reply is not of the form asked for: {place}: {problem['type']}.", "shape")
    except (ValueError, RecursionError) as error:
        return Failure(f"The reply is not JSON ({type(error).__name__}).", "not_json")
    if not found.sentences:
        return Failure("The model found no answer in the passages.", "no_answer")
    kept: list[Sentence] = []
    for number, one in enumerate(found.sentences, start=1):
        text = normalise(_CITATION.sub("", one.text)).replace("\n", " ")
        cites = tuple(dict.fromkeys(one.cites))
        if not text or len(text) > bounds.characters:
            return Failure(f"Sentence {number} has {len(text)} characters (1 to {bounds.characters}).", "length")
        if _NO_SENTENCE.search(text) or instructions(text):
            return Failure(f"Sentence {number} holds markup or speaks to a model.", "instructions")
        if any(cite not in (allowed or range(1, given + 1)) for cite in cites):
            return Failure(f"Sentence {number} cites a passage that was not given.", "shape")
        kept += [Sentence(piece, cites) for piece in _pieces(text)]
    if len(kept) > bounds.sentences:
        return Failure(f"The reply has {len(kept)} sentences, more than {bounds.sentences}.", "length")
    return Draft(tuple(kept))


def _asked(
    model: Writer, prompt: Prompt, passages: Sequence[SourcePassage], limits: Bounds, *, repaired: bool
) -> Draft | Failure:
    [reply] = model.generate([prompt], Sampling(max_tokens=int(limits.model_tokens)))
    if reply.error is not None:
        return Failure(f"The model did not answer: {reply.error}")
    if reply.finish_reason != "stop":
        return Failure(f"The model's reply was cut ({reply.finish_reason}).", "length")
    found = parse(reply.text, len(passages), frozenset(_allowed(passages)))
    if isinstance(found, Failure):
        return found
    return Draft(found.sentences, repaired)


def _prompt(question: str, passages: Sequence[SourcePassage], lang: str) -> Prompt | Failure:
    bounds = _file()
    if instructions(question):
        return Failure("The question speaks to the model; it is not given to it.", "instructions")
    asked = clean(question)[: bounds.question]
    allowed = _allowed(passages)
    if not asked or not allowed:
        return Failure("There is no question or no passage that may be given to a model.", "empty")
    texts = {number: clean(passages[number - 1].text)[: bounds.passage_characters] for number in allowed}
    # Made from all that is quoted, the sign is known to nobody who wrote a part, and the same when a turn is replayed.
    mark = hashlib.sha256("\x00".join((asked, *texts.values())).encode()).hexdigest()[:16]
    quoted = "\n".join(
        _filled(bounds.passage, number=str(number), mark=mark, text=text) for number, text in texts.items()
    )
    name = language(lang.partition("-")[0]).name
    return Prompt(
        (
            Message("system", _filled(bounds.system, mark=mark, lang=name)),
            Message("user", _filled(bounds.user, passages=quoted, question=asked, mark=mark)),
        )
    )


def _allowed(passages: Sequence[SourcePassage]) -> list[int]:
    """The numbers of the passages that may be given: as many as fit, without those that speak to the model."""
    hidden = set(flagged(passages))
    numbers = [
        number
        for number, passage in enumerate(passages, start=1)
        if passage.passage_id not in hidden and clean(passage.text)
    ]
    return numbers[: _file().passages]


def _filled(template: str, **values: str) -> str:
    """`template` with its {slots} filled in one pass: what is filled in is never read as a slot."""
    return _SLOT.sub(lambda slot: values.get(slot[1], slot[0]), template)


def _pieces(text: str) -> list[str]:
    """The sentences of one entry: a model may put two into it, and each must stand on its own."""
    return [piece for piece in (one.strip() for one in split(text, "en")) if piece] or [text]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


@cache
def _file() -> _File:
    return read_model(Path(str(files("afya.assistant.answering"))) / "generate.yaml", _File)
