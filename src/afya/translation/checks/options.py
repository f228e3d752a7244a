"""Options: as many as the source has, with the same letters or none, still different from one another.

On a pair of texts it is about labels: "A.", "(B)", "c)" at the beginning of lines or in a row within one ("A. yes B.
no"). On items it is about the options themselves, the marked answer and the answer's text.
"""

from __future__ import annotations

import re
from functools import cache

import regex

from afya.items import Item
from afya.text.literals import literal_codes, text_literals
from afya.text.normalise import fold, normalise
from afya.translation.checks.lexicon import SIGN, lexicon
from afya.translation.checks.verdict import PairCheck, Verdict

NAME = "options"
_PASSED = Verdict(NAME, True)

# "A." or "A)" or "(A)" or "A:" followed by text; also the full-width signs and letters.
_LABEL = re.compile(r"(?:^|(?<=[\s;,:?!。；，：？！、]))[(（]?([A-Ja-jＡ-Ｊ])[).:：．）、]\s*(?=\S)")
_SINGLE = re.compile(r"^\s*[(（]?([A-JＡ-Ｊ])[).:：．）、]\s*(?=\S)")
# A letter that is a word of its own; a Latin one may touch Chinese characters.
_ALONE = regex.compile(
    r"(?<![\p{Latin}\p{M}\p{N}])\p{Latin}(?![\p{Latin}\p{M}\p{N}])|(?<![\p{L}\p{M}\p{N}])\p{L}(?![\p{L}\p{M}\p{N}])"
)
_LATIN = tuple("ABCDEFGHIJ")
_WIDE = str.maketrans("ＡＢＣＤＥＦＧＨＩＪ", "ABCDEFGHIJ")


def make(source: str, target: str) -> PairCheck:
    """The check on two texts: option labels that run from A on stand in both, in the same order."""

    marks_here, marks_there = lexicon(source).marks, lexicon(target).marks

    def check(source_text: str, translation: str) -> Verdict:
        # A row of labels has a second one, which few texts have.
        if not (marks_here(source_text) | marks_there(translation)) & SIGN:
            return _PASSED
        here, there = labels(source_text), labels(translation)
        if here == there:
            return _PASSED
        return Verdict(NAME, False, f"option letters {_said(here)} in the source, {_said(there)} in the translation")

    return check


def labels(text: str) -> str:
    """The option letters of `text`, such as "ABCD"; "" unless at least two follow each other from A on.

    Single letters with a sign behind them are everywhere (initials, "vitamin A."); a row of them is not.
    """
    found = [letter.translate(_WIDE).upper() for letter in _LABEL.findall(text)]
    row = ""
    for letter in found:
        if letter == chr(ord("A") + len(row)):
            row += letter
    return row if len(row) >= 2 else ""


def of_items(source: Item, translated: Item) -> Verdict:
    """The check on two items: number of options, letters put into them, options now alike, the answer kept."""
    faults: list[str] = []
    here, there = source.options or (), translated.options or ()
    if len(here) != len(there):
        faults.append(f"{len(here)} options in the source, {len(there)} in the translation")
    else:
        faults += _letters(here, there)
        faults += _alike(here, there)
        faults += _references(source, translated)
    if source.answer != translated.answer:
        marked, right = _letters_of(translated.answer), _letters_of(source.answer)
        faults.append(f"the marked answer is {marked}, in the source {right}")
    elif source.answer and len(here) == len(there):
        faults += _answer_text(source, translated)
    return Verdict(NAME, False, "; ".join(faults)) if faults else _PASSED


def _letters(here: tuple[str, ...], there: tuple[str, ...]) -> list[str]:
    faults = []
    for index, (ours, theirs) in enumerate(zip(here, there, strict=True)):
        letter = _SINGLE.match(theirs)
        if letter and not _SINGLE.match(ours):
            faults.append(f"option {index + 1} begins with the letter '{letter[0].strip()}'")
    return faults


def _references(source: Item, translated: Item) -> list[str]:
    """Options that a text names by their letters ("The answer is A", "(A)") and its translation no longer does."""
    if not source.options or translated.lang not in literal_codes():
        return []
    named, letters = _naming(source.lang), _letters_for(source.lang)[: len(source.options)]
    kept = _letters_for(translated.lang)
    faults = []
    for place in ("question", "answer_text", "rationale"):
        ours, theirs = getattr(source, place), getattr(translated, place)
        if ours is None or theirs is None:
            continue
        alone = set(_ALONE.findall(theirs.translate(_WIDE)))
        told = [hit[1] or hit[2] for hit in named.finditer(ours)]
        lost = [one for one in dict.fromkeys(told) if one in letters and not alone & {one, kept[letters.index(one)]}]
        faults += [f"{place} names option {one}, its translation does not" for one in lost]
    return faults


def _letters_for(lang: str) -> tuple[str, ...]:
    """The letters that options go by in a language, or the Latin ones where that is not known."""
    own = text_literals(lang).option_letters if lang in literal_codes() else ()
    return (*own, *_LATIN[len(own) :])


@cache
def _naming(lang: str) -> regex.Pattern[str]:
    """What names an option in a language: a letter in brackets, or behind a word for "answer" or "option"."""
    letters = regex.escape("".join(_letters_for(lang)))
    words: tuple[str, ...] = ()
    if lang in literal_codes():
        literals = text_literals(lang)
        words = (*literals.answer_markers, *literals.option_words)
    cue = rf"(?i:\b(?:\L<words>))[\s:：(（]*([{letters}])(?![\p{{L}}\p{{M}}\p{{N}}])|" if words else r"(\A(?!))|"
    return regex.compile(cue + rf"[(\[（]([{letters}])[)\]）]", words=words)


def _alike(here: tuple[str, ...], there: tuple[str, ...]) -> list[str]:
    """Options that differ in the source and are one text now: the question has lost an answer."""
    faults = []
    first: dict[str, int] = {}
    for index, option in enumerate(there):
        same = first.setdefault(fold(normalise(option)), index)
        if same != index and fold(normalise(here[same])) != fold(normalise(here[index])):
            faults.append(f"options {same + 1} and {index + 1} have become the same: '{option[:60]}'")
    return faults


def _answer_text(source: Item, translated: Item) -> list[str]:
    """Where the source's answer text is its right option, the translation's must be its own right option."""
    if source.answer is None or source.options is None or translated.options is None:
        return []
    if source.answer_text is None or len(source.answer) != 1:
        return []
    index = source.answer[0]
    if not 0 <= index < len(source.options) or source.answer_text != source.options[index]:
        return []
    if translated.answer_text is None:
        return ["the right answer's text is lost"]
    if translated.answer_text != translated.options[index]:
        return [f"the answer's text '{translated.answer_text[:60]}' is not the right option's"]
    return []


def _said(found: str) -> str:
    return " ".join(found) if found else "none"


def _letters_of(answer: tuple[int, ...] | None) -> str:
    return ", ".join(chr(ord("A") + index) for index in answer) if answer else "none"
