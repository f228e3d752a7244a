"""Pieces of a text that speak to the model instead of about health.

Looked for in the text itself and in what hides it: letters of other alphabets that look alike, signs of no width,
blanks between letters, text spelled backwards, base64. A question that holds such a piece is not given to a model;
neither is a passage, which is shown as flagged. This is one of two lines of defence: whatever a model was led to write
must still pass every check of afya.assistant.checks. What it cannot see: an instruction in words that nobody listed.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.assistant.checks import switches
from afya.datafiles import read_model
from afya.languages import language, registry
from afya.text.normalise import fold_marks, normalise

Listed = tuple[Annotated[str, Field(min_length=1)], ...]

# Between a verb and its object, within a clause.
_NEAR, _NEAR_UNSPACED = 48, 16
_LONGEST = 160
_MOST = 20
# Tag characters and overrides of direction are never needed to write; signs of no width not between Latin letters.
_HIDDEN = regex.compile(
    r"[\U000E0000-\U000E007F\u202A-\u202E\u2066-\u2069]+|(?<=\p{Latin})[\u200B-\u200F\u2060-\u2064\uFEFF\u00AD]+(?=\p{Latin})"
)
_BLOB = regex.compile(r"(?<![\w+/=-])(?:[A-Za-z0-9+/]{24,}={0,2}|[A-Za-z0-9_-]{24,}={0,2})(?![\w+/=-])")
_HEXADECIMAL = regex.compile(r"(?<!\w)(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ ,]?){20,}(?!\w)")
_LETTERS_APART = regex.compile(r"(?<!\p{L})(?:\p{L}[ .\-_*]){5,}\p{L}(?!\p{L})")
_MIXED = regex.compile(r"(?=\p{L}*\p{Latin})(?=\p{L}*[\p{Cyrillic}\p{Greek}])\p{L}+")
_LEET = str.maketrans("013457@$!", "oieastasi")
_LINK_TEXT = regex.compile(r"!?\[(?P<text>[^\]\n]{0,200})\]\([^)\n]{0,400}\)")
_ADDRESS = regex.compile(r"(?i)(?<!\w)(?:(?:https?|ftp|file|data|javascript):[^\s<>\"')]+|www\.[^\s<>\"')]+)")
_TAG = regex.compile(r"<!--.*?-->|</?[A-Za-z!?|][^<>\n]{0,300}>|<\|[^|>\n]{0,60}\|>", regex.DOTALL)
_FENCE = regex.compile(r"`{3,}[^\n]*|~{3,}[^\n]*|`")
_SENTENCE = regex.compile(r"[^.!?。！？\n]*[.!?。！？]*\n?")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _File(_Strict):
    reviewed: bool
    verbs: dict[str, Listed]
    objects: dict[str, Listed]
    alone: Listed
    squeezed: Listed
    patterns: Listed


@dataclass(frozen=True)
class _Signs:
    pairs: tuple[regex.Pattern[str], ...]
    alone: regex.Pattern[str]
    squeezed: tuple[str, ...]
    patterns: tuple[regex.Pattern[str], ...]


def instructions(text: str) -> tuple[str, ...]:
    """The pieces of `text` that speak to the model, as they stand there or as they were uncovered; () when none does.

    At most 20 pieces of 160 characters. Raises ConfigError when the file of signs is faulty.
    """
    if switches.is_off("injection"):
        return ()
    found: dict[str, None] = {}
    for hidden in _HIDDEN.finditer(text):
        found[f"hidden characters at {hidden.start()}"] = None
    for view in _views(text):
        for piece in _pieces(view):
            found[piece] = None
    for blob in (*_BLOB.finditer(text), *_HEXADECIMAL.finditer(text)):
        if _encoded(blob[0]):
            found[blob[0][:_LONGEST]] = None
    return tuple(list(found)[:_MOST])


def clean(passage: str) -> str:
    """`passage` as text only: no markup, addresses, hidden signs, fences or tags, and no sentence that instructs.

    What is left may still be shown and quoted; it may be empty.
    """
    text = _HIDDEN.sub("", passage)
    text = _LINK_TEXT.sub(lambda link: "" if link[0].startswith("!") else link["text"], text)
    text = _FENCE.sub("", _ADDRESS.sub("", _TAG.sub(" ", text)))
    text = normalise(text)
    if not instructions(text):
        return text
    kept = [piece[0] for piece in _SENTENCE.finditer(text) if piece[0] and not instructions(piece[0])]
    text = normalise("".join(kept))
    # An instruction that only the whole gives away cannot be cut out of it.
    return "" if instructions(text) else text


def _views(text: str) -> list[str]:
    """The text as it reads when what hides it is undone; each reading once."""
    shown = unicodedata.normalize("NFKC", regex.sub(r"[\p{Cf}\u00AD]", "", text))
    same = _MIXED.sub(lambda word: word[0].lower().translate(_look_alikes()), shown)
    joined = _LETTERS_APART.sub(lambda run: regex.sub(r"[^\p{L}]", "", run[0]), same)
    return list(dict.fromkeys(fold_marks(view.replace("’", "'")) for view in (shown, same, joined)))


def _pieces(view: str) -> list[str]:
    signs = _signs()
    found = [match[0].strip()[:_LONGEST] for match in signs.alone.finditer(view)]
    for pattern in (*signs.pairs, *signs.patterns):
        found += [match[0].strip()[:_LONGEST] for match in pattern.finditer(view)]
    letters = "".join(sign for sign in view.translate(_LEET) if sign.isalpha())
    for squeezed in (letters, letters[::-1]):
        found += [word for word in signs.squeezed if word in squeezed]
    return found


def _encoded(blob: str) -> bool:
    """Whether a run of signs is text in base64 or in hexadecimal figures; a long word or number is neither."""
    figures = regex.sub(r"0x|\\x|[ ,]", "", blob)
    pairs = regex.fullmatch(r"(?:[0-9a-fA-F]{2}){12,}", figures) is not None and not figures.isdigit()
    if pairs and _readable(bytes.fromhex(figures)):
        return True
    if not (any(c.isupper() for c in blob) and any(c.islower() for c in blob)):
        return False
    padded = blob.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return _readable(raw)


def _readable(raw: bytes) -> bool:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return sum(sign.isalpha() or sign.isspace() for sign in text) >= 0.8 * max(1, len(text))


@cache
def _look_alikes() -> dict[int, str]:
    # Letters of other alphabets that are read as Latin ones (Unicode Technical Standard 39, confusables).
    pairs = {
        "а": "a", "с": "c", "е": "e", "о": "o", "р": "p", "х": "x", "у": "y", "і": "i", "ј": "j", "ѕ": "s",
        "ԁ": "d", "һ": "h", "ӏ": "l", "к": "k", "м": "m", "т": "t", "в": "b", "н": "h", "г": "r", "п": "n",
        "α": "a", "ο": "o", "ε": "e", "ρ": "p", "τ": "t", "υ": "u", "ι": "i", "κ": "k", "ν": "v", "β": "b",
    }  # fmt: skip
    return {ord(letter): plain for letter, plain in pairs.items()}


@cache
def _signs() -> _Signs:
    content = read_model(Path(str(files("afya.assistant.understanding"))) / "injection.yaml", _File)
    pairs = []
    for lang, verbs in content.verbs.items():
        objects = content.objects.get(lang, ())
        spaced = language(lang).spaced if lang in registry() else True
        opening = r"(?<![\p{L}\p{M}])" if spaced else ""
        near = _NEAR if spaced else _NEAR_UNSPACED
        verb, thing = (f"{opening}(?:{_any(words)})" for words in (verbs, objects))
        between = rf"[^.!?;\n。！？]{{0,{near}}}?"
        # Verbs may stand behind their objects in Japanese and Korean, and in lists of rules anywhere.
        backwards = rf"|{thing}{between}{verb}" if lang in ("ja", "ko", "zh", "de") else ""
        pairs.append(regex.compile(rf"{verb}{between}{thing}[\p{{L}}\p{{M}}]*{backwards}"))
    return _Signs(
        pairs=tuple(pairs),
        alone=regex.compile(
            rf"(?<![\p{{L}}\p{{M}}])(?:{_any([p for p in content.alone if p.isascii()])})(?![\p{{L}}\p{{M}}])"
            rf"|(?:{_any([p for p in content.alone if not p.isascii()])})"
        ),
        squeezed=content.squeezed,
        patterns=tuple(regex.compile(pattern, regex.DOTALL) for pattern in content.patterns),
    )


def _any(listed: Listed | list[str]) -> str:
    folded = sorted({fold_marks(phrase) for phrase in listed}, key=len, reverse=True)
    return "|".join(r"\s+".join(map(regex.escape, phrase.split())) for phrase in folded)
