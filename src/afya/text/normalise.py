"""One spelling for what people type: composed characters, plain spaces, no control characters, ASCII digits.

`normalise` is for reading (its result is what triage, routing and quantities look at), `fold` and `fold_marks` are for
comparing. Ideographic numerals (三) are left alone: they are also parts of words; `afya.text.quantities` reads them.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

import regex

from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.languages import registry

# Full-width forms of letters, digits, per cent and full stop; the other full-width signs are Chinese punctuation.
_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SIGNS = {
    **_FULL_WIDTH,
    0xFF05: "%",
    0xFF0E: ".",
    0x066B: ".",
    0x2019: "'",
    0x2018: "'",
    0x02BC: "'",
    0x02BB: "'",
    0x00B4: "'",
    0x2010: "-",
    0x2011: "-",
    0x2212: "-",
    0x00BA: "°",
    0x2103: "°C",
}
_LINES = regex.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_SPACES = regex.compile(r"[\p{Zs}\t]+")
# Controls, invisible format characters (zero width, direction marks), surrogates, private use, variation selectors.
_INVISIBLE = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}\uFE00-\uFE0F--[\t\n]]", regex.VERSION1)
_LINE_ENDS = regex.compile(r" *\n[ \n]*")
_LATIN_MARKS = regex.compile(r"(\p{Latin})\p{Mn}+")


def normalise(text: str) -> str:
    """`text` in NFC with single spaces and line ends, ASCII digits and plain apostrophes, nothing invisible in it.

    Idempotent. Case and marks stay.
    """
    text = _INVISIBLE.sub("", _LINES.sub("\n", text))
    text = unicodedata.normalize("NFC", text).translate(_signs())
    return _LINE_ENDS.sub("\n", _SPACES.sub(" ", text)).strip()


def fold(text: str) -> str:
    """`text` without differences of case, in NFC. Tone marks and dots below stay: they make other words in Yoruba."""
    return unicodedata.normalize("NFC", text.casefold())


@lru_cache(maxsize=65536)
def fold_marks(text: str) -> str:
    """`text` as typed without accents, tone marks, dots below and letters such as ŋ; case folded.

    Only marks on Latin letters come off: a vowel sign of Hindi or a voicing mark of Japanese is no accent.
    """
    folded = text.casefold()
    if folded.isascii():
        return folded
    bare = _LATIN_MARKS.sub(r"\1", unicodedata.normalize("NFD", folded))
    return unicodedata.normalize("NFC", bare).translate(_plain_letters())


@cache
def _signs() -> dict[int, int | str]:
    signs: dict[int, int | str] = dict(_SIGNS)
    for entry in registry().values():
        for value, digit in enumerate(entry.digits or ""):
            if unicodedata.category(digit) == "Nd":
                signs[ord(digit)] = str(value)
    return signs


@cache
def _plain_letters() -> dict[int, str]:
    path = Path(str(files("afya.text"))) / "plain_letters.yaml"
    rows = read_yaml(path)
    if not isinstance(rows, dict) or any(len(str(letter)) != 1 for letter in rows):
        raise ConfigError(f"{path}: expected single letters, each with what is typed in its place.")
    return {ord(str(letter)): str(plain) for letter, plain in rows.items()}
