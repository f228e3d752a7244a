"""How neighbouring number words make one number: "two hundred and five", "elfu tano na mia mbili", "zweiundfünfzig"."""

from __future__ import annotations

from collections.abc import Sequence

from afya.text.number_pieces import Mark
from afya.text.numerals import NumberFile


def is_power(mark: Mark) -> bool:
    """Whether a word multiplies what stands beside it: hundred, thousand, million."""
    # "one hundred" and "mia moja" are whole numbers, not multipliers.
    return mark.kind == "power" or (mark.kind == "word" and mark.value in (100.0, 1000.0) and mark.raw != "whole")


def ends_number(mark: Mark) -> bool:
    """Whether a word ends a spelled number: an ordinal or a fraction."""
    return mark.key in ("ordinal", "fraction", "roman")


def continues(run: Sequence[Mark], after: Mark, link: bool, data: NumberFile) -> bool:
    """Whether `after` goes on with the number that `run` begins; `link`: an "and" stands between."""
    last = run[-1]
    if is_power(after):
        if data.power_first and not link:
            # In "elfu tano mia mbili" a smaller power begins the next part.
            return is_power(run[0]) and after.value < run[0].value
        if link and any(is_power(mark) and mark.value > after.value for mark in run):
            return True
        grows = last.value <= after.value if is_power(last) else last.value < after.value
        return grows and (data.power_first or not link)
    if is_power(last):
        return after.value < last.value
    if data.small_first and last.value < 10 and after.value % 10 == 0 and 20 <= after.value < 100:
        return link
    if link and not data.joiners and not data.and_prefixes:
        return False
    if last.value == 10:
        return 0 < after.value < 10 and (link or data.power_first or data.glued)
    # French and Danish count in twenties: "soixante et onze".
    most = 20 if last.value % 20 == 0 else 10
    return last.value % 10 == 0 and last.value >= 20 and 0 < after.value < most


def compose(run: Sequence[Mark], joined: Sequence[bool], data: NumberFile) -> tuple[float, float | None]:
    """The value of the words of a run, and a second reading where there is one.

    `joined` tells for each word whether an "and" stands before it.
    """
    if data.power_first:
        return _compose_power_first(run, joined)
    total = current = 0.0
    for mark in run:
        value = mark.value
        if is_power(mark):
            if value < 1000:
                current = (current or 1) * value
            else:
                total += (current or 1) * value
                current = 0.0
        else:
            current += value
    return total + current, None


def _compose_power_first(run: Sequence[Mark], joined: Sequence[bool]) -> tuple[float, float | None]:
    """elfu mbili mia tano na tano: each power with what follows it, up to the next power."""
    total, power, below, linked = 0.0, 0.0, 0.0, False
    added = 0.0
    for mark, link in zip(run, joined, strict=True):
        if is_power(mark):
            total += power * (below or 1) if power else below
            power, below, linked = mark.value, 0.0, False
        elif power and link and below == 0 and not linked:
            # "mia na tano": a hundred and five.
            total += power
            power, below, linked = 0.0, mark.value, True
        elif power and link and mark.value < power and below:
            total += power * below
            power, below = 0.0, mark.value
        else:
            below += mark.value
        added += mark.value
    total += power * (below or 1) if power else below
    return total, (added if added != total else None)
