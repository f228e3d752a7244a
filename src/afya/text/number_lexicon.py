"""What a single token of a language's text says about quantities: figures, number words, months, units, names.

`Lexicon.marks(token)` cuts one token ("14-day", "≥20%", "vingt-cinq") into marks, and remembers them;
`afya.text.measures` puts the marks of a text together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import regex

from afya.languages import language
from afya.text.normalise import fold_marks
from afya.text.number_pieces import (
    ETHIOPIC,
    HALVES,
    Kind,
    Mark,
    Piece,
    between_figures,
    figures,
    like_name,
    numbers_of_name,
    pieces_of,
    roman_mark,
)
from afya.text.numerals import ascii_digits, ideographic, number_file, number_words, shared_data
from afya.text.tokens import Tokens

_EDGE = regex.compile(r"^[^\p{L}\p{N}]+|[^\p{L}\p{M}\p{N}]+$")
_ROMAN = regex.compile(r"(?=[IVX]{1,5}$)X{0,3}(?:IX|IV|V?I{0,3})")
# All that str.isdigit() calls a digit, and fractions: in figures of any script, raised, lowered or circled.
_DIGIT = re.compile(
    r"[\d²³¹½¼¾\u1369-\u137c\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea"
    r"\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    r"\U00011052-\U0001105a\U0001f100-\U0001f10a]"
)
_STOPS = frozenset(".,;:")
_ENDS = ")]}.,;:!?»”\"'。，；：！？）】、।॥።፣፤؛،؟"
_CLOSERS = frozenset(_ENDS)


_BESIDE = frozenset({"unit", "before", "and", "range", "clock", "filler", "stop"})
_LOUD = frozenset({"digits", "power", "month", "name"})
DOSES = frozenset({"ug", "mg", "g", "kg", "ul", "ml", "dl", "l"})
"""Units of doses: with them "one" is a number, whatever else it may be."""


def _loud(marks: Sequence[Mark]) -> bool:
    return any(
        mark.kind in _LOUD
        or (mark.kind == "word" and (mark.sure or mark.value >= 100))
        or mark.key in DOSES
        or (mark.kind == "phrase" and mark.sure)
        for mark in marks
    )


_NOTHING = Mark("stop")


class Beside(tuple[Mark, ...]):
    """The marks of a token that is no number: a unit, or what links and parts numbers."""

    __slots__ = ()


class Lexicon:
    """All that one language's tokens can say about quantities, ready for looking up."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.data = number_file(lang)
        self.spaced = language(lang).spaced
        shared = shared_data()
        self._units = shared.units
        self.words: dict[str, Mark] = {}
        self.phrases: dict[str, list[tuple[tuple[str, ...], Mark]]] = {}
        self.endings: list[tuple[str, Mark]] = []
        self._symbols: dict[str, str] = {}
        self._names = frozenset(_plain(name) for name in (*shared.names, *self.data.names))
        self.before_years = frozenset(map(_plain, self.data.before_years))
        self.after_years = frozenset(map(_plain, self.data.after_years))
        self._ranges = frozenset(shared.ranges)
        self._endings = frozenset(shared.ordinal_endings)
        self._duals = {_plain(word): key for key, words in self.data.duals.items() for word in words}
        self._fill()
        self._loud_phrases = frozenset(
            first
            for first, rows in self.phrases.items()
            if any(
                _loud((mark,)) and not any(_loud((self.words.get(word, _NOTHING),)) for word in rest)
                for rest, mark in rows
            )
        )
        self._prefixes = ((tuple(self.data.and_prefixes), True), (tuple(self.data.prefixes), False))
        self._last = tuple(ending for ending, _ in self.endings)
        self._longest = max((len(word) for word in self.words), default=0)
        self.table = Tokens(self._learn)
        self.longest_phrase = 1 + max((len(rest) for rows in self.phrases.values() for rest, _ in rows), default=0)
        self._plains = Tokens(lambda token: _plain(_EDGE.sub("", token)))

    def marks(self, token: str) -> tuple[Mark, ...]:
        """The marks of one token, in order; () for almost all tokens. Found out once for each token."""
        return self.table[token]

    def _learn(self, token: str) -> tuple[Mark, ...]:
        found = tuple(self._read(token))
        return Beside(found) if found and all(mark.kind in _BESIDE for mark in found) else found

    def loud(self, token: str) -> bool:
        """Whether the token may be of a number that is sure; a text of other tokens has no such number."""
        return _loud(self.table[token])

    def plain(self, token: str) -> str:
        """`token` without marks and the signs around it, as the words of the tables are kept."""
        return self._plains[token]

    def _fill(self) -> None:
        data = self.data
        sure_from = data.sure_from
        unsure, articles = (frozenset(map(_plain, words)) for words in (data.unsure, data.articles))
        for value, word in number_words(self.lang, data):
            plain = _plain(word)
            key = "article" if plain in articles else None
            self._add(word, Mark("word", float(value), key, sure=value >= sure_from and plain not in unsure))
        for value, names in data.ordinals.items():
            for word in names:
                self._add(word, Mark("word", float(value), key="ordinal"), keep=True)
        for fraction, names in data.fractions.items():
            for word in names:
                self._add(word, Mark("word", float(fraction), key="fraction"), keep=True)
        for power, names in data.powers.items():
            for word in names:
                self._add(word, Mark("power", float(power)))
        for month, names in data.months.items():
            for word in names:
                self._add(word, Mark("month", float(month), sure=data.months_sure and _plain(word) not in unsure))
        for key, names in data.units.items():
            for word in names:
                self._add(word, Mark("unit", key=key))
        for key, names in data.units_before.items():
            for word in names:
                self._add(word, Mark("before", key=key))
        for key, unit in self._units.items():
            for symbol in unit.symbols:
                self._symbols.setdefault(symbol, key)
        for word in data.joiners:
            self._add(word, Mark("and"), keep=True)
        for word in data.ranges:
            self._add(word, Mark("range"), keep=True)
        for word in data.fillers:
            self._add(word, Mark("filler"))
        for word in data.stops:
            self._add(word, Mark("stop"))

    def _add(self, word: str, mark: Mark, *, keep: bool = False) -> None:
        parts = tuple(_plain(part) for part in word.split())
        if word.startswith("*"):
            self.endings.append((parts[0][1:], mark))
            self.endings.sort(key=lambda row: -len(row[0]))
        elif len(parts) == 1:
            if not (keep and parts[0] in self.words):
                self.words[parts[0]] = mark
        else:
            rows = self.phrases.setdefault(parts[0], [])
            rows.append((parts[1:], mark._replace(raw="whole")))
            rows.sort(key=lambda row: -len(row[0]))

    def _read(self, token: str) -> Iterator[Mark]:
        if token.isalpha():
            # Most tokens are nothing but letters.
            if token in self._symbols:
                yield Mark("unit", key=self._symbols[token], start=0, end=len(token))
            else:
                yield from self._word(token, token)
            return
        if not token.isascii():
            token = token.translate(ascii_digits())
        if _DIGIT.search(token):
            yield from self._with_digits(token)
            return
        if token in self._ranges:
            yield Mark("range", start=0, end=len(token))
            return
        sign = token.rstrip(_ENDS)
        if sign in self._symbols:
            yield Mark("unit", key=self._symbols[sign], start=0, end=len(sign))
            if sign != token:
                yield Mark("stop")
            return
        bare = token[:-1] if token[:-1].isalpha() and token[-1] in _STOPS else _EDGE.sub("", token)
        if not bare:
            return
        first, slash, _ = bare.partition("/")
        if slash and (key := self._symbols.get(first) or self._unit(_plain(first))) is not None:
            # "10 mg/kg": the quantity is of the first.
            at = token.find(first)
            yield Mark("unit", key=key, start=at, end=at + len(first))
            return
        yield from self._word(token, bare)

    def _word(self, token: str, bare: str) -> Iterator[Mark]:
        at = token.find(bare)
        plain = _plain(bare)
        found = self._known(plain)
        if found and found[0].kind == "month" and self.data.months_of_capital and bare[0].islower():
            found = []
        if not found and bare[0] in "IVX" and _ROMAN.fullmatch(bare):
            found = [roman_mark(bare)]
        if not found and "-" in bare:
            found = self._hyphened(plain) if self.data.hyphened else []
            last = bare.rpartition("-")[2]
            if not found and _ROMAN.fullmatch(last):
                found = [roman_mark(last)]
        if not found and "." in bare and min(map(len, bare.split("."))) > 1:
            # "24 March.On 28 March": a sentence that begins without a blank.
            found = [mark for part in plain.split(".") for mark in self._known(part) if mark.kind != "word"]
        if plain in self.phrases:
            yield Mark("phrase", raw=plain, start=at, end=at + len(bare), sure=plain in self._loud_phrases)
        for mark in found:
            yield mark._replace(start=at, end=at + len(bare))
        if found and token[-1] in _CLOSERS:
            yield Mark("stop")

    def _known(self, plain: str) -> list[Mark]:
        dual = self._duals.get(plain)
        if dual is not None:
            return [Mark("word", 2.0, sure=True), Mark("unit", key=dual)]
        mark = self.words.get(plain)
        if mark is not None:
            return [mark]
        for prefixes, joins in self._prefixes:
            if not plain.startswith(prefixes):
                continue
            for prefix in prefixes:
                if plain.startswith(prefix) and len(plain) > len(prefix) + 1:
                    rest = plain[len(prefix) :]
                    found = self._known(rest) if rest in self._duals else []
                    found = found or ([self.words[rest]] if rest in self.words else [])
                    if not found and joins:
                        found = self._inner_prefix(rest)
                    if found and found[0].kind in ("word", "power", "unit", "before", "month"):
                        return [Mark("and"), *found] if joins else found
        if plain.endswith(self._last):
            return [next(mark for ending, mark in self.endings if plain.endswith(ending))]
        return self._segments(plain) if self.data.glued else []

    def _inner_prefix(self, rest: str) -> list[Mark]:
        for prefix in self.data.prefixes:
            if rest.startswith(prefix) and rest[len(prefix) :] in self.words:
                return [self.words[rest[len(prefix) :]]]
        return []

    def _segments(self, plain: str) -> list[Mark]:
        """A token that is nothing but number words written together, and perhaps the unit they count."""
        found: list[Mark] = []
        place = 0
        while place < len(plain):
            for end in range(min(len(plain), place + self._longest), place, -1):
                mark = self.words.get(plain[place:end])
                if mark is not None and mark.kind in ("word", "power", "and") and mark.key != "ordinal":
                    found.append(mark)
                    place = end
                    break
            else:
                break
        if not found or found[0].kind == "and":
            return []
        if place == len(plain):
            return found if len(found) > 1 else []
        unit = self._unit(plain[place:])
        return [*found, Mark("unit", key=unit)] if unit is not None else []

    def _hyphened(self, plain: str) -> list[Mark]:
        parts = plain.split("-")
        found: list[Mark] = []
        place = 0
        while place < len(parts):
            for end in range(len(parts), place, -1):
                part = "-".join(parts[place:end])
                mark = self.words.get(part)
                if mark is None and end == place + 1 and parts[place]:
                    known = self._known(part)
                    mark = known[-1] if known else None
                if mark is not None:
                    found.append(mark)
                    place = end
                    break
            else:
                place += 1
        if len(found) < len(parts) and any(mark.kind == "month" for mark in found):
            return found if found[-1].kind == "month" and self.words.get(parts[-1]) == found[-1] else []
        return found if any(mark.kind in ("word", "power", "month") for mark in found) else []

    def _with_digits(self, token: str) -> Iterator[Mark]:
        pieces = pieces_of(token)
        named_to = self._name_ends(pieces)
        named: Kind = "label" if any(self._is_label(piece[1]) for piece in pieces[:named_to]) else "name"
        count = len(pieces)
        place = 0
        while place < count:
            group, text, start, end = pieces[place]
            place += 1
            if group == "eth":
                value = ideographic([ETHIOPIC[sign] for sign in text])
                yield Mark("digits", value or 0.0, None, f"{value or 0:.0f}", start, end, True)
            elif group == "half":
                if place == 1 or pieces[place - 2][0] != "num":
                    yield Mark("digits", HALVES[text], None, text, start, end, True)
            elif group == "num":
                if place - 1 < named_to:
                    yield from numbers_of_name(named, text, start)
                    continue
                follows = pieces[place] if place < count else None
                if follows is not None and self._is_name_tail(follows):
                    yield from numbers_of_name("name", text, start)
                    place += 1
                    continue
                half = HALVES[follows[1]] if follows is not None and follows[0] == "half" else 0.0
                for mark in figures(text, start, self.data.decimal, self.data.thousands):
                    yield mark._replace(value=mark.value + half)
                if follows is not None and follows[0] == "let":
                    after = _plain(follows[1])
                    if after in self._endings and not follows[1].isupper():
                        place += 1
                    elif (unit := self._symbols.get(follows[1]) or self._unit(after)) is not None:
                        yield Mark("unit", key=unit, start=follows[2], end=follows[3])
                        place += 1
                    elif after in self.words:
                        yield self.words[after]._replace(start=follows[2], end=follows[3])
                        place += 1
            elif group == "let":
                plain = _plain(text)
                if (
                    plain in self._endings
                    and place > 2
                    and pieces[place - 2][1] == "-"
                    and pieces[place - 3][0] == "num"
                ):
                    continue  # "7-м"
                known = [mark for mark in self._known(plain) if mark.kind != "word" or mark.value >= 100]
                if known:
                    for mark in known:
                        yield mark._replace(start=start, end=end)
                elif text in self._symbols:
                    yield Mark("unit", key=self._symbols[text], start=start, end=end)
            elif text in self._symbols:
                yield Mark("unit", key=self._symbols[text], start=start, end=end)
            elif text == "°" and place < count and pieces[place][1] in ("C", "F", "c", "f"):
                key = "celsius" if pieces[place][1] in "Cc" else "fahrenheit"
                yield Mark("unit", key=key, start=start, end=pieces[place][3])
                place += 1
            elif text in self._ranges:
                if between_figures(pieces, place - 1):
                    yield Mark("range", start=start, end=end)
            elif text == ":" and between_figures(pieces, place - 1) and 0 < place - 1 < count - 1:
                yield Mark("clock", start=start, end=end)
            elif text in _CLOSERS or text in "([":
                yield Mark("stop", raw=text, start=start, end=end)

    def _name_ends(self, pieces: list[Piece]) -> int:
        """How many leading pieces belong to a name with digits (COVID-19, H1N1, SARS-CoV-2)."""
        ends = 0
        for place, (group, _, start, _) in enumerate(pieces):
            if group != "num" or place == 0:
                continue
            before = pieces[place - 1]
            if before[0] == "let" and before[3] == start:
                plain = _plain(before[1])
                letters = before[1]
                if letters in self._symbols or plain in self.data.number_prefixes:
                    continue
                if like_name(letters) or self._is_label(plain):
                    ends = place + 1
            elif before[1] in "-–‑‐_" and place >= 2 and pieces[place - 2][0] == "let":
                letters = pieces[place - 2][1]
                plain = _plain(letters)
                capital = letters[-1:].isupper() or (
                    self.data.hyphened and letters.isascii() and letters != letters.lower() and len(letters) < 6
                )
                if (capital or self._is_label(plain)) and not self._known(plain):
                    ends = place + 1
            elif before[1] in "-–‑‐" and place >= 2 and ends == place - 1:
                ends = place + 1
        return ends

    def _is_label(self, letters: str) -> bool:
        """Whether letters are those of a name that may lose its digits in translation (COVID-19)."""
        plain = _plain(letters)
        return plain in self._names or any(
            plain.startswith(prefix) and plain[len(prefix) :] in self._names
            for prefix in (*self.data.and_prefixes, *self.data.prefixes)
        )

    def _is_name_tail(self, piece: Piece) -> bool:
        """Capital Latin letters right after digits that are no unit: 229E, 3D, 2P."""
        text = piece[1]
        return (
            piece[0] == "let"
            and text.isascii()
            and text[0].isupper()
            and text not in self._symbols
            and self._unit(_plain(text)) is None
            and _plain(text) not in self.words
        )

    def _unit(self, plain: str) -> str | None:
        """The unit a letter run after a figure names; where words take endings (Korean), its longest beginning."""
        mark = self.words.get(plain)
        if mark is not None:
            return mark.key if mark.kind == "unit" else None
        if self.data.glued:
            for end in range(len(plain) - 1, 0, -1):
                mark = self.words.get(plain[:end])
                if mark is not None and mark.kind == "unit":
                    return mark.key
        return None


def _plain(word: str) -> str:
    return fold_marks(word)


@cache
def lexicon(lang: str) -> Lexicon:
    """The language's lexicon, made once.

    Raises:
        ConfigError: as `number_file`.
    """
    return Lexicon(lang)
