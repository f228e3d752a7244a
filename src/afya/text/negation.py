"""Whether a phrase is denied where it stands: "no convulsions", "convulsions: absent".

The reach of a denial is kept short on purpose, since a danger sign taken for denied is missed, while one taken for
present only sends a child to be looked at. A cue before the phrase denies it when nothing but light words stand between
("did not have any convulsions"), or when the phrase is an item of a list of nouns closed by "or" ("no fever, cough or
convulsions"): any word that is no noun of illness ends such a list, since it may open a new clause ("no fever, cannot
drink or eat"). A cue behind the phrase denies it when the clause ends there. A phrase that holds a denial itself
("cannot drink") is denied only by an answer on its line ("cannot drink: no").

A noun onto which a denial is written is denied (Zulu "akanasithuthwane", has no epilepsy): only whole words that such a
beginning makes of the listed nouns, since "ayiphuzi" (does not drink) begins alike and is a danger sign.

Of words that count together (text/groups.py) a denial of any one denies all of them: "her belly does not hurt". A
denial that is itself one of them ("cannot" with "drink") does not.

The words for all this are the language's (`negation` in lang/{code}.yaml).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import regex

from afya.languages import language
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks
from afya.text.words import Match, Phrases, words

_HARD_END = regex.compile(r"[.!?;:\n。！？；：؟؛।]")
# "convulsions: absent" reads over its colon; every other sign ends the clause.
_CLAUSE_END = regex.compile(r"[.!?;\n。！？；؟؛।,，、،]")
_COMMA = regex.compile(r"[,，、،]")
# Behind a denial: the clause is over.
_OVER = regex.compile(r"\s*(?:$|[.!?;\n。！？；؟؛।,，、،()\[\]（）/|–—+-])")
_COLON = regex.compile(r"\s*(?:[:：=?？(（]|[-–—]\s)\s*")

# A list of things denied, one letter a word: n a noun, P the noun asked about, a an article, l a light word, o "or", a
# comma a comma, x anything else. The list must be closed by "or", and all of it up to there must be nouns.
_ITEMS = r"[la]*n(?:(?:,|,?o)a*n)*"
_LIST = (
    regex.compile(rf"{_ITEMS},?oa*P"),
    regex.compile(rf"{_ITEMS},a*P(?:,a*n)*,?oa*n(?![nlax])"),
)
# In Chinese the sign 、 alone makes a list; the item must then end where the noun does.
_UNSPACED_LIST = (regex.compile(rf"{_ITEMS}(?:,|,?o)a*P(?:(?:,|,?o)a*n)*(?:$|e)"),)

# No denial reaches farther than this many characters; it also bounds the work on a long text without full stops.
_FAR = 300
_NEIGHBOURS = 8
_MOST_DENIALS = 50

Span = tuple[int, int]


@dataclass(frozen=True)
class _Polarity:
    spaced: bool
    verb_final: bool
    before: Phrases
    after: Phrases
    own: Phrases
    joined: frozenset[str]
    nouns: Phrases
    articles: frozenset[str]
    light: frozenset[str]
    light_after: frozenset[str]
    either: frozenset[str]
    goes_on: frozenset[str]
    answers: regex.Pattern[str]
    yes: frozenset[str]


def denied(text: str, span: Span, lang: str, taken: Sequence[Span] = ()) -> bool:
    """Whether the words at `span` (character offsets in normalised `text`) are denied there.

    `taken` are places of other phrases: a cue inside one of them ("cannot drink") denies nothing else.

    Raises:
        ConfigError: the language has no text literals.
    """
    known = _polarity(lang)
    start, end = span
    answer = _answer(text, end, known)
    if fold_marks(text[start:end]) in known.joined:
        # "has no fits: no" may be meant either way.
        return answer is None
    if answer is not None:
        return not answer
    busy = [span, *(other for other in taken if other[1] > start - _FAR and other[0] < end + _FAR)]
    holds_denial = bool(known.own.find(text[start:end]))
    if not holds_denial:
        from_sentence = _sentence_start(text, start)
        for cue in _cues(known.before, text[from_sentence:start], from_sentence, busy):
            between = text[cue.end : start]
            if _light(between, known.articles | known.light, known) or _in_list(text, cue.end, span, known):
                return True
    elif not known.verb_final:
        return False
    after = text[end : _clause_end(text, end)]
    return any(
        _light(text[end : cue.start].lstrip(": "), known.light_after, known) and _closes(text, cue.end, known)
        for cue in _cues(known.after, after, end, busy)
    )


def denied_together(text: str, parts: Sequence[Span], lang: str, taken: Sequence[Span] = ()) -> bool:
    """Whether words that count together (`parts`, in the order of the text) are denied there: whether one of them is.

    Where one of them holds a denial itself, only an answer behind the last denies them, as for a phrase.
    """
    known = _polarity(lang)
    own = [part for part in parts if known.own.find(text[part[0] : part[1]])]
    if own:
        answer = _answer(text, parts[-1][1], known)
        if answer is not None or not known.verb_final:
            return answer is False
    judge = parts if not own else parts[-1:]
    return any(denied(text, part, lang, [*taken, *(other for other in parts if other != part)]) for part in judge)


def judged(text: str, matches: Sequence[Match], lang: str, taken: Sequence[Span] = ()) -> list[tuple[Match, bool]]:
    """Phrases found in `text`, each with whether it is denied: of each key, up to the first that stands.

    Of phrases of one key that lie within one another only the longest is judged (words that count together, which may
    stand far apart, hide no phrase and are hidden by none). A key denied `_MOST_DENIALS` times is
    judged no further and its next phrase counts as standing. `taken` as for `denied`.
    """
    kept: list[Match] = []
    reached: dict[str, int] = {}
    for match in sorted(matches, key=lambda match: (match.start, -match.end)):
        if match.parts:
            kept.append(match)
        elif match.end > reached.get(match.key, -1):
            kept.append(match)
            reached[match.key] = match.end
    spans = sorted({*taken, *(part for match in kept for part in match.parts or ((match.start, match.end),))})
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
        no = denials[match.key] < _MOST_DENIALS and (
            denied_together(text, match.parts, lang, near)
            if match.parts
            else _denied_in_gap(text, match, lang) or denied(text, span, lang, near)
        )
        found.append((match, no))
        denials[match.key] += no
        if not no:
            standing.add(match.key)
    return found


def _denied_in_gap(text: str, match: Match, lang: str) -> bool:
    """Whether a denial stands in the gap of a phrase, right before what follows there ("dog has not bitten him").

    One farther ahead may deny another word; a phrase that writes a denial itself ("cannot ... drink") has none.
    """
    _, gap, last = match.phrase.rpartition("...")
    known = _polarity(lang)
    if not gap or known.own.find(match.phrase.replace("...", " ")):
        return False
    ends = Phrases(lang, [("", last)]).find(text[match.start : match.end])
    start = match.start + ends[-1].start if ends else match.start
    return any(
        _light(text[match.start + cue.end : start], known.articles | known.light, known)
        for cue in known.before.find(text[match.start : start])
    )


def _cues(phrases: Phrases, text: str, offset: int, busy: Sequence[Span]) -> list[Match]:
    found = []
    for cue in phrases.find(text):
        start, end = cue.start + offset, cue.end + offset
        if not any(start < other_end and other_start < end for other_start, other_end in busy):
            found.append(Match(cue.key, cue.phrase, start, end))
    return found


def _answer(text: str, end: int, known: _Polarity) -> bool | None:
    """The "yes" or "no" that is given to the phrase as to a question ("convulsions: no"), or None.

    A "yes" needs no colon: in "fever no convulsions yes" the convulsions are there.
    """
    colon = _COLON.match(text, end, end + _FAR)
    found = known.answers.match(text, colon.end() if colon else end, end + _FAR)
    if found is None or not _OVER.match(text, found.end()):
        return None
    yes = fold_marks(found[0].strip()) in known.yes
    return yes if yes or colon else None


def _closes(text: str, place: int, known: _Polarity) -> bool:
    """Whether a denial that ends at `place` belongs to what stands before it: nothing follows that it could deny."""
    if known.verb_final or _OVER.match(text, place):
        return True
    following = words(text[place : _clause_end(text, place)])
    if known.spaced:
        return bool(following) and following[0].plain in known.goes_on
    return text[place:].lstrip().startswith(tuple(known.goes_on))


def _light(between: str, light: frozenset[str], known: _Polarity) -> bool:
    """Whether nothing but light words stands in `between`."""
    if _HARD_END.search(between) or _COMMA.search(between):
        return False
    if known.spaced:
        return all(word.plain in light for word in words(between))
    rest = fold_marks("".join(between.split()))
    # In a script without spaces a blank is a pause, as a comma is.
    if " " in between.strip() or not rest:
        return not rest
    return regex.fullmatch("(?:" + "|".join(map(regex.escape, light)) + ")+", rest) is not None


def _in_list(text: str, start: int, span: Span, known: _Polarity) -> bool:
    """Whether the phrase at `span` is an item of a list of things denied that begins at `start`."""
    end = _sentence_end(text, span[1])
    if _HARD_END.search(text, start, span[0]):
        return False
    nouns: dict[int, int] = {}
    for noun in known.nouns.find(text[start:end]):
        nouns[noun.start + start] = max(noun.end + start, nouns.get(noun.start + start, 0))
    shape = _shape_spaced(text, start, end, span, nouns, known)
    if not known.spaced:
        shape = _shape_unspaced(text, start, end, span, nouns, known)
    return any(pattern.match(shape) for pattern in (_LIST if known.spaced else _UNSPACED_LIST))


def _shape_spaced(text: str, start: int, end: int, span: Span, nouns: dict[int, int], known: _Polarity) -> str:
    shape = []
    place = start
    for word in words(text[start:end]):
        low, high = word.start + start, word.end + start
        if low < place:
            continue
        # A stroke is an "or": "no cough/convulsions".
        shape.append("o" if "/" in text[place:low] else "," * len(_COMMA.findall(text, place, low)))
        if low in nouns:
            high = nouns[low]
            shape.append("P" if low <= span[0] and span[1] <= high else "n")
        elif word.plain in known.either:
            shape.append("o")
        elif word.plain in known.articles:
            shape.append("a")
        else:
            shape.append("l" if word.plain in known.light else "x")
        place = high
    return "".join(shape)


def _shape_unspaced(text: str, start: int, end: int, span: Span, nouns: dict[int, int], known: _Polarity) -> str:
    kinds = [("o", known.either), ("a", known.articles), ("l", known.light)]
    ordered = sorted(((word, kind) for kind, listed in kinds for word in listed), key=lambda entry: -len(entry[0]))
    shape = []
    place = start
    while place < end:
        if place in nouns:
            shape.append("P" if place <= span[0] and span[1] <= nouns[place] else "n")
            place = nouns[place]
        elif text[place] == "、":
            shape.append(",")
            place += 1
        elif text[place] in ",，":
            shape.append("e")
            place += 1
        else:
            word, kind = next((entry for entry in ordered if text.startswith(entry[0], place)), (text[place], "x"))
            shape.append(kind)
            place += len(word)
    return "".join(shape)


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
    rules, answers = literals.negation, literals.yes_no_unknown
    spaced = language(lang).spaced
    either = [*literals.joiners.either]
    short = sorted((*answers.yes, *answers.no), key=len, reverse=True)
    return _Polarity(
        spaced=spaced,
        verb_final=rules.verb_final,
        before=_phrases(lang, rules.before),
        after=_phrases(lang, rules.after),
        own=_phrases(lang, (*rules.before, *rules.after, *rules.inside)),
        joined=frozenset(
            form for beginning in rules.joined for noun in rules.nouns for form in _joined(beginning, noun)
        ),
        nouns=_phrases(lang, rules.nouns),
        articles=_folded(rules.articles),
        light=_folded(rules.light),
        light_after=_folded(rules.light_after),
        either=_folded(either),
        goes_on=_folded((*rules.contrast, *literals.joiners.both, *either)),
        # Marks may be left out, and a word of another script is no part of the answer.
        answers=regex.compile(
            r"\s*(?:" + "|".join(map(_loose, short)) + ")" + (r"(?![\p{L}\p{M}])" if spaced else ""), regex.IGNORECASE
        ),
        yes=_folded(answers.yes),
    )


def _loose(word: str) -> str:
    """A pattern for a word with or without its marks."""
    return "(?:" + "|".join(regex.escape(form) for form in dict.fromkeys((word, fold_marks(word)))) + ")"


def _joined(beginning: str, noun: str) -> tuple[str, str]:
    """The denied noun as one word, with the noun whole and without its first letter (akana + isifo: akanasifo)."""
    return fold_marks(beginning + noun), fold_marks(beginning + noun[1:])


def _phrases(lang: str, listed: Sequence[str]) -> Phrases:
    return Phrases(lang, [(phrase, phrase) for phrase in listed])


def _folded(listed: Sequence[str]) -> frozenset[str]:
    return frozenset(map(fold_marks, listed))
