"""The words by which a written answer commits itself, in each language: commitments/{code}.yaml and text/lang.

commitments/en.yaml says what each key means. A language that has no file in afya.text yet brings its markers, joiners
and refusals here, under `literals`. English is read beside every language, because models mix it in; Chinese too,
because the models made in China do.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from afya.bench.reading.extract_fold import phrase
from afya.errors import ConfigError
from afya.text.literals import Joiners, LanguageFile, Words, literal_codes, read_language_file, text_literals

EVERYWHERE = ("en", "zh")
"""Languages that are read beside any other."""

_TOKENS = re.compile(r"[^\s,;:.!?]+")

CLASSES = ("entailment", "neutral", "contradiction", "not_entailment")


class Inference(BaseModel):
    """How the labels of an inference task are written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entailment: Words
    neutral: Words
    contradiction: Words
    not_entailment: Words


class AnswerLiterals(BaseModel):
    """What text/lang would hold, for a language that has no file there. `negation`: words that deny a letter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    option_letters: Annotated[Words, Field(min_length=5, max_length=10)]
    answer_markers: Annotated[Words, Field(min_length=1)]
    option_words: Words
    joiners: Joiners
    refusals: Annotated[Words, Field(min_length=1)]


class Commitments(LanguageFile):
    """One language's file; commitments/en.yaml says what each key means."""

    also: Words
    literals: AnswerLiterals | None = None
    conclusions: Words
    markers: Words
    links: Words
    copulas: Words
    approving: Words
    right: Words
    wrong: Words
    denied: Words
    conditions: Words
    doubts: Words
    because: Words
    letter_words: Words
    prefixes: Words = ()
    articles: Words = ()
    both: Words = ()
    right_at_end: Words = ()
    ordinals: tuple[Words, ...] = ()
    inference: Inference


class Endings:
    """Phrases that a text may end or begin with; asking is one hash look-up and a comparison or two."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self.listed = tuple(
            sorted({phrase(entry) for entry in phrases if entry}, key=lambda entry: (-len(entry), entry))
        )
        self._by_last: dict[str, list[str]] = defaultdict(list)
        self._by_first: dict[str, list[str]] = defaultdict(list)
        for entry in self.listed:
            self._by_last[entry[-2:]].append(entry)
            self._by_first[entry[:2]].append(entry)

    def ends(self, text: str, end: int | None = None) -> str | None:
        """The longest phrase that `text[:end]` ends with, as whole words."""
        end = len(text) if end is None else end
        by_last = self._by_last
        for tail in (text[max(0, end - 2) : end], text[end - 1 : end] if end else ""):
            for entry in by_last.get(tail, ()):
                start = end - len(entry)
                if (
                    start >= 0
                    and text.startswith(entry, start)
                    and (start == 0 or text[start - 1] == "'" or _free(text[start - 1], entry[0]))
                ):
                    return entry
        return None

    def begins(self, text: str, start: int = 0) -> str | None:
        """The longest phrase that `text[start:]` begins with, as whole words."""
        by_first = self._by_first
        for head in (text[start : start + 2], text[start : start + 1]):
            for entry in by_first.get(head, ()):
                if text.startswith(entry, start):
                    end = start + len(entry)
                    if end == len(text) or _free(text[end], entry[-1]):
                        return entry
        return None


def _free(outside: str, inside: str) -> bool:
    """Whether the character outside does not belong to the word inside. Ideographs, kana and Hangul have no edges."""
    return not (outside.isalnum() or outside == "'") or outside > "\u2e80" or inside > "\u2e80" or not inside.isalnum()


@dataclass(frozen=True)
class Lexicon:
    """The words of one language and those read beside it."""

    markers: Endings
    nouns: frozenset[str]
    conclusions: Endings
    links: Endings
    copulas: Endings
    approving: Endings
    right: Endings
    right_at_end: Endings
    wrong: Endings
    denied: Endings
    conditions: Endings
    doubts: Endings
    because: Endings
    option_words: Endings
    letter_words: frozenset[str]
    prefixes: tuple[str, ...]
    articles: tuple[str, ...]
    ordinals: dict[str, int]
    """phrase -> the option that it names by its place"""
    both: tuple[str, ...]
    either: tuple[str, ...]
    refusals: tuple[str, ...]
    inference: dict[str, str]
    """phrase -> class of inference, in the item's language and those beside it"""
    polar: dict[str, str]
    """phrase -> yes, no or unknown"""
    unspaced_denials: tuple[str, ...]
    """words of denial and rejection in scripts without blanks"""

    def denied_in(self, text: str) -> bool:
        """Whether a piece of text in small letters holds a word of denial or rejection."""
        return any(entry in text for entry in self.unspaced_denials) or any(
            self.denied.ends(text, match.end()) or self.wrong.begins(text, match.start())
            for match in _TOKENS.finditer(text)
        )


