"""The first stages of a turn: from what was typed to what it says and where it goes. Each fills its own field.

Triage comes before anything that could fail on a strange message, and again on the message in the pivot language.
"""

from __future__ import annotations

from dataclasses import replace

from afya.assistant.answering.translating import PIVOT, into_pivot
from afya.assistant.context import Choice, Context, Facts, Known, Pivot, Route, Sign, Triage
from afya.assistant.conversation import WHO, does_not_know, is_fresh, merge, reply, still
from afya.assistant.pipeline import EarlyExit
from afya.assistant.resources import Resources, concepts_known
from afya.assistant.understanding import language as languages
from afya.assistant.understanding.choosing import choose
from afya.assistant.understanding.facts import facts, implied
from afya.assistant.understanding.harm import judge
from afya.assistant.understanding.privacy import mask
from afya.assistant.understanding.receive import lookalikes
from afya.assistant.understanding.receive import receive as bounded
from afya.assistant.understanding.routing import decide
from afya.assistant.understanding.speech import Language
from afya.assistant.understanding.triage import Seen, danger_signs, look, standing
from afya.languages import registry
from afya.protocols import CHILD
from afya.text.normalise import normalise
from afya.text.words import words

SELF_HARM = "self_harm"
"""The category of harm that is no request to refuse but a danger sign, with support."""


def receive(context: Context, kit: Resources) -> Context:
    """Bounds. A message without words ends the turn; of one that is too long both ends are still triaged."""
    received = bounded(context.request.text, kit.chosen.pack.direction, kit.limits)
    context = replace(context, received=received, notice=received.fault)
    if received.fault is not None and received.fault != "notice.too_long":
        raise EarlyExit(context)
    return context


def check_language(context: Context, kit: Resources) -> Context:
    """The language of the message and those mixed into it."""
    return replace(context, language=languages.check_language(_received(context), kit.chosen, kit.limits))


def normalised(context: Context, kit: Resources) -> Context:
    """The message in one spelling."""
    return replace(context, normalised=normalise(_received(context)))


def masked(context: Context, kit: Resources) -> Context:
    """The message without personal data. From here on nothing reads what was typed."""
    return replace(context, masked=mask(context.normalised or "", kit.chosen.code))


def spelled(context: Context, kit: Resources) -> Context:
    """The copy with the pack's spellings and plain letters, for triage and topics."""
    found = kit.chosen.speller.spell(lookalikes().plain(message(context)))
    near = kit.chosen.near.put_right(found.text) if kit.chosen.near is not None else None
    return replace(context, spelled=replace(found, near=near))


def message(context: Context) -> str:
    """The masked message; where masking failed, the normalised one, which then leaves this process in no way."""
    return context.masked.text if context.masked is not None else context.normalised or ""


def copy(context: Context) -> tuple[str, Seen]:
    """The text that topics and facts are read from, and which one it is."""
    if context.spelled is None or context.spelled.text == message(context):
        return message(context), "message"
    return context.spelled.text, "copy"


def triage(context: Context, kit: Resources) -> Context:
    """Danger phrases of the chosen language, of English mixed into it, and of the languages found in the message.

    A phrase that stands anywhere counts, though it is denied elsewhere.
    """
    text, seen = copy(context)
    texts: list[tuple[str, Seen]] = [(message(context), "message")]
    if seen == "copy":
        texts.append((text, seen))
    if context.spelled is not None and context.spelled.near is not None:
        texts.append((context.spelled.near, "near"))
    spoken = [kit.chosen, *_others(context, kit)]
    signs = look(texts, spoken, (kit.chosen.code,), _told_before(context, kit))
    return replace(
        context,
        triage=Triage(signs, standing(signs, kit.triage), tuple(speech.code for speech in spoken), kit.unseen),
    )


def _told_before(context: Context, kit: Resources) -> frozenset[str]:
    """What the conversation has told of the person: bleeding is another thing in a pregnancy that was named before."""
    known = still(context.request.conversation, context.request.when, kit.limits)
    return concepts_known(known.protocol if known is not None else None)


def _others(context: Context, kit: Resources) -> list[Language]:
    """The further languages in which danger is looked for."""
    check = context.language
    codes = [PIVOT]
    if check is not None:
        codes += [check.detected] if check.matches is not True and check.detected is not None else []
        codes += check.mixed
    found = [kit.other(code) for code in dict.fromkeys(codes) if code != kit.chosen.code]
    return [speech for speech in found if speech is not None]


def translate_in(context: Context, kit: Resources) -> Context:
    """The message in the pivot language: itself, a checked translation, or the glossary's gloss."""
    text = message(context)
    check = context.language
    source = kit.chosen.code
    if check is not None and check.matches is False and check.detected in registry():
        source = str(check.detected)
    if source == PIVOT:
        return replace(context, pivot=Pivot(text, "source"))
    if kit.translator is not None and context.masked is not None and context.notice != "notice.too_long":
        pivot = into_pivot(text, source, kit.translator)
        if pivot.text:
            return replace(context, pivot=pivot)
        gloss = kit.chosen.glosser.gloss(copy(context)[0])
        return replace(context, pivot=replace(pivot, text=gloss, origin="gloss"))
    if source != kit.chosen.code:
        return context
    return replace(context, pivot=Pivot(kit.chosen.glosser.gloss(copy(context)[0]), "gloss"))


