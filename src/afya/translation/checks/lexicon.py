"""What the checks want to know of each token of a language, looked up together in one pass over a text.

Every token's marks are one number of several fields: whether it denies, is near a denial, names a drug, may be of a
quantity, holds a sign of markup or of an option label, and whether it is a small word of the language or of others.
The marks of a text are the sum over its tokens. Twenty thousand pairs a second leave room for one look-up a token, not
for one a check.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from afya.languages import language
from afya.text.identify import small_words
from afya.text.normalise import fold, normalise
from afya.text.number_lexicon import lexicon as number_lexicon
from afya.text.number_marks import has_loud_run
from afya.text.numerals import number_codes
from afya.text.polarity import DENIES, NEAR, cues, polarity_codes
from afya.text.tokens import Tokens
from afya.translation.checks.drug_names import named

# The fields, each of so many bits that together they stay within the machine's integers: that makes the sum fast.
_BITS = 7
_MOST = (1 << _BITS) - 1
_FIELDS = tuple(place * _BITS for place in range(8))
_DENIAL, _NEAR, _OWN, _OTHER, _DRUG, _SIGN, _LOUD, _FOREIGN = _FIELDS
DENIAL = _MOST << _DENIAL
DRUG = _MOST << _DRUG
SIGN = _MOST << _SIGN
LOUD = _MOST << _LOUD
FOREIGN = _MOST << _FOREIGN
"""Masks: whether any token denies, names a drug, has a sign of markup or of an option label, may be of a quantity that
is sure, or has a letter of another script than Latin."""

SCRIPTS = {
    "Hans": r"\u3400-\u4dbf\u4e00-\u9fff",
    "Hant": r"\u3400-\u4dbf\u4e00-\u9fff",
    "Jpan": r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
    "Hang": r"\uac00-\ud7af",
    "Cyrl": r"\u0400-\u052f",
    "Arab": r"\u0600-\u06ff\u0750-\u077f",
    "Deva": r"\u0900-\u097f",
    "Telu": r"\u0c00-\u0c7f",
    "Ethi": r"\u1200-\u139f",
}
"""The signs of scripts but Latin, as a class of a pattern has them."""
_LATIN_LETTERS = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_LATIN_NAME = re.compile(r"[A-Za-z\u00c0-\u024f]{6}")
# Letters of any script but Latin: all the alphabets above lie in these ranges.
_NOT_LATIN = re.compile(r"[\u0370-\u1cff\u2c80-\ua4cf\uac00-\ud7af]")

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f'’])*")
# What may be a piece of markup or begin one, and the label of a second option ("B.", "(b)").
_MARKUP = re.compile(r"[{}<>\[@\\$`]|\*\*|__|^#+$|://|^www\.|%[sdif(]")
_LABEL = re.compile(r"(?:^|[^a-zａ-ｚ])[bｂ][).:：．）、]")
# One of these is in all markup but "www." at the beginning; to look for single signs is many times faster.
_MARKUP_SIGN = re.compile(r"[{}<>\[@\\$`*_#/%]")

_EDGES = ".,;:!?()[]\"'"
_STOPS = ".,;:"
# Numbers of letters of two scripts are kept in one, too.
_HALF = 31
# One letter is a word in too many languages. A beginning counts where a word of some length follows it.
_SHORTEST = 2
_LONGEST_OPENING = 7
_BEHIND_OPENING = 3


class Lexicon:
    """The marks of one language's texts."""

    def __init__(self, lang: str) -> None:
        entry = language(lang)
        self._lang = lang
        self._cues = cues(lang) if lang in polarity_codes() and entry.spaced else None
        self._numbers = number_lexicon(lang) if lang in number_codes() else None
        self._script = entry.script
        self._letters = Tokens(self._of_letters).__getitem__
        self._spaced = entry.spaced
        self._words = Tokens(self._of_word)
        self._look_up = Tokens(self._of_token).__getitem__
        self.marks = lru_cache(maxsize=64)(self._of_spaced if entry.spaced else self._of_unspaced)
        """The marks of a text; the last ones are kept, since all checks of a pair ask for the same two."""

    def _of_spaced(self, text: str) -> int:
        tokens = text.split()
        if len(tokens) <= _MOST:
            return sum(map(self._look_up, tokens))
        # A field must not run over into the next: of a long text no more than the most is counted.
        parts = [sum(map(self._look_up, tokens[at : at + _MOST])) for at in range(0, len(tokens), _MOST)]
        return sum(min(_MOST, sum(part >> field & _MOST for part in parts)) << field for field in _FIELDS)

    def letters(self, text: str) -> tuple[int, int]:
        """(letters of the language's own script, Latin letters) of a text, for scripts but Latin."""
        if not self._spaced:
            return _count(_signs(self._script), text), _count(_LATIN_LETTERS, text)
        found = sum(map(self._letters, text.split()))
        return found >> _HALF, found & ((1 << _HALF) - 1)

    def _of_letters(self, token: str) -> int:
        return _count(_signs(self._script), token) << _HALF | _count(_LATIN_LETTERS, token)

    def _of_unspaced(self, text: str) -> int:
        """A token is a clause there, met once, and says nothing of denials: those are `Cues.in_unspaced`'s."""
        lower = text.lower()
        mark = any(map(named, lower.split())) << _DRUG if _LATIN_NAME.search(text) else 0
        if self._numbers is not None:
            mark |= has_loud_run(text, self._numbers) << _LOUD
        return mark | _has_sign(lower) << _SIGN

    def _of_token(self, token: str) -> int:
        lower = token.lower()
        word = lower.rstrip(_STOPS)
        if len(word) > 1 and word.isalpha():
            mark = self._words[word]
        else:
            mark = self._of_word(lower)
            mark |= _has_sign(lower) << _SIGN
        return mark | (self._numbers is not None and self._numbers.loud(token)) << _LOUD

    def _of_word(self, word: str) -> int:
        """The marks that do not depend on capitals or on the signs around a word."""
        mark = 0
        if self._cues is not None:
            found = self._cues.of_token(word)
            mark = (found == DENIES) << _DENIAL | (found == NEAR) << _NEAR
        owners = _owners_of(word)
        if owners:
            mark |= (owners == {self._lang}) << _OWN | (len(owners) == 1 and self._lang not in owners) << _OTHER
        mark |= bool(named(word)) << _DRUG
        if not word.isascii():
            mark |= (_NOT_LATIN.search(word) is not None) << _FOREIGN
        return mark


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


