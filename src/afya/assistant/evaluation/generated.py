"""Generated danger cases: a pack's own signs and phrases in other surroundings, misspelt, denied, beside English.

Everything is drawn from the pack, the language's literals and the frames of its cases; the same seed gives the same
cases. They show whether surroundings hide a sign; other words for a sign are for the written cases.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from afya.assistant.evaluation.casefiles import PHRASE, SIGN, Cases
from afya.assistant.evaluation.misspelling import KINDS, misspelt
from afya.assistant.evaluation.probes import Probe
from afya.assistant.evaluation.subject import typed
from afya.languages import language
from afya.packs import Pack, load_pack
from afya.text.literals import text_literals

SET = "generated"
MISSPELT_A_RULE = 3
NUMBERS = range(3, 13)
"""Ages in months that are written in words."""


@dataclass(frozen=True)
class _Maker:
    pack: Pack
    cases: Cases
    rng: random.Random

    @property
    def code(self) -> str:
        return self.pack.lang.partition("-")[0]

    @property
    def joint(self) -> str:
        return " " if language(self.code).spaced else ""

    def greeting(self) -> str:
        if self.cases.frames is not None:
            return self.rng.choice(self.cases.frames.greeting)
        listed = self.pack.teaching.get("dialogue.greeting") or self.pack.sentences["lead.cough"]
        return _filled(self.rng.choice(listed), self.rng.randrange(6, 30))

    def detail(self) -> str:
        if self.cases.frames is not None and self.rng.random() < 0.5:
            return self.rng.choice(self.cases.frames.detail)
        return _filled(self.rng.choice(self.pack.sentences["lead.cough"]), self.rng.randrange(6, 30))

    def sign(self, rule: str) -> str | None:
        """A whole sentence that tells the sign, or None where the pack has none that its own phrases could see."""
        return self.pack.messages.get(f"sign.{rule}")

    def phrases(self, rule: str) -> list[str]:
        """Danger phrases that can be typed as they are."""
        return typed(self.pack.danger.get(rule, ()))


def probes(lang: str, cases: Cases, rules: Sequence[str], seed: int) -> list[Probe]:
    """The generated cases of a language: some of each kind for each rule whose sign the pack tells."""
    maker = _Maker(load_pack(lang), cases, random.Random(f"generated:{lang}:{seed}"))
    english = _Maker(load_pack("en"), cases, maker.rng)
    made = []
    for rule in rules:
        for number, (kind, text, expected) in enumerate(_of_rule(maker, english, rule)):
            payload = {"text": text, "expected": expected, "rule": rule}
            made.append(Probe(f"{lang}-generated-{rule}-{number:02d}", lang, SET, kind, payload, cluster=rule))
    return made


def _of_rule(maker: _Maker, english: _Maker, rule: str) -> Iterator[tuple[str, str, list[str]]]:
    frames = maker.cases.frames
    phrases = maker.phrases(rule)
    sign = maker.sign(rule)
    if sign is not None and phrases:
        yield "composition", maker.joint.join([maker.greeting(), maker.detail(), sign]), [rule]
        yield "composition", maker.joint.join([sign, maker.detail()]), [rule]
        for kind, listed in (
            ("third_person", frames.third_person if frames else ()),
            ("past_tense", frames.past_tense if frames else ()),
        ):
            if listed:
                yield kind, maker.rng.choice(listed).replace(SIGN, sign), [rule]
        counted = _number_in_words(maker)
        if counted is not None:
            yield "number_words", maker.joint.join([counted, sign]), [rule]
    if maker.code != "en" and (theirs := english.phrases(rule)):
        yield "code_mixed", maker.joint.join([maker.greeting(), maker.rng.choice(theirs)]), [rule]
    if phrases:
        yield from _denied(maker, rule, phrases)
        yield from _misspelt(maker, rule, phrases)


def _denied(maker: _Maker, rule: str, phrases: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    frames = maker.cases.frames
    phrase = maker.rng.choice(phrases)
    denial = maker.rng.choice(frames.denied) if frames else f"{PHRASE}: {maker.pack.messages['answer.is_false']}"
    yield "denied", denial.replace(PHRASE, phrase), []


def _misspelt(maker: _Maker, rule: str, phrases: Sequence[str]) -> Iterator[tuple[str, str, list[str]]]:
    kinds = sorted(KINDS)
    maker.rng.shuffle(kinds)
    made = 0
    for kind in kinds:
        text = misspelt(maker.rng.choice(phrases), kind, maker.rng)
        if text is not None and text not in phrases:
            yield f"misspelt: {kind}", text, [rule]
            made += 1
        if made == MISSPELT_A_RULE:
            return


def _number_in_words(maker: _Maker) -> str | None:
    """A sentence with the age in words, where the language's number words are known."""
    words = text_literals(maker.code).number_words
    known = [value for value in NUMBERS if words.get(value)]
    if not known:
        return None
    value = maker.rng.choice(known)
    template = maker.rng.choice(maker.pack.sentences["lead.cough"])
    spoken = (words[value] or ("",))[0]
    return template.replace("{age}", spoken) if "{age}" in template else None


def _filled(template: str, value: int) -> str:
    """A sentence of the pack with one number in all its places."""
    return template.format_map(_Every(value))


class _Every(dict[str, int]):
    def __init__(self, value: int) -> None:
        super().__init__()
        self.value = value

    def __missing__(self, key: str) -> int:
        return self.value
