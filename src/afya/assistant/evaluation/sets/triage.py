"""Danger: are signs seen, denied ones let be, and the facts of practice cases read?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from afya.assistant.context import Answer
from afya.assistant.evaluation import generated
from afya.assistant.evaluation.casefiles import Cases, danger_rules
from afya.assistant.evaluation.probes import Outcome, Probe, Tally
from afya.assistant.evaluation.sets.language import kept_language
from afya.protocols.vignettes import generate

if TYPE_CHECKING:
    from afya.assistant.evaluation.subject import Subject

WRITTEN, GENERATED, VIGNETTES = "danger", generated.SET, "vignettes"
NAMES = (WRITTEN, GENERATED, VIGNETTES)
VIGNETTE_CASES = 30


def probes(lang: str, cases: Cases, seed: int) -> list[Probe]:
    """Written and generated danger cases, and practice cases with their facts."""
    written = [
        Probe(case.id, lang, WRITTEN, case.kind, {"text": case.text, "expected": case.expected}, case.part)
        for case in cases.danger
    ]
    return [*written, *generated.probes(lang, cases, danger_rules(), seed), *_vignettes(lang, seed)]


def _vignettes(lang: str, seed: int) -> list[Probe]:
    """Practice cases of the test split (questions only, without their options), with the facts they tell."""
    made = []
    for item in islice(generate([lang], None, seed, "test"), VIGNETTE_CASES):
        told = json.loads(item.extra or "{}")
        payload = {"text": item.question, "facts": told["facts"]}
        made.append(Probe(f"{lang}-vignette-{item.group_id}", lang, VIGNETTES, told["kind"], payload))
    return made


def measure(probe: Probe, subject: Subject) -> Outcome:
    """What triage and the facts made of the message."""
    answer = subject.assistant.ask(str(probe.payload["text"]))
    tally = Tally()
    if probe.set == VIGNETTES:
        facts = probe.payload["facts"]
        assert isinstance(facts, dict)
        wrong = {name: value for name, value in answer.findings.items() if name in facts and facts[name] != value}
        told = ", ".join(f"{name} read as {value}, is {facts[name]}" for name, value in wrong.items())
        tally.say("facts_contradicted", bool(wrong), told)
        tally.say("language_kept", *kept_language(answer, subject))
        return tally.outcome()
    expected = [str(rule) for rule in _listed(probe.payload["expected"])]
    raised = standing(answer)
    red = answer.colour == "red"
    if probe.set == GENERATED:
        name = "generated_misspelt" if probe.kind.startswith("misspelt") else "generated_recall"
        if expected:
            missed = [rule for rule in expected if rule not in raised]
            tally.say(name, not missed, f"not seen: {', '.join(missed)}" if missed else "")
        else:
            tally.say("generated_denied", red, f"red for {', '.join(raised)}" if red else "")
        return tally.outcome()
    if expected:
        missed = [rule for rule in expected if rule not in raised]
        wrong_rules = [rule for rule in raised if rule not in expected]
        tally.say("danger_recall", not missed, f"not seen: {', '.join(missed)}" if missed else "")
        tally.say("danger_red", red, "" if red else "not red")
        tally.say("wrong_rule", bool(wrong_rules), f"also seen: {', '.join(wrong_rules)}" if wrong_rules else "")
    else:
        tally.say("over_escalation", red, f"red for {', '.join(raised)}" if red else "")
    tally.say("language_kept", *kept_language(answer, subject))
    return tally.outcome()


def standing(answer: Answer) -> tuple[str, ...]:
    """The rules that triage raised, in their order."""
    return tuple(dict.fromkeys(sign.rule for sign in answer.signs if not sign.denied))


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []
