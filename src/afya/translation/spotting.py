"""Terms found in running text: many at once, the longest first, never cut out of a longer word.

Where words are spaced, every word of the glossary is given a code of two signs, a term is the string of its words'
codes, and an Aho-Corasick automaton runs over the codes of the text: word boundaries are kept by construction, and the
automaton is a quarter of one over letters. A word of the text that the glossary lacks is taken apart by the affixes of
its language (affixes.yaml). Where words are not spaced (Chinese, Japanese) the automaton runs over the characters, and
a term is found anywhere, but never cut out of a run of katakana, Latin letters or digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import regex
from pydantic import BaseModel, ConfigDict, Field

from afya.datafiles import read_model
from afya.errors import require
from afya.languages import language
from afya.translation.folding import Folding, composed, end_with_marks, marks_agree

if TYPE_CHECKING:
    import ahocorasick
    import polars as pl

# A clause or a paragraph ends here, and with it every term.
_BREAK = regex.compile(r"[.!?;:,،؟؛।።](?=\s)|[。！？；：，、()（）\[\]|•]|\n\s*\n")
# What stands for words that no term has: as wide as a code, and no code. `_AFTER` follows it, and every first sign of a
# code, only in keys that nothing can match: they come first, so that the root of the automaton has its most frequent
# branches, through which it looks one by one, at the front.
_UNKNOWN = "\x01\x02"
_AFTER = "\x03"
_FIRST_SIGN = 0x100
_WIDTH = 2
_REMEMBERED = 1_000_000
# Longer terms in capitals are headings; shorter ones are abbreviations, and "AIDS" is not "aids".
_ABBREVIATION = 6


class Affixes(BaseModel):
    """What a language joins to a term within one word; affixes.yaml says what each list means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    elided: tuple[str, ...] = ()
    vowels: tuple[str, ...] = ()
    classes: tuple[tuple[str, ...], ...] = ()
    shortest: int = Field(ge=1)

    def without(self, word: str) -> Iterator[str]:
        """The words that `word` may be with one thing joined to it or changed."""
        for suffix in self.suffixes:
            if word.endswith(suffix) and len(word) - len(suffix) >= self.shortest:
                yield word[: -len(suffix)]
        for prefix in self.prefixes:
            if word.startswith(prefix) and len(word) - len(prefix) >= self.shortest:
                yield word[len(prefix) :]
        for prefix in self.elided:
            if word.startswith(prefix) and len(word) - len(prefix) >= self.shortest - 1:
                for vowel in self.vowels:
                    yield vowel + word[len(prefix) :]
        for row in self.classes:
            for own in row:
                if word.startswith(own) and len(word) - len(own) >= self.shortest - 2:
                    for other in row:
                        if other != own:
                            yield other + word[len(own) :]


class _AffixFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reviewed: bool
    languages: dict[str, Affixes]


@cache
def affixes(lang: str) -> Affixes | None:
    """A language's affixes, folded as texts are; None where it joins nothing. Raises ConfigError for a bad file."""
    found = read_model(Path(str(files("afya"))) / "translation" / "affixes.yaml", _AffixFile).languages.get(lang)
    if found is None:
        return None
    fold = Folding()

    def folded(words: Sequence[str]) -> tuple[str, ...]:
        # The longest first: "oothiyetha" ends in "a" and in "etha".
        return tuple(sorted(dict.fromkeys(word.translate(fold) for word in words), key=len, reverse=True))

    return Affixes(
        prefixes=folded(found.prefixes),
        suffixes=folded(found.suffixes),
        elided=folded(found.elided),
        vowels=folded(found.vowels),
        classes=tuple(tuple(word.translate(fold) for word in row) for row in found.classes),
        shortest=found.shortest,
    )


class Hit(NamedTuple):
    """A stretch of a text (character offsets) and the forms it may be, as indices into the spotter's forms."""

    start: int
    end: int
    forms: tuple[int, ...]


class _Codes(dict[str, str]):
    """The code of each word that was met, `_UNKNOWN` for those that are no word of the glossary."""

    def __init__(self, known: dict[str, str], joined: Affixes | None) -> None:
        super().__init__()
        self.known, self.joined = known, joined

    def __missing__(self, word: str) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        code = self[word] = self._code(word)
        return code

    def _code(self, word: str) -> str:
        code = self.known.get(word)
        if code is not None or self.joined is None:
            return code or _UNKNOWN
        first = list(self.joined.without(word))
        for candidate in first:
            if candidate in self.known:
                return self.known[candidate]
        for candidate in first:
            for other in self.joined.without(candidate):
                if other in self.known:
                    return self.known[other]
        return _UNKNOWN


