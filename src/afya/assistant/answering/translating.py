"""Translating what is no pack text: the message into the pivot, a draft or passage out of it, each sentence checked.

A translation that fails a check is used for nothing but looking for danger; what was to be told in it is then shown in
the pivot language, and a supervisor is asked. The checks are those of `afya.translation.checks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from afya.assistant.checks.draft import Sentence
from afya.assistant.checks.verdict import Verdict
from afya.assistant.context import Delivered, Pivot
from afya.errors import AfyaError
from afya.text.sentences import sentences
from afya.translation.guard import translate

if TYPE_CHECKING:
    from afya.translation.base import Translator
    from afya.translation.checks import Checker, PairCheck

PIVOT = "en"
"""The language in which knowledge is richest: what a message is translated into."""

# What a translation of a message must keep. Its style, and words left as they were, do no harm.
_INWARD = ("quantities", "polarity", "drugs", "language", "length", "repetition")
_OUTWARD = ("quantities", "polarity", "drugs", "placeholders", "language", "length", "residue", "repetition")


@cache
def _checker(source: str, target: str, names: tuple[str, ...]) -> Checker:
    from afya.translation.checks import Checker

    return Checker(source, target, checks=names)


def into_pivot(text: str, lang: str, translator: Translator) -> Pivot:
    """The message in the pivot language, sentence by sentence, with the names of the checks that failed.

    Raises nothing that the engine raises: what goes wrong is the pivot's `error`.
    """
    pieces = [piece for piece in sentences(text, lang) if piece.strip()]
    try:
        given = translate(translator, [piece.strip() for piece in pieces], lang, PIVOT)
    except AfyaError as error:
        return Pivot("", "translation", translator.identity.name, error=str(error))
    fault = next((answer.error for answer in given if answer.error is not None), None)
    translated = " ".join(answer.text.strip() for answer in given if answer.error is None)
    if fault is not None or not translated:
        return Pivot(translated, "translation", translator.identity.name, error=fault or "the translation is empty")
    failed: dict[str, None] = {}
    checker = _checker(lang, PIVOT, _INWARD)
    for piece, answer in zip(pieces, given, strict=True):
        for verdict in checker.check(piece.strip(), answer.text):
            # A short message tells no language; the other checks still compare what it says.
            if not verdict.passed and not (verdict.check == "language" and not verdict.judged):
                failed[verdict.check] = None
    return Pivot(translated, "translation", translator.identity.name, tuple(failed))


def out_of_pivot(listed: Sequence[Sentence], source: str, target: str, translator: Translator) -> Delivered:
    """Sentences in the language of the answer, one by one, and what the checks say of each.

    Raises nothing that the engine raises: then nothing is delivered, and `error` says why.
    """
    try:
        given = translate(translator, [sentence.text for sentence in listed], source, target)
    except AfyaError as error:
        return Delivered(tuple(listed), source, False, passed=False, error=str(error))
    fault = next((answer.error for answer in given if answer.error is not None), None)
    if fault is not None or len(given) != len(listed):
        return Delivered(tuple(listed), source, False, passed=False, error=fault or "sentences are missing")
    translated = tuple(
        Sentence(answer.text.strip(), sentence.cites) for sentence, answer in zip(listed, given, strict=True)
    )
    return Delivered(translated, target, True)


def check_back(delivered: Delivered, originals: Sequence[Sentence], source: str, translator: Translator) -> Delivered:
    """The delivered sentences with the verdicts on each: against the original, and, translated back, against it again.

    The way back is compared in numbers, "not" and medicines only: a paraphrase is no fault, a changed dose is.
    """
    verdicts: list[Verdict] = []
    there = _checker(source, delivered.lang, _OUTWARD)
    for place, (original, sentence) in enumerate(zip(originals, delivered.sentences, strict=True)):
        verdicts += [
            Verdict(f"translation.{verdict.check}", False, verdict.detail or "", place)
            for verdict in there.check(original.text, sentence.text)
            if not verdict.passed
        ]
    if (delivered.lang, source) in translator.pairs():
        verdicts += _round_trip(delivered, originals, source, translator)
    if not verdicts:
        return Delivered(delivered.sentences, delivered.lang, True, (Verdict("translation", True, ""),))
    return Delivered(delivered.sentences, delivered.lang, True, tuple(verdicts), passed=False)


def _round_trip(
    delivered: Delivered, originals: Sequence[Sentence], source: str, translator: Translator
) -> list[Verdict]:
    """The faults of the sentences translated back: each is compared with what it was translated from."""
    try:
        back = translate(translator, [sentence.text for sentence in delivered.sentences], delivered.lang, source)
    except AfyaError as error:
        return [Verdict("translation.back", False, f"not translated back: {error}")]
    faults = []
    for place, (original, answer) in enumerate(zip(originals, back, strict=True)):
        if answer.error is not None:
            faults.append(Verdict("translation.back", False, f"not translated back: {answer.error}", place))
            continue
        for check in _same_language(source):
            verdict = check(original.text, answer.text)
            if not verdict.passed:
                faults.append(Verdict(f"translation.back.{verdict.check}", False, verdict.detail or "", place))
    return faults


@cache
def _same_language(lang: str) -> tuple[PairCheck, ...]:
    """The checks that compare two texts of one language: numbers, "not", medicines."""
    from afya.translation.checks import drugs, polarity, quantities

    return (quantities.make(lang, lang), polarity.make(lang, lang), drugs.make(lang, lang))
