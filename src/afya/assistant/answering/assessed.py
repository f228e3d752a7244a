"""What an assessment says, in the pack's words: what was understood, what it is, what to do, what to ask next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from afya.assistant.answering.page import Page
from afya.assistant.context import Block, Context, SourceNote
from afya.assistant.resources import Resources
from afya.packs import Pack
from afya.protocols import CHILD, Assessment, DoseResult, Protocol, Row
from afya.protocols.evaluate import DANGER_SECTION, merged_actions
from afya.protocols.model import Action


def assessed(page: Page, context: Context, resources: Resources, assessment: Assessment) -> None:
    if assessment.outside:
        _outside(page, context, resources, assessment)
        return
    page.colour = assessment.colour
    page.say("banner", f"colour.{assessment.colour}")
    _understood(page, context, resources)
    if assessment.colour == "unknown":
        held = provisional(assessment)
        if held:
            page.say("heading", "notice.at_least")
            rows(page, held)
        ask(page, context, assessment, resources)
        if held:
            do(page, merged_actions(held), doses_of(held, assessment))
            for row in held:
                page.cite_row(row)
    else:
        rows(page, assessment.rows)
        do(page, assessment.actions, assessment.doses)
        for row in assessment.rows:
            page.cite_row(row)
    page.say("notice", "notice.when_in_doubt")


def _outside(page: Page, context: Context, resources: Resources, assessment: Assessment) -> None:
    page.colour = "unknown"
    protocol = resources.protocols[assessment.protocol]
    age = assessment.findings.get(protocol.age.input) if protocol.age is not None else None
    lowest = protocol.inputs[protocol.age.input].low if protocol.age is not None else None
    young = isinstance(age, (int, float)) and lowest is not None and age < lowest
    page.doubt("notice.age_too_low" if young else "notice.age_too_high")
    _understood(page, context, resources)
    page.say("notice", "notice.when_in_doubt")


def _understood(page: Page, context: Context, resources: Resources) -> None:
    """The facts as they were taken from the message, so that the person can see a misreading."""
    protocol = CHILD if context.choice is None else context.choice.protocol
    lines = understood(context.facts.findings if context.facts is not None else {}, page.pack, protocol)
    if lines:
        page.say("heading", "notice.understood")
        page.blocks += [Block("fact", line) for line in lines]
    for value in context.facts.left_out if context.facts is not None else ():
        page.doubt("notice.left_out", value=value)


def understood(findings: Mapping[str, object], pack: Pack, protocol: str) -> list[str]:
    """One line a fact, in the pack's words: its practice cases' sentence where there is one, else question, answer."""
    slots = {"breaths_per_minute": "count", "muac_mm": "mm", "cough_days": "days", "fever_days": "days"}
    slots["diarrhoea_days"] = "days"
    lines = []
    for name, value in findings.items():
        # The practice cases are about children.
        sentences = pack.sentences if protocol == CHILD else {}
        if f"fact.{name}.{value}" in sentences:
            lines.append(pack.sentence(f"fact.{name}.{value}", 0))
        elif f"fact.{name}" in sentences and name in slots:
            lines.append(pack.sentence(f"fact.{name}", 0, **{slots[name]: value}))
        elif protocol == CHILD and value is True and f"sign.{name}" in pack.messages:
            lines.append(pack.text(f"sign.{name}"))
        elif f"question.{name}" in pack.messages:
            lines.append(f"{pack.text(f'question.{name}')} {_spoken(name, value, pack)}")
    return lines


def _spoken(name: str, value: object, pack: Pack) -> str:
    if isinstance(value, bool):
        return pack.text("answer.is_true" if value else "answer.is_false")
    key = f"answer.{name}.{value}"
    return pack.text(key) if key in pack.messages else _plain(value)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def provisional(assessment: Assessment) -> list[Row]:
    """What is at least true although something is missing. Never green: that is only said when all is known."""
    listed = [result.at_least for result in assessment.results if result.status != "not_applicable"]
    return [row for row in listed if row is not None and row.colour in ("yellow", "red")]


def ask(page: Page, context: Context, assessment: Assessment, resources: Resources) -> None:
    """The one question whose answer is needed next: what was told in two ways, then as `ranked` has it."""
    contradicted = context.facts.contradicted if context.facts is not None else ()
    listed = ranked(assessment.missing, resources.protocols[assessment.protocol])
    listed = [*(name for name in contradicted if name not in listed), *listed]
    if not listed:
        return
    unanswered = context.facts.unanswered if context.facts is not None else ()
    open_ones = [name for name in listed if name not in unanswered]
    page.uncertain += [page.pack.text(f"question.{name}") for name in listed]
    if not open_ones:
        return
    first = contradicted[0] if contradicted else open_ones[0]
    if contradicted:
        page.doubt("notice.contradicted")
    page.say("heading", "notice.missing")
    page.put("question", page.pack.text(f"question.{first}"))
    page.asks = first


def ranked(missing: Sequence[str], protocol: Protocol) -> list[str]:
    """The inputs that are missing, the next to be asked for first: what all need, danger signs, what leads further."""
    inputs = protocol.inputs
    return sorted(
        missing, key=lambda name: (not inputs[name].required, not inputs[name].danger, not inputs[name].entry)
    )


def rows(page: Page, listed: Sequence[Row]) -> None:
    """What the person has."""
    for row in listed:
        # "No danger sign" is no diagnosis: it is said only when it stands alone.
        if row.colour == "green" and row.table == DANGER_SECTION and len(listed) > 1:
            continue
        page.say("classification", f"classification.{row.result}")


def do(page: Page, actions: Iterable[Action], doses: Iterable[DoseResult]) -> None:
    """What to do and what to give, with what speaks against it."""
    listed = list(actions)
    if listed:
        page.say("heading", "notice.what_to_do")
    for action in listed:
        page.say("action", f"action.{action.name}", **{key: _plain(value) for key, value in action.values.items()})
    given = list(doses)
    if given:
        page.say("heading", "notice.what_to_give")
    for result in given:
        name = page.pack.text(f"medicine.{result.medicine}")
        against = [row.text for row in (*result.objections.never, *result.objections.unknown)]
        if result.dose is None:
            told = [page.pack.text(key) for key in against if key in page.pack.messages]
            page.put("dose", f"{name}: {' '.join(told or [page.pack.text('dose.not_found')])}")
        else:
            values = {key: _plain(value) for key, value in result.dose.values().items()}
            page.say("dose", f"dose.{result.dose.medicine.card}", medicine=name, **values)
            citation = result.dose.band.citation
            page.cite(
                SourceNote(
                    citation.source.title,
                    citation.source.publisher,
                    citation.page,
                    f"formulary, {result.medicine}",
                    result.dose.band.reviewed,
                )
            )
            for care in result.objections.care:
                if care.text in page.pack.messages:
                    page.put("caution", f"{name}: {page.pack.text(care.text)}")


def doses_of(rows: Sequence[Row], assessment: Assessment) -> list[DoseResult]:
    """The doses of those rows that are decided; a row that could still turn red has none yet."""
    wanted = {name for row in rows for name in row.doses}
    return [result for result in assessment.doses if result.medicine in wanted]
