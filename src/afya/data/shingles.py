"""Tokens and shingles of many texts at once, without a Python loop over texts.

A token is a word where the script has spaces and a character where it has not; a number is one token with its decimal
mark, apart from the letters beside it ("5mg" is "5", "mg"), and signs such as < and % are tokens. Case does not count,
marks do: two spellings of Yoruba that differ in a tone are two words. A shingle is a run of n tokens of one field.

Texts are cut as one array of bytes. A token's hash is a polynomial over its bytes, read off a running sum; a shingle's
is a polynomial over its tokens. They depend on nothing but the text: not on the machine, the version of a library or
what else is in the batch.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from afya.languages import language, registry
from afya.text.literals import literal_codes, text_literals

if TYPE_CHECKING:
    import polars as pl

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

FIELD_END = "\x1f"
"""Stands between the fields of one text; no shingle reaches over it."""

_PORTION_BYTES = 16_000_000
_BATCH_BYTES = 200_000
_BETWEEN, _LETTER, _DIGIT, _SIGN, _LEAD, _CONTINUED = range(6)
# Other spellings of digits and signs, so that "５ ｍｇ" is "5 mg", and "≤" is told from "≥".
_FULL_WIDTH = (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF0B, 0xFF0E, 0xFF1C, 0xFF1E)
_SPELLINGS = {"≤": "<=", "≥": ">=", "±": "+-", "−": "-", "٫": ".", "٬": ",", "％": "%", "٪": "%"} | {
    chr(code): chr(code - 0xFEE0) for code in _FULL_WIDTH
}
# What may not be in NFC: combining marks, loose letters of Hangul, signs and ideographs kept for compatibility.
_UNCOMPOSED = r"[\p{M}\x{1100}-\x{11FF}\x{1F00}-\x{1FFF}\x{2126}\x{212A}\x{212B}\x{F900}-\x{FAFF}]"
_NO_TOKEN = r"[^\x00-\x7F\p{L}\p{M}\p{N}]+"

_BASE = 0x9E3779B97F4A7C15
_STEP = np.uint64(0xD6E8FEB86659FD93)
_BIT_TABLE = 1 << 16


@dataclass(frozen=True)
class Tokens:
    """The tokens of a batch of texts, one after another.

    `hashes` (tokens,) and `telling` (tokens,): whether a token is a number, a sign, or a word that counts or denies,
    by which texts that share all else still differ. `fields` (fields + 1,): where each field begins among the tokens,
    and the end. `texts` (texts + 1,): where each text begins among the fields, and the end.
    """

    hashes: Hashes
    telling: NDArray[np.bool_]
    fields: Places
    texts: Places

    def field_hashes(self) -> Hashes:
        """(fields,) one hash for a field's tokens in their order; 0 for a field without tokens."""
        return fold(self.hashes, self.fields)

    def telling_hashes(self) -> Hashes:
        """(texts,) one hash for the telling tokens of each field in their order, the fields in any order."""
        before = np.concatenate(([0], np.cumsum(self.telling)))
        return total(fold(self.hashes[self.telling], before[self.fields]), self.texts)

    def grams(self, size: int) -> tuple[Hashes, Places]:
        """The shingles of `size` tokens: (shingles,) hashes, and (texts + 1,) where each text's begin.

        A field with fewer tokens is one shingle, of all of them.
        """
        starts, ends = self.fields[:-1], self.fields[1:]
        lengths = ends - starts
        count = len(self.hashes)
        rolling = self.hashes.copy()
        whole = np.ones(count, dtype=bool)
        short: list[tuple[Places, Hashes]] = []
        for taken in range(1, size):
            alone = starts[lengths == taken]
            short.append((alone, rolling[alone] + np.uint64(taken)))
            reach = max(0, count - taken)
            rolling[:reach] *= _STEP
            rolling[:reach] += self.hashes[taken:]
            whole[ends[lengths >= taken] - taken] = False
        for alone, hashes in short:
            whole[alone] = True
            rolling[alone] = hashes
        before = np.concatenate(([0], np.cumsum(whole)))
        return mix(rolling[whole]), before[self.fields[self.texts]]

    def runs(self, sizes: Iterable[int]) -> Iterator[tuple[int, Places, Hashes]]:
        """For each of `sizes`, smallest first: the size, where runs of so many tokens of one field begin, their hashes.

        The hash of a run depends on its tokens alone, whichever field it stands in.
        """
        rolling = self.hashes.copy()
        left = np.repeat(self.fields[1:], np.diff(self.fields)) - np.arange(len(rolling))
        reached = 1
        for size in sorted(set(sizes)):
            for taken in range(reached, size):
                reach = max(0, len(rolling) - taken)
                rolling[:reach] *= _STEP
                rolling[:reach] += self.hashes[taken:]
            reached = size
            places = np.flatnonzero(left >= size)
            yield size, places, mix(rolling[places] + np.uint64(size))

    def owners(self, places: Places) -> Places:
        """The texts that the tokens at `places` belong to."""
        return np.searchsorted(self.fields[self.texts], places, side="right") - 1


