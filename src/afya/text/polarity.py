"""How often a text denies or forbids, by language: for telling whether a translation has lost or gained a "not".

A cue either denies (`deny`: not, never, must not, contraindicated) or is near a denial (`near`: without, unable, only):
languages turn the second kind into the first and back, so it excuses a denial on the other side but asks for none. The
cues are the language's (polarity/{code}.yaml); polarity/en.yaml says what each key means.

This counts over a whole text or sentence. Whether one sign is denied where it stands is `afya.text.negation`'s matter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from afya.languages import language
from afya.text.literals import LanguageFile, read_language_file

NONE, NEAR, DENIES = 0, 1, 2

Cue = Annotated[str, Field(min_length=1)]
_EDGES = ' .,;:!?()[]{}"“”„«»‹›…—–|/።፣፤፡।॥؟،؛。，'
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "ʻ": "'", "`": "'"})


class PolarityFile(LanguageFile):
    """One language's cues.

    A cue is a word, with a star for any letters; in scripts without spaces it is found anywhere. `apart`: what looks
    like a cue and is none (a word, or a phrase of several). `contrary`: denied wordings and the same without the
    denial, with which faults are made on purpose to measure the check. `twice`: a denial is said by two words
    (ba ... ba). `concord`: cues that, behind one of the words `concord_after` in the same clause, say the same denial
    once more (Spanish "no ... nada"). `joins`: those that join a further thing to a denial and deny nothing where they
    stand in a clause without one ("ni"). `unless`: those of the cues near a denial that mean "unless": where both
    texts have one, it excuses no denial. `weak_point`: what the cues miss in this language.
    """

    deny: Annotated[tuple[Cue, ...], Field(min_length=1)]
    near: tuple[Cue, ...]
    apart: tuple[Cue, ...]
    contrary: dict[str, str]
    twice: bool = False
    concord_after: tuple[Cue, ...] = ()
    concord: tuple[Cue, ...] = ()
    joins: tuple[Cue, ...] = ()
    unless: tuple[Cue, ...] = ()
    weak_point: str | None = None

    @field_validator("deny", "near", "apart", "concord_after", "concord", "joins", "unless", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        """Cues may be written as one text with blanks between them, or as a list where a cue has blanks itself."""
        return value.split() if isinstance(value, str) else value


class _Globs:
    """Words with stars, looked for in the order of what is cheapest: a vocabulary of many words is read by it."""

    def __init__(self, listed: Sequence[str]) -> None:
        composed = [unicodedata.normalize("NFC", cue) for cue in listed]
        self._whole = frozenset(cue for cue in composed if "*" not in cue)
        starred = [cue for cue in composed if "*" in cue]
        self._starts = tuple(cue[:-1] for cue in starred if cue.endswith("*") and cue.count("*") == 1)
        self._ends = tuple(cue[1:] for cue in starred if cue.startswith("*") and cue.count("*") == 1)
        self._within = tuple(cue.strip("*") for cue in starred if cue[0] == cue[-1] == "*" and cue.count("*") == 2)
        both = [cue for cue in starred if cue.count("*") == 1 and cue[0] != "*" != cue[-1]]
        self._both: dict[str, tuple[str, ...]] = {}
        for cue in both:
            start, end = cue.split("*")
            self._both[start] = (*self._both.get(start, ()), end)
        self._both_starts = tuple(self._both)
        self._rest = [cue for cue in starred if cue.count("*") > 1 and cue.strip("*") not in self._within]
        self._odd = re.compile("|".join(map(_glob, self._rest))) if self._rest else None

    def match(self, word: str) -> bool:
        if word in self._whole or word.startswith(self._starts) or word.endswith(self._ends):
            return True
        if word.startswith(self._both_starts):
            for start, ends in self._both.items():
                if word.startswith(start) and word.endswith(ends, len(start)):
                    return True
        for piece in self._within:
            if piece in word:
                return True
        return self._odd is not None and self._odd.fullmatch(word) is not None


@dataclass(frozen=True)
class Cues:
    """One language's cues, ready to be looked for."""

    lang: str
    spaced: bool
    reviewed: bool
    contrary: Mapping[str, str]
    twice: bool
    weak_point: str | None
    _deny: _Globs
    _near: _Globs
    _apart: _Globs
    _phrases: tuple[str, ...]
    _unless: tuple[str, ...]
    _concord: tuple[re.Pattern[str], re.Pattern[str]] | None
    _joins: re.Pattern[str] | None
    _all: re.Pattern[str]
    """For scripts without spaces, read from left to right: what is no cue, or (a denial), or (a cue near one)."""

    def of_token(self, token: str) -> int:
        """NONE, NEAR or DENIES for one token of a text in lower case, with its punctuation."""
        word = plain(token).strip(_EDGES)
        if not word or self._apart.match(word):
            return NONE
        if self._deny.match(word):
            return DENIES
        return NEAR if self._near.match(word) else NONE

    def excused(self, lower: str) -> int:
        """How many denials in a text (lower case) are part of phrases that deny nothing ("not only")."""
        return sum(lower.count(phrase) for phrase in self._phrases)

    def exceptions(self, lower: str) -> int:
        """How many cues in a text (lower case) mean "unless"."""
        return sum(lower.count(phrase) for phrase in self._unless)

    def repeated(self, lower: str) -> int:
        """How many cues in a text (lower case) only say a denial before them once more: the "nada" of "no dé nada"."""
        if self._concord is None:
            return 0
        clauses, again = self._concord
        return sum(len(again.findall(clause)) for clause in clauses.findall(lower))

    def left_over(self, lower: str) -> int:
        """How many cues in a text (lower case) join a thing to a denial that is not there: "espere ni adivine"."""
        if self._concord is None or self._joins is None:
            return 0
        clauses, again = self._concord
        rest = _CLAUSE.split(clauses.sub(" ", lower))
        return sum(len(again.findall(clause)) == 1 and self._joins.search(clause) is not None for clause in rest)

    def in_unspaced(self, lower: str) -> tuple[int, int]:
        """(denials, cues near one) in a text of a script without spaces, in lower case."""
        denials = near = 0
        for denies, is_near in self._all.findall(lower):
            denials += bool(denies)
            near += bool(is_near)
        return denials, near


