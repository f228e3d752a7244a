"""Reading the chosen option out of free text, in any language with literals. It never guesses.

An answer counts when the reply commits to it: behind an answer marker of the item's language ("Answer: B", "Jibu: B"),
as the reply's first word, in bold or a box, alone in brackets, or by quoting one option's text and no other's. The last
commitment wins. A capital letter that merely occurs in a sentence is no answer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import regex

from afya.languages import language
from afya.text.literals import TextLiterals, text_literals

if TYPE_CHECKING:
    from regex import Match, Pattern

Reason = Literal["refused", "unparseable", "empty"]

# Kana, jamo and Indic signs carry meaning in their marks; only Latin ones are folded, since readers leave them out.
_LATIN_MARKS = regex.compile(r"(?<=\p{Latin}\p{M}*)\p{M}")
_THINKING = regex.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", regex.DOTALL | regex.IGNORECASE)
_THINKING_OPEN = regex.compile(r"<think(?:ing)?>", regex.IGNORECASE)
# What may stand between a marker and a letter, or around a letter: punctuation, Markdown, JSON and LaTeX dressing.
_DRESSING = r"""(?:[\s:=\-–—*_"'`“”‘’«»「」『』(\[【〔{$.]|\\(?:boxed|text|mathrm|mathbf)\s*\{)*"""
# One-letter words of Latin-script languages are vowels (a, e, i, o, u, y): "Answer: A child ..." is no choice of A.
_WORD_LETTERS = frozenset("AEIOUY")


@dataclass(frozen=True, slots=True)
class Extraction:
    """The options chosen (indices, ascending), or None with the reason why there is no answer and what was seen."""

    chosen: tuple[int, ...] | None
    reason: Reason | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class _Commitment:
    """Where a reply commits itself, and to which options; to none when it says "A or C"."""

    start: int
    chosen: tuple[int, ...]


def extract(
    text: str, options: Sequence[str], lang: str, letters: Sequence[str], *, several: bool = False
) -> Extraction:
    """The option(s) that a reply commits to.

    Args:
        text: the reply as it came.
        options: the options' texts, in order.
        lang: the item's language; its markers, joining words and refusals are used.
        letters: the labels that stood before the options in the prompt; Latin A, B, C ... are read as well.
        several: whether several options may be chosen; if not, a reply that chooses several has no answer.

    Raises:
        ConfigError: the language has no literals.
    """
    literals = text_literals(lang)
    reply = _fold(_THINKING.sub(" ", text)).strip()
    if _THINKING_OPEN.search(reply):
        return Extraction(None, "unparseable", "the reply ended inside its thinking")
    if not any(character.isalnum() for character in reply):
        return Extraction(None, "empty")
    reader = _reader(lang, tuple(letters), len(options))
    for found in (reader.strong(reply, several), reader.weak(reply), _quoted(reply, options)):
        if found:
            last = max(found, key=lambda commitment: commitment.start)
            if not last.chosen:
                return Extraction(None, "unparseable", "one option or another")
            if len(last.chosen) > 1 and not several:
                return Extraction(None, "unparseable", "several options where one is asked for")
            return Extraction(last.chosen)
    lowered = reply.lower()
    for phrase in literals.refusals:
        if _fold(phrase).lower() in lowered:
            return Extraction(None, "refused", phrase)
    return Extraction(None, "unparseable", "no option is chosen")


def _fold(text: str) -> str:
    """Full-width and look-alike forms made plain (NFKC), Latin accents removed, curly apostrophes straightened."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    return unicodedata.normalize("NFC", _LATIN_MARKS.sub("", unicodedata.normalize("NFD", plain)))


class _Reader:
    """The patterns of one language and set of letters."""

    def __init__(self, literals: TextLiterals, letters: Sequence[str], count: int, spaced: bool) -> None:
        shown = [_fold(letter) for letter in letters]
        latin = [chr(ord("A") + index) for index in range(count)]
        self.index = {letter: place for place, letter in enumerate(latin)}
        self.index.update({letter: place for place, letter in enumerate(shown)})
        label = _any(self.index)
        # A label is a word of its own: no letter, mark or digit of its own script may touch it.
        own = r"[\p{Latin}\p{M}\p{N}]" if all(name.isascii() for name in self.index) else r"[\p{L}\p{M}\p{N}]"
        one = rf"(?<!{own}|'){label}(?!{own}|'\p{{L}})"
        both, either = _any(literals.joiners.both), _any(literals.joiners.either)
        # Zulu writes "and" onto the label: "B no-C".
        joined = rf"(?:[\s*_)\]}}]*(?:[,、;/&+]|(?i:{both}|{either})(?!\p{{L}})-?)[\s*_(\[{{,]*)+"
        run = rf"(?<!{own}){label}{{2,{max(2, count)}}}(?!{own})"
        self.list = rf"(?P<list>{one}(?:{joined}{one})*|{run})"
        self._one = regex.compile(label)
        # Small letters count where nothing else can be meant: alone behind a marker, or as the whole reply.
        small = {name.lower() for name in self.index} - set(self.index)
        self.index.update({name: self.index[name.upper()] for name in small if name.upper() in self.index})
        ends = r"(?=[\s*_\"'`)\]}}$.]*$)".replace("}}", "}")
        little = rf"(?P<list>{_any(sorted(small))})" if small else r"(?P<list>(?!))"
        self._either = regex.compile(rf"(?i:(?<!\p{{L}})(?:{either})(?!\p{{L}}))|/")
        before = r"(?<![\p{L}\p{M}])" if spaced else ""
        marker = rf"{before}(?i:{_any(literals.answer_markers)})"
        word = rf"(?:(?i:{_any(literals.option_words)}){_DRESSING})?" if literals.option_words else ""
        opening = rf"(?:(?i:{_any(literals.option_words)})\s+)?" if literals.option_words else ""
        self._strong = [
            regex.compile(rf"{marker}{_DRESSING}{word}{self.list}"),
            regex.compile(rf"{marker}{_DRESSING}{word}{little}{ends}", regex.MULTILINE),
            regex.compile(rf"\A[\s*_\"'`(\[{{$]*{opening}{little}[\s*_\"'`)\]}}$.]*\Z"),
            # A line that is a label and nothing else.
            regex.compile(rf"^[\s*_\"'`(\[{{$]*{opening}{self.list}[\s*_\"'`)\]}}$.]*$", regex.MULTILINE),
            regex.compile(rf"\\boxed\s*\{{{_DRESSING}{self.list}"),
            regex.compile(rf"\*\*\s*\(?{opening}{self.list}\)?[.:]?(?:\s[^*\n]*)?\*\*"),
        ]
        # The reply opens with the label: "B. Because ...", "(B) ..."; not "B-cells", not "B.C.".
        self._opening = regex.compile(
            rf"\A[\s*_\"'`(\[{{$]*{opening}{self.list}[*_\"'`)\]}}$]*(?:[.:,;)]|\s[–—-])(?:[\s*]|\Z)"
        )
        self._line = regex.compile(
            rf"^[\s*_\-•(\[]*{opening}(?P<list>{one})(?:[\s*)\]]*$|[*)\]]*[.:)]\s)", regex.MULTILINE
        )
        self._weak = [
            regex.compile(rf"[(\[]\s*{self.list}\s*[)\]]"),
            *([regex.compile(rf"{before}(?i:{_any(literals.option_words)})\s*{self.list}")] if word else []),
        ]
        self._negation = regex.compile(rf"(?i:(?<!\p{{L}})(?:{_any(literals.negation.before)})(?!\p{{L}})\W*)\Z")

    def strong(self, reply: str, several: bool) -> list[_Commitment]:
        """Places where the reply commits itself."""
        lines = list(self._read(self._line, reply))
        listed = {commitment.chosen for commitment in lines}
        found = [
            commitment
            for pattern in self._strong
            for commitment in self._read(pattern, reply)
            # One of several lines with a label each: a list, and not the last word.
            if len(listed) < 2 or (commitment.start not in {line.start for line in lines})
        ]
        if len(listed) < 2:
            found += self._read(self._opening, reply)
        elif several and not found and len(lines) == sum(1 for line in reply.splitlines() if line.strip()):
            # Every line opens with a label: the list is the answer. Where one answer is asked for, it is the question
            # said again.
            found.append(_Commitment(0, tuple(sorted({index for chosen in listed for index in chosen}))))
        return found

    def weak(self, reply: str) -> list[_Commitment]:
        """Labels in brackets or after an option word, when the whole reply names one choice only."""
        found = [commitment for pattern in self._weak for commitment in self._read(pattern, reply)]
        return found if len({commitment.chosen for commitment in found}) == 1 else []

    def _read(self, pattern: Pattern[str], reply: str) -> Iterator[_Commitment]:
        for match in pattern.finditer(reply):
            start = match.start("list")
            if self._negation.search(reply, max(0, match.start() - 24), start) or not self._ends(match, reply):
                continue
            named = match["list"]
            labels = [self.index[label] for label in self._one.findall(named)] or [self.index[named]]
            undecided = len(set(labels)) > 1 and self._either.search(named)
            yield _Commitment(start, () if undecided else tuple(sorted(set(labels))))

    def _ends(self, match: Match[str], reply: str) -> bool:
        """Whether the last label is no word that begins a phrase: "Answer: A child ..."."""
        last = match["list"][-1]
        after = reply[match.end("list") :]
        return not (last in _WORD_LETTERS and regex.match(r"[^\S\n]+\p{L}", after))


def _any(words: Sequence[str] | dict[str, int]) -> str:
    """A pattern for any of the words, longest first; inner blanks may be any white space."""
    ordered = sorted({_fold(word) for word in words}, key=lambda word: (-len(word), word))
    return (
        "(?:" + "|".join(r"\s+".join(map(regex.escape, word.split())) for word in ordered) + ")" if words else r"(?!)"
    )


@lru_cache(maxsize=256)
def _reader(lang: str, letters: tuple[str, ...], count: int) -> _Reader:
    return _Reader(text_literals(lang), letters, count, language(lang).spaced)


def _quoted(reply: str, options: Sequence[str]) -> list[_Commitment]:
    """The option whose text the reply holds, when it holds one option's text only."""
    held = _words(reply)
    texts = [_words(option) for option in options]
    found = {index for index, text in enumerate(texts) if text and f" {text} " in f" {held} "}
    # An option that is part of another one that is quoted is not quoted itself.
    found -= {a for a in found for b in found if a != b and len(texts[a]) < len(texts[b]) and texts[a] in texts[b]}
    return [_Commitment(0, (found.pop(),))] if len(found) == 1 else []


def _words(text: str) -> str:
    """Letters, marks and digits in small letters, one blank between words."""
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", _fold(text).lower()))
