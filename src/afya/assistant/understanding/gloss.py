"""A message in the pivot's words, term by term, from the pack's glossary: for searching and triage, never to be shown.

No translation: only what the glossary and the local names of illnesses hold, in the order of the message, with numbers
and with "no" where the message denies a term. It finds what a phrase list of the language may have missed.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from afya.packs import Pack
from afya.text.identify import small_words
from afya.text.literals import text_literals
from afya.text.negation import judged
from afya.text.words import Match, Phrases, words

_BREAKS = regex.compile(r"[.!?;\n。！？；؟।]")
_NUMBER = regex.compile(r"\d+(?:[.,]\d+)?")


class Glosser:
    """A pack's glossary, illnesses and euphemisms, ready to be looked for."""

    def __init__(self, pack: Pack) -> None:
        self._lang = pack.code
        entries = [
            (english, phrase.strip())
            for english, phrase in _entries(pack)
            if any(letter.isalpha() for letter in phrase)
        ]
        self._terms = Phrases(self._lang, entries) if entries else None

    def gloss(self, text: str) -> str:
        """The English terms and numbers of `text` (normalised), clause by clause; "" when none is known."""
        if self._terms is None:
            return ""
        found = judged(text, _longest(self._terms.find(text)), self._lang)
        pieces = [(match.start, f"no {match.key}" if no else match.key) for match, no in found]
        taken = [(match.start, match.end) for match, _ in found]
        if not pieces:
            return ""
        pieces += [
            (number.start(), number[0])
            for number in _NUMBER.finditer(text)
            if not any(start <= number.start() < end for start, end in taken)
        ]
        pieces += [(end.start(), ".") for end in _BREAKS.finditer(text)]
        # A comma between two terms keeps the denial of one from reaching the next.
        said, listed = [], sorted(pieces)
        for place, (_, piece) in enumerate(listed):
            last = place + 1 == len(listed) or listed[place + 1][1] == "." or piece == "."
            said.append(piece if last or piece[0].isdigit() else f"{piece},")
        return " ".join(said).replace(" .", ".").strip(". ")

    def share(self, text: str) -> float:
        """How much of `text` (normalised) the glossary knows: letters of known terms, of those of all telling words."""
        if self._terms is None:
            return 0.0
        small = {word.plain for listed in text_literals(self._lang).identification.words for word in words(listed)}
        small |= {word.plain for phrases in (small_words().get(self._lang, ()),) for word in words(" ".join(phrases))}
        told = [word for word in words(text) if word.plain not in small and not word.plain.isdigit()]
        spans = [(match.start, match.end) for match in _longest(self._terms.find(text))]
        known = [word for word in told if any(start < word.end and word.start < end for start, end in spans)]
        return sum(len(word.plain) for word in known) / max(1, sum(len(word.plain) for word in told))


def _longest(found: list[Match]) -> list[Match]:
    kept: list[Match] = []
    reached = -1
    for match in found:
        if match.start >= reached:
            kept.append(match)
            reached = match.end
    return kept


def _entries(pack: Pack) -> Iterator[tuple[str, str]]:
    for term in pack.glossary:
        for phrase in (*term.here, *term.plain):
            yield term.en[0], phrase
    for illness in pack.culture.illnesses:
        for phrase in (illness.here, *illness.words):
            yield illness.means, phrase
    for euphemism in pack.culture.euphemisms:
        yield euphemism.means, euphemism.phrase
