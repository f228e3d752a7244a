"""Passages as they are quoted: whole sentences, word for word, with where they are from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afya.assistant.context import SourceNote
from afya.text.sentences import sentences

if TYPE_CHECKING:
    from afya.assistant.knowledge import Passage


def quoted(passage: Passage, most: int) -> str:
    """The passage's text, or its first whole sentences up to `most` characters (the first one always)."""
    text = " ".join(passage.text.split(" "))
    if len(text) <= most:
        return text.strip()
    kept = ""
    for sentence in sentences(text, passage.lang):
        if kept and len(kept) + len(sentence) > most:
            break
        kept += sentence
    return kept.strip()


def note(passage: Passage) -> SourceNote:
    """Where a passage is from, for the list of sources."""
    publisher = passage.publisher or passage.source
    place = [part for part in (_page(passage.page), passage.version) if part]
    return SourceNote(
        passage.title, publisher, ", ".join(place) or "-", passage.section or passage.passage_id, passage.reviewed
    )


def heading(passage: Passage) -> str:
    """Title and section, as one line."""
    return (
        passage.title
        if not passage.section or passage.section == passage.title
        else f"{passage.title}: {passage.section}"
    )


def _page(page: str | None) -> str | None:
    return f"p. {page}" if page and page[0].isdigit() else page
