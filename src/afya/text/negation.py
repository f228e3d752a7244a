"""Whether a phrase is denied where it stands: "no convulsions", "convulsions: absent".

The reach of a denial is kept short on purpose, since a danger sign taken for denied is missed, while one taken for
present only sends a child to be looked at. A cue before the phrase denies it when nothing but light words stand between
("did not have any convulsions") or when the phrase is in a list closed by "or" ("no fever, cough or convulsions").
A contrast word, the end of the clause, or any other word ends the reach.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import regex

from afya.datafiles import read_yaml
from afya.errors import ConfigError
from afya.languages import language
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks
from afya.text.words import Match, Phrases, words

# Items of a list after "no" are short: "no fever, loose stools or convulsions".
_ITEM_WORDS = 3
_ITEM_CHARACTERS = 8
_HARD_END = regex.compile(r"[.!?;:\n。！？；：؟؛।]")
# "convulsions: absent" reads over its colon; every other sign ends the clause.
_CLAUSE_END = regex.compile(r"[.!?;\n。！？；؟؛।,，、،]")
_COMMA = regex.compile(r"[,，、،]")

# No denial reaches farther than this many characters; it also bounds the work on a long text without full stops.
_FAR = 300
_NEIGHBOURS = 8
_MOST_DENIALS = 50

Span = tuple[int, int]


@dataclass(frozen=True)
class _Polarity:
    spaced: bool
    before: Phrases
    after: Phrases
    light: frozenset[str]
    contrast: frozenset[str]
    either: frozenset[str]


def denied(text: str, span: Span, lang: str, taken: Sequence[Span] = ()) -> bool:
    """Whether the words at `span` (character offsets in normalised `text`) are denied there.

    `taken` are places of other phrases: a cue inside one of them ("cannot drink") denies nothing else.

    Raises:
        ConfigError: the language has no text literals.
    """
    known = _polarity(lang)
    start, end = span
    busy = [span, *(other for other in taken if other[1] > start - _FAR and other[0] < end + _FAR)]
    from_sentence = _sentence_start(text, start)
    for cue in _cues(known.before, text[from_sentence:start], from_sentence, busy):
        between = text[cue.end : start]
        if _light(between, known) or _in_list(between, text[end : _sentence_end(text, end)], known):
            return True
    after = text[end : _clause_end(text, end)]
    return any(_light(text[end : cue.start].lstrip(": "), known) for cue in _cues(known.after, after, end, busy))


def judged(text: str, matches: Sequence[Match], lang: str, taken: Sequence[Span] = ()) -> list[tuple[Match, bool]]:
    """Phrases found in `text`, each with whether it is denied: of each key, up to the first that stands.

    Of phrases of one key that lie within one another only the longest is judged. A key denied `_MOST_DENIALS` times is
    judged no further and its next phrase counts as standing. `taken` as for `denied`.
    """
    kept: list[Match] = []
    reached: dict[str, int] = {}
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.end > reached.get(match.key, -1):
            kept.append(match)
            reached[match.key] = match.end
    spans = sorted({*taken, *((match.start, match.end) for match in kept)})
    found: list[tuple[Match, bool]] = []
    standing: set[str] = set()
    denials: Counter[str] = Counter()
    for match in kept:
        if match.key in standing:
            continue
        span = (match.start, match.end)
        place = bisect_left(spans, span)
        # A cue reaches over a sentence at most: a few neighbours on each side are all that can hold one.
        near = [other for other in spans[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1] if other != span]
        no = denials[match.key] < _MOST_DENIALS and denied(text, span, lang, near)
        found.append((match, no))
        denials[match.key] += no
        if not no:
            standing.add(match.key)
    return found


def _cues(phrases: Phrases, text: str, offset: int, busy: Sequence[Span]) -> list[Match]:
    found = []
    for cue in phrases.find(text):
        start, end = cue.start + offset, cue.end + offset
        if not any(start < other_end and other_start < end for other_start, other_end in busy):
            found.append(Match(cue.key, cue.phrase, start, end))
    return found


def _light(between: str, known: _Polarity) -> bool:
    """Whether nothing but light words stands in `between`."""
    if _HARD_END.search(between) or _COMMA.search(between):
        return False
    if known.spaced:
        return all(word.plain in known.light for word in words(between))
    rest = fold_marks("".join(between.split()))
    # In a script without spaces a blank is a pause, as a comma is.
    if " " in between.strip() or not rest:
        return not rest
    return regex.fullmatch("(?:" + "|".join(map(regex.escape, known.light)) + ")+", rest) is not None


def _in_list(between: str, following: str, known: _Polarity) -> bool:
    """Whether the phrase after `between` is an item of a list of things denied, the last of them after "or"."""
    if _HARD_END.search(between):
        return False
    if not known.spaced:
        pieces = regex.split("|".join([r"[、]", *map(regex.escape, known.either)]), between)
        return (
            len(pieces) > 1
            and all(0 < len(item) <= _ITEM_CHARACTERS for item in pieces[:-1])
            and _light(pieces[-1], known)
            and not any(word in between for word in known.contrast)
            and not regex.search(r"[,，]", between)
        )
    items = _items(between, known.either)
    if any(word.plain in known.contrast for word in words(between)) or len(items) < 2:
        return False
    if not all(len(item) <= _ITEM_WORDS for item in items[:-1]) or any(w not in known.light for w in items[-1]):
        return False
    joined = _COMMA.split(between)[-1] + _HARD_END.split(following)[0]
    return any(word.plain in known.either for word in words(joined)[: _ITEM_WORDS + 2])


def _items(between: str, either: frozenset[str]) -> list[list[str]]:
    items: list[list[str]] = []
    for piece in _COMMA.split(between):
        items.append([])
        for word in words(piece):
            if word.plain in either:
                items.append([])
            else:
                items[-1].append(word.plain)
    # "a, or b": the empty item between comma and "or" is none.
    return [item for place, item in enumerate(items) if item or place == len(items) - 1]


def _sentence_start(text: str, place: int) -> int:
    low = max(0, place - _FAR)
    ends = [found.end() for found in _HARD_END.finditer(text, low, place)]
    return ends[-1] if ends else low


def _sentence_end(text: str, place: int) -> int:
    found = _HARD_END.search(text, place, place + _FAR)
    return found.start() if found else min(len(text), place + _FAR)


def _clause_end(text: str, place: int) -> int:
    found = _CLAUSE_END.search(text, place, place + _FAR)
    return found.start() if found else min(len(text), place + _FAR)


@cache
def _polarity(lang: str) -> _Polarity:
    literals = text_literals(lang)
    row = _reaches().get(lang, {})
    return _Polarity(
        spaced=language(lang).spaced,
        before=Phrases(lang, [("before", cue) for cue in literals.negation.before]),
        after=Phrases(lang, [("after", cue) for cue in literals.negation.after]),
        light=frozenset(map(fold_marks, row.get("light", ()))),
        contrast=frozenset(map(fold_marks, row.get("contrast", ()))),
        either=frozenset(map(fold_marks, literals.joiners.either)),
    )


@cache
def _reaches() -> dict[str, dict[str, list[str]]]:
    path = Path(str(files("afya.text"))) / "polarity.yaml"
    rows = read_yaml(path)
    if not isinstance(rows, dict):
        raise ConfigError(f"{path}: expected languages, each with light and contrast words.")
    for code, row in rows.items():
        language(str(code))
        for key in ("light", "contrast"):
            if not isinstance(row.get(key), list) or not all(isinstance(word, str) for word in row[key]):
                raise ConfigError(
                    f"{path}: {code}.{key} must be a list of words; quote those that YAML reads otherwise."
                )
    return rows
