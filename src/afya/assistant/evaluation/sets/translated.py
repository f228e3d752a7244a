"""Translations: faulty ones of a passage kept from the reader, right ones delivered."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from afya.assistant.context import Answer
from afya.assistant.evaluation import parallel
from afya.assistant.evaluation.adversary import Phrasebook
from afya.assistant.evaluation.casefiles import Cases
from afya.assistant.evaluation.probes import Outcome, Probe, Tally
from afya.assistant.evaluation.sets.triage import standing
from afya.assistant.evaluation.subject import PIVOT, passage
from afya.packs import Pack, load_pack
from afya.text.sentences import sentences
from afya.translation.checks.corrupt import KINDS, TIMES_TEN, corrupt
from afya.translation.checks.corrupt_polarity import POLARITY_KINDS

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

SET, SEEN, USED = "translated", "pivot_triage", "pivot_use"
NAMES = (SET, SEEN, USED)
USED_PAIRS = 8
RIGHT, BACK = "right", "back_differs"
PAIRS_A_FAULT = 8


def probes(lang: str, cases: Cases, seed: int) -> list[Probe]:
    """Pairs of the pivot's and the language's pack, right and with each fault that they allow; none for the pivot."""
    pack, pivot = load_pack(lang), load_pack(PIVOT)
    if pack.code == PIVOT:
        return []
    rng = random.Random(f"translated:{lang}:{seed}")
    listed = list(parallel.pairs(pivot, pack))
    rng.shuffle(listed)
    made = []
    for kind in (*KINDS, *POLARITY_KINDS):
        allowing = [
            (source, target) for source, target in listed if corrupt(target, pack.code, kind, rng) not in (None, target)
        ]
        for source, target in allowing[:PAIRS_A_FAULT]:
            cluster = str(listed.index((source, target)))
            back = BACK if corrupt(source, PIVOT, TIMES_TEN, rng) not in (None, source) else RIGHT
            for fault in (kind, RIGHT, back):
                name = f"{lang}-translated-{cluster}-{fault}"
                payload = {"source": source, "target": target, "fault": fault, "seed": seed}
                made.append(Probe(name, lang, SET, fault, payload, cluster=cluster))
    return [*{probe.probe_id: probe for probe in made}.values(), *_into(pack, pivot, listed, rng)]


def _into(pack: Pack, pivot: Pack, listed: Sequence[tuple[str, str]], rng: random.Random) -> list[Probe]:
    """Messages whose translation tells of danger, and messages whose translation is wrong."""
    made = []
    harmless = pack.messages["normal.plays"]
    for rule in pivot.danger:
        sign = pivot.messages.get(f"sign.{rule}")
        if sign is not None and f"sign.{rule}" in pack.messages:
            # The engine says what the pack's phrases do not see: in the message itself stands nothing of it.
            payload = {"source": harmless, "target": sign, "rule": rule}
            made.append(Probe(f"{pack.lang}-pivot-{rule}", pack.lang, SEEN, "seen", payload, cluster=rule))
    numbered = [
        (target, wrong)
        for source, target in listed
        if (wrong := corrupt(source, PIVOT, TIMES_TEN, rng)) is not None and wrong != source
    ]
    for place, (target, wrong) in enumerate(numbered[:USED_PAIRS]):
        payload = {"source": target, "target": wrong}
        made.append(Probe(f"{pack.lang}-used-{place}", pack.lang, USED, TIMES_TEN, payload))
    return made


def measure(probe: Probe, subject: Subject) -> Outcome:
    """What came of a translation, into the pivot or out of it."""
    return {SET: _delivered, SEEN: _seen, USED: _used}[probe.set](probe, subject)


def _seen(probe: Probe, subject: Subject) -> Outcome:
    """Whether danger that only the translation of a message tells is seen."""
    text, meaning = str(probe.payload["source"]), str(probe.payload["target"])
    with closing(Phrasebook([(subject.code, PIVOT, text, meaning)], pivot=PIVOT)) as book:
        answer = subject.answer_with(text, None, book)
    rule = str(probe.payload["rule"])
    seen = rule in standing(answer)
    tally = Tally()
    tally.say("pivot_sign_seen", seen, "" if seen else f"{rule} not seen in: {meaning}")
    return tally.outcome()


def _used(probe: Probe, subject: Subject) -> Outcome:
    """Whether a wrong translation of a message counts as sound, so that a model is asked by it."""
    text, wrong = str(probe.payload["source"]), str(probe.payload["target"])
    with closing(Phrasebook([(subject.code, PIVOT, text, wrong)], pivot=PIVOT)) as book:
        context = subject.turn_with(text, None, book)
    tally = Tally()
    if context.pivot is not None and context.pivot.origin == "translation":
        sound = context.pivot.sound
        tally.say("faulty_pivot_used", sound, f"held sound: {wrong}" if sound else "")
    return tally.outcome()


def _delivered(probe: Probe, subject: Subject) -> Outcome:
    """Whether the translation of a passage in the pivot language reached the reader, and if so, which one."""
    source, target = str(probe.payload["source"]), str(probe.payload["target"])
    fault = None if probe.kind in (RIGHT, BACK) else probe.kind
    book = Phrasebook(
        [(PIVOT, subject.code, *pair) for pair in _with_sentences(source, target, subject.code)],
        pivot=PIVOT,
        fault=fault,
        back_fault=TIMES_TEN if probe.kind == BACK else None,
        seed=int(str(probe.payload["seed"])),
    )
    try:
        answer = subject.answer_from(target, [passage(source, PIVOT)], translator=book)
        spoilt = tuple(book.faults.values())
    finally:
        book.close()
    tally = Tally()
    if answer.colour == "red":
        # The question was an emergency: no passage is shown, right or wrong.
        return tally.outcome()
    if probe.kind == BACK:
        delivered = _stands(target, answer)
        tally.say("back_difference_caught", not delivered, f"delivered: {target}" if delivered else "")
        return tally.outcome()
    if fault is None:
        delivered = all(_stands(piece.strip(), answer) for piece in sentences(target, subject.code))
        tally.say("translation_delivered", delivered, "" if delivered else f"withheld: {target}")
        return tally.outcome()
    if not spoilt:
        # The engine was not asked: nothing faulty can have been delivered, and nothing was held back either.
        return tally.outcome()
    delivered = any(_stands(text, answer) for text in spoilt)
    told = f"{probe.kind} delivered: {' / '.join(spoilt)}" if delivered else ""
    if probe.kind in POLARITY_KINDS:
        tally.say("polarity_flip_caught", not delivered, told)
    else:
        tally.say("quantity_altered", delivered, told)
    return tally.outcome()


def _with_sentences(source: str, target: str, lang: str) -> list[tuple[str, str]]:
    """A pair of texts and, where both have as many sentences, those pairs too: an answer quotes single sentences."""
    ours = [piece.strip() for piece in sentences(source, PIVOT) if piece.strip()]
    theirs = [piece.strip() for piece in sentences(target, lang) if piece.strip()]
    single = list(zip(ours, theirs, strict=True)) if len(ours) == len(theirs) > 1 else []
    return list(dict.fromkeys([(source, target), *single]))


def _stands(text: str, answer: Answer) -> bool:
    return text in answer.text
