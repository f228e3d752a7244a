"""Words, and phrases found among them, in scripts with and without spaces.

A phrase is written as people say it, with three signs: a star at the start or end of a word stands for any letters
("convuls*", "*dikiza"), "..." between words for up to three other words ("cannot ... drink"), and a figure with a plus
for any number in figures that is as large ("4+ times"; 2+ to 9+). Case and marks do not matter. In scripts without
spaces (Chinese, Japanese) a phrase is found anywhere, and "..." stands for up to six characters; a phrase never reaches
over the end of a clause.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import regex

from afya.errors import ConfigError
from afya.languages import language
from afya.text.normalise import fold_marks

GAP_WORDS = 3
GAP_CHARACTERS = 6
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
# Inside phrases digits and letters are apart, so that "8months" holds the word "months".
_PIECE = regex.compile(r"[\p{L}\p{M}]+|\p{N}+")
_PHRASE_PIECE = regex.compile(r"[2-9]\+|\*?(?:[\p{L}\p{M}]+|\p{N}+)\*?|\.\.\.|…")
_CLAUSE_END = regex.compile(r"[.!?;:\n。！？；：，,、؟؛،।]")
_NUMBER_INSIDE = regex.compile(r"(?<=\d)[.,](?=\d)")


@dataclass(frozen=True, slots=True)
class Word:
    """One word: as written, without case and marks, and its place (character offsets)."""

    text: str
    plain: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Match:
    """A phrase found: the key it stands for, the phrase, and its place in the text (character offsets).

    `parts`: of words that count together, the places of each, in the order of the text; a phrase has none.
    """

    key: str
    phrase: str
    start: int
    end: int
    parts: tuple[tuple[int, int], ...] = ()


def words(text: str) -> list[Word]:
    """The words of `text`: runs of letters, marks and digits. A combining mark never ends a word."""
    return _listed(_WORD, text)


def _listed(pattern: regex.Pattern[str], text: str) -> list[Word]:
    return [Word(found[0], fold_marks(found[0]), found.start(), found.end()) for found in pattern.finditer(text)]


def clause_ends(text: str) -> list[int]:
    """Offsets of the signs that end a clause. A point or comma inside a number does not."""
    inside = {found.start() for found in _NUMBER_INSIDE.finditer(text)}
    return [found.start() for found in _CLAUSE_END.finditer(text) if found.start() not in inside]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One word of a phrase, and how many other words may stand before it."""

    plain: str
    open_start: bool
    open_end: bool
    gap: int
    least: int = 0

    def fits(self, plain: str) -> bool:
        if self.least:
            return plain.isdecimal() and int(plain[:9]) >= self.least
        if self.open_start and self.open_end:
            return self.plain in plain
        if self.open_end:
            return plain.startswith(self.plain)
        return plain.endswith(self.plain) if self.open_start else plain == self.plain


class Phrases:
    """Phrases of one language, each standing for a key, ready to be looked for.

    Raises:
        ConfigError: a phrase holds no word, or a sign other than "*" and "..." between its words' letters.
    """

    def __init__(self, lang: str, phrases: Iterable[tuple[str, str]]) -> None:
        self.lang = lang
        self._spaced = language(lang).spaced
        self._first_exact: dict[str, list[tuple[str, str, tuple[_Pattern, ...]]]] = defaultdict(list)
        # By the letters of the word: every beginning, ending or stretch of a word of the text is looked up in turn.
        self._open_end: dict[str, list[_Numbered]] = defaultdict(list)
        self._open_start: dict[str, list[_Numbered]] = defaultdict(list)
        self._open_both: dict[str, list[_Numbered]] = defaultdict(list)
        self._figures: list[_Numbered] = []
        self._unspaced: list[tuple[str, str, regex.Pattern[str]]] = []
        self._unspaced_plain: list[tuple[str, str, str]] = []
        for number, (key, phrase) in enumerate(phrases):
            patterns = _parse(lang, phrase)
            first = patterns[0]
            if not self._spaced and not any(pattern.gap or pattern.least for pattern in patterns):
                self._unspaced_plain.append((key, phrase, "".join(pattern.plain for pattern in patterns)))
            elif not self._spaced:
                self._unspaced.append((key, phrase, _unspaced_pattern(patterns)))
            elif first.least:
                self._figures.append((number, (key, phrase, patterns)))
            elif first.open_start and first.open_end:
                self._open_both[first.plain].append((number, (key, phrase, patterns)))
            elif first.open_end:
                self._open_end[first.plain].append((number, (key, phrase, patterns)))
            elif first.open_start:
                self._open_start[first.plain].append((number, (key, phrase, patterns)))
            else:
                self._first_exact[first.plain].append((key, phrase, patterns))

    def find(self, text: str) -> list[Match]:
        """Every place in `text` (normalised) where a phrase stands, in the order of the text."""
        found = self._find_spaced(text) if self._spaced else self._find_unspaced(text)
        return sorted(found, key=lambda match: (match.start, -match.end, match.key))

    def _find_spaced(self, text: str) -> Iterator[Match]:
        listed, clause = pieces(text)
        openers: dict[str, list[_Entry]] = {}
        for place, word in enumerate(listed):
            if word.plain not in openers:
                openers[word.plain] = self._first_exact.get(word.plain, []) + self._opened_by(word.plain)
            for key, phrase, patterns in openers[word.plain]:
                last = _follow(listed, clause, place, patterns)
                if last is not None:
                    yield Match(key, phrase, word.start, listed[last].end)

    def _opened_by(self, plain: str) -> list[_Entry]:
        """The phrases whose open first word fits this one, in the order in which they were given."""
        fitting = [entry for entry in self._figures if entry[1][2][0].fits(plain)]
        heads, tails = plain[:_LONGEST], plain[-_LONGEST:]
        for index, stretches in (
            (self._open_end, (heads[:end] for end in range(len(heads) + 1))),
            (self._open_start, (tails[start:] for start in range(len(tails) + 1))),
        ):
            if index:
                for stretch in stretches:
                    fitting += index.get(stretch, ())
        if self._open_both:
            fitting += [entry for stretch, entries in self._open_both.items() if stretch in plain for entry in entries]
        return [entry for _, entry in sorted(fitting, key=lambda entry: entry[0])]

    def _find_unspaced(self, text: str) -> Iterator[Match]:
        folded, places = _without_spaces(text)
        for key, phrase, plain in self._unspaced_plain:
            start = folded.find(plain)
            while start >= 0:
                yield Match(key, phrase, places[start], places[start + len(plain) - 1] + 1)
                start = folded.find(plain, start + len(plain))
        for key, phrase, pattern in self._unspaced:
            for found in pattern.finditer(folded):
                yield Match(key, phrase, places[found.start()], places[found.end() - 1] + 1)


