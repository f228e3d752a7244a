"""Danger signs in a message, by the packs' phrases and by words of theirs that count together.

Before anything that could fail on a strange message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from afya.assistant.context import Sign
from afya.assistant.understanding.speech import Language
from afya.text.negation import judged
from afya.text.words import Match

Seen = Literal["message", "copy", "near", "pivot"]
_ROUNDS = 8


def danger_signs(text: str, speech: Language, judge: Sequence[str] = (), known: Collection[str] = ()) -> list[Sign]:
    """The danger phrases in `text` (normalised), each with whether it is denied; a rule's up to one that stands.

    Words that are a sign only together count as a phrase does; `known`: concepts that hold although they are not said.

    A danger phrase that is only a piece of a longer phrase for a milder answer is none: "does not drink well" says less
    than "does not drink". `judge`: further languages whose words for "no" may deny it.
    """
    found = [*speech.danger.find(text), *speech.together.find(text, known)]
    if not found:
        return []
    found.sort(key=lambda match: (match.start, -match.end, match.key))
    found = not_within(found, speech.facts.values.find(text))
    return [
        Sign(match.key, text[match.start : match.end], match.start, match.end, speech.code, no)
        for match, no in _judged_by_all(text, found, [speech.code, *(lang for lang in judge if lang != speech.code)])
    ]


def _judged_by_all(text: str, found: list[Match], langs: Sequence[str]) -> list[tuple[Match, bool]]:
    """As `judged`, where the words for "no" of several languages count; after some rounds what is left stands."""
    listed: list[tuple[Match, bool]] = []
    for _ in range(_ROUNDS):
        verdicts = judged(text, found, langs[0])
        stands = [match for match, no in verdicts if not no]
        denied = {match for lang in langs[1:] for match, no in judged(text, stands, lang) if no}
        listed += [(match, True) for match, no in verdicts if no or match in denied]
        if not denied:
            return sorted([*listed, *((match, False) for match in stands)], key=lambda entry: entry[0].start)
        # A rule is judged up to its first phrase that stands: what comes after one that is denied is still to be seen.
        done = {match for match, _ in listed}
        listed += [(match, False) for match in stands if match not in denied]
        keys = {match.key for match in denied}
        found = [match for match in found if match.key in keys and match not in done]
        if not found:
            break
    else:
        listed += [(match, False) for match in found]
    return sorted(listed, key=lambda entry: entry[0].start)


def not_within(found: list[Match], wholes: list[Match]) -> list[Match]:
    """Those of `found` that are no true part of one of `wholes` (both in the order of the text), in one pass."""
    kept: list[Match] = []
    before, reached, here = -1, -1, -1  # the furthest end of the wholes that begin before `here`, and up to it
    place = 0
    for match in found:
        if match.start > here:
            before, here = reached, match.start
        while place < len(wholes) and wholes[place].start <= match.start:
            if wholes[place].start < match.start:
                before = max(before, wholes[place].end)
            reached = max(reached, wholes[place].end)
            place += 1
        # Words that count together and are all within a milder phrase say no more than it does.
        if before < match.end and (reached < match.end if match.parts else reached <= match.end):
            kept.append(match)
    return kept


def look(
    texts: Sequence[tuple[str, Seen]],
    spoken: Sequence[Language],
    judge: Sequence[str],
    known: Collection[str] = (),
) -> tuple[Sign, ...]:
    """The danger phrases of all `spoken` languages in all `texts` (the message, its copy with spellings put right).

    A sign that the copy shows where the message shows it too is named once. A phrase of one language within a sentence
    of another ("hana convulsions") is denied when the words for "no" of either deny it: `judge` names the languages.
    """
    found: dict[tuple[str, bool, str], Sign] = {}
    listed: list[Sign] = []
    for text, seen in texts:
        for speech in spoken:
            for sign in danger_signs(text, speech, judge, known):
                key = (sign.rule, sign.denied, sign.words)
                if seen != "message" and key in found:
                    continue
                found[key] = sign
                listed.append(replace(sign, seen_in=seen))
    return tuple(listed)


def standing(signs: Iterable[Sign], rules: Iterable[str]) -> tuple[str, ...]:
    """The rules of which a sign stands that is not denied, in the order of the rules."""
    held = {sign.rule for sign in signs if not sign.denied}
    return tuple(rule for rule in rules if rule in held)