def batches(texts: pl.Series, lang: str) -> Iterator[Tokens]:
    """The tokens of `texts` (all of one language, fields divided by FIELD_END), some hundred texts at a time.

    Raises:
        ConfigError: the language is not in the registry.
    """
    import polars as pl

    spaced = language(lang).spaced
    told = _told(lang)
    for some in _portions(_one_spelling(texts)):
        # One call for many batches: each costs as much as cutting a text.
        joined = some.str.join(FIELD_END).cast(pl.Binary)[0]
        ends = np.cumsum(some.str.len_bytes().to_numpy().astype(np.int64) + 1)
        fields = some.str.count_matches(FIELD_END, literal=True).to_numpy().astype(np.int64) + 1
        start = reached = 0
        while start < len(some):
            stop = max(start + 1, int(np.searchsorted(ends, reached + _BATCH_BYTES, side="right")))
            hashes, kinds, places = _cut(joined[reached : ends[stop - 1] - 1], spaced)
            telling = (kinds == _DIGIT) | (kinds == _SIGN) | told.holds(hashes)
            yield Tokens(hashes, telling, places, np.concatenate(([0], np.cumsum(fields[start:stop]))))
            start, reached = stop, int(ends[stop - 1])


def _portions(texts: pl.Series) -> Iterator[pl.Series]:
    """The texts some megabytes at a time, at least one of them."""
    ends = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64))
    start = 0
    while start < len(texts):
        reached = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, reached + _PORTION_BYTES, side="right")))
        yield texts[start:stop]
        start = stop


def text_hashes(texts: pl.Series, lang: str, *, ordered: bool) -> Hashes:
    """(texts,) one hash for the fields of each text, in their order or in any; 0 for a text without tokens."""
    found = [np.zeros(0, dtype=np.uint64)]
    if not (texts.str.len_bytes() > 0).any():
        return np.zeros(len(texts), dtype=np.uint64)
    for tokens in batches(texts, lang):
        hashes = tokens.field_hashes()
        filled = np.logical_or.reduceat(hashes != 0, tokens.texts[:-1])
        found.append(np.where(filled, (fold if ordered else total)(hashes, tokens.texts), np.uint64(0)))
    return np.concatenate(found)


def word_hash(word: str) -> np.uint64:
    """A hash of a short name, such as a language's code, to be mixed into others."""
    return np.uint64(mix(np.array([int.from_bytes(word.encode()[:8], "little")], dtype=np.uint64))[0])