@cache
def _signs(script: str) -> re.Pattern[str]:
    return re.compile(f"[{SCRIPTS[script]}]+")


def _has_sign(lower: str) -> bool:
    """Whether a text or token in lower case has a sign of markup or of an option label."""
    if (_MARKUP_SIGN.search(lower) or lower.startswith("www.")) and _MARKUP.search(lower):
        return True
    return ("b" in lower or "ｂ" in lower) and _LABEL.search(lower) is not None


def _count(signs: re.Pattern[str], text: str) -> int:
    return len("".join(signs.findall(text)))


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
    whole, openings, firsts = _owners()
    if word in whole:
        return whole[word]
    if word[:_SHORTEST] not in firsts:
        return frozenset()
    for length in range(min(_LONGEST_OPENING, len(word) - _BEHIND_OPENING), 1, -1):
        if word[:length] in openings:
            return openings[word[:length]]
    return frozenset()


@cache
def _owners() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]], frozenset[str]]:
    """The languages of each small word, and of each beginning of words; the first letters of the beginnings."""
    whole: dict[str, set[str]] = {}
    openings: dict[str, set[str]] = {}
    for code, listed in small_words().items():
        for word in listed:
            place = openings if word.endswith("*") else whole
            place.setdefault(fold(word.rstrip("*")), set()).add(code)
    return (
        {word: frozenset(codes) for word, codes in whole.items()},
        {opening: frozenset(codes) for opening, codes in openings.items()},
        frozenset(opening[:_SHORTEST] for opening in openings),
    )
