"""A pack's own sentences are understood by the assistant in that language: its phrases and its texts fit together."""

from __future__ import annotations

from functools import cache

import pytest

from afya.assistant import Answer, Assistant
from afya.packs import available
from afya.text.literals import literal_codes

LANGS = [lang for lang in available() if lang in literal_codes()]
NORMAL = ("drinks_well", "plays", "runny_nose", "ate_today", "wet_nappy", "vomited_once")
FACTS = (
    ("cough", "breaths_per_minute", "count", 52),
    ("cough", "cough_days", "days", 16),
    ("fever", "fever_days", "days", 3),
    ("diarrhoea", "diarrhoea_days", "days", 4),
    ("malnutrition", "muac_mm", "mm", 112),
)


@cache
def assistant(lang: str) -> Assistant:
    return Assistant(lang)


def standing(answer: Answer) -> set[str]:
    return {sign.rule for sign in answer.signs if not sign.denied}


@pytest.mark.parametrize("lang", LANGS)
def test_every_danger_sign_is_seen_in_the_packs_own_words(lang: str) -> None:
    kit = assistant(lang).resources
    pack = kit.chosen.pack
    # Rules that a pack does not know yet are named in each of its answers (`unseen_rules`).
    sentences = {
        rule: pack.text(f"sign.{rule}")
        for rule in kit.triage
        if rule in pack.danger and f"sign.{rule}" in pack.messages
    }
    missed = [f"{rule}: {text}" for rule, text in sentences.items() if rule not in standing(assistant(lang).ask(text))]
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("lang", LANGS)
def test_signs_of_a_well_child_raise_no_alarm(lang: str) -> None:
    pack = assistant(lang).resources.chosen.pack
    texts = [pack.text(f"normal.{key}") for key in NORMAL]
    raised = [f"{text}: {found}" for text in texts if (found := standing(assistant(lang).ask(text)))]
    assert not raised, "\n".join(raised)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("variant", [0, 1])
def test_numbers_are_read_from_the_packs_own_practice_cases(lang: str, variant: int) -> None:
    pack = assistant(lang).resources.chosen.pack
    wrong = []
    for section, name, slot, value in FACTS:
        lead = pack.sentence(f"lead.{section}", variant, age=14)
        text = f"{lead} {pack.sentence(f'fact.{name}', variant, **{slot: value})}"
        findings = assistant(lang).ask(text).findings
        if (findings.get("age_months"), findings.get(name)) != (14, value):
            wrong.append(f"{text}: {dict(findings)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("result", ["positive", "negative", "not_done"])
def test_the_malaria_test_is_read_from_the_packs_own_practice_cases(lang: str, result: str) -> None:
    pack = assistant(lang).resources.chosen.pack
    wrong = []
    for variant in range(len(pack.sentences[f"fact.malaria_rdt.{result}"])):
        text = f"{pack.sentence('lead.fever', 0, age=14)} {pack.sentence(f'fact.malaria_rdt.{result}', variant)}"
        findings = assistant(lang).ask(text).findings
        if findings.get("malaria_rdt") != result:
            wrong.append(f"{text}: {dict(findings)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("lang", LANGS)
def test_no_phrase_that_denies_all_danger_signs_has_a_gap(lang: str) -> None:
    phrases = assistant(lang).resources.chosen.pack.topics.signs["no_danger_sign"]
    assert not [phrase for phrase in phrases if "..." in phrase or "…" in phrase]
