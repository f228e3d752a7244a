"""Putting the answer together: danger first, then what the protocol, the passages or nobody knows, with the sources."""

from __future__ import annotations

from afya.assistant.answering.assessed import ask, assessed, do, doses_of, provisional, rows
from afya.assistant.answering.page import Page
from afya.assistant.answering.passages import heading, note, quoted
from afya.assistant.checks import Draft
from afya.assistant.context import Answer, Context, Delivered, RouteName
from afya.assistant.resources import Resources
from afya.languages import registry
from afya.packs import Pack
from afya.protocols import CHILD, DoseResult
from afya.protocols.evaluate import merged_actions
from afya.protocols.model import Action

WHO = "question.who"
"""The text that asks whom a message is about."""

_REFER, _REFER_NOW = "refer_urgently", "refer_now"


def compose(context: Context, resources: Resources, asks_who: bool = False) -> Answer:
    """The answer to what the turn has found, whatever stages failed. Raises ConfigError when the pack lacks a text."""
    page = Page(_pack(context, resources))
    standing = context.triage.standing if context.triage is not None else ()
    assessment = context.assessment
    route: RouteName | None = None if context.route is None else context.route.name
    if standing or (route != "question" and assessment is not None and assessment.colour == "red"):
        _red(page, context, resources, standing)
        if context.harm is not None:
            page.doubt("notice.refused")
    elif context.broken:
        page.doubt("notice.not_available")
        page.say("notice", "notice.when_in_doubt")
    elif context.notice is not None:
        _fault(page, context)
        page.say("notice", "notice.when_in_doubt")
    elif route == "harmful":
        page.doubt("notice.refused")
    elif asks_who:
        _ask_who(page)
    elif route == "protocol" and assessment is None:
        page.doubt("notice.age_too_high")
        page.say("notice", "notice.when_in_doubt")
        page.abstained = True
    elif route == "question" and context.retrieval is not None and context.retrieval.answerable:
        _told(page, context, resources)
    elif assessment is not None and (route != "question" or _tells(context)):
        assessed(page, context, resources, assessment)
        route = "protocol" if route == "question" else route
    elif route == "danger_list":
        page.say("heading", "notice.danger_list")
        for rule, row in resources.triage.items():
            if f"sign.{rule}" in page.pack.messages:
                page.say("sign", f"sign.{rule}")
                page.cite(row.source)
    elif route == "small_talk" and context.route is not None:
        page.say("notice", f"talk.{context.route.talk}")
    elif route == "out_of_scope":
        page.say("notice", "notice.out_of_scope")
    else:
        route = _unknown(page, context, resources, route)
    if page.colour == "red" and context.notice is not None:
        _fault(page, context)
    _remarks(page, context)
    _phrasing(page, context, resources)
    _notices(page, resources)
    return Answer(
        lang=page.pack.lang,
        colour=page.colour,
        route=route,
        blocks=tuple(page.blocks),
        sources=tuple(dict.fromkeys(page.sources)),
        uncertain=tuple(page.uncertain),
        missing=() if assessment is None else assessment.missing,
        findings={} if context.facts is None else dict(context.facts.findings),
        signs=() if context.triage is None else context.triage.signs,
        events=context.events,
        protocol=None if context.route is None else context.route.protocol,
        unseen_rules=() if context.triage is None else context.triage.unseen_rules,
        asks=page.asks,
        abstained=page.abstained,
    )


def _tells(context: Context) -> bool:
    """Whether the message says something about somebody, and does not only ask."""
    return context.facts is not None and bool(context.facts.findings)


def advice(context: Context, resources: Resources) -> str | None:
    """The advice a model may put into words, or None where it must not: red, nothing assessed, something failed."""
    assessment = context.assessment
    if assessment is None or assessment.outside or context.notice or context.broken:
        return None
    if assessment.colour == "red" or (context.triage is not None and context.triage.standing):
        return None
    if context.harm is not None or context.route is None or context.route.name != "protocol":
        return None
    page = Page(_pack(context, resources))
    if assessment.colour == "unknown":
        held = provisional(assessment)
        if not held or any(row.colour == "red" for row in held):
            return None
        ask(page, context, assessment, resources)
        page.say("heading", "notice.at_least")
        rows(page, held)
        do(page, merged_actions(held), doses_of(held, assessment))
    else:
        rows(page, assessment.rows)
        do(page, assessment.actions, assessment.doses)
    return "\n".join(block.text for block in page.blocks)


