"""Overlap with a reference answer: ROUGE-L and chrF, kept as legacy columns beside facts and rubrics.

Both count shared words or letters, and neither knows a dose from a wrong dose. They stand in a report so that it can be
laid beside older ones. Words are cut for the language: rouge-score's own cutter drops every letter beyond a to z, which
leaves nothing of a Chinese answer and less than half of a Yoruba one.

References: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries" (ROUGE-L, F1); Popovic 2015, "chrF:
character n-gram F-score for automatic MT evaluation" (chrF2), as in sacrebleu.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.errors import require
from afya.languages import language
from afya.text.normalise import fold, normalise
from afya.text.words import words

if TYPE_CHECKING:
    pass


def tokens(text: str, lang: str) -> list[str]:
    """Words without case, or characters where the language's script has no spaces between words."""
    found = [fold(word.text) for word in words(normalise(text))]
    return found if language(lang).spaced else [sign for word in found for sign in word]


class _Cutter:
    """rouge-score's tokenizer interface over our words of one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def tokenize(self, text: str) -> list[str]:
        return tokens(text, self.lang)


def rouge_l(reference: str, reply: str, lang: str) -> float:
    """ROUGE-L's F1, 0 to 1: words (characters in scripts without spaces) in common and in the same order.

    Raises MissingDependencyError where rouge-score is not installed.
    """
    require("rouge_score", "data", "ROUGE-L")
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]

    scored = RougeScorer(["rougeL"], tokenizer=_Cutter(lang)).score(reference, reply)
    return float(scored["rougeL"].fmeasure)


def chrf(reference: str, reply: str) -> float:
    """chrF2 of one reply, 0 to 1 (sacrebleu's is 0 to 100).

    Raises MissingDependencyError where sacrebleu is not installed.
    """
    require("sacrebleu", "data", "chrF")
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().sentence_score(reply, [reference]).score) / 100
