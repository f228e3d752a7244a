"""An assessment's outcome in a pack's words: colour, what it is, what to do and give, when to come back, why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from afya.packs import Pack
from afya.protocols.assess import Guided
from afya.protocols.conditions import Value
from afya.protocols.evaluate import Assessment, DoseResult
from afya.protocols.model import DANGER_SECTION, Action, Input, Row

# How the keys of actions begin that say when the person comes back, and where they are sent.
_COME_BACK = ("follow_up", "see_again", "come_back", "return_")
_REFER = ("refer", "send_")


@dataclass(frozen=True, slots=True)
class Why:
    """A row that was used: what it says, the document and place it follows, and whether a clinician has signed it."""

    text: str
    row: str
    source: str
    publisher: str
    page: str
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome, every entry a text of the pack; `colour` alone is a word of the program.

    `at_least`: the least it can be where answers are missing. `missing`: the questions that were left open, `not_asked`
    those that were never put because the outcome was certain. `known`: what was answered, question and answer.
    """

    lang: str
    protocol: str
    colour: str
    banner: str
    outside: tuple[str, ...]
    classifications: tuple[str, ...]
    at_least: tuple[str, ...]
    refer: tuple[str, ...]
    do: tuple[str, ...]
    give: tuple[str, ...]
    come_back: tuple[str, ...]
    why: tuple[Why, ...]
    missing: tuple[str, ...]
    not_asked: tuple[str, ...]
    known: tuple[tuple[str, str], ...]
    notices: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


def tell(guided: Guided, pack: Pack) -> Told:
    """The outcome so far in the words of `pack` (the view of the protocol: Pack.for_protocol).

    Raises ConfigError naming the text that the pack lacks.
    """
    result, protocol = guided.result, guided.protocol
    red = result.colour == "red"
    rows = [row for row in result.rows if not red or row.colour == "red"] or (_at_least(result) if red else [])
    # That there is no danger sign is worth a line only beside nothing else.
    shown = [row for row in rows if row.table != DANGER_SECTION or row.colour == "red"] or rows
    actions = list(result.actions)
    certain = red or result.colour != "unknown"
    asked_in_vain = [name for name in protocol.inputs if name in guided.unknown and name in result.missing]
    missing = asked_in_vain if red else [*asked_in_vain, *guided.not_asked]
    open_names = guided.not_asked if red else ()
    notices = [] if all(row.reviewed for row in rows) else ["notice.rule_not_reviewed"]
    notices += [] if pack.reviewed else ["notice.not_reviewed"]
    notices.append("notice.disclaimer")
    if not certain and not result.outside:
        notices.insert(0, "notice.when_in_doubt")
    return Told(
        lang=pack.lang,
        protocol=protocol.name,
        colour=result.colour,
        banner=_outside(guided, pack) if result.outside else pack.text(f"colour.{result.colour}"),
        outside=result.outside,
        classifications=_classified(pack, shown),
        at_least=() if red else _classified(pack, _at_least(result)),
        refer=_texts(pack, (action for action in actions if action.name.startswith(_REFER))),
        do=_texts(pack, (action for action in actions if not action.name.startswith((*_REFER, *_COME_BACK)))),
        give=tuple(line for dose in result.doses for line in _dose(dose, pack)),
        come_back=_texts(pack, (action for action in actions if action.name.startswith(_COME_BACK))),
        why=tuple(_why(row, pack) for row in rows),
        missing=tuple(pack.text(f"question.{name}") for name in missing),
        not_asked=tuple(pack.text(f"question.{name}") for name in open_names),
        known=tuple(
            (pack.text(f"question.{name}"), said(protocol.inputs[name], value, pack))
            for name, value in guided.answers.items()
        ),
        notices=tuple(pack.text(key) for key in notices if key in pack.messages),
    )


def _classified(pack: Pack, rows: Iterable[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pack.text(f"classification.{row.result}") for row in rows))


def said(entry: Input, value: Value | None, pack: Pack) -> str:
    """An answer in the pack's words."""
    if value is None:
        return pack.text("answer.not_known")
    if isinstance(value, bool):
        return pack.text("answer.is_true" if value else "answer.is_false")
    return pack.text(f"answer.{entry.name}.{value}") if isinstance(value, str) else f"{value:g}"


def _texts(pack: Pack, actions: Iterable[Action]) -> tuple[str, ...]:
    return tuple(
        pack.text(f"action.{action.name}", **{key: f"{value:g}" for key, value in action.values.items()})
        for action in actions
    )


def _dose(result: DoseResult, pack: Pack) -> Iterable[str]:
    name = pack.text(f"medicine.{result.medicine}")
    if result.dose is None:
        against = [entry.text for entry in (*result.objections.never, *result.objections.unknown)]
        told = [pack.text(key) for key in against if key in pack.messages] or [pack.text("dose.not_found")]
        yield f"{name}: {' '.join(told)}"
        return
    values = {key: f"{value:g}" if isinstance(value, float) else value for key, value in result.dose.values().items()}
    yield pack.text(f"dose.{result.dose.medicine.card}", **{**values, "medicine": name})
    yield from (pack.text(entry.text) for entry in result.objections.care if entry.text in pack.messages)


def _at_least(result: Assessment) -> list[Row]:
    """What the undecided tables say at the least, danger first."""
    rows = [entry.at_least for entry in result.results if entry.status == "undecided"]
    return [row for row in rows if row is not None and row.colour != "green"]


def _why(row: Row, pack: Pack) -> Why:
    source = row.citation.source
    text = pack.text(f"classification.{row.result}")
    return Why(text, row.name, source.title, source.publisher, row.citation.page, row.reviewed)


def _outside(guided: Guided, pack: Pack) -> str:
    """That the guide is not for this age: in the protocol's own words, or that the supervisor is asked."""
    protocol = guided.protocol
    name = guided.result.outside[0]
    value, low = guided.answers.get(name), protocol.inputs[name].low
    young = isinstance(value, (int, float)) and low is not None and value < low
    key = "notice.age_too_low" if young else "notice.age_too_high"
    own = pack.protocol_texts.get(protocol.name, {})
    child = protocol.subject == "child"
    return pack.text(key if child or key in own else "notice.do_not_know")
