"""A text cut into what an engine is given at once, and put together again with its blanks and lines kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import regex

from afya.languages import language
from afya.text.sentences import sentences
from afya.translation.base import Translator

Reading = Literal["sentences", "lines", "texts"]
"""What an engine reads well at once. "sentences" (engines that say nothing): short texts, else one sentence; "lines":
a paragraph; "texts": a text as it is, its lines included. An engine says it in an attribute `reading`."""

# Characters up to which a line is not cut into sentences. Models that learnt from single sentences drop the second one
# of two that come together, so that only what is hardly longer than an option stays whole for them.
_WHOLE = {"sentences": 120, "lines": 2000}
_LONGEST = 1500
_BACK = 500

_LINE = regex.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*|$)")
_LETTER = regex.compile(r"\p{L}")
_CLAUSE = regex.compile(r"[,;:،؛፣፤፥၊](?=\s)|[，；：、]")
_BLANK = regex.compile(r"(?<!\d)\s(?!\d)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: blanks, what is translated ("" where it has no letter, then all of it is `before`), blanks."""

    before: str
    core: str
    after: str


def reading_of(translator: Translator) -> Reading:
    """What the engine says it reads at once; "sentences" where it does not say."""
    told: object = getattr(translator, "reading", "sentences")
    return next((reading for reading in get_args(Reading) if reading == told), "sentences")


def wordless(text: str) -> bool:
    """Whether a text has no letter ("38.5"), so that there is nothing to translate."""
    return _LETTER.search(text) is None


def cut(text: str, lang: str, reading: Reading = "sentences") -> list[Piece]:
    """The pieces of a text; blanks and cores in their order are the text again, sign by sign."""
    if reading == "texts":
        return [_piece(text)]
    pieces = []
    for line in _LINE.findall(text):
        if not line:
            continue
        parts = [line] if len(line.strip()) <= _WHOLE[reading] else sentences(line, lang)
        pieces += [_piece(shorter) for part in parts for shorter in _shorter(part)]
    return pieces


def join(pieces: Sequence[Piece], texts: Sequence[str | None], source: str, target: str) -> str:
    """The pieces with their cores replaced by `texts` (None: left as they are).

    Blanks and line ends stay. Only between two sentences of a line, a space is set where the target language has one
    and the source language has none, and dropped the other way round.
    """
    spaced, to_spaced = language(source).spaced, language(target).spaced
    whole: list[str] = []
    for index, (piece, text) in enumerate(zip(pieces, texts, strict=True)):
        whole += [piece.before, piece.core if text is None else text]
        after = piece.after
        if index + 1 < len(pieces) and piece.core and pieces[index + 1].core and not pieces[index + 1].before:
            if to_spaced and not spaced and not after:
                after = " "
            elif spaced and not to_spaced and after == " ":
                after = ""
        whole.append(after)
    return "".join(whole)


def _piece(text: str) -> Piece:
    core = text.strip()
    if wordless(core):
        return Piece(text, "", "")
    start = len(text) - len(text.lstrip())
    return Piece(text[:start], core, text[start + len(core) :])


def _shorter(sentence: str) -> list[str]:
    """A sentence longer than any engine takes, cut behind commas, else between words, else anywhere."""
    parts = []
    start = 0
    while len(sentence) - start > _LONGEST:
        low, high = start + _LONGEST - _BACK, start + _LONGEST
        place = high
        for pattern in (_CLAUSE, _BLANK):
            found = list(pattern.finditer(sentence, low, high))
            if found:
                place = found[-1].end()
                break
        parts.append(sentence[start:place])
        start = place
    parts.append(sentence[start:])
    return parts
