"""Residue: source text that was left in the translation untranslated.

A translation that is its source over again is one, unless it is a name, a drug or a number ("COVID-19"). So is a run of
source words that stands in it in the same order: names, abbreviations, drugs and numbers do not count towards it, and a
quotation or title of a few words stays below the limit.
"""

from __future__ import annotations

import re

from afya.languages import language
from afya.text.tokens import Tokens
from afya.translation.checks.drug_names import named
from afya.translation.checks.reading import reading
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "residue"
_PASSED = Verdict(NAME, True)

# So many plain words of the source on end are no coincidence and no title.
_RUN = 4
_RUN_OTHER_SCRIPT = 3
_CHARACTERS = 8
_SAME = 2
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’-][^\W\d_]+)*")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]+")


def make(source: str, target: str) -> PairCheck:
    """The check; two scripts need a shorter run, since chance cannot make one."""
    here, there = language(source), language(target)
    needed = _RUN if here.script == there.script else _RUN_OTHER_SCRIPT
    spaced = here.spaced
    plain = Tokens(_plain)

    def check(source_text: str, translation: str) -> Verdict:
        if not spaced:
            return _unspaced(source_text, translation, here.script == there.script)
        ours, theirs = reading(source_text), reading(translation)
        common = ours.distinct & theirs.distinct
        if len(common) < _SAME:
            return _PASSED
        if ours.lower.strip() == theirs.lower.strip():
            left = [word for word in map(plain.__getitem__, ours.tokens) if word]
            if len(_lower_case(source_text, left)) >= _SAME:
                return Verdict(NAME, False, "the source text was left as it is")
            return _PASSED
        if len(common) < needed:
            return _PASSED
        if len(list(filter(None, map(plain.__getitem__, common)))) < needed:
            return _PASSED
        if _grams(ours.tokens, needed).isdisjoint(_grams(theirs.tokens, needed)):
            return _PASSED
        run = _longest_run(ours.tokens, theirs.tokens)
        left = _lower_case(source_text, [word for word in map(plain.__getitem__, run) if word])
        if len(left) >= needed:
            return Verdict(NAME, False, f"left untranslated: '{' '.join(run)}'")
        return _PASSED

    return check


def _plain(token: str) -> str:
    """The word of a token that ought to be translated, or "" for a number, a sign or a drug's name."""
    word = _WORD.search(token)
    return "" if word is None or named(word[0]) else word[0]


def _grams(tokens: list[str], length: int) -> set[tuple[str, ...]]:
    return set(zip(*(tokens[start:] for start in range(length)), strict=False))


def _lower_case(source_text: str, words: list[str]) -> list[str]:
    """The words that the source writes in small letters: the others are names, abbreviations and titles."""
    return [word for word in words if word in source_text]


def _longest_run(ours: list[str], theirs: list[str]) -> list[str]:
    """The longest run of tokens that stands in both."""
    places: dict[str, list[int]] = {}
    for place, token in enumerate(theirs):
        places.setdefault(token, []).append(place)
    best, end = 0, 0
    before: dict[int, int] = {}
    for index, token in enumerate(ours):
        now = {place: before.get(place - 1, 0) + 1 for place in places.get(token, ())}
        for length in now.values():
            if length > best:
                best, end = length, index + 1
        before = now
    return ours[end - best : end]


def _unspaced(source_text: str, translation: str, same_script: bool) -> Verdict:
    """Ideographs left over from a source without spaces: Chinese and Japanese share some, so only long runs count."""
    if same_script and source_text == translation and len(source_text) >= _CHARACTERS:
        return Verdict(NAME, False, "the source text was left as it is")
    for found in _IDEOGRAPHS.findall(translation):
        for place in range(len(found) - _CHARACTERS + 1):
            piece = found[place : place + _CHARACTERS]
            if piece in source_text:
                return Verdict(NAME, False, f"left untranslated: '{piece}'")
    return _PASSED
