"""Talks between a health worker and a family: the protocol's questions one by one, the finding, advice, when to return.

The child is drawn as practice cases are (and so belongs to a split by its facts). The worker always asks what the
protocol still misses, and stops as soon as a danger sign is found; what she finds and advises is what the evaluator
says of the answers given so far. Signs that are looked at or counted are the worker's own findings; the rest is asked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

from afya.errors import ConfigError
from afya.items import Item, Split, Turn, item_ids
from afya.languages import language
from afya.packs import Pack, load_pack
from afya.protocols.cases import Case, CaseSource, load_cases, split_of
from afya.protocols.conditions import Value
from afya.protocols.evaluate import DANGER_SECTION, Assessment, evaluate
from afya.protocols.load import CHILD
from afya.protocols.model import Input
from afya.protocols.vignettes import LICENCE
from afya.sources.source import extra

SOURCE = "synthetic-dialogue"

_DRAWS = 1000


@dataclass(frozen=True)
class _Talk:
    """What is asked or looked at, in order, and what follows: the same in every language. `wording` picks variants."""

    case: Case
    steps: tuple[str, ...]
    assessment: Assessment
    wording: int


def dialogues(
    langs: Sequence[str], n: int | None, seed: int, split: Split, *, protocol: str = CHILD, start: int = 0
) -> Iterator[Item]:
    """Talks about `n` children (None: without end), each in all of `langs`, in the order of the languages.

    `question` is what the family says first, `turns` the whole talk (user: the family, assistant: the health worker),
    `answer_text` the worker's last advice, `rationale` its sources.

    Raises:
        ConfigError: a language has no pack, or its pack lacks a text.
    """
    source = load_cases(protocol)
    packs = [load_pack(lang) for lang in langs]
    for pack in packs:
        if not pack.teaching:
            raise ConfigError(
                f"{pack.folder}: the pack of {pack.name} has no teaching.yaml.", hint="Translate the English one."
            )
    for index in islice(count(start), n):
        talk = _draw(source, split, seed, index)
        for pack in packs:
            yield _item(pack, source, talk, f"{split}-{seed}-{index}", split)


def _draw(source: CaseSource, split: Split, seed: int, index: int) -> _Talk:
    """A child whose findings decide the protocol's section. Kinds that leave answers open are drawn again."""
    rng = random.Random(f"{SOURCE}:{split}:{seed}:{index}")
    for _ in range(_DRAWS):
        case = source.draw(split, rng.getrandbits(48), 0)
        if case.section is None:
            continue
        talk = _talk(source, case, rng)
        if talk is not None and _split(source, talk) == split:
            return talk
    raise ConfigError(f"No complete case could be drawn from the protocol {source.protocol.name} for {split}.")


def _split(source: CaseSource, talk: _Talk) -> Split:
    """By the facts that are told, so that no talk of one split reads like one of another."""
    shares = source.spec.shares
    told = ";".join(f"{name}={talk.assessment.findings[name]}" for name in sorted(talk.steps))
    return split_of(f"{SOURCE};{talk.case.section};{told}", (shares.test, shares.dev, shares.of))


def _talk(source: CaseSource, case: Case, rng: random.Random) -> _Talk | None:
    protocol = source.protocol
    wording = rng.randrange(6)
    # The family has said why it came.
    known: dict[str, Value | None] = {
        name: value
        for name, value in case.findings.items()
        if name in protocol.inputs and protocol.inputs[name].entry and value
    }
    steps: list[str] = []
    while True:
        assessment = evaluate(protocol, known, sections=[case.section or ""])
        missing = [name for name in assessment.missing if name not in known]
        if assessment.outside or not (missing or assessment.rows):
            return None
        dangerous = any(row.colour == "red" and row.table == DANGER_SECTION for row in assessment.rows)
        if dangerous or not missing:
            told = {action.name for action in assessment.actions}
            at_odds = any(told.issuperset(pair) for pair in source.spec.at_odds)
            sound = steps and assessment.rows and not at_odds
            return _Talk(case, tuple(steps), assessment, wording) if sound else None
        name = min(missing, key=lambda entry: _rank(protocol.inputs[entry], source.spec.looked_at))
        drawn = case.findings.get(name)
        known[name] = _draw_finding(source, name, rng) if drawn is None else drawn
        steps.append(name)


def _draw_finding(source: CaseSource, name: str, rng: random.Random) -> Value:
    """What a case leaves open, drawn as in the kinds of case that tell it; a sign none of them tells is absent."""
    entry = source.protocol.inputs[name]
    if entry.kind == "bool":
        return False
    for _, kind in source.kinds:
        drawn = kind.draw.get(name)
        if isinstance(drawn, list):
            return rng.randrange(drawn[0], drawn[1])
        if drawn:
            return rng.choices(list(drawn), list(drawn.values()))[0]
    return entry.values[0] if entry.values else int(entry.low or 0)


def _rank(entry: Input, looked_at: Sequence[str]) -> tuple[bool, bool, bool]:
    """What is asked first: what every child needs, danger signs, what the family knows; then what is looked at."""
    return (not entry.required, not entry.danger, entry.name in looked_at)


