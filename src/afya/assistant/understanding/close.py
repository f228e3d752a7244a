"""Times that belong to the words right beside them: a newborn's days, the weeks of a pregnancy, the days since a birth;
and blood pressures in words.

These words claim a time only when nothing stands between: "pregnant for 2 weeks" and "pregnant, bleeding for 2 weeks"
must not be mixed up. What another sign claims as closely is left to be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import regex

from afya.assistant.understanding.amounts import DAYS
from afya.protocols import Protocol
from afya.protocols.conditions import thresholds
from afya.text.literals import text_literals
from afya.text.normalise import fold_marks
from afya.text.quantities import Quantity, lasting_words
from afya.text.words import Match, words

AGE_DAYS, PREGNANCY, SINCE_BIRTH = "age_days", "pregnancy_weeks", "days_since_birth"
UNITS = {AGE_DAYS: ("day", "week"), PREGNANCY: ("week", "month"), SINCE_BIRTH: ("day", "week")}
"""The keys of packs under which such words stand, each with the units of the times they claim."""

_SLASH = regex.compile(r"(?<![\d.,/])(\d{2,3})\s?/\s?(\d{2,3})(?![\d/]|[.,]\d)")
_PARTS_CLAUSES = regex.compile(r"[\s,;:.、，；：。()\-–]*")
_CLAUSE_ENDS = regex.compile(r"\s*(?:$|[,;:.!?、，；：。！？()\n])")
# A month of pregnancy is counted as four weeks, or by the calendar.
_WEEKS_A_MONTH = 4


def claimed(
    text: str, times: Sequence[Quantity], cues: Sequence[Match], infants: Sequence[Match], lang: str
) -> dict[Quantity, str]:
    """The key of `UNITS` that the words beside each time give it; times that no words, or two keys, claim are left out.

    `cues` are all words beside which numbers stand, `infants` the words for a newborn: "newborn, 10 days, red navel".
    """
    found = {}
    for time in times:
        own = {cue.key for cue in cues if _claims(text, time, cue, lang)}
        if time.unit in UNITS[AGE_DAYS] and any(_before_alone(text, time, infant) for infant in infants):
            own.add(AGE_DAYS)
        rival = any(cue.key not in UNITS and cue.key.endswith("_days") and _touches(text, time, cue) for cue in cues)
        if len(own) == 1 and not rival:
            found[time] = own.pop()
    return found


def _claims(text: str, time: Quantity, cue: Match, lang: str) -> bool:
    if time.unit not in UNITS.get(cue.key, ()):
        return False
    if _before_alone(text, time, cue):
        return True
    # "For 2 weeks pregnant women ..." is not two weeks of pregnancy.
    return _touches(text, time, cue) and (cue.start <= time.start or not _lasts(text, time, lang))


def _touches(text: str, time: Quantity, cue: Match) -> bool:
    """Whether nothing stands between a time and a cue on either side of it; a colon may.

    The cue may also be the time's own unit: Zulu "olunezinsuku ezi-10", one who has ten days.
    """
    if cue.start <= time.start < cue.end < time.end:
        return True
    if cue.end <= time.start:
        return text[cue.end : time.start].strip() in ("", ":", "：")
    return time.end <= cue.start and not text[time.end : cue.start].strip()


def _before_alone(text: str, time: Quantity, cue: Match) -> bool:
    """Whether a time follows a cue, across a comma too, and says nothing of what comes after it."""
    if cue.end > time.start or _PARTS_CLAUSES.fullmatch(text[cue.end : time.start]) is None:
        return False
    return _CLAUSE_ENDS.match(text, time.end) is not None


def _lasts(text: str, time: Quantity, lang: str) -> bool:
    before = words(text[: time.start])
    return bool(before) and fold_marks(before[-1].text) in lasting_words(lang)


def weeks(several: Sequence[Quantity], protocol: Protocol) -> list[Quantity] | None:
    """The times of a pregnancy in weeks; None where months may be two different things for the protocol.

    Seven months are 28 weeks as midwives count and 30 by the calendar: both must lead to the same rows.
    """
    stated = [time for time in several if time.unit == "week"]
    if stated:
        return stated
    rows = [row.when for table in protocol.tables.values() for row in table.rows]
    every = (*rows, *(table.applies for table in protocol.tables.values()))
    edges = {edge for condition in every for edge in thresholds(condition, PREGNANCY)}
    found = []
    for time in several:
        low, high = time.value * _WEEKS_A_MONTH, time.value * DAYS["month"] / DAYS["week"]
        if time.upper is not None or any(low < edge <= high for edge in edges):
            return None
        found.append(Quantity(low, None, "week", time.start, time.end, time.spelled))
    return found


def pressure_pairs(text: str, lang: str | None = None) -> list[tuple[int, int, int, int]]:
    """Pairs of numbers written as a blood pressure: upper, lower, and their place. With `lang` also "150 over 95"."""
    patterns = [_SLASH] if lang is None else [_SLASH, *_over(lang)]
    return [
        (int(pair[1]), int(pair[2]), pair.start(), pair.end())
        for pattern in patterns
        for pair in pattern.finditer(text)
    ]


@cache
def _over(lang: str) -> tuple[regex.Pattern[str], ...]:
    listed = text_literals(lang).over
    if not listed:
        return ()
    between = "|".join(map(regex.escape, listed))
    return (
        regex.compile(
            rf"(?i)(?<![\d.,/])(\d{{2,3}})\s?(?:{between})\s?(\d{{2,3}})(?![\d/%]|[.,]\d|\s?(?:mg|ml|kg|cm|g|l)\b)"
        ),
    )
