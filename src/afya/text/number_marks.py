"""Where in a text the marks of its tokens stand, in languages with blanks between words and in those without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from afya.text.number_lexicon import DOSES, Beside, Lexicon, lexicon
from afya.text.number_pieces import Mark
from afya.text.numerals import ideographic
from afya.text.tokens import Tokens

_FIGURES = "0-9０-９"
_LETTERS = r"A-Za-z.,%％‰°℃/+\-–—~～_·"
_LATIN = rf"[A-Za-z{_FIGURES}][{_LETTERS}{_FIGURES}]*"
_TOKEN = re.compile(r"\S+")


@dataclass(slots=True)
class Placed:
    """A mark and where it stands: in tokens, or characters where there are no blanks; `begin` in characters."""

    mark: Mark
    start: int
    end: int
    begin: int


def has_loud_run(text: str, words: Lexicon) -> bool:
    """Whether a text without blanks may have a quantity that is sure: the quick way out, taken for most sentences."""
    return any(
        match.lastgroup is None or words.loud(match[0])  # The figures of COVID-19 count nothing.
        for match in _loud(words.lang).finditer(text)
    )


def place_tokens(text: str, tokens: Sequence[str], words: Lexicon, spans: bool) -> list[Placed]:
    found = list(map(words.table.__getitem__, tokens))
    begins = [match.start() for match in _TOKEN.finditer(text)] if spans else None
    placed = []
    after = 0
    told = [(place, listed) for place, listed in enumerate(found) if listed]
    numbers = [place for place, listed in told if type(listed) is not Beside]
    if len(numbers) < len(told):
        # A unit or a link bears only on numbers within two tokens of it, whose phrase may be of several.
        near = {place + step for place in numbers for step in range(-2, 2 + words.longest_phrase)}
        told = [one for one in told if one[0] in near]
    for place, listed in told:
        if place < after:
            continue  # It was read with the phrase before it.
        begin = begins[place] if begins is not None else 0
        for mark in listed:
            if mark.kind == "phrase":
                used = _phrase(mark.raw, tokens, place, words)
                if used is not None:
                    length, meaning = used
                    end = after = place + length
                    stretch = (begins[end - 1] + len(tokens[end - 1]) - begin) if begins is not None else 0
                    placed.append(Placed(meaning._replace(start=0, end=stretch), place, end, begin))
                    break
            else:
                placed.append(Placed(mark, place, place + 1, begin))
    return placed


def _phrase(first: str, tokens: Sequence[str], place: int, words: Lexicon) -> tuple[int, Mark] | None:
    for rest, mark in words.phrases[first]:
        end = place + 1 + len(rest)
        if end <= len(tokens) and all(
            words.plain(token) == word for token, word in zip(tokens[place + 1 : end], rest, strict=True)
        ):
            return 1 + len(rest), mark
    return None


@cache
def _scanner(lang: str) -> re.Pattern[str]:
    """Figures with what is written in Latin letters around them, numerals, and the language's words."""
    words = lexicon(lang)
    numerals = "".join(sorted({word for word, mark in words.words.items() if _numeral(word, mark)}))
    others = sorted((word for word in words.words if not set(word) <= set(numerals)), key=len, reverse=True)
    # The look ahead at the first character spares trying every word at every place.
    listed = f"(?=[{re.escape(''.join(sorted({word[0] for word in others})))}])(?:{'|'.join(map(re.escape, others))})"
    return re.compile(
        rf"(?P<latin>{_LATIN}|[%％‰℃$€£¥]|°[CF])|(?P<word>{listed})"
        rf"|(?P<han>[{re.escape(numerals)}]+)|(?P<range>[-–—~～至到])|(?P<stop>[，。；：！？（）、()\[\];:!?])"
    )


@cache
def _loud(lang: str) -> re.Pattern[str]:
    """Figures, numerals in a row, a number word with a power or a dose unit: without one no number is sure."""
    words = lexicon(lang)
    numerals = "".join(sorted({word for word, mark in words.words.items() if _numeral(word, mark)}))
    counting = _any(word for word, mark in words.words.items() if mark.kind in ("word", "power"))
    powers = _any(word for word, mark in words.words.items() if mark.kind == "power" or mark.value >= 100)
    doses = _any(word for word, mark in words.words.items() if mark.key in DOSES)
    sure = _any(word for word, mark in words.words.items() if mark.sure or mark.kind == "month")
    # A piece in Latin letters counts for its figures.
    latin = rf"(?=[{_LETTERS}]*[{_FIGURES}]){_LATIN}"
    return re.compile(rf"(?P<latin>{latin})|[{re.escape(numerals)}]{{2}}|{sure}|{counting}(?:{powers}|.?{doses})")


def _any(words: Iterable[str]) -> str:
    listed = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return f"(?:{listed})" if listed else r"(?!)"


def _numeral(word: str, mark: Mark) -> bool:
    return len(word) == 1 and mark.kind in ("word", "power") and mark.key is None and not word.isascii()


def place_runs(text: str, words: Lexicon) -> list[Placed]:
    known = _runs(words.lang)
    placed = []
    for match in _scanner(words.lang).finditer(text):
        begin = match.start()
        for mark, start, end in known[match.lastgroup or ""][match[0]]:
            placed.append(Placed(mark, begin + start, begin + end, begin + start - mark.start))
    return placed


Run = tuple[Mark, int, int]
"""A mark, and where it stands in its run of signs."""


@cache
def _runs(lang: str) -> dict[str, Tokens[tuple[Run, ...]]]:
    """The marks of each run that the scanner finds, by its group; found out once for each run."""
    words = lexicon(lang)

    def latin(piece: str) -> tuple[Run, ...]:
        return tuple((mark, mark.start, mark.end) for mark in words.marks(piece))

    def word(piece: str) -> tuple[Run, ...]:
        return ((words.words[piece]._replace(end=len(piece)), 0, len(piece)),)

    def han(piece: str) -> tuple[Run, ...]:
        values = [words.words[sign] for sign in piece]
        if all(mark.kind == "power" or mark.value >= 100 for mark in values):
            return tuple((mark._replace(end=1), offset, offset + 1) for offset, mark in enumerate(values))
        value = ideographic([mark.value for mark in values])
        if value is None:
            return ()
        # Powers alone (数十万) are estimates.
        told = any(mark.value < 10 for mark in values)
        sure = value >= words.data.sure_from and told and (len(piece) > 1 or values[0].sure)
        return ((Mark("word", value, None, "", 0, len(piece), sure), 0, len(piece)),)

    def sign(kind: Literal["range", "stop"]) -> Callable[[str], tuple[Run, ...]]:
        return lambda piece: ((Mark(kind), 0, len(piece)),)

    return {
        "latin": Tokens(latin),
        "word": Tokens(word),
        "han": Tokens(han),
        "range": Tokens(sign("range")),
        "stop": Tokens(sign("stop")),
    }
