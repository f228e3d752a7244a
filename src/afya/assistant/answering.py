"""Putting the answer together: every text from the pack, red first, with its sources and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from afya.assistant.context import Answer, Block, Colour, Context, SourceNote
from afya.assistant.resources import Resources
from afya.languages import registry
from afya.packs import Pack
from afya.protocols import Assessment, DoseResult, Row
from afya.protocols.evaluate import DANGER_SECTION, merged_actions
from afya.protocols.model import Action


@dataclass
class _Draft:
    pack: Pack
    colour: Colour | None = None
    blocks: list[Block] = field(default_factory=list)
    sources: list[SourceNote] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)

    def say(self, kind: str, key: str, /, **values: object) -> None:
        self.blocks.append(Block(kind, self.pack.text(key, **values)))

    def doubt(self, key: str, /, **values: object) -> None:
        text = self.pack.text(key, **values)
        self.blocks.append(Block("uncertain", text))
        self.uncertain.append(text)


def compose(context: Context, resources: Resources) -> Answer:
    """The answer to what the turn has found, whatever stages failed. Raises ConfigError when the pack lacks a text."""
    pack = resources.chosen.pack
    draft = _Draft(pack)
    standing = context.triage.standing if context.triage is not None else ()
    assessment = context.assessment
    if standing or (assessment is not None and assessment.colour == "red"):
        _red(draft, context, resources, standing)
    elif context.broken:
        draft.doubt("notice.not_available")
        draft.say("notice", "notice.when_in_doubt")
    elif context.notice is not None:
        _fault(draft, context)
        draft.say("notice", "notice.when_in_doubt")
    elif assessment is not None:
        _assessed(draft, context, resources, assessment)
    elif context.route is not None and context.route.name == "danger_list":
        draft.say("heading", "notice.danger_list")
        for rule, row in resources.triage.items():
            draft.say("sign", f"sign.{rule}")
            _cite(draft, row.source)
    elif context.route is not None and context.route.name == "out_of_scope":
        draft.say("notice", "notice.out_of_scope")
    else:
        draft.doubt("notice.do_not_know")
        draft.say("notice", "notice.when_in_doubt")
    if draft.colour == "red" and context.notice is not None:
        _fault(draft, context)
    _phrasing(draft, context, resources)
    _notices(draft)
    return Answer(
        lang=pack.lang,
        colour=draft.colour,
        route=None if context.route is None else context.route.name,
        blocks=tuple(draft.blocks),
        sources=tuple(dict.fromkeys(draft.sources)),
        uncertain=tuple(draft.uncertain),
        missing=() if assessment is None else assessment.missing,
        findings={} if context.facts is None else dict(context.facts.findings),
        signs=() if context.triage is None else context.triage.signs,
        events=context.events,
    )


def advice(context: Context, resources: Resources) -> str | None:
    """The advice a model may put into words, or None where it must not: red, nothing assessed, something failed."""
    assessment = context.assessment
    if assessment is None or assessment.outside or context.notice or context.broken:
        return None
    if assessment.colour == "red" or (context.triage is not None and context.triage.standing):
        return None
    draft = _Draft(resources.chosen.pack)
    if assessment.colour == "unknown":
        provisional = _provisional(assessment)
        if not provisional or any(row.colour == "red" for row in provisional):
            return None
        _ask(draft, assessment, resources)
        draft.say("heading", "notice.at_least")
        _rows(draft, provisional)
        _do(draft, merged_actions(provisional), _doses_of(provisional, assessment))
    else:
        _rows(draft, assessment.rows)
        _do(draft, assessment.actions, assessment.doses)
    return "\n".join(block.text for block in draft.blocks)


def _fault(draft: _Draft, context: Context) -> None:
    """Why the message was not answered; with the name of the language it seems to be in, in that language."""
    assert context.notice is not None
    draft.doubt(context.notice)
    detected = None if context.language is None else context.language.detected
    if context.notice == "notice.other_language" and detected in registry():
        draft.blocks.append(Block("notice", f"({registry()[detected].endonym})"))


def _red(draft: _Draft, context: Context, resources: Resources, standing: tuple[str, ...]) -> None:
    draft.colour = "red"
    draft.say("banner", "colour.red")
    assessment = context.assessment
    if standing:
        draft.say("heading", "notice.danger_seen")
        for rule in standing:
            draft.say("sign", f"sign.{rule}")
    red = [row for row in assessment.rows if row.colour == "red"] if assessment is not None else []
    _rows(draft, red)
    # Referring comes first, then what is done on the way.
    actions = {name: Action(name) for rule in standing for name in resources.triage[rule].actions}
    doses: tuple[DoseResult, ...] = ()
    if assessment is not None and assessment.colour == "red":
        actions |= {action.name: action for action in assessment.actions}
        doses = assessment.doses
    ordered = sorted(actions.values(), key=lambda action: action.name != "refer_urgently")
    _do(draft, ordered, doses)
    for rule in standing:
        _cite(draft, resources.triage[rule].source)
    for row in red:
        _cite_row(draft, row)
    if context.broken:
        draft.doubt("notice.not_available")


def _assessed(draft: _Draft, context: Context, resources: Resources, assessment: Assessment) -> None:
    if assessment.outside:
        _outside(draft, context, resources, assessment)
        return
    draft.colour = assessment.colour
    draft.say("banner", f"colour.{assessment.colour}")
    _understood(draft, context, resources)
    if assessment.colour == "unknown":
        provisional = _provisional(assessment)
        if provisional:
            draft.say("heading", "notice.at_least")
            _rows(draft, provisional)
        _ask(draft, assessment, resources)
        if provisional:
            _do(draft, merged_actions(provisional), _doses_of(provisional, assessment))
            for row in provisional:
                _cite_row(draft, row)
    else:
        _rows(draft, assessment.rows)
        _do(draft, assessment.actions, assessment.doses)
        for row in assessment.rows:
            _cite_row(draft, row)
    draft.say("notice", "notice.when_in_doubt")


def _outside(draft: _Draft, context: Context, resources: Resources, assessment: Assessment) -> None:
    draft.colour = "unknown"
    age = assessment.findings.get("age_months")
    lowest = resources.protocol.inputs["age_months"].low
    young = isinstance(age, (int, float)) and lowest is not None and age < lowest
    draft.doubt("notice.age_too_low" if young else "notice.age_too_high")
    _understood(draft, context, resources)
    draft.say("notice", "notice.when_in_doubt")


def _understood(draft: _Draft, context: Context, resources: Resources) -> None:
    """The facts as they were taken from the message, so that the person can see a misreading."""
    lines = understood(context.facts.findings if context.facts is not None else {}, draft.pack, resources)
    if lines:
        draft.say("heading", "notice.understood")
        draft.blocks += [Block("fact", line) for line in lines]
    for value in context.facts.left_out if context.facts is not None else ():
        draft.doubt("notice.left_out", value=value)


def understood(findings: Mapping[str, object], pack: Pack, resources: Resources) -> list[str]:
    """One line a fact, in the pack's words: its practice cases' sentence where there is one, else question, answer."""
    slots = {"breaths_per_minute": "count", "muac_mm": "mm", "cough_days": "days", "fever_days": "days"}
    slots["diarrhoea_days"] = "days"
    lines = []
    for name, value in findings.items():
        if f"fact.{name}.{value}" in pack.sentences:
            lines.append(pack.sentence(f"fact.{name}.{value}", 0))
        elif f"fact.{name}" in pack.sentences and name in slots:
            lines.append(pack.sentence(f"fact.{name}", 0, **{slots[name]: value}))
        elif value is True and f"sign.{name}" in pack.messages:
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


def _provisional(assessment: Assessment) -> list[Row]:
    """What is at least true although something is missing. Never green: that is only said when all is known."""
    rows = [result.at_least for result in assessment.results if result.status != "not_applicable"]
    return [row for row in rows if row is not None and row.colour in ("yellow", "red")]


def _ask(draft: _Draft, assessment: Assessment, resources: Resources) -> None:
    """The one question whose answer is needed next: what all children need, then danger signs, then the rest."""
    inputs = resources.protocol.inputs
    if not assessment.missing:
        return
    ranked = sorted(
        assessment.missing,
        key=lambda name: (not inputs[name].required, not inputs[name].danger, not inputs[name].entry),
    )
    draft.say("heading", "notice.missing")
    draft.blocks.append(Block("question", draft.pack.text(f"question.{ranked[0]}")))
    draft.uncertain += [draft.pack.text(f"question.{name}") for name in ranked]


def _rows(draft: _Draft, rows: Sequence[Row]) -> None:
    for row in rows:
        # "No danger sign" is no diagnosis: it is said only when it stands alone.
        if row.colour == "green" and row.table == DANGER_SECTION and len(rows) > 1:
            continue
        draft.say("classification", f"classification.{row.result}")


def _do(draft: _Draft, actions: Iterable[Action], doses: Iterable[DoseResult]) -> None:
    listed = list(actions)
    if listed:
        draft.say("heading", "notice.what_to_do")
    for action in listed:
        draft.say("action", f"action.{action.name}", **{key: _plain(value) for key, value in action.values.items()})
    given = list(doses)
    if given:
        draft.say("heading", "notice.what_to_give")
    for result in given:
        name = draft.pack.text(f"medicine.{result.medicine}")
        if result.dose is None:
            draft.blocks.append(Block("dose", f"{name}: {draft.pack.text('dose.not_found')}"))
        else:
            values = {key: _plain(value) for key, value in result.dose.values().items()}
            draft.say("dose", f"dose.{result.dose.medicine.card}", medicine=name, **values)
            citation = result.dose.band.citation
            _cite(
                draft,
                SourceNote(
                    citation.source.title,
                    citation.source.publisher,
                    citation.page,
                    f"formulary, {result.medicine}",
                    result.dose.band.reviewed,
                ),
            )


def _doses_of(rows: Sequence[Row], assessment: Assessment) -> list[DoseResult]:
    """The doses of those rows that are decided; a row that could still turn red has none yet."""
    wanted = {name for row in rows for name in row.doses}
    return [result for result in assessment.doses if result.medicine in wanted]


def _cite_row(draft: _Draft, row: Row) -> None:
    source = row.citation.source
    _cite(draft, SourceNote(source.title, source.publisher, row.citation.page, row.name, row.reviewed))


def _cite(draft: _Draft, note: SourceNote) -> None:
    draft.sources.append(note)


def _phrasing(draft: _Draft, context: Context, resources: Resources) -> None:
    if resources.model is None or advice(context, resources) is None:
        return
    phrasing = context.phrasing
    if phrasing is None or phrasing.error is not None:
        draft.say("notice", "notice.model_unavailable")
    elif phrasing.text is None:
        draft.say("notice", "notice.model_withheld")
    else:
        draft.say("heading", "notice.model_text")
        draft.blocks.append(Block("model", phrasing.text, "model"))


def _notices(draft: _Draft) -> None:
    if any(not note.reviewed for note in draft.sources):
        draft.say("review", "notice.rule_not_reviewed")
    if not draft.pack.reviewed:
        draft.say("review", "notice.not_reviewed")
    draft.say("review", "notice.disclaimer")
