"""A reply made comparable before it is read: thinking set aside, look-alike forms folded, markup taken off.

Folding keeps lines and sentences, since where a label stands is what tells a commitment from a mention.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict

from afya.datafiles import read_yaml, validate

# Private-use characters that stand for circled labels while NFKC runs, which would make "①" a plain digit.
FIRST_CIRCLED = 0xE100
MOST_LABELS = 10
CIRCLED = "".join(chr(FIRST_CIRCLED + place) for place in range(MOST_LABELS))

_LATIN_MARKS = re.compile("[\u0300-\u036f]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\u20e3]")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "“": '"', "”": '"', "„": '"', "\r": "\n"})
_ANSWER_TAG = re.compile(r"<(?:final[_ ]?|correct[_ ]?)?(?:answer|choice|option)s?>|\\f?box(?:ed)?\s*\{", re.IGNORECASE)
_MARKUP = re.compile(
    r"\\(?:text|textbf|textit|mathrm|mathbf|mathsf|operatorname|bf|rm|left|right)\b\s*|\\[\[\]()]|\\(?=[()\[\]*_{}])"
    r"|</?(?:b|strong|i|em|u|p|span|div|mark|code|big|center|response|solution|output|s|small|br|"
    r"(?:final[_ ]?|correct[_ ]?)?(?:answer|choice|option)s?)\b[^<>]{0,80}>"
    r"|<\|[a-z0-9_]{1,40}\|>|</s>",
    re.IGNORECASE,
)
_SPACED = re.compile(r"[^\S\n]+")
_WORDS = re.compile(r"[\W_]+")


class Alphabets(BaseModel):
    """alphabets.yaml: labels of other scripts and shapes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    native: dict[str, tuple[tuple[str, ...], ...]]
    circled: tuple[str, ...]
    counters: dict[str, tuple[str, ...]]
    look_alikes: dict[str, str]
    json_keys: tuple[str, ...]


@cache
def alphabets() -> Alphabets:
    """The labels that are read beside those of the prompt."""
    path = _folder() / "alphabets.yaml"
    return validate(read_yaml(path), Alphabets, str(path))


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a reply says once its thinking is set aside. `unfinished`: it ended while thinking. `thought`: it did."""

    text: str
    unfinished: bool = False
    thought: bool = False


def spoken(text: str) -> Spoken:
    """The part of a reply that is meant for the reader; thinking.yaml lists how models mark the rest."""
    if not _thinking_signs().search(text):
        return Spoken(text)
    lowered = text.lower()
    if len(lowered) != len(text):  # only a dotted capital I grows
        lowered = text.replace("İ", "I").lower()
        text = text.replace("İ", "I")
    thought = False
    for opening, closing in _thinking():
        while (end := lowered.rfind(closing)) >= 0:
            start = lowered.find(opening, 0, end)
            # A closing sign alone: the opening stood in the prompt.
            start, end = max(start, 0), end + len(closing)
            text, lowered, thought = text[:start] + "\n" + text[end:], lowered[:start] + "\n" + lowered[end:], True
        start = lowered.find(opening)
        if start >= 0:
            # What stands before the opening is an answer only if it was given before the thinking began.
            return Spoken(text[:start], unfinished=True, thought=True)
    return Spoken(text, thought=thought)


@cache
def _thinking() -> tuple[tuple[str, str], ...]:
    rows = cast(list[dict[str, str]], read_yaml(_folder() / "thinking.yaml"))
    return tuple((row["open"], row["close"]) for row in rows)


@cache
def _thinking_signs() -> re.Pattern[str]:
    signs = sorted({sign for pair in _thinking() for sign in pair}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, signs)), re.IGNORECASE)


def folded(text: str) -> str:
    """`text` with plain forms: NFKC, no marks on letters, straight quotes, no invisible characters, no markup.

    Circled labels become private-use characters, `CIRCLED` in their order. Boxes and answer tags become "answer:" on
    a line of its own.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", text.translate(_circled()))
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
        text = unicodedata.normalize("NFC", _LATIN_MARKS.sub("", unicodedata.normalize("NFD", text)))
        text = text.replace("İ", "I").replace("ı", "i")
        text = _inside_latin().sub(lambda match: alphabets().look_alikes[match[0]], text)
    elif "\r" in text:
        text = text.replace("\r", "\n")
    if "<" in text or "\\" in text:
        text = _MARKUP.sub(" ", _ANSWER_TAG.sub("\nanswer: {", text))
    return text


def phrase(text: str) -> str:
    """A phrase of a data file, folded, in small letters, with single blanks."""
    return " ".join(folded(text).lower().split())


@cache
def _inside_latin() -> re.Pattern[str]:
    """Look-alikes beside Latin letters, which only a mistake or a disguise puts there: "Answer" with a Cyrillic A."""
    looks = "".join(alphabets().look_alikes)
    return re.compile(rf"(?<=[A-Za-z])[{looks}]|[{looks}](?=[A-Za-z])")


@cache
def _circled() -> dict[int, int]:
    return {ord(sign): FIRST_CIRCLED + place for signs in alphabets().circled for place, sign in enumerate(signs)}


def has_circled(texts: tuple[str, ...]) -> bool:
    """Whether any of the texts holds a circled label itself."""
    signs = _circled()
    return any(ord(character) in signs for text in texts if not text.isascii() for character in text)


@lru_cache(maxsize=65536)
def option_words(text: str) -> str:
    """An option's letters and digits in small letters, one blank between words: what quotations are compared by."""
    return words(folded(text).lower())


@lru_cache(maxsize=65536)
def option_text(text: str) -> str:
    """An option in small letters, folded, without its final full stop: what is looked for inside sentences."""
    return _SPACED.sub(" ", folded(text).lower()).strip().rstrip(".。!").strip()


def words(text: str) -> str:
    """The letters and digits of a folded text in small letters, one blank between words."""
    return _WORDS.sub(" ", text).strip()


def _folder() -> Path:
    return Path(str(files("afya"))) / "bench" / "reading"
