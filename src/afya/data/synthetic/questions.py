"""Short questions with exact answers from the protocol: danger signs, thresholds, what to do, doses.

There are as many as the protocol has facts; each is asked in every language. They teach what the protocol's practice
cases test, so all of them are for training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from afya.items import Item, item_ids
from afya.languages import language
from afya.packs import Pack, load_pack
from afya.protocols.doses import Dose, find_dose
from afya.protocols.load import CHILD, load_protocol
from afya.protocols.model import Citation, Protocol, Row
from afya.protocols.vignettes import LICENCE
from afya.sources.source import extra

SOURCE = "synthetic-question"
FAST_BREATHING = "fast_breathing"


@dataclass(frozen=True)
class _Fact:
    """A question's key and values, and the row or dose that answers it."""

    name: str
    key: str
    values: Mapping[str, object]
    citations: tuple[Citation, ...]
    row: Row | None = None
    dose: Dose | None = None
    signs: tuple[str, ...] = ()


def questions(langs: Sequence[str], *, protocol: str = CHILD) -> Iterator[Item]:
    """Every question in each of `langs`, in both wordings, as long-form items of the train split.

    Raises ConfigError when a language has no pack, or its pack lacks a text.
    """
    # What every language can tell: optional sections are missing in some.
    rules = load_protocol(protocol).core
    packs = [load_pack(lang) for lang in langs]
    for fact in _facts(rules):
        for wording in range(2):
            for pack in packs:
                yield _item(pack, rules, fact, wording)


def _facts(rules: Protocol) -> Iterator[_Fact]:
    signs = tuple(entry.name for entry in rules.inputs.values() if entry.danger)
    danger = next(row for table in rules.tables.values() if table.section == "danger" for row in table.rows)
    yield _Fact("danger", "danger_signs", {}, (danger.citation, *danger.also), danger, signs=signs)
    ages = rules.inputs["age_months"]
    for row in rules.tables[FAST_BREATHING].rows:
        if row.result != "fast":
            continue
        for age in range(int(ages.low or 0), int(ages.high or 0)):
            if _holds(row, age):
                yield _Fact(f"breathing-{age}", "fast_breathing", {"age": age}, (row.citation, *row.also), row)
    for table in rules.tables.values():
        for row in table.rows:
            if row.colour is not None and row.actions:
                name = f"care-{table.name}-{row.number}"
                yield _Fact(name, "care", {}, (row.citation, *row.also), row)
    for medicine in rules.medicines.values():
        for age in range(int(ages.low or 0), int(ages.high or 0)):
            dose = find_dose(medicine, age)
            if dose is not None:
                citations = (dose.band.citation, *dose.band.also)
                yield _Fact(f"dose-{medicine.name}-{age}", "dose", {"age": age}, citations, dose=dose)


def _holds(row: Row, age: int) -> bool:
    """Whether a row of the breathing table is the one for this age, whatever the count."""
    from afya.protocols.conditions import truth

    return truth(row.when, {"age_months": age, "breaths_per_minute": row.params["limit"]}) is True


def _item(pack: Pack, rules: Protocol, fact: _Fact, wording: int) -> Item:
    item_id, group_id = item_ids(SOURCE, f"{fact.name}-{wording}", pack.lang)
    joint = " " if language(pack.lang.partition("-")[0]).spaced else ""
    values: dict[str, object] = dict(fact.values)
    answer: list[str] = []
    if fact.signs:
        answer = [pack.text(f"sign.{name}") for name in fact.signs]
    elif fact.dose is not None:
        values["medicine"] = pack.text(f"medicine.{fact.dose.medicine.name}")
        amounts = {
            key: f"{value:g}" if isinstance(value, float) else value for key, value in fact.dose.values().items()
        }
        answer = [pack.text(f"dose.{fact.dose.medicine.card}", **{**amounts, "medicine": values["medicine"]})]
    elif fact.row is not None and fact.key == "fast_breathing":
        answer = [pack.teach("definition.fast_breathing_answer", limit=f"{fact.row.params['limit']:g}")]
    elif fact.row is not None:
        values["classification"] = pack.text(f"classification.{fact.row.result}")
        answer = [
            pack.text(f"action.{action.name}", **{key: f"{value:g}" for key, value in action.values.items()})
            for action in fact.row.actions
        ]
    sources = [pack.text("notice.source", source=entry.source.title, page=entry.page) for entry in fact.citations]
    return Item(
        item_id=item_id,
        group_id=group_id,
        lang=pack.lang,
        task="long_form",
        split="train",
        question=pack.teach(f"definition.{fact.key}", wording, **values),
        answer_text=joint.join(answer),
        rationale=joint.join(dict.fromkeys(sources)),
        source=SOURCE,
        licence=LICENCE,
        origin="synthetic",
        extra=extra(protocol=rules.name, row=fact.row.name if fact.row else None, reviewed=False),
    )
