"""How well a passage meets a question, on one scale for every language and collection.

The index only chooses candidates; BM25 sums from two indexes, or of two languages, cannot be compared. Here each word
of the question weighs its rarity over all that is searched, and a passage gets the share of that weight it meets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afya.assistant.knowledge.analysis import Inside, Term, alike, runs_inside
from afya.assistant.knowledge.record import Kept

# Every word counts as seen this often in so many passages before: in a small collection a word that happens to be
# absent says little, in a large one this changes nothing.
_KNOWN_PASSAGES = 50
_KNOWN_TIMES = 2
# BM25's usual values.
_K1 = 1.2
_B = 0.6
# The parts of a score; together 1.
_COVERED = 0.45
_DENSE = 0.2
_HEADED = 0.15
_NEAR = 0.2
_SAME_MARKS = 0.05
_WINDOW = 40
# What a word counts that stands elsewhere in a short document.
_AROUND = 0.7


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question's term with the weight its rarity gives it; `found` in how many passages it stands."""

    term: Term
    weight: float
    found: int


@dataclass(frozen=True, slots=True)
class Score:
    """What a passage gets: `total`, `coverage`, `focus`, `headed` and `rarest` in [0, 1]; the words met and not met."""

    total: float
    coverage: float
    focus: float
    headed: float
    rarest: float
    matched: tuple[str, ...]
    missing: tuple[str, ...]


def weigh(terms: Sequence[Term], frequencies: Mapping[str, int], passages: int) -> list[Weighed]:
    """The terms that say something, each with its weight: inverse document frequency times what the word can say."""
    weighed: list[Weighed] = []
    for term in terms:
        if term.weight:
            found = frequencies.get(term.form, 0)
            rarity = math.log(1 + (passages + _KNOWN_PASSAGES) / (found + _KNOWN_TIMES))
            weighed.append(Weighed(term, term.weight * rarity, found))
    return weighed


def score(
    kept: Kept,
    asked: Sequence[Weighed],
    length: float,
    inside: Inside | None,
    around: frozenset[str] = frozenset(),
) -> Score:
    """Score one passage; `length` is the mean number of words of a passage in its language.

    `around` are the words of the rest of its document, where that is a short one about one thing: a section on who
    sleeps under the net need not say "mosquito" again.
    """
    total = sum(one.weight for one in asked)
    if not total:
        return Score(0.0, 0.0, 0.0, 0.0, 0.0, (), ())
    body = kept.body.split()
    counts = Counter(body)
    head = frozenset(kept.head.split())
    norm = _K1 * (1 - _B + _B * kept.forms / max(1.0, length))
    covered = dense = headed = marked = rarest = 0.0
    top = max(one.weight for one in asked)
    met: dict[str, float] = {}
    matched: list[str] = []
    missing: list[str] = []
    for one in asked:
        form = one.term.form
        degree, stands = (1.0, form) if form in counts or form in head else _nearest(form, counts, head, inside)
        if not degree and form in around:
            covered += one.weight * _AROUND
            matched.append(one.term.written)
            degree = _AROUND
        elif degree:
            times = counts.get(stands, 0)
            covered += one.weight * degree
            dense += one.weight * degree * times / (times + norm)
            headed += one.weight * degree * (stands in head)
            met[stands] = max(met.get(stands, 0.0), one.weight * degree)
            matched.append(one.term.written)
            marked += one.term.marked is not None and one.term.marked in kept.passage.text.casefold()
        else:
            missing.append(one.term.written)
        if one.weight == top:
            rarest = max(rarest, degree)
    focus = _focus(body, head, met) / total
    covered, dense, headed = covered / total, dense / total, headed / total
    whole = _COVERED * covered + _DENSE * dense + _HEADED * headed + _NEAR * focus
    if marked:
        whole += _SAME_MARKS * marked / len(asked) * (1 - whole)
    return Score(whole, covered, focus, headed, rarest, tuple(matched), tuple(missing))


def _nearest(form: str, counts: Mapping[str, int], head: frozenset[str], inside: Inside | None) -> tuple[float, str]:
    """The passage's word most like this one, and how alike it is; nothing where none is."""
    runs = runs_inside(form)
    if not runs and inside is None:
        return 0.0, form
    best, word = 0.0, form
    for other in (*counts, *head):
        if any(run in other for run in runs):
            degree = alike(form, other, inside)
            if degree > best:
                best, word = degree, other
    return best, word


def _focus(body: Sequence[str], head: frozenset[str], met: Mapping[str, float]) -> float:
    """The most weight that stands within a few words of the text, words of the heading counting everywhere."""
    above = sum(weight for form, weight in met.items() if form in head)
    places = [(place, form) for place, form in enumerate(body) if form in met and form not in head]
    held: Counter[str] = Counter()
    best = now = 0.0
    start = 0
    for place, form in places:
        if not held[form]:
            now += met[form]
        held[form] += 1
        while places[start][0] <= place - _WINDOW:
            gone = places[start][1]
            held[gone] -= 1
            if not held[gone]:
                now -= met[gone]
            start += 1
        best = max(best, now)
    return above + best
