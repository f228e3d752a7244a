"""What a model may write: faithful drafts delivered, and each kind of faulty one kept from the reader."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from afya.assistant.checks import Draft, Sentence, suite
from afya.assistant.context import Answer
from afya.assistant.evaluation import parallel
from afya.assistant.evaluation.adversary import Scripted, as_json
from afya.assistant.evaluation.casefiles import Cases
from afya.assistant.evaluation.probes import Outcome, Probe, Tally
from afya.assistant.evaluation.subject import PIVOT, passage
from afya.packs import Pack, load_pack
from afya.protocols import load_formulary
from afya.text.sentences import sentences
from afya.translation.checks.corrupt import DROP_NUMBER, TIMES_TEN, corrupt
from afya.translation.checks.corrupt_polarity import ADD_NEGATION, REMOVE_NEGATION

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

SET = "drafts"
NAMES = (SET,)
FAIR = "fair"
NUMBERS = frozenset({"number_changed", "number_added"})
# The check that each fault is made for.
CHECKS: Mapping[str, str] = {
    "uncited": "citations",
    "false_citation": "citations",
    "unsupported": "grounding",
    "number_added": "numbers",
    "number_changed": "numbers",
    "denial_lost": "polarity",
    "denial_added": "polarity",
    "other_language": "language",
    "overstep": "scope",
}
SENTENCES = 16
_FALSE_PLACE = 7
_ADDED = 37
# The language of a draft that is in the wrong one.
_OTHER = {"en": "sw"}


def probes(lang: str, cases: Cases, seed: int) -> list[Probe]:
    """Drafts about sentences of the pack: faithful ones, and each with one fault, a cluster a sentence."""
    pack = load_pack(lang)
    rng = random.Random(f"drafts:{lang}:{seed}")
    pool = _pool(pack)
    chosen = rng.sample(pool, min(SENTENCES, len(pool)))
    made = []
    for number, source in enumerate(chosen):
        for kind, text, cites in _drafts(source, pool, pack, rng):
            payload = {"passage": source, "text": text, "cites": list(cites)}
            name = f"{lang}-draft-{number:02d}-{kind}"
            made.append(Probe(name, lang, SET, kind, payload, cluster=f"{number}"))
    for number, text in enumerate(cases.frames.oversteps if cases.frames is not None else ()):
        # Its passage says the same: only what may be said at all is asked.
        payload = {"passage": text, "text": text, "cites": [1]}
        made.append(Probe(f"{lang}-draft-overstep-{number}", lang, SET, "overstep", payload))
    return made


def measure(probe: Probe, subject: Subject) -> Outcome:
    """Whether the sentence of a model's draft reached the reader."""
    text, source = str(probe.payload["text"]), str(probe.payload["passage"])
    cites = probe.payload["cites"]
    assert isinstance(cites, list)
    model = Scripted(lambda _: as_json([(text, cites)]))
    answer = subject.answer_from(source, [passage(source, subject.code)], model=model)
    delivered = _by_model(text, answer)
    tally = Tally()
    if probe.kind == FAIR:
        tally.say("fair_draft_delivered", delivered, "" if delivered else f"withheld: {text}")
    else:
        name = "unsupported_number" if probe.kind in NUMBERS else "bad_draft_delivered"
        tally.say(name, delivered, f"{probe.kind} delivered: {text}" if delivered else "")
        if (meant := CHECKS.get(probe.kind)) is not None:
            places = tuple(int(cite) for cite in cites)
            verdicts = suite.verify(
                Draft((Sentence(text, places),)),
                [passage(source, subject.code)],
                question=source,
                subject=None,
                formulary=load_formulary(),
                lang=subject.code,
            )
            seen = any(verdict.name == meant and not verdict.passed for verdict in verdicts)
            tally.say("fault_seen_by_its_check", seen, "" if seen else f"{meant} has not seen {probe.kind}: {text}")
    return tally.outcome()


def _by_model(text: str, answer: Answer) -> bool:
    return any(block.origin == "model" and text in block.text for block in answer.blocks)


def _pool(pack: Pack) -> list[str]:
    """Sentences of the pack's own passages, or, where it has none, of its advice."""
    own = [
        sentence.strip()
        for document in pack.passages
        for part in document.sections
        for sentence in sentences(part.text, pack.code)
    ]
    return list(dict.fromkeys(own or parallel.texts(pack).values()))


def _unlike(source: str, pool: Sequence[str], rng: random.Random) -> str:
    """Another sentence, one of those that share fewest letters' triples with the source."""

    def triples(text: str) -> set[str]:
        return {text[place : place + 3].lower() for place in range(len(text) - 2)}

    own = triples(source)
    ranked = sorted((text for text in pool if text != source), key=lambda text: len(own & triples(text)))
    return rng.choice(ranked[: max(1, len(ranked) // 4)])


def _drafts(
    source: str, pool: Sequence[str], pack: Pack, rng: random.Random
) -> Iterator[tuple[str, str, Sequence[int]]]:
    yield FAIR, source, (1,)
    yield "uncited", source, ()
    yield "false_citation", source, (_FALSE_PLACE,)
    yield "unsupported", _unlike(source, pool, rng), (1,)
    stem = source.rstrip(".。!")
    yield "number_added", f"{stem} {_ADDED}{source[len(stem) :]}", (1,)
    for kind, fault in (
        ("number_changed", TIMES_TEN),
        ("number_lost", DROP_NUMBER),
        ("denial_lost", REMOVE_NEGATION),
        ("denial_added", ADD_NEGATION),
    ):
        changed = corrupt(source, pack.code, fault, rng)
        if changed is not None and changed != source:
            yield kind, changed, (1,)
    foreign = load_pack(_OTHER.get(pack.code, PIVOT))
    yield "other_language", rng.choice(list(parallel.texts(foreign).values())), (1,)
