"""Texts as terms to look for: folded and stemmed words, pairs of signs where words are not spaced, runs inside words.

Marks come off (Yoruba with and without tones are found alike); a word written with marks is kept beside, so that the
same marks can count more. Terms carry their language, so that a word's rarity is that in its own language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import require
from afya.runs import sha256_path
from afya.text.normalise import fold, fold_marks, normalise

# What goes into the index for a text. Raise it when the code below gives other terms for the same text.
ANALYSIS = "1"
GRAM = 4
# What is left of a word when an ending comes off.
_SHORTEST = 2
WEAK = 0.2
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}ー"
_PIECE = regex.compile(rf"[{_UNSPACED}\p{{M}}]+|[\p{{L}}\p{{M}}\p{{N}}--[{_UNSPACED}]]+", regex.VERSION1)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+")
_IS_UNSPACED = regex.compile(rf"[{_UNSPACED}]")
_HANGUL = regex.compile(r"\p{Hangul}")
_REMEMBERED = 200_000
_LONGEST = 40


class Inside(BaseModel):
    """When two words are alike by what they share: `least` letters in a run, `share` of the shorter word."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least: int = Field(ge=2)
    share: float = Field(gt=0, le=1)


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    stemmer: str | None = None
    inside: Inside | None = None
    endings: str = ""
    same: dict[str, tuple[str, ...]] = {}
    function: str = ""
    weak: str = ""


class _WordsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reviewed: bool
    languages: dict[str, _Words]


@dataclass(frozen=True, slots=True)
class Term:
    """A thing to look for: the word as written, its form in the index, and how much it says (1, less, or 0: nothing).

    In scripts without spaces a pair of signs is a word. `marked`: the word with its marks, where it has any.
    """

    written: str
    form: str
    weight: float
    marked: str | None = None


class Read(NamedTuple):
    """A text's forms in their order (stemmed words, pairs of signs), runs inside words, and words with marks."""

    forms: list[str]
    grams: set[str]
    marked: set[str]


@dataclass(frozen=True, slots=True)
class _Word:
    form: str
    grams: tuple[str, ...]
    marked: str | None


class Analyser:
    """The terms of one language's texts."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        told = _file().languages.get(lang.partition("-")[0], _Words())
        self.inside = told.inside
        self._stem = _stemmer(told.stemmer)
        self._endings = tuple(sorted(told.endings.split(), key=len, reverse=True))
        # Filled in this order: the forms below need it.
        self._same: dict[str, str] = {}
        self._same = {
            form: self._form(kept) for kept, others in told.same.items() for form in map(self._form, (kept, *others))
        }
        self._function = frozenset(fold_marks(word) for word in told.function.split())
        self._weak = frozenset(self._form(word) for word in told.weak.split())
        self._known: dict[str, _Word] = {}

    def read(self, text: str) -> Read:
        """What the index holds of a text."""
        forms: list[str] = []
        grams: set[str] = set()
        marked: set[str] = set()
        known = self._known
        if text.isascii():
            # Most of a large collection: the standard library's pattern is several times quicker.
            for piece in _ASCII_WORD.findall(text):
                word = known.get(piece) or self._learn(piece)
                forms.append(word.form)
                grams.update(word.grams)
            return Read(forms, grams, marked)
        for piece in _PIECE.findall(normalise(text)):
            if _IS_UNSPACED.search(piece):
                forms.extend(_pairs(fold_marks(piece)))
                continue
            word = known.get(piece) or self._learn(piece)
            forms.append(word.form)
            grams.update(word.grams)
            if word.marked is not None:
                marked.add(word.marked)
        return Read(forms, grams, marked)

    def terms(self, text: str) -> list[Term]:
        """What a question asks for, each form once, in the question's order."""
        found: dict[str, Term] = {}
        for piece in _PIECE.findall(normalise(text)):
            if _IS_UNSPACED.search(piece):
                for pair in _pairs(fold_marks(piece)):
                    found.setdefault(pair, Term(pair, pair, self._pair_weight(pair)))
                continue
            word = self._known.get(piece) or self._learn(piece)
            plain = fold_marks(piece)
            weight = 0.0 if plain in self._function or word.form in self._function else 1.0
            # A figure or a single letter is no subject: an answer for "2 years" rightly says "under five".
            if piece.isdigit() or (len(plain) == 1 and plain.isascii()):
                weight = 0.0
            elif weight and word.form in self._weak:
                weight = WEAK
            found.setdefault(word.form, Term(piece, word.form, weight, word.marked))
        return list(found.values())

    def _learn(self, piece: str) -> _Word:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        form = self._form(piece)
        marks = fold(piece)
        word = self._known[piece] = _Word(form, runs_inside(form), marks if marks != fold_marks(piece) else None)
        return word

    def _form(self, piece: str) -> str:
        # A stemmer knows a language's endings with their accents, so they come off last.
        form = fold_marks(self._stem(fold(piece)[:_LONGEST]))
        for ending in self._endings:
            if form.endswith(ending) and len(form) - len(ending) >= _SHORTEST:
                form = form[: -len(ending)]
                break
        return self._same.get(form, form)

    def _pair_weight(self, pair: str) -> float:
        if pair in self._function or any(sign in self._function for sign in pair):
            return 0.0
        return WEAK if pair in self._weak else 1.0


