"""Where in a text the marks of its tokens stand, in languages with blanks between words and in those without."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from afya.text.number_lexicon import DOSES, Lexicon, lexicon
from afya.text.number_pieces import Mark
from afya.text.numerals import ideographic

_TOKEN = re.compile(r"\S+")


@dataclass(slots=True)
class Placed:
    """A mark and where it stands: in tokens, or characters where there are no blanks; `begin` in characters."""

    mark: Mark
    start: int
    end: int
    begin: int


def quiet(text: str, tokens: Sequence[str], words: Lexicon) -> bool:
    """Whether a text and its tokens have no quantity that is sure: the quick way out, taken for most sentences."""
    return words.quiet(tokens) if words.spaced else _loud(words.lang).search(text) is None


def place_tokens(text: str, tokens: Sequence[str], words: Lexicon, spans: bool) -> list[Placed]:
    found = list(map(words.table.__getitem__, tokens))
    begins = [match.start() for match in _TOKEN.finditer(text)] if spans else None
    placed = []
    for place, listed in enumerate(found):
        if not listed:
            continue
        begin = begins[place] if begins is not None else 0
        for mark in listed:
            if mark.kind == "phrase":
                used = _phrase(mark.raw, tokens, place, words)
                if used is not None:
                    length, meaning = used
                    end = place + length
                    for later in range(place + 1, end):
                        found[later] = ()
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
        rf"(?P<latin>[A-Za-z0-9０-９][A-Za-z0-9０-９.,%％‰°℃/+\-–—~～_·]*|[%％‰℃$€£¥]|°[CF])|(?P<word>{listed})"
        rf"|(?P<han>[{re.escape(numerals)}]+)|(?P<range>[-–—~～至到])|(?P<stop>[，。；：！？（）、()\[\];:!?])"
    )


@cache
def _loud(lang: str) -> re.Pattern[str]:
    """Figures, numerals in a row, powers and dose units: without one of them no number is sure."""
    words = lexicon(lang)
    numerals = "".join(sorted({word for word, mark in words.words.items() if _numeral(word, mark)}))
    loud = [
        re.escape(word)
        for word, mark in words.words.items()
        if mark.sure or mark.kind in ("power", "month") or mark.key in DOSES
    ]
    return re.compile("|".join([r"[0-9０-９]", rf"[{re.escape(numerals)}]{{2}}", *loud]))


def _numeral(word: str, mark: Mark) -> bool:
    return len(word) == 1 and mark.kind in ("word", "power") and mark.key is None and not word.isascii()


def place_runs(text: str, words: Lexicon) -> list[Placed]:
    placed = []
    for match in _scanner(words.lang).finditer(text):
        group, piece, start, end = match.lastgroup, match[0], match.start(), match.end()
        if group == "latin":
            placed += [Placed(mark, start + mark.start, start + mark.end, start) for mark in words.marks(piece)]
        elif group == "word":
            mark = words.words[piece]
            placed.append(Placed(mark._replace(end=end - start), start, end, start))
        elif group == "han":
            values = [words.words[sign] for sign in piece]
            if all(mark.kind == "power" or mark.value >= 100 for mark in values):
                for offset, mark in enumerate(values):
                    placed.append(Placed(mark._replace(end=1), start + offset, start + offset + 1, start))
                continue
            value = ideographic([mark.value for mark in values])
            if value is not None:
                # Powers alone (数十万) are estimates.
                told = any(mark.value < 10 for mark in values)
                sure = value >= words.data.sure_from and told and (len(piece) > 1 or values[0].sure)
                placed.append(Placed(Mark("word", value, None, "", 0, end - start, sure), start, end, start))
        else:
            placed.append(Placed(Mark("range" if group == "range" else "stop"), start, end, start))
    return placed