def _pack(context: Context, resources: Resources) -> Pack:
    protocol = context.route.protocol if context.route is not None else None
    return resources.view(protocol)


def _fault(page: Page, context: Context) -> None:
    """Why the message was not answered; with the name of the language it seems to be in, in that language."""
    assert context.notice is not None
    page.doubt(context.notice)
    detected = None if context.language is None else context.language.detected
    if context.notice == "notice.other_language" and detected in registry():
        page.put("notice", f"({registry()[detected].endonym})", "name")


def _red(page: Page, context: Context, resources: Resources, standing: tuple[str, ...]) -> None:
    page.colour = "red"
    messages = page.pack.messages
    grown = _grown(context, resources, standing) and f"action.{_REFER_NOW}" in messages
    page.say("banner", f"action.{_REFER_NOW}" if grown else "colour.red")
    assessment = context.assessment
    named = [rule for rule in standing if f"sign.{rule}" in messages]
    if named:
        page.say("heading", "notice.danger_seen")
        for rule in named:
            page.say("sign", f"sign.{rule}")
    if _only_translated(context, standing):
        page.doubt("notice.seen_in_translation")
    red = [row for row in assessment.rows if row.colour == "red"] if assessment is not None else []
    rows(page, red)
    # Referring comes first, then what is done on the way.
    actions: dict[str, Action] = {}
    for name in dict.fromkeys(name for rule in standing for name in resources.triage[rule].actions):
        # A pack that lacks the text of an action still says that the person must go.
        told = name if f"action.{name}" in messages else _REFER
        actions.setdefault(told, Action(told))
    doses: tuple[DoseResult, ...] = ()
    if assessment is not None and assessment.colour == "red":
        actions |= {action.name: action for action in assessment.actions}
        doses = assessment.doses
    if grown and _REFER in actions:
        actions.pop(_REFER)
        actions.setdefault(_REFER_NOW, Action(_REFER_NOW))
    elif _REFER in actions:
        actions.pop(_REFER_NOW, None)
    ordered = sorted(actions.values(), key=lambda action: action.name != _REFER)
    do(page, ordered, doses)
    for rule in standing:
        page.cite(resources.triage[rule].source)
    for row in red:
        page.cite_row(row)
    if context.broken:
        page.doubt("notice.not_available")


def _grown(context: Context, resources: Resources, standing: tuple[str, ...]) -> bool:
    """Whether "refer the child" would be wrong or doubtful: a grown-up, or a danger that is no child's alone."""
    choice = context.choice
    if choice is None or choice.protocol != CHILD or choice.who in ("child", "infant"):
        return False
    return choice.who is not None or any(not resources.triage[rule].required for rule in standing)


def _only_translated(context: Context, standing: tuple[str, ...]) -> bool:
    signs = context.triage.signs if context.triage is not None else ()
    seen = {sign.rule for sign in signs if sign.seen_in != "pivot" and not sign.denied}
    return bool(standing) and not seen & set(standing)


def _ask_who(page: Page) -> None:
    page.colour = "unknown"
    page.say("banner", "colour.unknown")
    page.say("heading", "notice.missing")
    page.say("question", WHO)
    page.uncertain.append(page.pack.text(WHO))
    page.asks = "who"
    page.say("notice", "notice.when_in_doubt")


def _unknown(page: Page, context: Context, resources: Resources, route: RouteName | None) -> RouteName | None:
    """Nothing was found: what is asked for in words of small talk gets that reply, the rest that nobody knows."""
    found = context.route
    if route == "question" and found is not None and found.talk is not None:
        page.say("notice", f"talk.{found.talk}")
        return "small_talk"
    if route == "question" and not about_health(context, resources):
        page.say("notice", "notice.out_of_scope")
        return "out_of_scope"
    page.doubt("notice.do_not_know")
    page.say("notice", "notice.when_in_doubt")
    page.abstained = True
    choice = context.choice
    if context.assessment is not None and choice is not None and choice.protocol in choice.named:
        # The guide that is named may still lead somewhere when it is gone through.
        ask(page, context, context.assessment, resources)
    return "unknown" if route == "question" else route


