"""When to say that nothing found answers the question.

A passage answers when it holds what the question is about: most of the weight of its words (`coverage`), close together
(`focus`), in its heading (`headed`), and the question's most telling word, which is mostly the illness or medicine
(`rarest`). How these count together was fitted on written questions; answerable.yaml holds the weights and says how.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from afya.assistant.knowledge.passages import Hit
from afya.datafiles import read_model


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    intercept: float
    coverage: float
    focus: float
    headed: float
    rarest: float
    threshold: float = Field(gt=0, lt=1)
    threshold_packs: float = Field(gt=0, lt=1)
    least_coverage: float = Field(ge=0, le=1)


def answerable(hits: Sequence[Hit], query: str) -> bool:
    """Whether any of the hits answers the question `query`; False where it holds no word that tells a subject.

    Passages that speak to a language model (`flagged`) never count.
    """
    return bool(query.strip()) and any(answers(hit) for hit in hits)


def answers(hit: Hit) -> bool:
    """Whether this passage answers the question it was found by."""
    if hit.passage.flagged or not hit.asked:
        return False
    rule = _rule()
    # A pivot may be a gloss, which leaves out what the glossary does not know: it covers more than was asked.
    near = hit.passage.origin == "pack" and hit.by == "source"
    threshold = rule.threshold_packs if near else rule.threshold
    return hit.coverage >= rule.least_coverage and likelihood(hit) >= threshold


def likelihood(hit: Hit) -> float:
    """How likely the passage answers the question, 0 to 1, by the fitted rule."""
    rule = _rule()
    total = (
        rule.intercept
        + rule.coverage * hit.coverage
        + rule.focus * hit.focus
        + rule.headed * hit.headed
        + rule.rarest * hit.rarest
    )
    return 1 / (1 + math.exp(-total))


@cache
def _rule() -> _Rule:
    return read_model(Path(str(files("afya"))) / "assistant" / "knowledge" / "answerable.yaml", _Rule)