_Entry = tuple[str, str, tuple[_Pattern, ...]]
_Numbered = tuple[int, _Entry]
# A beginning or ending that a phrase writes is no longer than this.
_LONGEST = 60
# A message is looked through by many lists of phrases in turn; the words of short ones are read once.
_SHORT = 2_000


def pieces(text: str) -> tuple[list[Word], list[int]]:
    """The words of a text, digits and letters apart, and the number of the clause each stands in. Not to be changed."""
    return _kept_pieces(text) if len(text) <= _SHORT else _read_pieces(text)


@lru_cache(maxsize=4)
def _kept_pieces(text: str) -> tuple[list[Word], list[int]]:
    return _read_pieces(text)


def _read_pieces(text: str) -> tuple[list[Word], list[int]]:
    listed = _listed(_PIECE, text)
    return listed, _clause_numbers(text, listed) if listed else []


def _parse(lang: str, phrase: str) -> tuple[_Pattern, ...]:
    patterns: list[_Pattern] = []
    gap = 0
    for token in _PHRASE_PIECE.findall(phrase):
        if token in ("...", "…"):
            gap = GAP_WORDS
            continue
        if token.endswith("+"):
            patterns.append(_Pattern(token, False, False, gap if patterns else 0, int(token[0])))
            gap = 0
            continue
        bare = token.strip("*")
        patterns.append(_Pattern(fold_marks(bare), token.startswith("*"), token.endswith("*"), gap if patterns else 0))
        gap = 0
    if not patterns:
        raise ConfigError(
            f"The phrase '{phrase}' ({lang}) holds no word.", hint="Write at least one word, or remove it."
        )
    return tuple(patterns)


def _follow(listed: list[Word], clause: list[int], place: int, patterns: tuple[_Pattern, ...]) -> int | None:
    """The index of the word on which the phrase that begins at `place` ends, or None. The shortest reading wins."""
    if len(patterns) == 1:
        return place
    reached = {place}
    for pattern in patterns[1:]:
        reached = {
            later
            for earlier in reached
            for later in range(earlier + 1, min(earlier + 2 + pattern.gap, len(listed)))
            if clause[later] == clause[place] and pattern.fits(listed[later].plain)
        }
        if not reached:
            return None
    return min(reached)


def _clause_numbers(text: str, listed: list[Word]) -> list[int]:
    ends = clause_ends(text)
    numbers, passed = [], 0
    for word in listed:
        while passed < len(ends) and ends[passed] < word.start:
            passed += 1
        numbers.append(passed)
    return numbers


def _unspaced_pattern(patterns: tuple[_Pattern, ...]) -> regex.Pattern[str]:
    between = rf"[^.!?;:\n。！？；：，,]{{0,{GAP_CHARACTERS}}}?"
    parts = [(between if pattern.gap else "") + _unspaced_word(pattern) for pattern in patterns]
    return regex.compile("".join(parts))


def _unspaced_word(pattern: _Pattern) -> str:
    return rf"(?<!\d)(?:[{pattern.least}-9]|[1-9]\d+)(?!\d)" if pattern.least else regex.escape(pattern.plain)


def _without_spaces(text: str) -> tuple[str, list[int]]:
    """The folded text without blanks, and for each of its characters the place it had in `text`."""
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        if character in " \t":
            continue
        for folded in fold_marks(character):
            characters.append(folded)
            places.append(place)
    return "".join(characters), places