@cache
def analyser(lang: str) -> Analyser:
    """The analyser of a language; those without an entry in words.yaml are folded only."""
    return Analyser(lang)


@cache
def fingerprint() -> str:
    """What the terms of an index depend on: the code's version and words.yaml."""
    return f"{ANALYSIS}-{sha256_path(_path())[:12]}"


def alike(left: str, right: str, inside: Inside | None) -> float:
    """How alike two different forms are, 0 to 1: 0.8 for one slip in a long word, by its length for a shared run.

    >>> alike("diarhea", "diarrhea", None)
    0.8
    """
    if inside is not None:
        shorter = min(len(left), len(right))
        if shorter >= inside.least:
            run = _longest_run(left, right)
            if run >= inside.least and run >= inside.share * shorter:
                return min(1.0, run / shorter + 0.1)
    if min(len(left), len(right)) >= 6 and abs(len(left) - len(right)) <= 1 and _one_slip(left, right):
        return 0.8
    return 0.0


def _one_slip(left: str, right: str) -> bool:
    """Whether one letter was changed, left out, added, or exchanged with its neighbour."""
    if len(left) > len(right):
        left, right = right, left
    start = 0
    while start < len(left) and left[start] == right[start]:
        start += 1
    if len(left) == len(right):
        swapped = left[start : start + 2][::-1] == right[start : start + 2] and left[start + 2 :] == right[start + 2 :]
        return swapped or left[start + 1 :] == right[start + 1 :]
    return left[start:] == right[start + 1 :]


def _longest_run(left: str, right: str) -> int:
    """The length of the longest run of letters in both."""
    best = 0
    for start in range(len(left)):
        while start + best < len(left) and left[start : start + best + 1] in right:
            best += 1
    return best


def runs_inside(form: str) -> tuple[str, ...]:
    """The runs of letters in a word by which it is found when no whole word is: four letters, two of Hangul."""
    size = 2 if not form.isascii() and _HANGUL.search(form) else GRAM
    if len(form) <= size:
        return (form,) if size == 2 and len(form) == size else ()
    return tuple(dict.fromkeys(form[place : place + size] for place in range(len(form) - size + 1)))


def _pairs(piece: str) -> Iterator[str]:
    if len(piece) == 1:
        yield piece
    for place in range(len(piece) - 1):
        yield piece[place : place + 2]


def _stemmer(name: str | None) -> Callable[[str], str]:
    if name is None:
        return lambda word: word
    require("tantivy", "assistant", "Searching knowledge")
    import tantivy

    analyse = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).filter(tantivy.Filter.stemmer(name)).build().analyze
    return lambda word: analyse(word)[0]


def _path() -> Path:
    return Path(str(files("afya"))) / "assistant" / "knowledge" / "words.yaml"


@cache
def _file() -> _WordsFile:
    return read_model(_path(), _WordsFile)
