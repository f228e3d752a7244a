"""Whether every sentence cites passages, and only ones that were given."""

from __future__ import annotations

from collections.abc import Sequence

from afya.assistant.checks.draft import Sentence, SourcePassage


def fault(sentence: Sentence, passages: Sequence[SourcePassage]) -> str | None:
    """What is wrong with the citations of a sentence; None where nothing is."""
    if not sentence.cites:
        return "the sentence cites no passage."
    unknown = [cite for cite in sentence.cites if not 1 <= cite <= len(passages)]
    if unknown:
        return f"passage {unknown[0]} was not given ({len(passages)} were)."
    empty = [cite for cite in sentence.cites if not passages[cite - 1].text.strip()]
    return f"passage {empty[0]} is empty." if empty else None
