"""Whether a sentence denies what its passage says, says what it denies, or turns a word into its contrary.

Each clause of the sentence is held against the clauses of its passages that say most of the same: one of them must deny
as often. What this cannot see: a "not" that was moved to another verb of the same clause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import regex

from afya.assistant.checks.draft import Sentence, SourcePassage
from afya.assistant.checks.overlap import stems, thresholds
from afya.errors import ConfigError
from afya.text.normalise import fold_marks, normalise
from afya.text.polarity import polarity_codes
from afya.translation.checks.polarity import Counts, counter

_SENTENCE = regex.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    stems: frozenset[str]
    denials: Counts


def fault(sentence: Sentence, cited: Sequence[SourcePassage], lang: str) -> str | None:
    """Where the sentence and its passages do not agree; None where they do.

    Raises:
        ConfigError: the denials of the language are not known.
    """
    if lang not in polarity_codes():
        raise ConfigError(f"The denials of '{lang}' are not known.", hint="Write its cues in text/polarity of afya.")
    count = counter(lang)
    said = [clause for passage in cited for clause in _clauses(passage.text, lang, count)]
    whole = _whole(sentence.text, cited, lang, count)
    if whole is not None:
        return whole
    for clause in _clauses(sentence.text, lang, count):
        if not clause.stems:
            if clause.denials[0]:
                return f"'{clause.text}' denies something that cannot be compared."
            continue
        shares = [len(clause.stems & other.stems) / len(clause.stems) for other in said]
        most = max(shares, default=0.0)
        if most < thresholds().clause_support:
            if clause.denials[0]:
                return f"'{clause.text}' denies, and no clause of the passages says the same."
            continue
        nearest = [other for share, other in zip(shares, said, strict=True) if share >= most]
        agreeing = [other for other in nearest if _agree(clause.denials, other.denials)]
        if not agreeing:
            says = "denies" if clause.denials[0] > nearest[0].denials[0] else "does not deny"
            return f"'{clause.text}' {says} what the passage has as '{nearest[0].text}'."
        turned = [_turned(clause.text, other.text, lang) for other in agreeing]
        if all(turned):
            return f"'{clause.text}' turns into the contrary: {turned[0]}."
    return None


def _whole(text: str, cited: Sequence[SourcePassage], lang: str, count: Callable[[str], Counts]) -> str | None:
    """The fault of a sentence that is nearly one of the passage's own: then both deny as often as a whole."""
    shown = normalise(text)
    content, denials = stems(shown, lang), count(shown)
    alike: list[tuple[float, str]] = []
    for passage in cited:
        for other in _SENTENCE.split(normalise(passage.text)):
            both = content | stems(other, lang)
            if both:
                alike.append((len(content & stems(other, lang)) / len(both), other))
    most = max((share for share, _ in alike), default=0.0)
    nearest = [other for share, other in alike if share >= most]
    if most < thresholds().same_sentence or any(_agree(denials, count(other)) for other in nearest):
        return None
    return f"'{shown}' and the passage's '{nearest[0]}' do not deny the same."


def _agree(here: Counts, there: Counts) -> bool:
    """Whether both deny as often. "Unable" answers for "not able", but only where the other side lacks that word."""
    return max(0, here[0] - there[0]) <= max(0, there[1] - here[1]) and max(0, there[0] - here[0]) <= max(
        0, here[1] - there[1]
    )


def _turned(said: str, given: str, lang: str) -> str | None:
    """A word of the clause whose contrary the passage's clause has, while each lacks the other."""
    ours, theirs = f" {_plain(said)} ", f" {_plain(given)} "
    for one, other in thresholds().contraries.get(lang, ()):
        for left, right in ((one, other), (other, one)):
            here, there = _first(ours, left), _first(theirs, right)
            if here and there and not _first(ours, right) and not _first(theirs, left):
                return f"'{here}' for '{there}'"
    return None


def _first(text: str, listed: Sequence[str]) -> str | None:
    return next((word for word in listed if f" {word} " in text), None)


def _plain(text: str) -> str:
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}'-]+", fold_marks(normalise(text))))


def _clauses(text: str, lang: str, count: Callable[[str], Counts]) -> list[_Clause]:
    """The clauses of a text. What follows a comma belongs to the clause before it, and shares its denial ("no honey,
    syrup or tea"), unless it denies itself, begins anew ("keep it warm") or a word such as "but" stands between."""
    found: list[_Clause] = []
    for sentence in _SENTENCE.split(normalise(text)):
        goes_on = False
        place = 0
        for cut in (*_cut(lang).finditer(sentence), None):
            piece = sentence[place : cut.start() if cut else len(sentence)].strip(" ,.;:")
            if piece:
                content, denials = stems(piece, lang), count(piece)
                if goes_on and not denials[0] and not _anew(lang).match(fold_marks(piece)):
                    last = found.pop()
                    found.append(_Clause(f"{last.text}, {piece}", last.stems | content, last.denials))
                else:
                    found.append(_Clause(piece, content, denials))
                goes_on = True
            if cut:
                goes_on = goes_on and any(sign in ",，、،:：(（" for sign in cut[0])
                place = cut.end()
    return found


@cache
def _cut(lang: str) -> regex.Pattern[str]:
    joined = "|".join(regex.escape(word) for word in thresholds().clause_words.get(lang, ()))
    signs = r"[,;:，；：、،؛()（）]\s*(?!\d)|\s[–—-]\s"
    # "Give zinc, but no antibiotics": the word decides, not the comma before it.
    return regex.compile(rf",?\s+(?:{joined})\s+|{signs}" if joined else signs)


@cache
def _anew(lang: str) -> regex.Pattern[str]:
    words = "|".join(regex.escape(fold_marks(word)) for word in thresholds().anew.get(lang, ()))
    return regex.compile(rf"(?:{words})(?![\p{{L}}\p{{M}}])" if words else r"(?!)")
