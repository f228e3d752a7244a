"""The labels in a reply: letters of the prompt, Latin letters, native letters, digits and signs, alone or joined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from string import ascii_uppercase

from afya.bench.reading.extract_commitments import Commitment, CommitmentReader
from afya.bench.reading.extract_context import CLOSERS, Seen
from afya.bench.reading.extract_fold import CIRCLED, alphabets, folded, phrase

_WORD_EDGE = "A-Za-z0-9_\u00c0-\u02af"


class LabelReader(CommitmentReader):
    """Reads labels in one language for one set of shown letters.

    `digits`, `circled`: whether "2" and "②" may stand for the second option, which they may not where the options hold
    numbers or circled signs themselves.
    """

    def __init__(self, lang: str, letters: Sequence[str], count: int, digits: bool, circled: bool) -> None:
        super().__init__(lang, count)
        shown = [folded(letter).strip(" ().:、[]") for letter in letters[:count]]
        self.index: dict[str, int] = {}
        self.plain: set[str] = set()
        self._name(shown, plain=True)
        looks = alphabets().look_alikes
        capitals = {folded(sign): latin for sign, latin in looks.items()}
        for sign, latin in capitals.items():
            for one, other in ((sign, latin), (latin, sign)):
                if other in self.index and one not in self.index:
                    self.index[one] = self.index[other]
                    self.plain.add(one)
        self._name(list(ascii_uppercase[:count]), plain=True)
        for sign, latin in capitals.items():
            if latin in self.index and sign not in self.index and lang not in alphabets().native:
                self.index[sign] = self.index[latin]
                self.plain.add(sign)
        if circled:
            self._name(list(CIRCLED[:count]), plain=True)
        for alphabet in alphabets().native.get(lang, ()):
            self._name([folded(sign) for sign in alphabet[:count]], plain=False)
        if digits and not any(letter.isdigit() for letter in shown):
            self._name([str(place + 1) for place in range(count)], plain=False)
        counters = alphabets().counters.get(lang, ())
        for sign in counters:
            self._name([f"{place + 1}{sign}" for place in range(count)], plain=False)
        counter = f"(?:{'|'.join(map(re.escape, counters))})?" if counters else ""
        tokens = "|".join(re.escape(token) for token in sorted(self.index, key=lambda token: (-len(token), token)))
        runs = "".join(token for token in sorted(self.plain) if len(token) == 1 and token.isalpha())
        run = rf"|[{re.escape(runs)}]{{2,{max(2, count)}}}(?![{_WORD_EDGE}])" if runs else ""
        # A label touches no letter of its own kind: not "B12", "A's", "B-cells", "A-D". Native signs touch none at all.
        # A decimal number is no label.
        left = rf"(?<![{_WORD_EDGE}'\u0370-\u052f\u0600-\u06ff\u0900-\u0dff\u1200-\u137f])(?<![A-Z]-)(?<!\d[.,])"
        right = rf"(?![{_WORD_EDGE}\u0300-\u052f\u0600-\u06ff\u0900-\u0dff\u1200-\u137f]|['-][A-Za-z]|[.,]\d|%| %)"
        self._token = re.compile(rf"{left}(?:(?P<label>{tokens}){counter}{right}{run})")
        joiners = [*self.words.both, *self.words.either]
        spaced = [word for word in joiners if word[0] < "\u2e80" and word[0].isalpha()]
        unspaced = [word for word in joiners if word not in spaced]
        named = "|".join(
            map(re.escape, sorted((*self.words.option_words.listed, *self.words.prefixes), key=len, reverse=True))
        )
        links = rf"\b(?:{'|'.join(map(re.escape, sorted(spaced, key=len, reverse=True)))})\b[- ]?"
        signs = "|".join(map(re.escape, [*unspaced, ",", "،", "፣", "、", ";", "/", "&", "+"]))
        article = rf"(?:\b(?i:{'|'.join(map(re.escape, self.words.articles))})\s)?" if self.words.articles else ""
        # Particles stand between a label and the joining word in Korean and Japanese: "A번과 C번".
        self._join = re.compile(
            rf"[\s*_)\]}}\"'`」』$]*(?:(?i:{signs}|{links})[\s*_(\[{{\"'`「『$]*)+{article}"
            rf"(?:(?i:{named})[\s*_(\[{{:]*)?(?P<next>{left}(?P<label>{tokens}){counter}{right})"
        )
        self._either = re.compile(
            "/|" + "|".join(rf"\b{re.escape(w)}\b" if w[0] < "\u2e80" else re.escape(w) for w in self.words.either)
        )
        prefixes = sorted(self.words.prefixes, key=len, reverse=True)
        self._prefix = (
            re.compile(rf"(?<![\w])((?i:{'|'.join(map(re.escape, prefixes))}))-?(?=[{runs}](?![\w]))")
            if prefixes and runs
            else None
        )

        ordinals = [entry for entry, place in self.words.ordinals.items() if place < count] if circled else []
        self._ordinal = _phrases(ordinals) if ordinals else None
        self._hints = _hints(ordinals)
        self._copula_words = frozenset(entry for entry in self.words.copulas.listed if " " not in entry)

    def _name(self, signs: list[str], *, plain: bool) -> None:
        """Give labels their places, where the sign is still free; small letters go with the capitals."""
        for place, sign in enumerate(signs):
            if sign and sign not in self.index:
                self.index[sign] = place
                if plain:
                    self.plain.add(sign)
        for place, sign in enumerate(signs):
            if sign and sign.lower() not in self.index:
                self.index[sign.lower()] = place

    def prepared(self, text: str) -> str:
        """`text` with the prefixes of the language taken off its labels (Zulu "nguB" is "ngu B"), and labels in the
        place of "the second option"."""
        low = text.lower()
        if self._ordinal and any(hint in low for hint in self._hints):
            text = self._ordinal.sub(self._by_place, text)
        return self._prefix.sub(r"\1 ", text) if self._prefix else text

    def _by_place(self, named: re.Match[str]) -> str:
        """The label in the place of "the second option"; but "surgery must be the first option" names none.

        Nor does a heading: "First option: surgery ... Second option: ...".
        """
        low, start = named.string.lower(), named.start()
        if named.string[named.end() :].lstrip()[:1] in (":", "-", "–", "—"):
            return named[0]
        said = low[max(0, start - 40) : start].split()[-3:]
        linked = any(word in self._copula_words for word in said) or self.words.copulas.ends(low, start)
        if linked and self.before(low, start)[0] != "marker":
            return named[0]
        return CIRCLED[self.words.ordinals[phrase(named[0])]]

    def read(self, text: str, low: str, options: Sequence[str], several: bool) -> list[Commitment]:
        """Every commitment to labels in a folded reply, in order."""
        return self.commitments(self._seen(text), low, options, several)

    def _seen(self, text: str) -> list[Seen]:
        seen: list[Seen] = []
        place = 0
        while match := self._token.search(text, place):
            start, end = match.span()
            label = match["label"]
            labels = [label] if label is not None else list(match[0])
            if label is None:
                place = end
                if labels != sorted(set(labels)) or len(labels) > self.count:
                    continue
            undecided, plain = False, labels[0] in self.plain or self._called(text, start, end)
            ends = [end]
            while joined := self._join.match(text, end):
                if joined["label"].islower() and not labels[-1].islower():
                    # "B é a correta": a word, for who writes B as a capital writes A as one.
                    break
                undecided |= bool(self._either.search(text[end : joined.start("next")].lower()))
                labels.append(joined["label"])
                end = joined.end()
                ends.append(end)
            if len(ends) > 1 and self._tail_is_new(text, ends, labels):
                labels.pop()
                ends.pop()
                end = ends[-1]
            if len(labels) == 1:
                undecided = False
            chosen = tuple(sorted({self.index[label] for label in labels}))
            line, alone = self.line(text, start, end)
            seen.append(Seen(start, end, chosen, undecided and len(chosen) > 1, plain, line, alone))
            place = max(end, place)
        return seen

    def _called(self, text: str, start: int, end: int) -> bool:
        """Whether a small letter or a digit is called an option and bracketed: "option d)", "choice (e)"."""
        if text[end : end + 1] != ")":
            return False
        return self.words.option_words.ends(text[max(0, start - 24) : start].lower().rstrip(" (")) is not None

    def _tail_is_new(self, text: str, ends: list[int], labels: list[str]) -> bool:
        """Whether the last label joined by a comma opens a new clause: "B, C is wrong"."""
        between = text[ends[-2] : ends[-1]].lower()
        if not any(sign in between for sign in ",，;、"):
            return False
        after = text[ends[-1] : ends[-1] + 80].lower()
        if any(re.search(rf"\b{re.escape(word)}\b", between) for word in self.words.both if word[0] < "\u2e80"):
            return False
        stripped = after.lstrip(CLOSERS)
        if self.words.right.begins(stripped):
            return False
        return bool(stripped) and (stripped[0].isalpha() and after[0] == " ")


def _hints(listed: Sequence[str]) -> tuple[str, ...]:
    """A few pieces one of which stands in any of these phrases: "option", "选项". Looking for them is quick."""
    pieces = {entry: entry.split() if entry[-1] < "\u2e80" else [*entry.split(), entry[-2:]] for entry in listed}
    count = Counter(piece for entry in listed for piece in pieces[entry])
    return tuple(sorted({max(pieces[entry], key=lambda piece: (count[piece], piece)) for entry in listed}))


def _phrases(listed: Iterable[str]) -> re.Pattern[str]:
    """Any of these phrases as whole words, with any blanks between their words."""
    entries = [
        r"\s+".join(map(re.escape, entry.split())) + ("" if entry[-1] > "\u2e80" else r"(?!\w)")
        for entry in sorted(listed, key=lambda entry: (-len(entry), entry))
    ]
    return re.compile(rf"(?:(?<!\w)|(?<=[\u2e80-\uffff]))(?:{'|'.join(entries)})", re.IGNORECASE)


@lru_cache(maxsize=1024)
def label_reader(lang: str, letters: tuple[str, ...], count: int, digits: bool, circled: bool) -> LabelReader:
    """The reader of one language and set of labels, made once."""
    return LabelReader(lang, letters, count, digits, circled)
