"""Words that count together: a sign told by several words of one clause, in any order, a few words apart.

A concept is a list of phrases for one thing ("belly", "tummy", "stomach"). A group names concepts that must all stand
in one clause (or one sentence) near each other: belly, pain and severe find "the pain in her tummy is unbearable" and
"my belly hurts so badly". Each word is looked for once, whatever the number of groups; a group is looked at only where
all its concepts stand.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from afya.languages import language
from afya.text.negation import denied
from afya.text.words import Match, Phrases, clause_ends, pieces

Scope = Literal["clause", "sentence"]
_SENTENCE_ENDS = frozenset(".!?\n。！？؟।")
# A word of `unless` cancels a group from so far on either side; in scripts without spaces a word is about two signs.
_NEAR = 4
_UNSPACED_WORD = 2
# Of words that are repeated without end, so many from either end of the text are looked at.
_MOST = 100


@dataclass(frozen=True, slots=True)
class Group:
    """Concepts that tell `key` together.

    `all`: of each entry one of the concepts must stand. `apart`: at most so many other words between neighbours.
    `ordered`: in the order of `all`. `unless`: concepts that cancel it when they stand within or right beside it.
    `context`: of each entry one of the concepts must stand, not denied, anywhere in the text, or be known already.
    """

    key: str
    all: tuple[tuple[str, ...], ...]
    apart: int = 5
    scope: Scope = "clause"
    ordered: bool = False
    unless: tuple[str, ...] = ()
    context: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """The group in one line, as the files write it."""
        return " + ".join("|".join(names) for names in self.all)

    def lacks(self, concepts: Collection[str]) -> tuple[str, ...]:
        """The first entry of which none is among `concepts`, without which the group can never be found."""
        return next((names for names in (*self.all, *self.context) if not set(names) & set(concepts)), ())


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Where a concept stands: its first and last word (or sign), its offsets, its clause and its sentence."""

    first: int
    last: int
    start: int
    end: int
    clause: int
    sentence: int

    def number(self, scope: Scope) -> int:
        return self.clause if scope == "clause" else self.sentence


class Groups:
    """The groups of a language over its concepts, ready to be looked for. Groups that lack words are left out.

    Raises:
        ConfigError: a concept's phrase holds no word.
    """

    def __init__(self, lang: str, concepts: Mapping[str, Sequence[str]], groups: Iterable[Group]) -> None:
        self.lang = lang
        self._step = 1 if language(lang).spaced else _UNSPACED_WORD
        self._groups = [group for group in groups if not group.lacks(concepts)]
        used = {
            name
            for group in self._groups
            for names in (*group.all, *group.context, group.unless)
            for name in names
            if name in concepts
        }
        self._words = Phrases(lang, [(name, phrase) for name in sorted(used) for phrase in concepts[name]])

    def find(self, text: str, known: Collection[str] = ()) -> list[Match]:
        """Every place in `text` (normalised) where the words of a group stand together, with their places as parts.

        `known`: concepts that hold for the person although the text does not say so.
        """
        found = self._words.find(text) if self._groups else []
        if not found:
            return []
        standing: dict[str, list[_Place]] = {}
        locate = _Locator(text, self._step > 1)
        for match in found:
            standing.setdefault(match.key, []).append(locate.place(match))
        told: dict[str, bool] = {}

        def holds(name: str) -> bool:
            if name not in told:
                places = _both_ends(standing.get(name, []))
                told[name] = name in known or any(
                    not denied(text, (place.start, place.end), self.lang) for place in places
                )
            return told[name]

        listed: dict[tuple[str, tuple[tuple[int, int], ...]], Match] = {}
        for group in self._groups:
            if all(any(name in standing for name in names) for names in group.all) and all(
                any(map(holds, names)) for names in group.context
            ):
                for parts in self._together(group, standing):
                    match = Match(group.key, group.name, parts[0][0], max(end for _, end in parts), parts)
                    listed[group.key, parts] = match
        return sorted(listed.values(), key=lambda match: (match.start, -match.end, match.key))

    def _together(self, group: Group, standing: Mapping[str, list[_Place]]) -> Iterable[tuple[tuple[int, int], ...]]:
        apart = group.apart * self._step
        entries = [sorted({place for name in names for place in standing.get(name, ())}) for names in group.all]
        if len(entries) == 1:
            # Of "vaginal bleeding" and the "bleeding" in it, the longer is judged: "no vaginal bleeding" denies both.
            entries = [_outer(entries[0])]
        against = sorted({place for name in group.unless for place in standing.get(name, ())})
        rarest = 0 if group.ordered else min(range(len(entries)), key=lambda number: len(entries[number]))
        rest = entries[:rarest] + entries[rarest + 1 :]
        for anchor in _both_ends(entries[rarest]):
            taken = (_in_order if group.ordered else _gather)(anchor, rest, apart, group.scope)
            if taken is not None and not self._cancelled(taken, against, group.scope):
                yield tuple((place.start, place.end) for place in sorted(taken))

    def _cancelled(self, taken: Sequence[_Place], against: Sequence[_Place], scope: Scope) -> bool:
        low = min(place.first for place in taken) - _NEAR * self._step
        high = max(place.last for place in taken) + _NEAR * self._step
        return any(
            place.last >= low and place.first <= high and place.number(scope) == taken[0].number(scope)
            for place in against
        )


