"""Faults of polarity made on purpose, to measure how many the check `polarity` catches.

A denied wording is exchanged for the same without its denial, or the other way round, by the pairs of the language
(`contrary` in afya.text's polarity/{code}.yaml). The pairs are frequent ones, so this measures the check on common
denials only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from random import Random

from afya.languages import language
from afya.text.polarity import cues
from afya.translation.checks.corrupt import corruption

REMOVE_NEGATION, ADD_NEGATION = "remove_negation", "add_negation"
POLARITY_KINDS: tuple[str, ...] = (REMOVE_NEGATION, ADD_NEGATION)
"""The kinds of polarity faults that this module adds to `corrupt`."""


@corruption(REMOVE_NEGATION)
def remove_negation(text: str, lang: str, rng: Random) -> str | None:
    """`text` with one denial fewer, or None where no denied wording of it has a pair.

    Raises:
        ConfigError: the denials of the language are not known.
    """
    return _swapped(text, *_pairs(lang, REMOVE_NEGATION), rng)


@corruption(ADD_NEGATION)
def add_negation(text: str, lang: str, rng: Random) -> str | None:
    """`text` with one denial more, or None where no wording of it has a denied pair; raises as `remove_negation`."""
    return _swapped(text, *_pairs(lang, ADD_NEGATION), rng)


def _swapped(text: str, pattern: re.Pattern[str], swap: Mapping[str, str], rng: Random) -> str | None:
    places = list(pattern.finditer(text))
    if not places:
        return None
    found = rng.choice(places)
    said = swap[found[0].lower()]
    if found[0][:1].isupper() and said:
        said = said[0].upper() + said[1:]
    end = found.end()
    if not said and text[end : end + 1] == " ":
        end += 1
    return text[: found.start()] + said + text[end:]


@cache
def _pairs(lang: str, kind: str) -> tuple[re.Pattern[str], Mapping[str, str]]:
    contrary = cues(lang).contrary
    if kind == REMOVE_NEGATION:
        swap = dict(contrary)
        longer: list[str] = []
        around: list[str] = []
    else:
        swap = {}
        for denied, said in contrary.items():
            if said:
                swap.setdefault(said, denied)
        # Where the denied wording stands already, its plain part must not be denied a second time.
        longer = [denied for denied in contrary if denied not in swap]
        # French denies around a word: in "n'a pas" the "a" is denied already.
        around = [denied for denied, said in contrary.items() if _around(denied, said)]
    spaced = language(lang).spaced and lang != "ko"
    listed = sorted(swap, key=len, reverse=True)
    wanted = "|".join(map(re.escape, listed))
    body = f"(?<![^\\W_])(?:{wanted})(?![^\\W_])" if spaced else f"(?:{wanted})"
    if longer or around:
        # No denied wording may begin before the place and reach over it.
        guards = {denied[: -len(said)] for denied in longer if (said := contrary[denied]) and denied.endswith(said)}
        guards |= {denied[: denied.index(contrary[denied])] for denied in around}
        body = "".join(f"(?<!{re.escape(guard)})" for guard in sorted(guards) if guard) + body
    return re.compile(body, re.IGNORECASE), swap


def _around(denied: str, said: str) -> bool:
    """Whether a denied wording is the plain one with something before and something behind it."""
    return bool(said) and not denied.startswith(said) and not denied.endswith(said) and f"{said} " in denied
