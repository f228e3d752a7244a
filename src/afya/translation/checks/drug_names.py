"""Names of medicines: which words are some, and when two spellings are one name.

A name is recognised as a language spells it, by its consonants: amoxicillin, amoxicilina, i-amoksisilini and
アモキシシリン have the same ones. Chinese writes no sounds, so there only the forms listed in drugs.yaml are known.

References: WHO, International Nonproprietary Names: the use of stems (WHO/EMP/RHT/TSN/2018.1).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.text.normalise import fold_marks

_WORD = re.compile(r"[^\W\d_]+")
_EDGES = ".,;:!?()[]\"'“”«»"
_SHORTEST = 6
_STEM_LETTERS = 10
# Two names with this share of their consonants alike are one name spelt in two ways.
_ALIKE = 0.76
_ALIKE_JOINED = 0.9
_LEAST_QUICK = 0.6
_FEWEST_CONSONANTS = 3
_SOFT_C = re.compile(r"c(?=[eiy])")
# Sounds that languages put for one another: Arabic has no p and v, Japanese no l, many no z. Breath, glides and vowels
# fall away.
_CLASSES = str.maketrans("pvfcgqjzdlm", "bbbkkkkstrn")
# Unicode's names of these letters end in their sound: "ETHIOPIC SYLLABLE PAA".
_SAID_BY_NAME = (
    "HANGUL SYLLABLE ",
    "ETHIOPIC SYLLABLE ",
    "DEVANAGARI LETTER ",
    "TELUGU LETTER ",
    "KATAKANA LETTER ",
)
_NO_CONSONANT = re.compile(r"[^bkstrn]")
_DOUBLE = re.compile(r"(.)\1+")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Drug(_Strict):
    name: Annotated[str, Field(min_length=4)]
    also: tuple[str, ...] = ()
    forms: dict[str, tuple[str, ...]] = {}


class _Table(_Strict):
    reviewed: bool
    drugs: tuple[_Drug, ...]
    stems: tuple[str, ...]
    letters: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Medicine:
    """One medicine: its name, its other names as their consonants, its forms by language."""

    name: str
    sounds: tuple[str, ...]
    forms: Mapping[str, tuple[str, ...]]


def named(token: str) -> tuple[Medicine, ...]:
    """The medicines that a token (in lower case, with its punctuation) names by English or other Latin names."""
    word = token.strip(_EDGES)
    if len(word) < _SHORTEST:
        return ()
    found = _latin(word)
    if found is not None:
        return (found,)
    if word.isalpha():
        return ()
    return tuple(named for named in map(_latin, _WORD.findall(word)) if named is not None)


def medicines() -> dict[str, Medicine]:
    """Every listed medicine by its name."""
    return _names()


def spellings(text: str) -> list[str]:
    """The consonants of each word of a text."""
    return [found for found in map(consonants, _words_of(text)) if found]


def _words_of(text: str) -> Sequence[str]:
    # A combining mark is no letter to `re`, and would cut the words of Hindi and of decomposed Yoruba.
    return re.findall(r"[^\s\d.,;:!?()\[\]\"'“”‘’/，。、；：！？（）।፣።-]+", text)


def spelt(drug: Medicine, listed: Sequence[str]) -> bool:
    """Whether one of the spellings of a text, or two of them side by side, is the drug's name."""
    if any(_alike(sound, spelling, _ALIKE) for sound in drug.sounds for spelling in listed):
        return True
    # Two words make one name ("hydroxy chloroquine") more easily by chance.
    joined = [one + other for one, other in pairwise(listed)]
    return any(_alike(sound, spelling, _ALIKE_JOINED) for sound in drug.sounds for spelling in joined)


def _alike(sound: str, spelling: str, least: float) -> bool:
    if len(sound) < _FEWEST_CONSONANTS or not len(sound) - 2 <= len(spelling) <= len(sound) + 4:
        return len(sound) >= _FEWEST_CONSONANTS and sound in spelling
    if sound in spelling:
        return True
    matcher = SequenceMatcher(None, sound, spelling, autojunk=False)
    if matcher.real_quick_ratio() < _LEAST_QUICK or matcher.quick_ratio() < _LEAST_QUICK:
        return False
    same = sum(block.size for block in matcher.get_matching_blocks())
    # A prefix or a suffix of the language may stand on the name, so what counts is the name's own share.
    return 2 * same / (len(sound) + min(len(spelling), len(sound) + 2)) >= least


@lru_cache(maxsize=65536)
def consonants(word: str) -> str:
    """The consonants of a word in any alphabet of the registry, in classes of sounds that are taken for alike."""
    plain = fold_marks(word)
    if not plain.isascii():
        plain = "".join(map(_sound, unicodedata.normalize("NFC", plain)))
    plain = _SOFT_C.sub("s", plain).replace("x", "ks").translate(_CLASSES)
    return _DOUBLE.sub(r"\1", _NO_CONSONANT.sub("", plain))


@lru_cache(maxsize=8192)
def _sound(sign: str) -> str:
    """A letter by its sound in Latin letters; "" where that is not known."""
    if sign.isascii():
        return sign
    for table in _table().letters.values():
        if sign in table:
            return table[sign]
    name = unicodedata.name(sign, "")
    for opening in _SAID_BY_NAME:
        if name.startswith(opening):
            return name.removeprefix(opening).removeprefix("SMALL ").split()[-1].lower()
    # The sign over a Devanagari letter that is said as n.
    return "n" if name.endswith("SIGN ANUSVARA") else ""


def _latin(word: str) -> Medicine | None:
    if len(word) < _SHORTEST:
        return None
    plain = word if word.isascii() else fold_marks(word)
    known = _by_word().get(plain)
    if known is not None:
        return known
    if len(plain) >= _STEM_LETTERS and plain.isalpha() and plain.endswith(_table().stems):
        return Medicine(plain, (consonants(plain),), {})
    return None


@cache
def _by_word() -> dict[str, Medicine]:
    found: dict[str, Medicine] = {}
    for drug in _table().drugs:
        for word in (drug.name, *drug.also):
            found[fold_marks(word)] = _names()[drug.name]
    return found


@cache
def _names() -> dict[str, Medicine]:
    return {
        drug.name: Medicine(drug.name, tuple(map(consonants, (drug.name, *drug.also))), drug.forms)
        for drug in _table().drugs
    }


@cache
def _table() -> _Table:
    return read_model(Path(str(files("afya.translation.checks"))) / "drugs.yaml", _Table)
