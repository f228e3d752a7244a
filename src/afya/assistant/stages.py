"""The stages of a turn, in their order, and `Assistant`, which runs them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from afya.assistant import answering, facts, phrasing, resources
from afya.assistant.context import (
    Answer,
    Block,
    Colour,
    Context,
    LanguageCheck,
    Phrasing,
    Received,
    Request,
    Route,
    Sign,
    Triage,
)
from afya.assistant.pipeline import EarlyExit, Stage, run
from afya.assistant.resources import Language, Resources
from afya.protocols import evaluate
from afya.protocols.evaluate import DANGER_SECTION
from afya.text.identify import identify, is_language
from afya.text.negation import judged
from afya.text.normalise import normalise

if TYPE_CHECKING:
    from afya.models import LanguageModel
    from afya.text.words import Match

_LETTER = regex.compile(r"[\p{L}\p{N}]")


class Assistant:
    """Answers messages in one language. Loading reads the pack and protocol; each `ask` is one turn."""

    def __init__(self, lang: str, *, model: LanguageModel | None = None, packs: Path | None = None) -> None:
        """Raises ConfigError when the language has no pack, or its pack lacks what triage needs."""
        self.resources = resources.load(lang, model=model, packs=packs)
        self.stages = stages(self.resources)

    def ask(self, text: str) -> Answer:
        """The answer to one message. Never raises for anything in the message."""
        context = run(self.stages, Context(Request(text, self.resources.chosen.pack.lang)))
        if context.answer is None:
            return _nothing_to_say(context, self.resources)
        return replace(context.answer, events=context.events)


def stages(kit: Resources) -> tuple[Stage, ...]:
    """The stages of a turn over these resources. Triage comes before anything that could fail on a strange message."""
    seconds, model_seconds = kit.limits.stage_seconds, kit.limits.model_seconds
    return (
        Stage("receive", lambda c: receive(c, kit), seconds, needed=True, detail=_received),
        Stage("language", lambda c: check_language(c, kit), seconds, detail=_language),
        Stage("normalise", normalised, seconds, needed=True),
        Stage("triage", lambda c: triage(c, kit), seconds, needed=True, detail=_triage),
        Stage("facts", lambda c: find_facts(c, kit), seconds, needed=True, detail=_facts),
        Stage("route", lambda c: route(c, kit), seconds, needed=True, detail=_route),
        Stage("assess", lambda c: assess(c, kit), seconds, needed=True, detail=_assessment),
        Stage("phrase", lambda c: phrase(c, kit), model_seconds, detail=_phrasing),
        Stage("answer", lambda c: answer(c, kit), seconds, final=True, detail=_answer),
    )


def receive(context: Context, kit: Resources) -> Context:
    """Bounds. A message without words ends the turn; of one that is too long both ends are still triaged."""
    # Text from a command line may hold bytes that are no UTF-8, kept as lone surrogates.
    raw = context.request.text.encode("utf-8", "replace")
    text = _ends(raw, kit.limits.message_bytes, kit.limits.message_tail_bytes)
    fault = None
    if len(raw) > kit.limits.message_bytes:
        fault = "notice.too_long"
    elif not normalise(text):
        fault = "notice.empty"
    elif not _LETTER.search(normalise(text)):
        fault = "notice.no_words"
    context = replace(context, received=Received(text, len(raw), fault), notice=fault)
    if fault is not None and fault != "notice.too_long":
        raise EarlyExit(context)
    return context


def _ends(raw: bytes, most: int, tail: int) -> str:
    """The whole text up to `most` bytes; of a longer one its beginning and its last `tail` bytes, as two lines."""
    if len(raw) <= most + tail:
        return raw.decode("utf-8", "ignore")
    return "\n".join(part.decode("utf-8", "ignore") for part in (raw[:most], raw[-tail:]))


def check_language(context: Context, kit: Resources) -> Context:
    """Whether the message is in the chosen language, with the pack's own words as further evidence."""
    text = _text(context)
    vocabulary = {kit.chosen.code: kit.chosen.words}
    verdict = identify(text, vocabulary=vocabulary)
    matches = is_language(text, kit.chosen.code, vocabulary=vocabulary)
    return replace(
        context, language=LanguageCheck(matches, verdict.language, round(verdict.confidence, 3), verdict.reason)
    )