def triage_pivot(context: Context, kit: Resources) -> Context:
    """Danger phrases in the pivot text. A sign that is seen only there counts as one seen in the message.

    A message that cannot be answered (too long, another language) ends here, with its danger signs.
    """
    assert context.triage is not None
    found = context.triage
    english = kit.other(PIVOT)
    if context.pivot is not None and context.pivot.origin != "source" and context.pivot.text and english is not None:
        known = set(found.standing)
        seen = danger_signs(normalise(context.pivot.text), english, known=_told_before(context, kit))
        signs = [replace(sign, seen_in="pivot") for sign in seen if sign.rule not in known]
        if context.pivot.origin == "gloss":
            # A gloss loses what a verb denies: it tells of the rules alone that the pack has no phrases for.
            signs = [sign for sign in signs if sign.rule in found.unseen_rules]
        listed = (*found.signs, *signs)
        found = replace(found, signs=listed, standing=standing(listed, kit.triage))
    context = replace(context, triage=found)
    check = context.language
    if check is not None and check.matches is False and not _short_reply(context, kit):
        context = replace(context, notice=context.notice or "notice.other_language")
    if context.notice is not None:
        raise EarlyExit(replace(context, route=Route("emergency") if found.standing else Route("unknown")))
    return context


def _short_reply(context: Context, kit: Resources) -> bool:
    """Whether the message is so short that it may be the answer to a question, in whatever language it looks to be."""
    known = context.request.conversation
    return known is not None and known.asked is not None and len(words(message(context))) <= kit.limits.reply_words


def harm(context: Context, kit: Resources) -> Context:
    """Whether the message asks for help with doing harm. Harm to oneself is a danger sign, not a request to refuse."""
    assert context.triage is not None
    pivot = context.pivot.text if context.pivot is not None and context.pivot.text else None
    found = judge(copy(context)[0], kit.chosen.code, pivot)
    if found is None or found.category != SELF_HARM:
        return replace(context, harm=found)
    sign = Sign(SELF_HARM, " ".join(found.words), 0, 0, found.lang, False)
    signs = (*context.triage.signs, sign)
    return replace(context, triage=replace(context.triage, signs=signs, standing=standing(signs, kit.triage)))


def find_facts(context: Context, kit: Resources) -> Context:
    """Which protocol the message is about, what it says, and what the conversation knew before."""
    assert context.triage is not None
    text, seen = copy(context)
    vocabulary, limits = kit.chosen.facts, kit.limits
    known = still(context.request.conversation, context.request.when, limits)

    def read(name: str) -> Facts:
        assert context.triage is not None
        return facts(text, vocabulary, kit.protocols[name], context.triage, limits, seen_in=seen)

    answered = _answered(text, known, kit)
    unknown = known is not None and known.asked is not None and does_not_know(text, kit.chosen.code)
    if known is not None and known.protocol in kit.protocols and (answered is not None or unknown):
        choice = Choice(str(known.protocol), known.who)
        own = read(choice.protocol)
        if answered is not None:
            own = _with_answer(own, answered, kit, known)
        elif known.asked is not None:
            own = replace(own, unanswered=(known.asked,))
    else:
        base = read(CHILD)
        age = base.findings.get("age_months")
        months = float(age) if isinstance(age, (int, float)) else None
        before = known.findings if known is not None and known.asked == WHO else {}
        signs = {name for name, value in {**before, **base.findings}.items() if value is True}
        choice = choose(text, kit.chosen, kit.protocols, months, signs, known, limits)
        own = base if choice.protocol == CHILD else read(choice.protocol)
    protocol = kit.protocols[choice.protocol]
    told_who = known is not None and known.asked == WHO and choice.who is not None
    fresh = not told_who and is_fresh(known, choice, own, protocol)
    unknown = unknown or told_who
    if known is not None and not fresh:
        own = merge(known, own, protocol)
    replied = answered is not None or unknown
    return replace(context, choice=replace(choice, fresh=fresh), facts=own, replied=replied)


def _answered(text: str, known: Known | None, kit: Resources) -> object | None:
    """What a reply says to the question that the last answer asked, or None."""
    protocol = kit.protocols.get(known.protocol or "") if known is not None else None
    entry = protocol.inputs.get(known.asked or "") if known is not None and protocol is not None else None
    if known is None or entry is None:
        return None
    return reply(text, entry, kit.chosen, kit.view(known.protocol), kit.limits)


def _with_answer(own: Facts, value: object, kit: Resources, known: Known) -> Facts:
    """The facts of a reply: the answer, and what else it says; its number is the answer's and no age."""
    assert known.protocol is not None
    assert known.asked is not None
    protocol = kit.protocols[known.protocol]
    findings = dict(own.findings)
    entry = protocol.inputs[known.asked]
    if protocol.age is not None and entry.kind in ("int", "number") and known.asked != protocol.age.input:
        findings.pop(protocol.age.input, None)
    assert isinstance(value, (bool, int, float, str))
    findings[known.asked] = value
    unsure = tuple(name for name in own.unsure if name != known.asked)
    return implied(replace(own, findings=findings, unsure=unsure), protocol)


def route(context: Context, kit: Resources) -> Context:
    """Where the message goes."""
    assert context.triage is not None
    assert context.facts is not None
    assert context.choice is not None
    known = still(context.request.conversation, context.request.when, kit.limits)
    found = decide(
        copy(context)[0],
        kit.chosen,
        kit.protocols[context.choice.protocol],
        context.choice,
        context.facts,
        context.triage,
        context.harm,
        None if context.choice.fresh else known,
        replied=context.replied,
        searchable=kit.knowledge is not None,
    )
    return replace(context, route=found)


def _received(context: Context) -> str:
    return "" if context.received is None else context.received.text