def _item(pack: Pack, source: CaseSource, talk: _Talk, native_id: str, split: Split) -> Item:
    teller = _Teller(pack, source, talk)
    turns = teller.turns()
    item_id, group_id = item_ids(SOURCE, native_id, pack.lang)
    rows = talk.assessment.rows
    return Item(
        item_id=item_id,
        group_id=group_id,
        lang=pack.lang,
        task="dialogue",
        split=split,
        question=turns[1].text,
        answer_text=teller.advice(),
        rationale=teller.sources(),
        turns=turns,
        source=SOURCE,
        licence=LICENCE,
        origin="synthetic",
        extra=extra(
            protocol=source.protocol.name,
            section=talk.case.section,
            facts={name: value for name, value in talk.assessment.findings.items() if value is not None},
            rows=[row.name for row in rows],
            colour=talk.assessment.colour,
            reviewed=False,
        ),
    )


class _Teller:
    """Tells one talk in one language."""

    def __init__(self, pack: Pack, source: CaseSource, talk: _Talk) -> None:
        self.pack, self.talk = pack, talk
        self.say_as, self.looked_at = source.spec.say_as, source.spec.looked_at
        self.joint = " " if language(pack.lang.partition("-")[0]).spaced else ""

    def turns(self) -> tuple[Turn, ...]:
        """The talk, the worker and the family by turns."""
        wording, listed = self.talk.wording, [self._worker(self.pack.teach("dialogue.greeting", self.talk.wording))]
        listed.append(self._family(self.pack.teach(f"dialogue.opening.{self.talk.case.section}", wording)))
        seen: list[str] = []
        for name in self.talk.steps:
            if name in self.looked_at:
                seen.append(self._finding(name))
            else:
                listed.append(self._worker(self.pack.text(f"question.{name}")))
                listed.append(self._family(self._answer(name)))
        told = [self.pack.teach("dialogue.look", wording), *seen] if seen else []
        listed.append(self._worker(self.joint.join([*told, self.advice()])))
        listed.append(self._family(self.pack.teach("dialogue.thanks", wording)))
        urgent = self.talk.assessment.colour == "red"
        listed.append(self._worker(self.pack.teach("dialogue.farewell_referral" if urgent else "dialogue.farewell")))
        return tuple(listed)

    def advice(self) -> str:
        """What is found, and what to do."""
        assessment = self.talk.assessment
        # "No danger sign" is no diagnosis: it is said only when it stands alone.
        rows = [row for row in assessment.rows if row.table != DANGER_SECTION or row.colour == "red"] or assessment.rows
        parts = [
            self.pack.teach("dialogue.find", classification=self.pack.text(f"classification.{row.result}"))
            for row in rows
        ]
        if assessment.actions or assessment.doses:
            parts.append(self.pack.teach("dialogue.do"))
        parts += [self.pack.teach(f"advice.{action.name}", **_plain(action.values)) for action in assessment.actions]
        for result in assessment.doses:
            if result.dose is not None:
                name = self.pack.text(f"medicine.{result.medicine}")
                parts.append(
                    self.pack.text(f"dose.{result.dose.medicine.card}", medicine=name, **_plain(result.dose.values()))
                )
        return self.joint.join(parts)

    def sources(self) -> str:
        """Where the advice stands, each document and page once."""
        cited = self.talk.assessment.citations
        lines = [self.pack.text("notice.source", source=entry.source.title, page=entry.page) for entry in cited]
        return self.joint.join(dict.fromkeys(lines))

    def _answer(self, name: str) -> str:
        """The family's answer to a question."""
        value = self.talk.assessment.findings[name]
        if isinstance(value, (bool, str)):
            return self._choice(name, value)
        key = "age" if name == "age_months" else "days"
        return self.pack.teach(f"dialogue.{key}", self.talk.wording, **{self.say_as[name]: value})

    def _finding(self, name: str) -> str:
        """What the worker says of a sign she looks at, counts or tests."""
        value = self.talk.assessment.findings[name]
        if name == "breaths_per_minute":
            return self.pack.teach("dialogue.count", count=value)
        if name == "muac_mm":
            return self.pack.teach("dialogue.muac", mm=value)
        return self.joint.join([self.pack.text(f"question.{name}"), self._choice(name, value)])

    def _choice(self, name: str, value: object) -> str:
        """A yes, a no, or one of the input's values."""
        yes_or_no = "answer.is_true" if value else "answer.is_false"
        return self.pack.text(yes_or_no if isinstance(value, bool) else f"answer.{name}.{value}") + self._stop()

    def _stop(self) -> str:
        return "." if language(self.pack.lang.partition("-")[0]).spaced else "。"

    def _worker(self, text: str) -> Turn:
        return Turn("assistant", text)

    def _family(self, text: str) -> Turn:
        return Turn("user", text)


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {key: f"{value:g}" if isinstance(value, float) else value for key, value in values.items()}