class Spotter:
    """The terms of one language, ready to be looked for.

    `forms` are terms as they are written; a form without any letter or digit is never found. Building costs about two
    seconds for 350,000 of them.

    Raises:
        ConfigError: the language is not known.
        MissingDependencyError: pyahocorasick is not installed.
    """

    def __init__(self, lang: str, forms: Sequence[str]) -> None:
        require("ahocorasick", "data", "Looking for glossary terms")
        self.lang, self.forms = lang, forms
        self._spaced = language(lang).spaced
        self._fold = Folding()
        self._exact = {index for index, form in enumerate(forms) if len(form) < _ABBREVIATION and form.isupper()}
        # A key stands for the first form that has it; `_alike` holds the further ones, such as the same word unmarked.
        self._alike: dict[int, list[int]] = {}
        self._lengths: list[int] = []
        self._prefixes: list[str] = []
        known, keys = self._spaced_keys() if self._spaced else ({}, self._unspaced_keys())
        self._codes = _Codes(known, affixes(lang))
        self._automaton = self._build(keys)
        # Keys of which more must be known than that their words stand in the text.
        self._looked_at = {*self._exact, *self._alike}

    def _spaced_keys(self) -> tuple[dict[str, str], pl.Series]:
        """The code of every word, and the codes of each form's words joined."""
        import polars as pl

        forms = pl.Series("form", self.forms, dtype=pl.String)
        # Printable ASCII is folded by polars, in a tenth of the time; the rest one by one.
        rest = ~forms.str.contains(r"^[ -~]*$")
        folded = forms.str.to_lowercase().str.replace_all(r"[^a-z0-9]+", " ").str.strip_chars(" ")
        if rest.any():
            places = rest.arg_true()
            fold = self._fold
            others = [" ".join(composed(form)[0].translate(fold).split()) for form in forms.gather(places)]
            folded = folded.scatter(places, others)
        words = pl.DataFrame({"form": pl.int_range(len(forms), eager=True), "word": folded.str.split(" ")})
        words = words.explode("word", empty_as_null=False, keep_nulls=False).filter(pl.col("word") != "")
        counted = words["word"].value_counts(name="times").sort(["times", "word"], descending=[True, False])
        different = counted["word"]
        known = _encoded(different.to_list())
        self._prefixes = [_UNKNOWN, *dict.fromkeys(code[0] for code in known.values())]
        codes = pl.DataFrame({"word": different, "code": pl.Series(list(known.values()), dtype=pl.String)})
        joined = (
            words.join(codes, on="word", how="left", maintain_order="left")
            .group_by("form", maintain_order=True)
            .agg(pl.col("code"))
            .with_columns(pl.col("code").list.join(""), pl.col("code").list.len().alias("length"))
        )
        whole = pl.DataFrame({"form": pl.int_range(len(forms), eager=True)}).join(
            joined, on="form", how="left", maintain_order="left"
        )
        self._lengths = whole["length"].fill_null(0).to_list()
        return known, whole["code"].fill_null("")

    def _unspaced_keys(self) -> pl.Series:
        """The characters of each form, without spaces."""
        import polars as pl

        keys = ["".join(composed(form)[0].translate(self._fold).split()) for form in self.forms]
        self._lengths = [len(key) for key in keys]
        return pl.Series(keys, dtype=pl.String)

    def _build(self, keys: pl.Series) -> ahocorasick.Automaton | None:
        import ahocorasick

        first = keys.is_first_distinct() & (keys != "")
        places = first.arg_true().to_list()
        if not places:
            return None
        listed = keys.to_list()
        repeated = ((~first) & (keys != "")).arg_true().to_list()
        if repeated:
            again = {listed[index] for index in repeated}
            earlier = {listed[index]: index for index in places if listed[index] in again}
            for index in repeated:
                self._alike.setdefault(earlier[listed[index]], []).append(index)
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for number, prefix in enumerate(self._prefixes):
            automaton.add_word(prefix + _AFTER, -1 - number)
        for index in places:
            automaton.add_word(listed[index], index)
        automaton.make_automaton()
        return automaton

    def find(self, text: str, *, nested: bool = False) -> list[Hit]:
        """Where terms stand in a text, in its order; with `nested` also those inside or across longer ones.

        Without it, of terms that overlap the one that begins first is taken, and of those the longest.
        """
        if self._automaton is None:
            return []
        whole, offsets = composed(text)
        hits = self._find_spaced(whole) if self._spaced else self._find_unspaced(whole)
        if not nested:
            hits = _leftmost_longest(hits)
        if offsets is None:
            return hits
        return [Hit(offsets[hit.start], offsets[hit.end], hit.forms) for hit in hits]

    def _find_spaced(self, text: str) -> list[Hit]:
        assert self._automaton is not None
        codes = self._codes
        found = list(self._automaton.iter("".join([codes[word] for word in text.translate(self._fold).split()])))
        if not found:
            return []
        starts, ends = self._fold.word_places(text)
        plain, lengths, looked_at = text.isascii(), self._lengths, self._looked_at
        hits = []
        for place, form in found:
            last, length = place // _WIDTH, lengths[form]
            start, end = starts.item(last - length + 1), ends.item(last)
            if plain and form not in looked_at and (length == 1 or not _BREAK.search(text, start, end)):
                hits.append(Hit(start, end, (form,)))
                continue
            hit = self._hit(text, start, end, form, length > 1)
            if hit is not None:
                hits.append(hit)
        return hits

    def _find_unspaced(self, text: str) -> list[Hit]:
        assert self._automaton is not None
        signs = "".join(text.translate(self._fold).split())
        found = list(self._automaton.iter(signs))
        if not found:
            return []
        places = self._fold.sign_places(text, len(signs))
        hits = []
        for last, form in found:
            start, end = places.item(last - self._lengths[form] + 1), places.item(last) + 1
            if not _cuts(text, start) and not _cuts(text, end):
                hit = self._hit(text, start, end, form, True)
                if hit is not None:
                    hits.append(hit)
        return hits

    def _hit(self, text: str, start: int, end: int, form: int, several: bool) -> Hit | None:
        """The hit of a key, with those of its forms that what is written in the text may be."""
        forms = [form, *self._alike[form]] if form in self._alike else [form]
        if not text.isascii():
            end = end_with_marks(text, end)
        found = text[start:end]
        if several and _BREAK.search(found):
            forms = [index for index in forms if _BREAK.search(self.forms[index] + " ")]
        if self._exact:
            # The plural of an abbreviation keeps its small s: "ARVs".
            forms = [i for i in forms if i not in self._exact or found[: len(self.forms[i])].isupper()]
        if not found.isascii():
            forms = [index for index in forms if marks_agree(found, self.forms[index])]
        return Hit(start, end, tuple(forms)) if forms else None


