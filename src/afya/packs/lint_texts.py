"""Faults of one text beside its English: numbers lost, much longer, in the wrong script, without its tone marks."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache

import regex

from afya.errors import ConfigError
from afya.languages import language
from afya.packs.finding import Finding
from afya.packs.pack import Pack

# A health worker reads on a small screen; a sentence of twice the length is most often one that says more.
LONGER = 2.0
# Beneath this length a difference says nothing.
SHORT = 40
# A text of so many words has at least one with a mark.
MARKED_WORDS = 4

_NUMBER = regex.compile(r"\p{Nd}+(?:[.,٫]\p{Nd}+)?")
_BRACES = regex.compile(r"\{[^}]*\}")
_WORD = regex.compile(r"[\p{L}\p{M}]+")
_LETTER = regex.compile(r"\p{L}")
# ISO 15924 code -> the scripts (Unicode property) whose letters a text may hold.
_SCRIPTS = {
    "Hans": ("Han",),
    "Hant": ("Han",),
    "Jpan": ("Han", "Hiragana", "Katakana"),
    "Kore": ("Hangul", "Han"),
    "Hang": ("Hangul", "Han"),
}


def inspect_text(pack: Pack, file: str, key: str, text: str, english: str) -> list[Finding]:
    """The faults of a text. `english` is "" where the English pack has no such text.

    Codes: digits_lost, digits_added, too_long, wrong_script, no_tone_marks.
    """
    found: list[Finding] = []
    if english and pack.code != "en":
        found += _numbers(pack.code, file, key, text, english)
        found += _length(file, key, text, english)
    found += _script(pack, file, key, text, english)
    found += _marks(pack, file, key, text)
    return found


def _numbers(code: str, file: str, key: str, text: str, english: str) -> list[Finding]:
    here, there = _values(text), _values(english)
    found: list[Finding] = []
    lost, added = there - here, here - there
    if lost and (lost := lost - _spelled(code, text)):
        message = f"the number {', '.join(sorted(lost))} of the English text is missing"
        found.append(Finding("error", "digits_lost", file, key, message))
    if added and (added := added - _spelled("en", english)):
        message = f"the number {', '.join(sorted(added))} does not stand in the English text"
        found.append(Finding("error", "digits_added", file, key, message))
    return found


def _values(text: str) -> Counter[str]:
    """The numbers written in digits, of any script, as ASCII with a decimal point."""
    bare = _BRACES.sub(" ", text)
    return Counter(_ascii(match).replace(",", ".").replace("٫", ".") for match in _NUMBER.findall(bare))


def _ascii(digits: str) -> str:
    return "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in digits)


def _spelled(code: str, text: str) -> Counter[str]:
    """The numbers that are written as words, where the language's number words are known."""
    from afya.text.literals import text_literals

    try:
        known = text_literals(code).numbers
    except ConfigError:
        return Counter()
    lower = text.casefold()
    if not language(code).spaced:
        return Counter({str(value): count for word, value in known.items() if (count := lower.count(word.casefold()))})
    joined = f" {' '.join(_WORD.findall(lower))} "
    found: Counter[str] = Counter()
    for word, value in known.items():
        found[str(value)] += joined.count(f" {' '.join(_WORD.findall(word.casefold()))} ")
    return found


def _length(file: str, key: str, text: str, english: str) -> list[Finding]:
    here, there = _letters(text), _letters(english)
    if here > SHORT and here > LONGER * there:
        message = f"is {here / there:.1f} times as long as the English text; say no more than it says"
        return [Finding("warning", "too_long", file, key, message)]
    return []


def _letters(text: str) -> int:
    """The length without marks, which take no room."""
    return sum(not unicodedata.combining(sign) for sign in unicodedata.normalize("NFD", _BRACES.sub("", text)))


@cache
def _own_letters(script: str) -> regex.Pattern[str]:
    names = "".join(rf"\p{{Script={name}}}" for name in _SCRIPTS.get(script, (script,)))
    return regex.compile(rf"[{names}\p{{Script=Common}}\p{{Script=Inherited}}]")


def _script(pack: Pack, file: str, key: str, text: str, english: str) -> list[Finding]:
    letters = "".join(_LETTER.findall(_BRACES.sub("", text)))
    strange = _own_letters(pack.script).sub("", letters)
    if pack.script == "Latn":
        if strange:
            message = f"'{strange[0]}' is no letter of the script {pack.script}"
            return [Finding("error", "wrong_script", file, key, message)]
        return []
    # Abbreviations and units stay in Latin letters; a whole sentence in them is another language's.
    if letters and len(strange) == len(letters) and len(_WORD.findall(english or text)) > 3:
        return [Finding("error", "wrong_script", file, key, f"holds no letter of the script {pack.script}")]
    return []


def _marks(pack: Pack, file: str, key: str, text: str) -> list[Finding]:
    if not pack.tone_marks:
        return []
    words = _WORD.findall(_BRACES.sub("", text))
    if len(words) < MARKED_WORDS or any(_marked(word) for word in words):
        return []
    return [Finding("error", "no_tone_marks", file, key, "no word has a tone mark or a dot below; write them all")]


def _marked(word: str) -> bool:
    return any(unicodedata.combining(sign) for sign in unicodedata.normalize("NFD", word))
