"""What the checks want to know of each token of a language, looked up together in one pass over a text.

Every token's marks are one number of several fields: whether it denies, is near a denial, names a drug, holds a sign of
markup or of an option label, and whether it is a small word of the language or of others. The marks of a text are the
sum over its tokens. Twenty thousand pairs a second leave room for one look-up a token, not for one a check.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from afya.languages import language
from afya.text.identify import small_words
from afya.text.normalise import fold, normalise
from afya.text.polarity import DENIES, NEAR, Cues, cues, polarity_codes
from afya.translation.checks.drug_names import named
from afya.translation.checks.reading import Tokens, reading

# The fields, each of so many bits; six of them stay within the machine's integers, which is what makes the sum fast.
_BITS = 10
_MOST = (1 << _BITS) - 1
_DENIAL, _NEAR, _OWN, _OTHER, _DRUG, _SIGN = (place * _BITS for place in range(6))
DRUG = _MOST << _DRUG
SIGN = _MOST << _SIGN
"""Masks: whether any token names a drug, or has a sign of markup or of an option label."""

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f'’])*")
# What may be a piece of markup or begin one, and the label of a second option ("B.", "(b)").
_MARKUP = re.compile(r"[{}<>\[@\\$`]|\*\*|__|^#+$|://|^www\.|%[sdif(]")
_LABEL = re.compile(r"(?:^|[^a-zａ-ｚ])[bｂ][).:：．）、]")

_EDGES = ".,;:!?()[]\"'"
# One letter is a word in too many languages. A beginning counts where a word of some length follows it.
_SHORTEST = 2
_LONGEST_OPENING = 7
_BEHIND_OPENING = 3


class Lexicon:
    """The marks of one language's tokens."""

    def __init__(self, lang: str) -> None:
        self._cues: Cues | None = None
        if lang in polarity_codes() and language(lang).spaced:
            self._cues = cues(lang)
        self._lang = lang
        self._look_up = Tokens(self._of_token).__getitem__
        self.marks = lru_cache(maxsize=64)(self._marks)

    def _marks(self, text: str) -> int:
        tokens = reading(text).tokens
        if len(tokens) <= _MOST:
            return sum(map(self._look_up, tokens))
        # A field must not run over into the next: of a text of a thousand words, no more than that is counted.
        each = list(map(self._look_up, tokens))
        fields = (_DENIAL, _NEAR, _OWN, _OTHER, _DRUG, _SIGN)
        return sum(min(_MOST, sum(mark >> field & 1 for mark in each)) << field for field in fields)

    def _of_token(self, token: str) -> int:
        mark = 0
        if self._cues is not None:
            found = self._cues.of_token(token)
            mark |= (found == DENIES) << _DENIAL | (found == NEAR) << _NEAR
        owners = _owners_of(token)
        if owners:
            mark |= (owners == {self._lang}) << _OWN | (len(owners) == 1 and self._lang not in owners) << _OTHER
        mark |= bool(named(token)) << _DRUG
        return mark | (_MARKUP.search(token) is not None or _LABEL.search(token) is not None) << _SIGN


@cache
def lexicon(lang: str) -> Lexicon:
    """The lexicon of one language."""
    return Lexicon(lang)


def denials(marks: int) -> tuple[int, int]:
    """(cues that deny, cues near a denial) in the marks of a text."""
    return marks >> _DENIAL & _MOST, marks >> _NEAR & _MOST


def votes(marks: int) -> tuple[int, int]:
    """(small words of the language alone, small words of others alone) in the marks of a text."""
    return marks >> _OWN & _MOST, marks >> _OTHER & _MOST


def _owners_of(token: str) -> frozenset[str]:
    """The languages that have the token's first word, or its beginning, among their small words."""
    if token.isascii():
        # Not yet lower case is nothing here; what is left to take off is punctuation.
        word = token.strip(_EDGES)
    else:
        found = _WORD.search(normalise(token))
        word = fold(found[0]) if found else ""
    if len(word) < _SHORTEST:
        return frozenset()
    whole, openings = _owners()
    if word in whole:
        return whole[word]
    for length in range(min(_LONGEST_OPENING, len(word) - _BEHIND_OPENING), 1, -1):
        if word[:length] in openings:
            return openings[word[:length]]
    return frozenset()


@cache
def _owners() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """The languages of each small word, and of each beginning of words."""
    whole: dict[str, set[str]] = {}
    openings: dict[str, set[str]] = {}
    for code, listed in small_words().items():
        for word in listed:
            place = openings if word.endswith("*") else whole
            place.setdefault(fold(word.rstrip("*")), set()).add(code)
    return {word: frozenset(codes) for word, codes in whole.items()}, {
        opening: frozenset(codes) for opening, codes in openings.items()
    }