def mix(values: Hashes) -> Hashes:
    """Every bit of the result depends on every bit of the value: the finaliser of SplitMix64 (Steele et al., 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def fold(values: Hashes, places: Places) -> Hashes:
    """One hash for each run of `values` in its order; `places` (runs + 1,) says where each begins. 0 for an empty run.

    The sum of value times base to the power of its place in the run, modulo 2**64, mixed.
    """
    return _fold(values, places[:-1], places[1:])


def total(values: Hashes, places: Places) -> Hashes:
    """One hash for each run of `values` in any order; `places` as for `fold`."""
    sums = np.concatenate(([np.uint64(0)], np.cumsum(mix(values), dtype=np.uint64)))
    return sums[places[1:]] - sums[places[:-1]]


def _fold(values: Hashes, starts: Places, ends: Places) -> Hashes:
    factors, inverses = powers(len(values) + 1)
    sums = np.empty(len(values) + 1, dtype=np.uint64)
    sums[0] = 0
    np.cumsum(values * factors[: len(values)], out=sums[1:])
    found = mix((sums[ends] - sums[starts]) * inverses[starts])
    found[starts == ends] = 0
    return found


_known_powers: tuple[Hashes, Hashes] = (np.ones(1, dtype=np.uint64), np.ones(1, dtype=np.uint64))


def powers(count: int) -> tuple[Hashes, Hashes]:
    """The powers of the base and of its inverse modulo 2**64, from the power 0, at least `count` of them."""
    global _known_powers
    if len(_known_powers[0]) < count:
        size = 1 << max(12, (count - 1).bit_length())
        made = []
        for base in (_BASE, pow(_BASE, -1, 1 << 64)):
            factors = np.full(size, base, dtype=np.uint64)
            factors[0] = 1
            made.append(np.multiply.accumulate(factors))
        _known_powers = (made[0], made[1])
    return _known_powers


@cache
def _classes(spaced: bool) -> bytes:
    """What each byte of UTF-8 is: between tokens, a letter, a digit, a sign."""
    table = np.full(256, _BETWEEN, dtype=np.uint8)
    for byte in range(128):
        if chr(byte).isalpha():
            table[byte] = _LETTER
    table[list(b"0123456789")] = _DIGIT
    table[list(b"<>=+%")] = _SIGN
    table[0x80:0xC0] = _LETTER if spaced else _CONTINUED
    table[0xC0:] = _LETTER if spaced else _LEAD
    return table.tobytes()


@cache
def _values() -> Hashes:
    """A number for each byte; the same for both cases of an ASCII letter."""
    lowered = np.frombuffer(bytes(range(256)).lower(), dtype=np.uint8).astype(np.uint64)
    return mix(lowered + np.uint64(1))


def _cut(joined: bytes, spaced: bool) -> tuple[Hashes, NDArray[np.uint8], Places]:
    """Hashes and kinds of the tokens in `joined`, and where its fields begin among them, and the end."""
    mark = FIELD_END.encode()
    bounded = mark + joined + mark
    data = np.frombuffer(bounded, dtype=np.uint8)
    kinds = np.frombuffer(bytearray(bounded.translate(_classes(spaced))), dtype=np.uint8)
    _join_numbers(data, kinds)
    here, before = kinds[1:], kinds[:-1]
    begins = (here != before) | (here == _SIGN) | (here == _LEAD)
    if not spaced:
        begins &= here != _CONTINUED
    token = here != _BETWEEN
    starts = np.flatnonzero(begins & token) + 1
    ends = np.flatnonzero((begins | ~token) & (before != _BETWEEN)) + 1
    hashes = _fold(_values()[data], starts, ends)
    field_ends = np.flatnonzero(data == mark[0])
    return hashes, kinds[starts], np.searchsorted(starts, field_ends).astype(np.int64)


def _join_numbers(data: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> None:
    """Take a point or comma inside a number, and a minus before one, for a part of the number."""
    for mark in b".,":
        places = np.flatnonzero(data == mark)
        kinds[places[(kinds[places - 1] == _DIGIT) & (kinds[places + 1] == _DIGIT)]] = _DIGIT
    places = np.flatnonzero(data == ord("-"))
    kinds[places[(kinds[places - 1] == _BETWEEN) & (kinds[places + 1] == _DIGIT)]] = _DIGIT


def _one_spelling(texts: pl.Series) -> pl.Series:
    """The texts in NFC and lower case, digits in ASCII, blanks for what is in no token; texts in ASCII as they are.

    Case and blanks of ASCII are settled byte by byte when the text is cut.
    """
    texts = texts.fill_null("")
    other = np.flatnonzero((texts.str.len_bytes() != texts.str.len_chars()).to_numpy())
    if not len(other):
        return texts
    chosen = texts.gather(other)
    loose = np.flatnonzero(chosen.str.contains(_UNCOMPOSED).to_numpy())
    chosen = _replaced(chosen, loose, chosen.gather(loose).str.normalize("NFC"))
    spellings = _spellings()
    chosen = chosen.str.replace_many(list(spellings), list(spellings.values())).str.to_lowercase()
    return _replaced(texts, other, chosen.str.replace_all(_NO_TOKEN, " "))


def _replaced(texts: pl.Series, places: NDArray[np.intp], by: pl.Series) -> pl.Series:
    import polars as pl

    chosen = np.arange(len(texts))
    chosen[places] = np.arange(len(places)) + len(texts)
    return pl.concat([texts, by]).gather(chosen) if len(places) else texts


@cache
def _spellings() -> dict[str, str]:
    spellings = dict(_SPELLINGS)
    for entry in registry().values():
        for value, digit in enumerate(entry.digits or ""):
            # Ideographs such as 三 also stand in words; they count as number words instead.
            if unicodedata.category(digit) == "Nd":
                spellings[digit] = str(value)
    return spellings


@dataclass(frozen=True)
class _Told:
    """A small set of token hashes, looked up for many tokens at once."""

    hashes: Hashes
    table: NDArray[np.bool_]

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.table[hashes & np.uint64(_BIT_TABLE - 1)]
        places = np.flatnonzero(found)
        found[places] = np.isin(hashes[places], self.hashes)
        return found


@cache
def _told(lang: str) -> _Told:
    """Words of the language that count or deny and are one token; none for a language without a file of words."""
    import polars as pl

    words: list[str] = []
    if lang in literal_codes():
        literals = text_literals(lang)
        rules = literals.negation
        words = [*literals.numbers, *rules.before, *rules.after, *rules.inside]
    plain = pl.Series([word for word in words if "*" not in word and "..." not in word], dtype=pl.String)
    hashes, _, places = _cut(_one_spelling(plain).str.join(FIELD_END).cast(pl.Binary)[0], language(lang).spaced)
    single = hashes[places[:-1][np.diff(places) == 1]]
    table = np.zeros(_BIT_TABLE, dtype=bool)
    table[single & np.uint64(_BIT_TABLE - 1)] = True
    return _Told(np.unique(single), table)