def _outer(places: list[_Place]) -> list[_Place]:
    """Those that lie in no other."""
    kept: list[_Place] = []
    for place in sorted(places, key=lambda place: (place.start, -place.end)):
        if not kept or place.end > kept[-1].end:
            kept.append(place)
    return kept


def _both_ends(places: list[_Place]) -> list[_Place]:
    return places if len(places) <= 2 * _MOST else places[:_MOST] + places[-_MOST:]


class _Locator:
    """Turns character offsets of a text into numbers of words (of signs, without spaces), clauses and sentences."""

    def __init__(self, text: str, unspaced: bool) -> None:
        ends = clause_ends(text)
        self._clauses = ends
        self._sentences = [end for end in ends if text[end] in _SENTENCE_ENDS]
        self._starts = None if unspaced else [word.start for word in pieces(text)[0]]

    def place(self, match: Match) -> _Place:
        first, last = match.start, match.end - 1
        if self._starts is not None:
            first, last = bisect_right(self._starts, first) - 1, bisect_right(self._starts, last) - 1
        clause, sentence = bisect_left(self._clauses, match.start), bisect_left(self._sentences, match.start)
        return _Place(first, last, match.start, match.end, clause, sentence)


def _gather(anchor: _Place, rest: Sequence[list[_Place]], apart: int, scope: Scope) -> list[_Place] | None:
    """The anchor with a place of each of `rest`, each time the nearest to what is gathered; None where none is near."""
    taken = [anchor]
    left = list(rest)
    while left:
        low, high = min(place.first for place in taken), max(place.last for place in taken)
        nearest = [(_nearest(places, taken, low, high, apart, scope), number) for number, places in enumerate(left)]
        reached = [(found[0], number, found[1]) for found, number in nearest if found is not None]
        if not reached:
            return None
        _, number, place = min(reached)
        taken.append(place)
        del left[number]
    return taken


def _nearest(
    places: list[_Place], taken: Sequence[_Place], low: int, high: int, apart: int, scope: Scope
) -> tuple[int, _Place] | None:
    best: tuple[int, _Place] | None = None
    # A place may begin before the reach and end within it: phrases are short.
    begin = bisect_left(places, low - apart - 30, key=lambda place: place.first)
    for place in places[begin:]:
        if place.first > high + apart + 1:
            break
        distance = max(0, low - place.last - 1, place.first - high - 1)
        clear = all(place.last < other.first or other.last < place.first for other in taken)
        if clear and distance <= apart and place.number(scope) == taken[0].number(scope):
            best = min(best, (distance, place)) if best is not None else (distance, place)
    return best


def _in_order(anchor: _Place, rest: Sequence[list[_Place]], apart: int, scope: Scope) -> list[_Place] | None:
    taken = [anchor]
    for places in rest:
        before = taken[-1]
        begin = bisect_left(places, before.last + 1, key=lambda place: place.first)
        if begin == len(places):
            return None
        place = places[begin]
        if place.first - before.last - 1 > apart or place.number(scope) != anchor.number(scope):
            return None
        taken.append(place)
    return taken
