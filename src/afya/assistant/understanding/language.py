"""Whether a message is in the chosen language, and which others are mixed into it."""

from __future__ import annotations

import regex

from afya.assistant.context import LanguageCheck
from afya.assistant.limits import Limits
from afya.assistant.understanding.speech import Language
from afya.text.identify import agrees, identify, main_script
from afya.text.words import words

_CLAUSES = regex.compile(r"[.!?;:\n。！？；：؟؛।,，、،]+")
# Fewer words tell nothing about a clause's language.
_FEWEST_WORDS = 3


def check_language(text: str, chosen: Language, limits: Limits) -> LanguageCheck:
    """The language of a message, with the pack's own words as further evidence.

    `mixed` are the other languages that its clauses surely are in: what a health worker writes changes language within
    a message, and danger signs are looked for in each.
    """
    vocabulary = {chosen.code: chosen.words}
    verdict = identify(text, vocabulary=vocabulary)
    matches = agrees(verdict, text, chosen.code)
    mixed: dict[str, None] = {}
    scripts: dict[str, None] = {}
    for clause in _CLAUSES.split(text)[: limits.mixed_clauses]:
        script = main_script(clause)
        if script is not None:
            scripts[script] = None
        if len(words(clause)) < _FEWEST_WORDS and script == "Latn":
            continue
        found = identify(clause, vocabulary=vocabulary)
        if found.reliable and found.language not in (None, chosen.code):
            mixed[str(found.language)] = None
    return LanguageCheck(
        matches, verdict.language, round(verdict.confidence, 3), verdict.reason, tuple(mixed), tuple(scripts)
    )