def normalised(context: Context) -> Context:
    """The message in one spelling."""
    return replace(context, normalised=normalise(_text(context)))


def triage(context: Context, kit: Resources) -> Context:
    """Danger phrases of the chosen language, and of the language found where that is another one.

    A phrase that stands anywhere counts, though it is denied elsewhere. A message that cannot be answered (too long,
    another language) ends here, with its danger signs.
    """
    text = context.normalised or ""
    spoken = [kit.chosen]
    check = context.language
    if check is not None and check.matches is not True and check.detected not in (None, kit.chosen.code):
        other = kit.other(str(check.detected))
        if other is not None:
            spoken.append(other)
    signs = tuple(sign for speech in spoken for sign in danger_signs(text, speech))
    standing = tuple(rule for rule in kit.triage if any(sign.rule == rule and not sign.denied for sign in signs))
    context = replace(context, triage=Triage(signs, standing, tuple(speech.code for speech in spoken)))
    if check is not None and check.matches is False:
        context = replace(context, notice=context.notice or "notice.other_language")
    if context.notice is not None:
        raise EarlyExit(replace(context, route=Route("emergency") if standing else Route("unknown")))
    return context


def danger_signs(text: str, speech: Language) -> list[Sign]:
    """The danger phrases in `text` (normalised), each with whether it is denied; a rule's up to one that stands.

    A danger phrase that is only a piece of a longer phrase for a milder answer is none: "does not drink well" says less
    than "does not drink".
    """
    found = speech.danger.find(text)
    found = _not_within(found, speech.facts.values.find(text) if found else [])
    return [
        Sign(match.key, text[match.start : match.end], match.start, match.end, speech.code, no)
        for match, no in judged(text, found, speech.code)
    ]


def _not_within(found: list[Match], wholes: list[Match]) -> list[Match]:
    """Those of `found` that are no true part of one of `wholes` (both in the order of the text), in one pass."""
    kept: list[Match] = []
    before, reached, here = -1, -1, -1  # the furthest end of the wholes that begin before `here`, and up to it
    place = 0
    for match in found:
        if match.start > here:
            before, here = reached, match.start
        while place < len(wholes) and wholes[place].start <= match.start:
            if wholes[place].start < match.start:
                before = max(before, wholes[place].end)
            reached = max(reached, wholes[place].end)
            place += 1
        if before < match.end and reached <= match.end:
            kept.append(match)
    return kept


def find_facts(context: Context, kit: Resources) -> Context:
    """What the message says about the child."""
    assert context.triage is not None
    found = facts.facts(context.normalised or "", kit.chosen.facts, kit.protocol, context.triage, kit.limits)
    return replace(context, facts=found)


def route(context: Context, kit: Resources) -> Context:
    """Where the message goes: emergency, a section of the protocol, small talk, or nowhere known."""
    assert context.triage is not None
    assert context.facts is not None
    text = context.normalised or ""
    findings = context.facts.findings
    named = list(dict.fromkeys(match.key for match in kit.chosen.sections.find(text)))
    inputs = kit.protocol.inputs
    stated = [
        entry.section
        for name, value in findings.items()
        # What is normal ("drinks well") is said of any illness.
        if (entry := inputs[name]).section and entry.section != DANGER_SECTION and value not in (False, "normal")
    ]
    denied_entries = {inputs[name].section for name, value in findings.items() if inputs[name].entry and value is False}
    sections = tuple(
        section
        for section in kit.protocol.sections
        if section != DANGER_SECTION and (section in named or section in stated) and section not in denied_entries
    )
    if context.triage.standing:
        return replace(context, route=Route("emergency", sections))
    if sections:
        return replace(context, route=Route("protocol", sections))
    if DANGER_SECTION in named:
        return replace(context, route=Route("danger_list"))
    if kit.chosen.requests.find(text):
        return replace(context, route=Route("out_of_scope"))
    return replace(context, route=Route("unknown"))


