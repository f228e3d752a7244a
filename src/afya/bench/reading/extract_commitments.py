"""Which labels or option texts in a reply are commitments, and how firm they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from afya.bench.reading.extract_context import CLOSERS, LINE_DRESSING, STOPS, ContextReader, Seen
from afya.bench.reading.extract_fold import option_text

_OPENING, _CLOSING = ("(", "[", "【", "「"), (")", "]", "】", "」")
# A mention tells the answer only in a reply of a sentence or two.
MENTION_WORDS = 40
MENTION_SHARE = 0.35
MENTION_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Commitment:
    """Where a reply commits itself, and to which options; to none of them when it says "A or C". `how` names the way.

    `firm`: 3 said outright, 2 by its place, 1 by a mention that nothing contradicts. `said_at`: where the words that
    commit begin, -1 if there are none. `supposed`: they stand in a supposition; asked only where commitments differ.
    """

    start: int
    chosen: tuple[int, ...]
    firm: int
    how: str
    said_at: int = -1
    supposed: bool = False


class CommitmentReader(ContextReader):
    """Tells commitments from mentions, in one language and for items with `count` options."""

    def commitments(
        self,
        seen: list[Seen],
        low: str,
        options: Sequence[str],
        several: bool,
        *,
        texts: bool = False,
        classes: bool = False,
    ) -> list[Commitment]:
        """Which of the labels seen are commitments; with `texts`, what was seen are options' texts, not labels; with
        `classes`, words for the labels of inference, or yes, no and unknown."""
        if not seen:
            return []
        echoed = self._echoed(seen, low)
        found: list[Commitment] = []
        listed = {entry.chosen for entry in seen if entry.line >= 0}
        bold: list[Seen] = []
        told: list[Seen] = []
        mentioned: list[Seen] = []
        alone: list[Seen] = []
        for entry in seen:
            role, at, hard, noun = self.before(low, entry.start)
            after = "wrong" if role == "denied" else self.after(low, entry, options, texts)
            if after in ("wrong", "question") or (entry.start in echoed and after != "right"):
                continue
            start, chosen = entry.start, () if entry.undecided else entry.chosen
            if several and entry.alone:
                alone.append(entry)
            elif role == "marker" and self._follows(low, entry, after, hard, noun, at, options, texts):
                found.append(Commitment(start, chosen, 3, "noun" if noun and not hard else "marker", at))
            elif after == "right" and entry.plain and not self.denied_clause(low, start):
                found.append(Commitment(start, chosen, 3, "verdict", start))
            elif entry.alone:
                alone.append(entry)
            elif (
                role == "conclusion"
                and entry.plain
                and self._ends_well(after, low, entry, texts)
                and not (at and self.doubted(low, at))
            ):
                found.append(Commitment(start, chosen, 3, "conclusion", at))
            elif entry.line == 0 and entry.plain and len(listed) < 2 and self._opens(low, entry, after, texts, classes):
                if texts or not self._enumerates(low, entry, seen, options):
                    found.append(Commitment(start, chosen, 2, "opening"))
            elif entry.line >= 0 and entry.plain and after == "text" and len(listed) < 2:
                found.append(Commitment(start, chosen, 2, "line"))
            elif entry.line >= 0 and entry.plain and after == "text" and len(listed) < self.count:
                told.append(entry)
            elif entry.plain and low[max(0, start - 4) : start].rstrip("([ \"'")[-2:] in ("**", "__"):
                bold.append(entry)
            elif entry.plain and (texts or len(entry.chosen) > 1 or self._bracketed(low, entry)):
                mentioned.append(entry)
        found += self._lines(alone, several)
        if len({entry.chosen for entry in found if entry.how == "noun"}) > 1:
            # "Answer 1: ... Answer 2: ...": each is spoken of in its turn.
            found = [entry for entry in found if entry.how != "noun"]
        names = {entry.chosen for entry in bold}
        if len(names) == 1:
            found.append(Commitment(bold[-1].start, () if bold[-1].undecided else bold[-1].chosen, 2, "bold"))
        elif not found and several and 1 < len(names) < self.count:
            found.append(Commitment(bold[0].start, _union(names), 2, "bold"))
        if not found and len(told) > 1 and len({entry.chosen for entry in told}) == len(listed):
            # Some of the options, a line each: the answer where several are asked for.
            found.append(
                Commitment(told[0].start, _union(entry.chosen for entry in told) if several else (), 2, "lines")
            )
        elif not found and (offered := [entry for entry in mentioned if 1 < len(entry.chosen) < self.count]):
            # "A and C may both be right": more than one is considered, none is chosen.
            # Where several are asked for, a sentence that ends with a list of labels gives it: "the signs are A and D".
            last = offered[-1]
            given = several and len(offered) == 1 and not last.undecided and self.closes(low, last.end)
            found.append(Commitment(last.start, last.chosen if given else (), 1, "mention"))
        elif not found and mentioned and len({entry.chosen for entry in seen if entry.plain}) == 1:
            last = mentioned[-1]
            if len(last.chosen) < self.count and (not texts or self._tells(low, last, classes)):
                found.append(Commitment(last.start, () if last.undecided else last.chosen, 1, "mention"))
        found.sort(key=lambda commitment: commitment.start)
        if len({commitment.chosen for commitment in found}) > 1:
            return [
                replace(commitment, supposed=True)
                if commitment.said_at > 0 and self.supposed(low, commitment.said_at)
                else commitment
                for commitment in found
            ]
        return found

    def _tells(self, low: str, entry: Seen, classes: bool) -> bool:
        """Whether a sentence that holds one option's text tells it as the answer: a short reply, nothing denied."""
        begin = max((match.end() for match in STOPS.finditer(low, 0, entry.start)), default=0)
        stop = STOPS.search(low, entry.end)
        end = stop.start() if stop else len(low)
        if stop and "?" in stop[0]:
            return False
        if not any(map(str.isalnum, low[entry.start : entry.end])):
            # A sign ends what it tells ("unchanged: ↔"); elsewhere it may only draw something ("fluid loss → shock").
            return stop is None and self.closes(low, entry.end) and len(low) < 200 and not self.words.denied_in(low)
        size = len(low.split()) if self.spaced else len(low) / 2
        quote, rest = low[entry.start : entry.end], low[begin : entry.start] + " | " + low[entry.end : end]
        # A word or two in passing tell nothing: "vitamin A deficiency leads to ...".
        most = (classes or len(quote) >= MENTION_SHARE * (end - begin)) and len(quote) > 3
        long = len(quote.split()) >= MENTION_LENGTH if self.spaced else len(quote) >= 2 * MENTION_LENGTH
        return size <= MENTION_WORDS and (most or long) and not self.words.denied_in(rest)

    def _echoed(self, seen: list[Seen], low: str) -> set[int]:
        """Labels of lists that say the options again: three or more lines in order from the first, with text."""
        lines = [entry for entry in seen if entry.line >= 0 and not entry.alone and len(entry.chosen) == 1]
        echoed: set[int] = set()
        block: list[Seen] = []
        for entry in [*lines, None]:
            if entry is not None and block and entry.chosen[0] == block[-1].chosen[0] + 1:
                block.append(entry)
                continue
            if block and block[0].chosen[0] == 0 and len(block) >= min(3, self.count):
                echoed.update(item.start for item in block)
            block = [entry] if entry is not None else []
        return echoed

    def _follows(
        self, low: str, entry: Seen, after: str, hard: bool, noun: bool, at: int, options: Sequence[str], texts: bool
    ) -> bool:
        """Whether a label behind a marker is the answer that the marker announces."""
        label = low[entry.start : entry.end]
        if after == "word" and texts:
            return len(label.split()) > 2
        if after == "word" and entry.plain and not noun and low[entry.end :].split(maxsplit=1)[0] in self.words.both:
            return label not in self.words.letter_words  # "the answer is 4 and I do not doubt it"
        if after == "word":
            if not hard or not entry.plain or label in self.words.letter_words or len(entry.chosen) > 1:
                return False
            rest = low[entry.start :].split()[:2]
            return not any(option_text(option).split()[:2] == rest for option in options)
        if not entry.plain and label in self.words.letter_words and after != "end":
            return False
        if not entry.plain and after not in ("end", "because", "right", "text"):
            return after == "script" and label[-1:].isdigit() is False and len(label) > 1
        if noun and not hard:
            # "Answer B is wrong": the noun only names the option, unless nothing else is said.
            begin = low.rfind("\n", 0, at) + 1
            opens = not low[begin:at].strip(LINE_DRESSING) or not self.spaced or low[at] > "\u2e80"
            if low[:at].rstrip(" *_").endswith((":", "→", "->")) and self.closes(low, entry.end):
                return True  # "...: réponse D."
            return opens and after in ("end", "because", "text", "script", "right")
        return True

    def _ends_well(self, after: str, low: str, entry: Seen, texts: bool) -> bool:
        if after == "script":
            if texts:
                return True
            return bool(re.compile(r"[选項项番번뿐입이가를을은는でがを]").match(low, entry.end))
        if after == "because":
            # "That leaves A alone." has no word A.
            place = entry.end + len(low[entry.end :]) - len(low[entry.end :].lstrip(CLOSERS))
            word = self.words.because.begins(low, place) or ""
            return low[entry.start : entry.end] not in self.words.letter_words or self.closes(low, place + len(word))
        return after in ("end", "text", "right") and not low.startswith("-", entry.end)

    def _opens(self, low: str, entry: Seen, after: str, texts: bool, classes: bool) -> bool:
        label = low[entry.start : entry.end]
        if after in ("text", "right"):
            return True
        if after == "because":
            return label not in self.words.letter_words or len(entry.chosen) > 1
        if after == "word" and texts:
            # "It cannot be told from this text"; but "vitamin A deficiency" is not the option "vitamin A".
            return len(label.split()) > (1 if classes else 3)
        if after != "end":
            return False
        sign = low[entry.end : entry.end + 2]
        # "B.C.", "A, B and C" are no openings of an answer; "B. Because", "B) ...", "**B**" are.
        return bool(re.match(r"[)\]*:}」】]|[.,;。、，]\W?|\s[-–—(:]|\n|\Z", sign)) and not re.match(r"\.[a-z]", sign)

    def _enumerates(self, low: str, first: Seen, seen: Sequence[Seen], options: Sequence[str]) -> bool:
        """Whether a line goes through the options from the first on: "A: risky. B: slow." tells no answer.

        "A. Salts and water. B: wrong, C: wrong." does: each of the others is rejected.
        """
        if first.chosen != (0,):
            return False
        line = low.find("\n", first.end)
        following = next((entry for entry in seen if entry.start > first.start and entry.chosen != first.chosen), None)
        if following is None or following.chosen != (1,) or (0 <= line < following.start):
            return False
        before = low[: following.start].rstrip(" ([*_")
        if name := self.words.option_words.ends(before):
            before = before[: -len(name)].rstrip(" ([*_")
        opens = before[-1:] in ".;,:!。；，" and low[following.end :].lstrip(" ")[:1] in tuple(").:*]")
        return opens and self.after(low, following, options, False) != "wrong"

    def _bracketed(self, low: str, entry: Seen) -> bool:
        """Whether "(B)" closes a sentence."""
        if low[entry.start - 1 : entry.start] not in _OPENING or low[entry.end : entry.end + 1] not in _CLOSING:
            return False
        rest = low[entry.end + 1 :].lstrip(" *_\"'")
        ends = not rest or rest[0] in ".!。\n;"
        return ends and not self.denied_clause(low, entry.start)

    def _lines(self, alone: list[Seen], several: bool) -> list[Commitment]:
        """Labels that have lines to themselves: one is a commitment, several are a set or, where one is asked, none."""
        if not alone:
            return []
        named = {entry.chosen for entry in alone}
        last = alone[-1]
        if len(named) == 1:
            return [Commitment(last.start, () if last.undecided else last.chosen, 3, "line")]
        if several:
            return [Commitment(last.start, _union(entry.chosen for entry in alone), 3, "lines")]
        return [Commitment(last.start, (), 3, "lines")]


def _union(sets: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({index for chosen in sets for index in chosen}))
