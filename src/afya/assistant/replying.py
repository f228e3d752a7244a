"""The later stages of a turn: from what a message says to the answer. Each fills its field of the context.

A model is asked only where passages may answer a question, or to put the pack's advice into words; never about danger.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from afya.assistant.answering import compose, generate, phrasing
from afya.assistant.answering.passages import quoted
from afya.assistant.answering.translating import PIVOT, check_back, out_of_pivot
from afya.assistant.checks import Draft, Failure, Sentence
from afya.assistant.checks.suite import verify as verify_draft
from afya.assistant.context import Context, Delivered, Generated, Retrieval, Verified
from afya.assistant.conversation import remember, still
from afya.assistant.listening import message
from afya.assistant.resources import Resources
from afya.assistant.understanding.injection import instructions
from afya.protocols import CHILD, evaluate, load_formulary
from afya.protocols.subject import Subject, subject_of
from afya.text.sentences import sentences

if TYPE_CHECKING:
    from afya.assistant.knowledge import Passage

_ASSESSED = ("emergency", "protocol", "question")


def assess(context: Context, kit: Resources) -> Context:
    """The protocol's outcome for what is known. Signs that triage alone knows are no inputs of it.

    Of the child's protocol the sections that the message is about are assessed, of another all, unless it names some.
    """
    assert context.route is not None
    assert context.facts is not None
    found = context.route
    if found.name not in _ASSESSED or found.protocol is None or asks_who(context, kit):
        return context
    protocol = kit.protocols[found.protocol]
    if found.name != "emergency" and no_guide(context):
        return context
    sections = found.sections or (() if protocol.name == kit.protocol.name else None)
    return replace(context, assessment=evaluate(protocol, context.facts.findings, sections=sections))


def no_guide(context: Context) -> bool:
    """Whether the message is about a grown-up for whom there is no protocol, so that the child's was left."""
    choice = context.choice
    return choice is not None and choice.protocol == CHILD and choice.who in ("woman", "adult")


def asks_who(context: Context, kit: Resources) -> bool:
    """Whether the answer is the question whom the message is about."""
    asked = context.choice is not None and context.choice.ask_who and compose.WHO in kit.chosen.pack.messages
    return asked and context.route is not None and context.route.name == "protocol"


def retrieve(context: Context, kit: Resources) -> Context:
    """The passages for a question, in the message's language, by its pivot text, or both."""
    if context.route is None or context.route.name != "question" or kit.knowledge is None or context.masked is None:
        return context
    from afya.assistant.knowledge import answerable
    from afya.assistant.knowledge.abstain import answers

    text, lang = message(context), kit.chosen.code
    pivot = context.pivot.text if context.pivot is not None and context.pivot.text else None
    mode = context.request.mode or kit.mode
    if mode == "pivot" and pivot is not None and context.pivot is not None and context.pivot.sound:
        text, lang = pivot, PIVOT
    given = None if mode == "direct" or lang == PIVOT else pivot
    found = kit.knowledge.search(text, lang, limit=kit.limits.passages_found, pivot=given)
    # What speaks to a model rather than about health is shown to nobody; what answers stands first.
    fit = [hit for hit in found if not hit.passage.flagged and not instructions(hit.passage.text)]
    # A gloss leaves out what the glossary does not know: it answers nothing where that is most of the message.
    glossed = context.pivot is not None and context.pivot.origin == "gloss"
    if glossed and kit.chosen.glosser.share(context.normalised or "") < kit.limits.glossed_share:
        fit = [hit for hit in fit if hit.by == "source"]
    hits = sorted(fit, key=lambda hit: not answers(hit))
    sure = bool(hits) and answers(hits[0]) and answerable(hits, text)
    queries = (text,) if given is None else (text, given)
    return replace(context, retrieval=Retrieval(tuple(hits), sure, kit.knowledge.fingerprint, queries))


def generated(context: Context, kit: Resources) -> Context:
    """A model's draft from the passages, or its wording of the pack's advice; nothing without a model."""
    model = kit.model
    if model is None or context.route is None or context.masked is None:
        return context
    found = context.retrieval
    if context.route.name == "question" and found is not None and found.answerable:
        lang, question = _written_in(context, kit)
        outcome = generate.draft(model, question, _passages(found), lang, kit.limits)
        return replace(context, generated=Generated(model.identity.name, lang, outcome))
    advice = compose.advice(context, kit)
    if advice is None:
        return context
    return replace(context, phrasing=phrasing.phrase(kit, message(context), advice))


def _written_in(context: Context, kit: Resources) -> tuple[str, str]:
    """The language that a model is asked in, and the question: the pivot's where the way there and back is open."""
    mode = context.request.mode or kit.mode
    pivot = context.pivot
    if (
        mode != "direct"
        and kit.chosen.code != PIVOT
        and kit.translator is not None
        and pivot is not None
        and pivot.sound
    ):
        return PIVOT, pivot.text
    return kit.chosen.code, message(context)


def _passages(found: Retrieval) -> list[Passage]:
    return [hit.passage for hit in found.hits]


