"""Polarity: a denial or a prohibition of the source is in the translation, and none was put there.

Cues that deny (not, never, contraindicated) ask for a cue on the other side; cues near a denial (unable, unknown) only
answer for one, since what is "unknown" in one language "is not known" in another. Where both texts have as many
sentences they are compared one by one, so that a "not" that was lost among others is seen. The check counts and does
not understand: that a denial stands on the wrong verb it cannot see. docs/translation-checks.md has its error rates by
language.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from afya.languages import language
from afya.text.polarity import Cues, cues, plain, polarity_codes
from afya.translation.checks.lexicon import DENIAL, denials, lexicon
from afya.translation.checks.reading import reading
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "polarity"
_PASSED = Verdict(NAME, True)

_SENTENCE = re.compile(r"(?<=[.!?।።؟])\s+|(?<=[。！？])\s*|\n+")
_SENTENCE_END = re.compile(r"[.!?।።؟]\s|[。！？\n]")

Counts = tuple[int, int]
"""Cues that deny, and cues near a denial."""


def make(source: str, target: str) -> PairCheck:
    """The check for one direction; a language whose denials are not known cannot be judged."""
    for code in (source, target):
        if code not in polarity_codes():
            fault = f"the denials of {language(code).name} are not known"
            unknown = Verdict(NAME, False, fault, judged=False)
            return lambda source_text, translation: unknown
    count_here, count_there = counter(source), counter(target)
    spaced = cues(source).spaced and cues(target).spaced
    exceptions_here, exceptions_there = _exceptions(source), _exceptions(target)
    marks_here, marks_there = lexicon(source).marks, lexicon(target).marks

    def fault_between(one: str, other: str) -> str | None:
        here, there = count_here(one), count_there(other)
        if here[0] or there[0]:
            # "Unless" stands for "unless" first, and only where the other side has none for a denial.
            both = min(exceptions_here(one), exceptions_there(other))
            here, there = (here[0], max(0, here[1] - both)), (there[0], max(0, there[1] - both))
        return _fault(here, there)

    def check(source_text: str, translation: str) -> Verdict:
        if spaced and not (marks_here(source_text) | marks_there(translation)) & DENIAL:
            return _PASSED
        here, there = count_here(source_text), count_there(translation)
        if not here[0] and not there[0]:
            return _PASSED
        if _SENTENCE_END.search(source_text) and _SENTENCE_END.search(translation):
            ours, theirs = _sentences(source_text), _sentences(translation)
            if len(ours) == len(theirs) > 1:
                for place, (one, other) in enumerate(zip(ours, theirs, strict=True), start=1):
                    fault = fault_between(one, other)
                    if fault:
                        return Verdict(NAME, False, f"sentence {place}: {fault}")
                return _PASSED
        fault = fault_between(source_text, translation)
        return Verdict(NAME, False, fault) if fault else _PASSED

    return check


def counter(lang: str) -> Callable[[str], Counts]:
    """A function that counts the cues of a text of `lang`."""
    known = cues(lang)
    return _unspaced(known) if not known.spaced else _spaced(known)


def _spaced(known: Cues) -> Callable[[str], Counts]:
    marks = lexicon(known.lang).marks

    def count(text: str) -> Counts:
        here, near = denials(marks(text))
        if here:
            lower = plain(reading(text).lower)
            # What repeats a denial may still answer for one of the other side ("neither ... nor").
            repeated = known.repeated(lower)
            near += repeated
            here = max(0, here - known.excused(lower) - repeated - known.left_over(lower))
            if known.twice:
                here = (here + 1) // 2
        return here, near

    return count


def _exceptions(lang: str) -> Callable[[str], int]:
    known = cues(lang)
    return lambda text: known.exceptions(plain(reading(text).lower))


def _unspaced(known: Cues) -> Callable[[str], Counts]:
    return lambda text: known.in_unspaced(reading(text).lower)


def _fault(here: Counts, there: Counts) -> str | None:
    """What is wrong between two texts with these cues: more denials on one side than cues of any kind on the other."""
    if here[0] > sum(there):
        return f"the source denies {_times(here[0])}, the translation {_times(sum(there))}"
    if there[0] > sum(here):
        return f"the translation denies {_times(there[0])}, the source {_times(sum(here))}"
    return None


def _times(count: int) -> str:
    return "not at all" if not count else "once" if count == 1 else f"{count} times"


def _sentences(text: str) -> list[str]:
    return [piece for piece in _SENTENCE.split(text) if piece and not piece.isspace()]
