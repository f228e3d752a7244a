"""Sentences by rule. The pieces put together are the text again, character by character.

A sentence ends at one of the language's signs (`sentence_ends` in lang/{code}.yaml) or at a line's end. A Latin point
ends one only where a blank follows, and neither after a single letter ("J. Doe") nor before a small letter.
"""

from __future__ import annotations

from collections.abc import Iterable

import regex

from afya.text.literals import text_literals

_CLOSING = r"[\"'”’»）)\]】」』]*"
_INITIAL = regex.compile(r"(?:^|[^\p{L}\p{M}])\p{L}$")


def sentences(text: str, lang: str) -> list[str]:
    """The sentences of `text`, blanks and line ends kept at the end of each: joined they are `text`.

    Raises:
        ConfigError: the language has no text literals.
    """
    return split(text, text_literals(lang).sentence_ends)


def split(text: str, ends: Iterable[str]) -> list[str]:
    """`text` cut after each sign of `ends` and after line ends; `"".join(split(text, ends)) == text`."""
    listed = sorted(ends, key=len, reverse=True)
    wide = [regex.escape(sign) for sign in listed if not sign.isascii()]
    narrow = [regex.escape(sign) for sign in listed if sign.isascii()]
    choices = [r"\n+"]
    if wide:
        choices.append(rf"(?:{'|'.join(wide)})+{_CLOSING}\s*")
    if narrow:
        choices.append(rf"(?P<narrow>(?:{'|'.join(narrow)})+){_CLOSING}(?:\s+|$)")
    pieces: list[str] = []
    start = 0
    for found in regex.finditer("|".join(choices), text):
        if found.end() == start or (found.groupdict().get("narrow") == "." and _abbreviation(text, start, found)):
            continue
        pieces.append(text[start : found.end()])
        start = found.end()
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def _abbreviation(text: str, start: int, found: regex.Match[str]) -> bool:
    following = text[found.end() : found.end() + 1]
    return following.islower() or _INITIAL.search(text, start, found.start()) is not None