def _encoded(words: Sequence[str]) -> dict[str, str]:
    """A code for each word, one sign of each of two alphabets, so that no code is found across two others.

    Two alphabets of a few hundred signs and not one of many thousand: a node of the automaton finds its way by looking
    through its branches one by one.
    """
    base = isqrt(len(words)) + 1
    return {
        word: chr(_FIRST_SIGN + number // base) + chr(_FIRST_SIGN + base + number % base)
        for number, word in enumerate(words)
    }


def _cuts(text: str, place: int) -> bool:
    """Whether a boundary at `place` would cut a run of katakana or of Latin letters and digits."""
    if not 0 < place < len(text):
        return False
    run = _run(text[place])
    return run != "" and run == _run(text[place - 1])


def _run(sign: str) -> str:
    """Of which kind of run a character of an unspaced text is part; "" where every character may stand alone."""
    if sign < "\u0250" or "\u1e00" <= sign <= "\u1eff" or "\uff10" <= sign <= "\uff5a":
        return "latin" if sign.isalnum() else ""
    return "katakana" if "\u30a1" <= sign <= "\u30ff" or "\uff66" <= sign <= "\uff9f" else ""


def _leftmost_longest(hits: Sequence[Hit]) -> list[Hit]:
    taken: list[Hit] = []
    end = 0
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if hit.start >= end:
            taken.append(hit)
            end = hit.end
    return taken
