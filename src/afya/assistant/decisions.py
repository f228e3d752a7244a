"""What the audit keeps of each stage: plain values that are the same whenever the same is decided; no text typed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from afya.assistant.checks import Failure
from afya.assistant.context import Context

Detail = Mapping[str, object]


def received(context: Context) -> Detail:
    """Length and fault of the message; nothing of what was typed, since it is not masked yet."""
    if context.received is None:
        return {}
    found = context.received
    return {"bytes": found.bytes, "fault": found.fault, "remarks": list(found.remarks)}


def language(context: Context) -> Detail:
    """The language found and those mixed in."""
    check = context.language
    if check is None:
        return {}
    return {
        "matches": check.matches,
        "detected": check.detected,
        "confidence": check.confidence,
        "reason": check.reason,
        "mixed": list(check.mixed),
        "scripts": list(check.scripts),
    }


def masked(context: Context) -> Detail:
    """How many pieces of personal data of which kind, and the hash of the text without them."""
    if context.masked is None:
        return {}
    kinds = [piece.kind for piece in context.masked.found]
    return {"found": {kind: kinds.count(kind) for kind in sorted(set(kinds))}, "sha256": _sha(context.masked.text)}


def spelled(context: Context) -> Detail:
    """The right words that were put in."""
    if context.spelled is None:
        return {}
    return {
        "put_right": [right for _, right in context.spelled.changed],
        "slips": context.spelled.near is not None,
    }


def triage(context: Context) -> Detail:
    """The rules that stand, those denied, and where they were looked for."""
    if context.triage is None:
        return {}
    found = context.triage
    return {
        "standing": list(found.standing),
        "denied": [sign.rule for sign in found.signs if sign.denied],
        "langs": list(found.langs),
        "unseen_rules": list(found.unseen_rules),
    }


def triage_pivot(context: Context) -> Detail:
    """The rules that stand, and those of them that the pivot text alone shows."""
    if context.triage is None:
        return {}
    signs = context.triage.signs
    seen = {sign.rule for sign in signs if sign.seen_in != "pivot" and not sign.denied}
    only = [rule for rule in context.triage.standing if rule not in seen]
    return {"standing": list(context.triage.standing), "only_in_pivot": only, "notice": context.notice}


def pivot(context: Context) -> Detail:
    """Where the pivot text is from, its hash, and the checks that failed."""
    found = context.pivot
    if found is None:
        return {}
    return {
        "origin": found.origin,
        "engine": found.engine,
        "failed": list(found.failed),
        "error": found.error,
        "sha256": _sha(found.text),
    }


def harm(context: Context) -> Detail:
    """The category of a harmful request."""
    return {"category": None if context.harm is None else context.harm.category}


def facts(context: Context) -> Detail:
    """What was found out, and which protocol it was read for."""
    if context.facts is None or context.choice is None:
        return {}
    found, choice = context.facts, context.choice
    return {
        "protocol": choice.protocol,
        "who": choice.who,
        "ask_who": choice.ask_who,
        "fresh": choice.fresh,
        "replied": context.replied,
        "findings": dict(found.findings),
        "left_out": list(found.left_out),
        "unsure": list(found.unsure),
        "contradicted": list(found.contradicted),
        "remembered": list(found.remembered),
    }


def route(context: Context) -> Detail:
    """The route, the protocol and its sections."""
    found = context.route
    if found is None:
        return {}
    return {"route": found.name, "protocol": found.protocol, "sections": list(found.sections), "talk": found.talk}


def assessment(context: Context) -> Detail:
    """The colour, the rows used, and what is missing."""
    outcome = context.assessment
    if outcome is None:
        return {}
    return {
        "protocol": outcome.protocol,
        "colour": outcome.colour,
        "rows": [row.name for row in outcome.rows],
        "missing": list(outcome.missing),
        "outside": list(outcome.outside),
    }


def retrieval(context: Context) -> Detail:
    """The passages found, and whether they may answer."""
    found = context.retrieval
    if found is None:
        return {}
    return {
        "passages": [hit.passage.passage_id for hit in found.hits],
        "scores": [round(hit.score, 6) for hit in found.hits],
        "answerable": found.answerable,
        "knowledge": found.fingerprint,
    }


def generated(context: Context) -> Detail:
    """Which model wrote what (by its hash), or why nothing."""
    if context.phrasing is not None:
        said = context.phrasing
        return {
            "model": said.model,
            "delivered": said.text is not None,
            "failed": list(said.failed),
            "error": said.error,
        }
    made = context.generated
    if made is None:
        return {}
    if isinstance(made.outcome, Failure):
        return {"model": made.model, "lang": made.lang, "failure": made.outcome.reason, "repairs": made.repairs}
    text = "\n".join(sentence.text for sentence in made.outcome.sentences)
    cites = [list(sentence.cites) for sentence in made.outcome.sentences]
    return {"model": made.model, "lang": made.lang, "cites": cites, "sha256": _sha(text), "repairs": made.repairs}


def verified(context: Context) -> Detail:
    """The checks that failed, and how often the model was asked to repair."""
    if context.verified is None:
        return {}
    failed = sorted({verdict.name for verdict in context.verified.verdicts if not verdict.passed})
    repairs = context.generated.repairs if context.generated is not None else 0
    return {"passed": context.verified.passed, "failed": failed, "repairs": repairs}


def delivered(context: Context) -> Detail:
    """What was translated out, by its hash, and which checks failed."""
    found = context.delivered
    if found is None:
        return {}
    return {
        "lang": found.lang,
        "translated": found.translated,
        "passed": found.passed,
        "failed": [verdict.name for verdict in found.verdicts if not verdict.passed],
        "error": found.error,
        "sha256": _sha("\n".join(sentence.text for sentence in found.sentences)),
    }


def answer(context: Context) -> Detail:
    """The colour, the kinds of its paragraphs, and the hash of its text."""
    told = context.answer
    if told is None:
        return {}
    kinds = [f"{block.kind}:{block.origin}" for block in told.blocks]
    return {"colour": told.colour, "route": told.route, "blocks": kinds, "asks": told.asks, "sha256": _sha(told.text)}


def persist(context: Context) -> Detail:
    """What the conversation knows now."""
    known = context.known
    if known is None:
        return {}
    return {"turns": known.turns, "protocol": known.protocol, "asked": known.asked, "findings": dict(known.findings)}


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
