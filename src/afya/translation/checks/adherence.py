"""Glossary: each term of the glossary that the source uses is said in the translation as the glossary says it.

A form counts as said when it stands there without regard to case and marks, or when each of its words does in another
inflection: languages put beginnings and endings onto a term that no glossary lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.text.normalise import fold_marks
from afya.translation.checks.reading import reading
from afya.translation.checks.verdict import PairCheck, Verdict

if TYPE_CHECKING:
    from afya.translation.glossary import Glossary

NAME = "glossary"
_PASSED = Verdict(NAME, True)
# This much of a word in one piece is its stem: two thirds of "ubuhlungu", no less than four letters.
_STEM = 2 / 3
_FEWEST_LETTERS = 4
_MOST_NAMED = 5


def make(source: str, target: str, glossary: Glossary) -> PairCheck:
    """The check against one glossary; terms without a form in the target language are not asked for."""

    def check(source_text: str, translation: str) -> Verdict:
        spotted = glossary.spot(source_text, source)
        if not spotted:
            return _PASSED
        plain = fold_marks(translation)
        tokens = [fold_marks(token) for token in reading(translation).tokens]
        # A term of several concepts is spotted once for each; said as any one of them is said.
        wanted: dict[tuple[int, int], list[str]] = {}
        for term in spotted:
            wanted.setdefault((term.start, term.end), []).extend(glossary.forms(term.concept, target))
        missing: dict[str, None] = {}
        for (start, end), forms in wanted.items():
            if forms and not any(_said(fold_marks(form), plain, tokens) for form in forms):
                missing[f"{source_text[start:end]} ({' / '.join(forms[:2])})"] = None
        if not missing:
            return _PASSED
        named = list(missing)
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return Verdict(NAME, False, f"not as in the glossary: {'; '.join(named[:_MOST_NAMED])}{more}")

    return check


def _said(form: str, plain: str, tokens: list[str]) -> bool:
    return form in plain or all(any(_inflected(word, token) for token in tokens) for word in form.split())


def _inflected(word: str, token: str) -> bool:
    """Whether a long enough piece of `word`, from its beginning, its end or its middle, stands in `token`."""
    length = max(_FEWEST_LETTERS, round(len(word) * _STEM))
    if length > len(word):
        return word == token
    return any(word[place : place + length] in token for place in range(len(word) - length + 1))
