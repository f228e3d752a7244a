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
    told = [(place, listed) for place, listed in enumerate(map(words.table.__getitem__, tokens)) if listed]
    numbers = [place for place, listed in told if type(listed) is not Beside]
    if not numbers:
        return []
    begins = [match.start() for match in _TOKEN.finditer(text)] if spans else None
    placed: list[Placed] = []
    # A unit or a link bears only on numbers within two tokens of it, whose phrase may be of several.
    reach = 1 + words.longest_phrase
    before, after, ahead = -reach - 1, 0, 0
    numbers.append(len(tokens) + reach)
    for place, listed in told:
        if type(listed) is not Beside:
            before = place
            ahead += 1
        elif place - before > reach and numbers[ahead] - place > 2:
            continue
        if place < after:
            continue  # It was read with the phrase before it.
        begin = begins[place] if begins is not None else 0
        for mark in listed:
            if mark.kind != "phrase":
                placed.append(Placed(mark, place, place + 1, begin))
                continue
            used = _phrase(mark.raw, tokens, place, words)
            if used is not None:
                length, meaning = used
                end = after = place + length
                stretch = (begins[end - 1] + len(tokens[end - 1]) - begin) if begins is not None else 0
                placed.append(Placed(meaning._replace(start=0, end=stretch), place, end, begin))
                break
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
    # The looks ahead at the first character spare trying every branch, and every word, at every place.
    firsts = re.escape("".join(sorted({word[0] for word in others})))
    listed = f"(?=[{firsts}])(?:{'|'.join(map(re.escape, others))})"
    ranges, stops, signs = "-–—~～至到", r"，。；：！？（）、()\[\];:!?", "%％‰℃$€£¥"
    return re.compile(
        rf"(?=[A-Za-z{_FIGURES}{signs}°{firsts}{re.escape(numerals)}{stops}{re.escape(ranges)}])"
        rf"(?:(?P<latin>{_LATIN}|[{signs}]|°[CF])|(?P<word>{listed})"
        rf"|(?P<han>[{re.escape(numerals)}]+)|(?P<range>[{re.escape(ranges)}])|(?P<stop>[{stops}]))"
    )


@cache
def _loud(lang: str) -> re.Pattern[str]:
    """Figures, numerals in a row, a number word with a power or a dose unit: without one no number is sure."""
    words = lexicon(lang)
    numerals = "".join(sorted({word for word, mark in words.words.items() if _numeral(word, mark)}))
    counters = {word for word, mark in words.words.items() if mark.kind in ("word", "power")}
    powers = _any(word for word, mark in words.words.items() if mark.kind == "power" or mark.value >= 100)
    doses = _any(word for word, mark in words.words.items() if mark.key in DOSES)
    certain = {word for word, mark in words.words.items() if mark.sure or mark.kind == "month"}
    # A piece in Latin letters counts for its figures.
    latin = rf"(?=[{_LETTERS}]*[{_FIGURES}]){_LATIN}"
    # The look ahead spares trying every branch at every place, as in the scanner.
    first = re.escape("".join(sorted({word[0] for word in counters | certain} | set(numerals))))
    return re.compile(
        rf"(?=[A-Za-z{_FIGURES}{first}])(?:(?P<latin>{latin})|[{re.escape(numerals)}]{{2}}"
        rf"|{_any(certain)}|{_any(counters)}(?:{powers}|.?{doses}))"
    )


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
