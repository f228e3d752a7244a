"""Finding a pack's phrases in what a person wrote.

Case, and accents on Latin letters, are ignored: people type Yoruba and Wolof without marks, and a missed danger sign
is worse than a doubtful one. "..." stands for up to three words in between, "*" at the end or the beginning of a word
for any ending or beginning.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import regex

GAP_WORDS = 3

_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_LETTERS = r"[\p{L}\p{M}\p{N}'-]*"
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "＇": "'"})


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found: where in the text given (not in its folded form), and which phrase."""

    start: int
    end: int
    phrase: str


def fold(text: str) -> tuple[str, list[int]]:
    """The text with case and Latin accents removed, and for each of its characters the index it came from."""
    folded: list[str] = []
    origin: list[int] = []
    base_is_latin = False
    for index, char in enumerate(text.translate(_APOSTROPHES)):
        for piece in unicodedata.normalize("NFD", char) if _is_latin(char) else char:
            if unicodedata.category(piece) == "Mn":
                # Marks on other scripts (Japanese voicing, Devanagari vowels) are letters in their own right.
                if base_is_latin:
                    continue
            else:
                base_is_latin = _is_latin(piece)
            for small in piece.casefold():
                folded.append(small)
                origin.append(index)
    return "".join(folded), origin


def _is_latin(char: str) -> bool:
    return char.isascii() or unicodedata.name(char, "").startswith("LATIN")


class Phrases:
    """A list of phrases compiled to one pattern."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self.phrases = tuple(phrases)

    @property
    def usable(self) -> bool:
        """Whether every phrase holds a letter, digit or symbol to look for."""
        return all(regex.search(r"[\p{L}\p{N}\p{S}]", phrase.replace("*", "")) for phrase in self.phrases)

    @cached_property
    def _pattern(self) -> regex.Pattern[str]:
        parts = [f"(?P<p{index}>{_compile(phrase)})" for index, phrase in enumerate(self.phrases)]
        return regex.compile("|".join(parts))

    def find(self, text: str) -> list[Match]:
        """Every place in `text` where one of the phrases stands, left to right; the first listed phrase wins."""
        if not self.phrases:
            return []
        folded, origin = fold(text)
        found: list[Match] = []
        for match in self._pattern.finditer(folded):
            index = int(str(match.lastgroup)[1:])
            found.append(Match(origin[match.start()], origin[match.end() - 1] + 1, self.phrases[index]))
        return found


def _compile(phrase: str) -> str:
    folded, _ = fold(phrase.replace("…", "..."))
    if _UNSPACED.search(folded):
        return "".join(
            r".{0,8}?" if token == "..." else r"\s*".join(regex.escape(part) for part in token.split("*") if part)
            for token in folded.split()
        )
    words: list[str] = []
    gap = False
    for token in folded.split():
        if token == "...":
            gap = True
            continue
        word = regex.escape(token.strip("*"))
        if token.endswith("*"):
            word += _LETTERS
        if token.startswith("*"):
            word = _LETTERS + word
        if words:
            words.append(rf"(?:[^\p{{L}}\p{{N}}.!?;]+[\p{{L}}\p{{M}}\p{{N}}'-]+){{0,{GAP_WORDS}}}?" if gap else "")
            words.append(r"[^\p{L}\p{N}.!?;]+")
        words.append(word)
        gap = False
    return r"(?<![\p{L}\p{M}\p{N}])" + "".join(words) + r"(?![\p{L}\p{M}\p{N}])"
