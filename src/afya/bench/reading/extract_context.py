"""What stands around a label or an option's text in a reply: markers, verdicts, denials, suppositions, lines.

Nothing is matched across the whole text, so that the cost grows with the number of labels, and the reason why a label
counts can be told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from afya.bench.reading.extract_fold import option_text
from afya.bench.reading.extract_words import Endings, Lexicon, lexicon
from afya.languages import language

_DRESSING = frozenset(" \t\n:=-–—*_\"'`«»「」『』()[]【】〔〕{}<>$|#,、:→➡✅✔✓☑👉…؛،፡፦·•~^")
_HARD = frozenset(":=\n*\"'`「『([【{|→➡✅✔✓☑👉–—፡፦")
_CUTS = frozenset(",;\n、،")
_CLAUSE_END = re.compile(r"[.,;:!?\n。,、،(]")
_PAUSES = ".!。;\n,:-–—"
_BRACKET_END = re.compile(r"[)）」』\n]")
_WORD = re.compile(r"\S+")
_ARROWS = ("->", "=>", "→", "⇒", "➡", "👉")
CLOSERS = " \t)]}*_\"'`」』】〕»$"
LINE_DRESSING = " \t-*_•·>#|\"'`([{【「『$✅✔✓☑👉→➡=~+."
STOPS = re.compile(r"[.!?。!?\n;]+(?=\s|$|\Z|[\u3000-\uffff])|[。?!?！\n]")


@dataclass(frozen=True, slots=True)
class Seen:
    """A label or an option's text, or several joined, and its line.

    `plain`: a shown letter, a capital, a circled sign or a text; not a small letter, a digit or a letter of another
    script. `line`: where its line starts, if it opens the line, else -1. `alone`: nothing else stands in its line.
    """

    start: int
    end: int
    chosen: tuple[int, ...]
    undecided: bool
    plain: bool
    line: int
    alone: bool


class ContextReader:
    """Tells what stands around a label, in one language and for items with `count` options."""

    def __init__(self, lang: str, count: int) -> None:
        self.lang = lang
        self.words: Lexicon = lexicon(lang)
        self.spaced = language(lang).spaced
        self.count = count

    def line(self, text: str, start: int, end: int) -> tuple[int, bool]:
        """Where the label's line starts if the label opens it (0 for the first line), and whether it is alone in it."""
        begin = text.rfind("\n", 0, start) + 1
        before = text[begin:start].strip(LINE_DRESSING)
        if before:
            lowered = before.lower().strip(LINE_DRESSING + ":")
            if self.words.option_words.ends(lowered) != lowered:
                return -1, False
        finish = text.find("\n", end)
        rest = text[end : finish if finish >= 0 else len(text)].strip(" \t)]}*_\"'`.:。」』】〕»$|!,،።✅✔✓☑")
        return (0 if not text[:begin].strip() else begin), not rest

    def before(self, low: str, start: int) -> tuple[str | None, int, bool, bool]:
        """(marker, conclusion, denied or None; where it begins; a colon or the like between; a bare noun)."""
        words = self.words
        end, hard, cut, linked, lines = start, False, False, False, 0
        concluded: int | None = None
        bare: int | None = None
        copula: int | None = None
        for _ in range(9):
            while end and low[end - 1] in _DRESSING:
                end -= 1
                sign = low[end]
                hard |= sign in _HARD
                cut |= sign in _CUTS
                lines += sign == "\n"
            if low.startswith("...", end - 3) and end >= 3:
                end -= 3
                continue
            if not end:
                break
            if not cut and words.denied.ends(low, end):
                return "denied", end, hard, False
            if marker := words.markers.ends(low, end):
                # "La réponse 3 semble fausse" only names an option; "la réponse est 3" and "réponse : 3" tell.
                noun = (marker in words.nouns or marker.split()[-1] in words.nouns) and not linked and not hard
                if not noun:
                    return "marker", end - len(marker), hard, False
                # "Richtig ist Antwort D": a bare noun may belong to a marker before it.
                bare = end - len(marker) if bare is None else bare
            if concluded is None and not lines and (said := words.conclusions.ends(low, end)):
                concluded = end - len(said)
            # "Correct: A", "I take the last option: A".
            if not linked and not lines and ":" in low[end:start]:
                named = words.approving.ends(low, end) or words.option_words.ends(low, end)
                if named:
                    return "marker", end - len(named), True, False
            link = marker or words.links.ends(low, end)
            if not link:
                break
            end -= len(link)
            if copula is None and (link in words.copulas.listed or link.split()[0] in words.copulas.listed):
                copula = end
            linked, cut = linked or not marker, False
        if copula is not None and (at := self._announced(low, copula)) is not None:
            return "marker", at, hard, False
        if concluded is None and low[:start].rstrip(" *_([\"'").endswith(_ARROWS):
            concluded = end
        if concluded is not None:
            return "conclusion", concluded, hard, False
        if bare is not None:
            return "marker", bare, False, True
        return None, end, hard, False

    def _announced(self, low: str, end: int) -> int | None:
        """Where a clause that ends in a copula names its subject an answer: "the answer that fits the label is"."""
        begin = max(low.rfind(sign, max(0, end - 90), end) for sign in ".,;:!?\n。、,،*|") + 1
        clause = low[max(begin, end - 90) : end]
        if self.words.denied_in(clause) or _holds(clause, 0, len(clause), self.words.doubts):
            return None
        for match in re.finditer(r"\S+", clause) if self.spaced else ():
            # "la correcta es la B": the clause up to its copula.
            named = match[0] in self.words.nouns or self.words.approving.ends(clause, match.end())
            if named and len(clause[match.end() :].split()) <= 8:
                return max(begin, end - 90) + match.start()
        if not self.spaced or (clause and clause[-1] > "\u2e80"):
            named_by = (*self.words.nouns, *self.words.approving.listed)
            places = [clause.find(noun) for noun in named_by if len(noun) > 1 and noun[0] > "\u2e80"]
            if any(place >= 0 for place in places):
                return max(begin, end - 90) + min(place for place in places if place >= 0)
        return None

    def after(self, low: str, entry: Seen, options: Sequence[str], texts: bool) -> str:
        """What follows a label: end, right, wrong, because, text, question, script (no blank between) or word."""
        words, place = self.words, entry.end
        size = len(low)
        while place < size and low[place] in CLOSERS:
            place += 1
        if place == size or low[place] == "\n":
            return "end"
        spot = place if texts else self._past_own_text(low, place, entry, options)
        colon = low[place] in ":-–—" and entry.line >= 0
        places = [spot, place, *([_skip(low, place, ':-–— *_"')] if colon else [])]
        # "D选项是正确的", "B option is correct": a word of naming may come between.
        if link := words.links.begins(low, spot):
            places.append(_skip(low, spot + len(link), " "))
        if any(words.wrong.begins(low, where) for where in places):
            return "wrong"
        opened = [_skip(low, place, '.:-–— *_"')] if entry.line >= 0 else []
        for where in (*places, *opened):
            if approval := words.right.begins(low, where) or self._right_at_end(low, where):
                if self._is_a_word(low, entry, where, approval):
                    return "word"
                if self._conditional(low, where):
                    return "word"
                return "question" if self._asks(low, where) else "right"
        # "A best answer is hard to give": no letter A.
        article = low[entry.start : entry.end] in words.letter_words and place == entry.end + 1
        if not (article and words.approving.begins(low, place)) and self._approved(low, place):
            return "question" if self._asks(low, place) else "right"
        if low[place] == "?":
            return "question"
        if words.because.begins(low, place):
            return "because"
        if spot > place:
            return "text"
        sign = low[place]
        if sign in ".,;:!。,、，；()[{-–—…/|<።፣፤،؛۔।✅✔✓☑":
            return "end"
        if sign > "\u2e80":
            return "script"
        # "A) Half", "**A** half": what follows is the option or its reason. "A half" may be a sentence.
        closed = low[entry.end] in ")]}*`」』】" and not words.copulas.begins(low, place)
        return "end" if closed else "word"

    def _right_at_end(self, low: str, place: int) -> str | None:
        """What approves a label only where nothing follows it: Wolof "B la" (it is B); "la" is an article as well."""
        found = self.words.right_at_end.begins(low, place)
        return found if found and self.closes(low, place + len(found)) else None

    def _is_a_word(self, low: str, entry: Seen, where: int, approval: str) -> bool:
        """Whether a letter before an approval is a word: "A correct dose", "A correta seria ...", "À juste titre"."""
        if low[entry.start : entry.end] not in self.words.letter_words or where != entry.end + 1:
            return False
        rest = low[where + len(approval) :].lstrip(CLOSERS)
        return " " not in approval and bool(rest) and rest[0] not in _PAUSES

    def _approved(self, low: str, place: int) -> bool:
        """Whether the clause after a label soon approves it as an answer: "D as the right choice", "D njia sahihi"."""
        stop = _CLAUSE_END.search(low, place)
        clause = low[place : stop.start() if stop else len(low)][:90]
        for number, match in enumerate(_WORD.finditer(clause)):
            if number > 5:
                return False
            if approval := self.words.approving.begins(clause, match.start()):
                rest = clause[match.start() + len(approval) :].split()
                named = not rest or rest[0] in self.words.nouns or self.words.option_words.begins(rest[0])
                return bool(named) and not (
                    self.words.denied_in(clause)
                    or _holds(clause, 0, len(clause), self.words.conditions)
                    or _holds(clause, 0, len(clause), self.words.doubts)
                )
        return False

    def _past_own_text(self, low: str, place: int, entry: Seen, options: Sequence[str]) -> int:
        """The place behind the option's own text, in brackets or not, if it follows the label; else `place`."""
        if len(entry.chosen) != 1:
            return place
        spot = _skip(low, place, " .:)-–—(\"'*_[「『、,。\n" if low[place] != "\n" else " ")
        own = option_text(options[entry.chosen[0]])
        if own and low.startswith(own, spot):
            return _skip(low, spot + len(own), " .)\"'*_]」』")
        if low[place] in "(（「『" and (close := _BRACKET_END.search(low, place + 1, place + 160)):
            return _skip(low, close.end(), " ") if low[close.start()] != "\n" else place
        # The beginning of a long option is enough.
        if len(own) > 24 and low.startswith(own[:20], spot):
            return spot + 20
        return place

    def _conditional(self, low: str, place: int) -> bool:
        """Whether the rest of the sentence makes a verdict depend on something: "B would be correct if ..."."""
        stop = STOPS.search(low, place)
        return _holds(low, place, min(stop.start() if stop else len(low), place + 120), self.words.conditions)

    def _asks(self, low: str, place: int) -> bool:
        stop = STOPS.search(low, place)
        return stop is not None and "?" in stop[0]

    def denied_clause(self, low: str, start: int) -> bool:
        """Whether the clause before a label holds a word of denial."""
        return self.words.denied_in(re.split(r"[.,;:!?\n。,、]", low[max(0, start - 60) : start])[-1])

    def closes(self, low: str, end: int) -> bool:
        """Whether a sentence ends here."""
        rest = low[end:].lstrip(CLOSERS)
        return not rest or rest[0] in ".!。;\n"

    def clause(self, low: str, start: int, end: int) -> int | None:
        """The length of the sentence that holds `low[start:end]`; None where that runs over its end."""
        if STOPS.search(low, start, end):
            return None
        begin = max((match.end() for match in STOPS.finditer(low, 0, start)), default=0)
        stop = STOPS.search(low, end)
        return (stop.start() if stop else len(low)) - begin

    def asserts(self, low: str) -> bool:
        """Whether a text says what it says: nothing denied, asked, doubted or supposed anywhere in it."""
        doubtful = (self.words.conditions, self.words.doubts)
        return not (
            "?" in low or self.words.denied_in(low) or any(_holds(low, 0, len(low), words) for words in doubtful)
        )

    def supposed(self, low: str, at: int) -> bool:
        """Whether the sentence up to a commitment only supposes."""
        begin = max((match.end() for match in STOPS.finditer(low, max(0, at - 200), at)), default=max(0, at - 200))
        return _holds(low, begin, at, self.words.conditions) or self.doubted(low, at)

    def doubted(self, low: str, at: int) -> bool:
        """Whether the clause up to a commitment only holds it possible: "it may be that it is B"."""
        begin = max((match.end() for match in STOPS.finditer(low, max(0, at - 200), at)), default=max(0, at - 200))
        begin = max(begin, *(low.rfind(sign, begin, at) + 1 for sign in ",:、،"))
        return _holds(low, begin, at, self.words.doubts)


def _holds(low: str, begin: int, end: int, phrases: Endings) -> bool:
    """Whether `low[begin:end]` holds one of the phrases as whole words."""
    for entry in phrases.listed:
        place = low.find(entry, begin, end)
        while place >= 0:
            left = place == begin or not low[place - 1].isalnum() or low[place] > "\u2e80"
            if left and phrases.begins(low, place):
                return True
            place = low.find(entry, place + 1, end)
    return False


def _skip(low: str, place: int, signs: str) -> int:
    while place < len(low) and low[place] in signs:
        place += 1
    return place