@cache
def commitments(lang: str) -> Commitments:
    """One language's words of commitment.

    Raises:
        ConfigError: the code is unknown, there is no file, or it is not as commitments/en.yaml says.
    """
    hint = "Write bench/reading/commitments/{code}.yaml of afya after en.yaml, and text/lang for its markers."
    return read_language_file(folder(), lang, Commitments, "words of commitment", hint)


def folder() -> Path:
    """Where the languages' files lie."""
    return Path(str(files("afya"))) / "bench" / "reading" / "commitments"


def commitment_codes() -> tuple[str, ...]:
    """Codes of the languages whose answers can be read, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


@cache
def literals(lang: str) -> AnswerLiterals:
    """Option letters, markers, joiners and refusals of a language, from text/lang or from its file here."""
    if lang not in literal_codes():
        own = commitments(lang).literals
        if own is None:
            text_literals(lang)  # raises, naming the file that is missing
            raise ConfigError(f"{lang}: no option letters.")  # pragma: no cover
        return own
    told = text_literals(lang)
    return AnswerLiterals.model_construct(
        option_letters=told.option_letters,
        answer_markers=told.answer_markers,
        option_words=told.option_words,
        joiners=told.joiners,
        refusals=told.refusals,
    )


@cache
def lexicon(lang: str) -> Lexicon:
    """The words by which answers to an item in this language are read."""
    own = commitments(lang)
    codes = tuple(dict.fromkeys((lang, *own.also, *EVERYWHERE)))
    files_, told = [commitments(code) for code in codes], [literals(code) for code in codes]

    def gathered(lists: Iterable[Iterable[str]]) -> Endings:
        return Endings(entry for listed in lists for entry in listed)

    markers = [*(entry.answer_markers for entry in told), *(entry.markers for entry in files_)]
    inference: dict[str, str] = {}
    for file in files_:
        for name in CLASSES:
            for entry in getattr(file.inference, name):
                inference.setdefault(phrase(entry), name)
    polar: dict[str, str] = {}
    for code in codes:
        if code in literal_codes():
            short = text_literals(code).yes_no_unknown
            for name, listed in (("yes", short.yes), ("no", short.no), ("unknown", short.unknown)):
                for entry in listed:
                    polar.setdefault(phrase(entry), name)
    return Lexicon(
        markers=gathered(markers),
        nouns=frozenset(phrase(entry) for listed in markers for entry in listed if len(entry.split()) == 1),
        conclusions=gathered(entry.conclusions for entry in files_),
        links=gathered([*(entry.links for entry in files_), *(entry.option_words for entry in told)]),
        copulas=gathered(entry.copulas for entry in files_),
        approving=gathered(entry.approving for entry in files_),
        right=gathered(entry.right for entry in files_),
        right_at_end=gathered(entry.right_at_end for entry in files_),
        wrong=gathered(entry.wrong for entry in files_),
        denied=gathered(entry.denied for entry in files_),
        conditions=gathered(entry.conditions for entry in files_),
        doubts=gathered(entry.doubts for entry in files_),
        prefixes=tuple(phrase(entry) for entry in own.prefixes),
        because=gathered(entry.because for entry in files_),
        option_words=gathered(entry.option_words for entry in told),
        letter_words=frozenset(phrase(word) for file in (own, commitments("en")) for word in file.letter_words),
        articles=tuple(phrase(word) for file in files_ for word in file.articles),
        ordinals={
            phrase(entry): place for file in files_ for place, listed in enumerate(file.ordinals) for entry in listed
        },
        both=tuple(
            phrase(word)
            for listed in (*(entry.joiners.both for entry in told), *(file.both for file in files_))
            for word in listed
        ),
        either=tuple(phrase(word) for entry in told for word in entry.joiners.either),
        refusals=tuple(phrase(text) for entry in told for text in entry.refusals),
        inference=inference,
        polar=polar,
        unspaced_denials=tuple(
            phrase(entry) for file in files_ for entry in (*file.denied, *file.wrong) if entry[0] > "\u2e80"
        ),
    )