def assess(context: Context, kit: Resources) -> Context:
    """The protocol's outcome for what is known. Signs that triage alone knows are no inputs of it."""
    assert context.route is not None
    assert context.facts is not None
    if context.route.name not in ("emergency", "protocol"):
        return context
    assessment = evaluate(kit.protocol, context.facts.findings, sections=context.route.sections)
    return replace(context, assessment=assessment)


def phrase(context: Context, kit: Resources) -> Context:
    """The advice in a model's words, where there is a model and advice that it may put into words."""
    advice = answering.advice(context, kit) if kit.model is not None else None
    if advice is None:
        return context
    return replace(context, phrasing=phrasing.phrase(kit, context.normalised or "", advice))


def answer(context: Context, kit: Resources) -> Context:
    """The answer, from whatever the other stages found."""
    return replace(context, answer=answering.compose(context, kit))


def _nothing_to_say(context: Context, kit: Resources) -> Answer:
    """What is left when the answer itself could not be put together: still the danger, or that nothing is known."""
    messages = kit.chosen.pack.messages
    red = context.triage is not None and bool(context.triage.standing)
    keys = ["colour.red", "action.refer_urgently"] if red else ["notice.not_available", "notice.when_in_doubt"]
    blocks = tuple(Block("banner" if red else "uncertain", messages[key]) for key in keys if key in messages)
    uncertain = tuple(block.text for block in blocks if block.kind == "uncertain")
    signs = context.triage.signs if context.triage is not None else ()
    colour: Colour | None = "red" if red else None
    return Answer(kit.chosen.pack.lang, colour, None, blocks, (), uncertain, (), {}, signs, context.events)


def _text(context: Context) -> str:
    return "" if context.received is None else context.received.text


def _received(context: Context) -> Mapping[str, object]:
    if context.received is None:
        return {}
    digest = hashlib.sha256(context.received.text.encode()).hexdigest()
    return {"bytes": context.received.bytes, "fault": context.received.fault, "sha256": digest}


def _language(context: Context) -> Mapping[str, object]:
    check = context.language
    if check is None:
        return {}
    return {
        "matches": check.matches,
        "detected": check.detected,
        "confidence": check.confidence,
        "reason": check.reason,
    }


def _triage(context: Context) -> Mapping[str, object]:
    if context.triage is None:
        return {}
    denials = [sign.rule for sign in context.triage.signs if sign.denied]
    return {"standing": list(context.triage.standing), "denied": denials, "langs": list(context.triage.langs)}


def _facts(context: Context) -> Mapping[str, object]:
    if context.facts is None:
        return {}
    found = context.facts
    return {"findings": dict(found.findings), "left_out": list(found.left_out), "unsure": list(found.unsure)}


def _route(context: Context) -> Mapping[str, object]:
    return {} if context.route is None else {"route": context.route.name, "sections": list(context.route.sections)}


def _assessment(context: Context) -> Mapping[str, object]:
    outcome = context.assessment
    if outcome is None:
        return {}
    return {"colour": outcome.colour, "rows": [row.name for row in outcome.rows], "missing": list(outcome.missing)}


def _phrasing(context: Context) -> Mapping[str, object]:
    said: Phrasing | None = context.phrasing
    if said is None:
        return {}
    return {"model": said.model, "delivered": said.text is not None, "failed": list(said.failed), "error": said.error}


def _answer(context: Context) -> Mapping[str, object]:
    if context.answer is None:
        return {}
    digest = hashlib.sha256(context.answer.text.encode()).hexdigest()
    return {"colour": context.answer.colour, "blocks": len(context.answer.blocks), "sha256": digest}