def about_health(context: Context, resources: Resources) -> bool:
    """Whether a message may be about somebody's health: False only where its language is sure, the pack's glossary
    knows medical words, and the message holds none of them, no word of a guide, no person and no fact."""
    speech, text = resources.chosen, context.normalised or ""
    if context.language is None or context.language.matches is not True or not speech.pack.glossary:
        return True
    if context.facts is not None and context.facts.findings:
        return True
    named = any(phrases.find(text) for phrases in (speech.sections, speech.protocols, speech.people))
    return named or bool(speech.glosser.gloss(text))


def _told(page: Page, context: Context, resources: Resources) -> None:
    """A question's answer from the passages: a model's checked sentences, or the passage, word for word."""
    found = context.retrieval
    assert found is not None
    limits, passages = resources.limits, [hit.passage for hit in found.hits]
    made, verified = context.generated, context.verified
    drafted = made is not None and isinstance(made.outcome, Draft) and verified is not None and verified.passed
    delivered = context.delivered
    sound = delivered is not None and delivered.passed and bool(delivered.verdicts)
    if drafted and made is not None and isinstance(made.outcome, Draft):
        shown = delivered.sentences if sound and delivered is not None else made.outcome.sentences
        own = made.lang == resources.chosen.code
        page.say("heading", "notice.model_answer")
        text = " ".join(f"{sentence.text} {_marks(sentence.cites)}".strip() for sentence in shown)
        page.put("model", text, "model" if own or not sound else "translation")
        _translated(page, delivered, own, resources)
        cited = [passages[number - 1] for sentence in made.outcome.sentences for number in sentence.cites]
        for passage in dict.fromkeys(cited):
            page.cite(note(passage), rule=False)
    else:
        page.say("heading", "notice.from_documents")
        best = passages[0]
        own = best.lang == resources.chosen.code
        page.put("title", heading(best), "passage")
        if sound and delivered is not None:
            page.put("passage", " ".join(sentence.text for sentence in delivered.sentences), "translation")
        else:
            page.put("passage", quoted(best, limits.passage_characters), "passage")
        _translated(page, delivered, own, resources)
        page.cite(note(best), rule=False)
        for passage in passages[1 : limits.passages_quoted]:
            if passage.lang == best.lang:
                page.put("title", heading(passage), "passage")
                page.put("passage", quoted(passage, limits.passage_characters), "passage")
                page.cite(note(passage), rule=False)
        if made is not None:
            gone = not isinstance(made.outcome, Draft) and made.outcome.code == "engine"
            page.say("notice", "notice.model_unavailable" if gone else "notice.model_withheld")
    if any(not passage.reviewed for passage in passages[: limits.passages_quoted]):
        page.say("review", "notice.passage_not_reviewed")
    if context.assessment is not None and _tells(context):
        ask(page, context, context.assessment, resources)
    page.say("notice", "notice.when_in_doubt")


def _translated(page: Page, delivered: Delivered | None, own: bool, resources: Resources) -> None:
    """What is to be known of the language of what was told: translated, not translated, or its checks failed."""
    if own:
        return
    if delivered is None:
        page.doubt("notice.passage_other_language")
    elif delivered.passed and delivered.verdicts:
        page.doubt("notice.machine_translated")
    elif delivered.translated:
        page.doubt("notice.translation_failed")
    else:
        page.doubt("notice.translation_unavailable")


def _marks(cites: tuple[int, ...]) -> str:
    return "".join(f"[{number}]" for number in cites)


def _remarks(page: Page, context: Context) -> None:
    """What was strange about the message's signs, and that it seems to be about somebody else than before."""
    for key in context.received.remarks if context.received is not None else ():
        page.doubt(key)
    before = context.request.conversation
    if before is not None and before.protocol is not None and context.choice is not None and context.choice.fresh:
        page.say("notice", "notice.other_person")


def _phrasing(page: Page, context: Context, resources: Resources) -> None:
    if resources.model is None or advice(context, resources) is None:
        return
    phrasing = context.phrasing
    if phrasing is None or phrasing.error is not None:
        page.say("notice", "notice.model_unavailable")
    elif phrasing.text is None:
        page.say("notice", "notice.model_withheld")
    else:
        page.say("heading", "notice.model_text")
        page.put("model", phrasing.text, "model")


def _notices(page: Page, resources: Resources) -> None:
    if page.rules_unreviewed:
        page.say("review", "notice.rule_not_reviewed")
    if not resources.chosen.pack.reviewed:
        page.say("review", "notice.not_reviewed")
    page.say("review", "notice.disclaimer")