def plain(text: str) -> str:
    """`text` composed (NFC) and with plain apostrophes, as the cues are written."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_APOSTROPHES)


def folder() -> Path:
    """Where the languages' files lie."""
    return Path(str(files("afya"))) / "text" / "polarity"


def polarity_codes() -> tuple[str, ...]:
    """Codes of the languages whose denials are known, sorted."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


@cache
def cues(lang: str) -> Cues:
    """The cues of one language.

    Raises:
        ConfigError: the code is unknown, the language has no file, or the file is wrong.
    """
    hint = "Add the language by writing its cues as in polarity/en.yaml of afya.text."
    found = read_language_file(folder(), lang, PolarityFile, "cues of denial", hint)
    spaced = language(lang).spaced
    words = [cue for cue in found.apart if not (spaced and " " in cue)]
    phrases = tuple(cue for cue in found.apart if spaced and " " in cue)
    longest_first = [sorted(listed, key=len, reverse=True) for listed in (found.apart, found.deny, found.near)]
    apart, deny, near = ("|".join(map(re.escape, listed)) or r"(?!)" for listed in longest_first)
    firsts = re.escape("".join(sorted({cue[0] for cue in (*found.apart, *found.deny, *found.near)})))
    return Cues(
        lang=lang,
        spaced=spaced,
        reviewed=found.reviewed,
        contrary=found.contrary,
        twice=found.twice,
        weak_point=found.weak_point,
        _deny=_Globs(found.deny),
        _near=_Globs(found.near),
        _apart=_Globs(words),
        _phrases=phrases,
        _unless=found.unless,
        _concord=_concord(found.concord_after, found.concord),
        _joins=_whole(found.joins) if found.joins else None,
        # The look ahead spares trying every cue at every place.
        _all=re.compile(f"(?=[{firsts}])(?:{apart}|({deny})|({near}))"),
    )


def _concord(after: Sequence[str], again: Sequence[str]) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    """What follows a denial in its clause, and the words that only say it again there."""
    if not after or not again:
        return None
    first = "|".join(re.escape(word) + ("" if word.endswith("'") else r"(?!\w)") for word in after)
    return re.compile(rf"(?<!\w)(?:{first})([^.,;:!?\n]*)"), _whole(again)


def _whole(listed: Sequence[str]) -> re.Pattern[str]:
    words = "|".join(map(re.escape, listed))
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


_CLAUSE = re.compile(r"[.,;:!?\n]")


def _glob(cue: str) -> str:
    return r"\S*".join(map(re.escape, cue.split("*")))
