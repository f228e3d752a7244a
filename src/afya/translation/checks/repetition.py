"""Repetition: an engine that loops says one thing over and over, which its source does not.

Looked for are n-grams (three words; six characters where a script has no spaces) that stand at least four times in the
translation and clearly more often than the commonest of the source, and one sign or syllable drawn out. A source that
repeats itself (a form, a chorus) may be translated so.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from afya.languages import language
from afya.translation.checks.reading import Reading, reading
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "repetition"
_PASSED = Verdict(NAME, True)

_WORDS = 3
_CHARACTERS = 6
# Four times the same three words is a loop; people repeat a term of three words as often as three times in a sentence.
_TIMES = 4
# Three words four times over are at least six tokens of one kind: "no no no no no no".
_SURPLUS = 5
_LONG_TOKEN = 40
_DRAWN = 8
_DRAWN_OUT = re.compile(rf"(\w{{1,8}}?)\1{{{_DRAWN - 1},}}")
# Names in Latin letters stand in such texts as they are, and a sentence may well name a virus four times.
_MARKS = re.compile(r"[\s\dA-Za-z.,:;!?，。、：；！？%()（）\"'“”「」-]+")


def make(source: str, target: str) -> PairCheck:
    """The check; the script of each side decides what an n-gram is."""
    spaced_here, spaced_there = language(source).spaced, language(target).spaced

    def check(source_text: str, translation: str) -> Verdict:
        there = reading(translation)
        if not spaced_there and _varied(there.lower):
            return _PASSED
        most, what = _commonest(there, spaced_there)
        if most >= _TIMES:
            here = reading(source_text)
            allowed = _commonest(here, spaced_here)[0]
            if most > allowed + 1:
                return Verdict(NAME, False, f"'{what}' stands {most} times, in the source {max(allowed, 1)} at most")
        if len(there.lower) > _LONG_TOKEN and (not spaced_there or max(map(len, there.tokens)) > _LONG_TOKEN):
            drawn = _DRAWN_OUT.search(there.lower)
            if drawn and drawn[1] * 4 not in source_text.lower():
                return Verdict(NAME, False, f"'{drawn[1]}' is repeated {len(drawn[0]) // len(drawn[1])} times on end")
        return _PASSED

    return check


def _varied(lower: str) -> bool:
    """Whether so few signs, or pairs of signs, stand more than once that nothing can loop: most texts are done with.

    Of one sign eight times on end, the least that is drawn out, seven signs and six pairs are repeated; of n-grams
    that count, many more.
    """
    return len(lower) - len(set(lower)) < _DRAWN - 1 or len(lower) - 1 - len(set(pairwise(lower))) < _DRAWN - 2


def _commonest(text: Reading, spaced: bool) -> tuple[int, str]:
    """How often the commonest n-gram stands in the text, and which it is; (1, "") where none is repeated."""
    tokens, lower = text.tokens, text.lower
    if spaced:
        if len(text.distinct) + _SURPLUS > len(tokens):
            return 1, ""
        grams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
        if len(set(grams)) + _TIMES - 1 > len(grams):
            return 1, ""
        gram, count = Counter(grams).most_common(1)[0]
        return count, " ".join(gram)
    # An n-gram that is repeated repeats its pairs of signs; counting those is faster, and clears most texts.
    if len(lower) - len(set(pairwise(lower))) < _CHARACTERS * (_TIMES - 1):
        return 1, ""
    plain = _MARKS.sub("", lower)
    pieces = [plain[place : place + _CHARACTERS] for place in range(len(plain) - _CHARACTERS + 1)]
    if len(set(pieces)) + _TIMES - 1 > len(pieces):
        return 1, ""
    piece, count = Counter(pieces).most_common(1)[0]
    return count, piece
