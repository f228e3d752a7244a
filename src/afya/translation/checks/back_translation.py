"""Back-translation: the translation, translated back by another engine, still resembles the source.

The likeness is chrF (Popovic 2015, WMT; sacrebleu's chrF2, 0 to 100), which does not mind inflection. It measures both
translations at once, and paraphrase costs as much as error does: it finds texts that say something else, not subtle
faults, and is no part of the cheap checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from afya.errors import require
from afya.translation.checks.verdict import Verdict

if TYPE_CHECKING:
    from afya.translation.base import Translator

NAME = "back_translation"
# Below this, texts share little more than letters: pairs of unrelated English sentences reach 15 to 20 (docs).
LOWEST = 30.0
# On a few characters chrF jumps: a paraphrase of two words shares nothing.
_FEWEST_CHARACTERS = 20


def compare(
    back: Translator, source_texts: Sequence[str], translations: Sequence[str], source: str, target: str
) -> list[Verdict]:
    """One verdict a pair. Texts that could not be translated back are not judged.

    Raises:
        MissingDependencyError: sacrebleu is not installed.
        ConfigError, EngineError: the engine has no such pair, or cannot answer at all.
    """
    require("sacrebleu", "data", "The back-translation check")
    from sacrebleu.metrics.chrf import CHRF

    from afya.translation.guard import translate

    measure = CHRF()
    returned = translate(back, translations, target, source)
    found = []
    for text, answer in zip(source_texts, returned, strict=True):
        if answer.error is not None:
            found.append(Verdict(NAME, False, f"not translated back: {answer.error}", judged=False))
            continue
        score = measure.sentence_score(answer.text, [text]).score
        if score >= LOWEST or len(text) < _FEWEST_CHARACTERS:
            found.append(Verdict(NAME, True))
        else:
            said = answer.text if len(answer.text) <= 200 else answer.text[:199] + "…"
            fault = f"chrF {score:.0f} of 100, at least {LOWEST:.0f} expected; back: '{said}'"
            found.append(Verdict(NAME, False, fault))
    return found