def verify(context: Context, kit: Resources) -> Context:
    """Every check on the draft; where one fails, one repair by the model and every check again."""
    made, found = context.generated, context.retrieval
    if made is None or found is None or isinstance(made.outcome, Failure):
        return context
    _, question = _written_in(context, kit)
    passages, subject = _passages(found), _subject(context, kit)

    def judge(draft: Draft) -> Verified:
        verdicts = verify_draft(
            draft, passages, question=question, subject=subject, formulary=load_formulary(), lang=made.lang
        )
        return Verified(verdicts, bool(verdicts) and all(verdict.passed for verdict in verdicts))

    verdict = judge(made.outcome)
    if verdict.passed or kit.model is None:
        return replace(context, verified=verdict)
    again = generate.repair(kit.model, question, passages, made.lang, kit.limits, made.outcome, verdict.verdicts)
    context = replace(context, generated=replace(made, outcome=again, repairs=1), verified=verdict)
    return context if isinstance(again, Failure) else replace(context, verified=judge(again))


def _subject(context: Context, kit: Resources) -> Subject:
    """The person of the message, for the checks of doses: what is not known is None."""
    if context.facts is None or context.choice is None:
        return Subject()
    return subject_of(kit.protocols[context.choice.protocol], dict(context.facts.findings))


def to_deliver(context: Context, kit: Resources) -> tuple[tuple[Sentence, ...], str] | None:
    """What is told beside the pack's texts, by sentences, and its language: the draft, else the best passage."""
    found = context.retrieval
    if context.route is None or context.route.name != "question" or found is None or not found.answerable:
        return None
    made = context.generated
    if (
        made is not None
        and isinstance(made.outcome, Draft)
        and context.verified is not None
        and context.verified.passed
    ):
        return tuple(made.outcome.sentences), made.lang
    best = found.hits[0].passage
    text = quoted(best, kit.limits.passage_characters)
    return tuple(Sentence(piece.strip(), (1,)) for piece in sentences(text, best.lang) if piece.strip()), best.lang


def translate_out(context: Context, kit: Resources) -> Context:
    """What is told in another language than the answer's, translated sentence by sentence. Pack texts never are."""
    told = to_deliver(context, kit)
    if told is None or kit.translator is None or told[1] == kit.chosen.code:
        return context
    return replace(context, delivered=out_of_pivot(told[0], told[1], kit.chosen.code, kit.translator))


def checked_back(context: Context, kit: Resources) -> Context:
    """The checks of the delivered translation, against what it was made from and by the way back."""
    told, made = to_deliver(context, kit), context.delivered
    if told is None or made is None or not made.translated or kit.translator is None:
        return context
    # Until the checks have passed nothing is delivered: a stage that fails or is late leaves it so.
    return replace(context, delivered=check_back(made, told[0], told[1], kit.translator))


def unchecked(delivered: Delivered | None) -> bool:
    """Whether a translation was made and not passed: it is not shown."""
    return delivered is not None and not (delivered.passed and bool(delivered.verdicts))


def answer(context: Context, kit: Resources) -> Context:
    """The answer, from whatever the other stages found."""
    return replace(context, answer=compose.compose(context, kit, asks_who(context, kit)))


def persist(context: Context, kit: Resources) -> Context:
    """What the next message of the conversation may build on, put into the answer."""
    when = context.request.when
    before = still(context.request.conversation, when, kit.limits)
    if context.choice is not None and context.choice.fresh:
        before = None if before is None else replace(before, findings={}, contradicted=())
    sections = context.route.sections if context.route is not None else ()
    asked = context.answer.asks if context.answer is not None else None
    if context.route is not None and context.route.name in ("small_talk", "unknown", "out_of_scope", "danger_list"):
        # Thanks and asides leave open what was asked.
        known = remember(before, None, None, (), None, when, None)
    else:
        who = context.choice.who if context.choice is not None else None
        who = who or (
            before.who if before is not None and context.choice is not None and not context.choice.fresh else None
        )
        known = remember(before, context.choice, context.facts, sections, asked, when, who)
    told = context.answer
    return replace(context, known=known, answer=None if told is None else replace(told, known=known))


def audit(context: Context, kit: Resources) -> Context:
    """The turn to those who keep it, and to a supervisor's queue where a person should look at it."""
    reasons = escalations(context)
    if context.answer is not None:
        context = replace(context, answer=replace(context.answer, escalated=reasons))
    try:
        if kit.queue is not None and reasons:
            kit.queue(context, reasons)
    finally:
        # A queue that cannot be written to leaves the log whole.
        if kit.audit is not None:
            kit.audit(context)
    return context


def escalations(context: Context) -> tuple[str, ...]:
    """Why a supervisor should look at a turn; () when nobody need."""
    found = []
    told = context.answer
    if told is not None and told.colour == "red":
        found.append("escalated")
    if context.broken or told is None:
        found.append("broken")
    if told is not None and told.abstained:
        found.append("abstained")
    if unchecked(context.delivered) or (context.pivot is not None and context.pivot.failed):
        found.append("translation_failed")
    withheld = context.phrasing is not None and context.phrasing.text is None and context.phrasing.error is None
    made = context.generated.outcome if context.generated is not None else None
    unread = isinstance(made, Failure) and made.code not in ("engine", "no_answer")
    if withheld or unread or (context.verified is not None and not context.verified.passed):
        found.append("withheld")
    return tuple(found)
