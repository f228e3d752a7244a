"""Whether an import's accuracy is the published one, within the figure's own rounding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from afya.bench.scoring.verdicts import ALL, Scoring
from afya.errors import ConfigError


@dataclass(frozen=True)
class Figure:
    """A published accuracy: a share, half a unit of its last digit, and for whom (model[/lang[/task]]; None: the one).

    `counts`: (right, of how many) where it was given as such.
    """

    told: str
    target: str | None
    share: float
    half: float
    counts: tuple[int, int] | None = None


@dataclass(frozen=True)
class Comparison:
    """A figure beside what came out. `items`: how many right answers too many (positive) or too few."""

    figure: Figure
    scoring: Scoring
    equal: bool
    items: int
    also: tuple[str, ...]


def figure_of(told: str) -> Figure:
    """The figure of '71.3', '0.713', '71.3%', '283/397', each optionally after 'MODEL=' or 'MODEL/LANG='.

    Raises ConfigError for what is no accuracy.
    """
    target, equals, text = told.rpartition("=")
    text = text.strip()
    name = target.strip() if equals else None
    right, slash, of = text.partition("/")
    try:
        if slash:
            found = int(right), int(of)
            return Figure(told, name, found[0] / found[1], 0.5 / found[1], found)
        percent = text.endswith("%")
        digits = text.rstrip("% ").replace(",", ".")
        value = float(digits)
        decimals = len(digits.partition(".")[2])
    except (ValueError, ZeroDivisionError):
        raise ConfigError(
            f"--published {told}: no accuracy.", hint="Such as 71.3, 0.713, 283/397, gpt-4=71.3"
        ) from None
    scale = 100 if percent or value > 1 else 1
    if not 0 <= value / scale <= 1:
        raise ConfigError(f"--published {told}: no accuracy lies outside 0 to 100%.")
    return Figure(told, name, value / scale, 0.5 * 10.0**-decimals / scale)


def compare(figures: Sequence[Figure], found: Sequence[Scoring]) -> list[Comparison]:
    """Each figure beside the scoring that counts. Raises ConfigError when it is not clear whose figure it is."""
    counted = [scoring for scoring in found if scoring.counts]
    return [_compared(figure, _meant(figure, counted), found) for figure in figures]


def _meant(figure: Figure, counted: Sequence[Scoring]) -> Scoring:
    wholes = [one for one in counted if one.lang == ALL] or []
    models = list(dict.fromkeys(one.model for one in counted))
    for model in models:
        if not any(one.model == model for one in wholes):
            wholes += [one for one in counted if one.model == model]
    named = {name: one for one in counted for name in _names(one)}
    named |= {one.model: one for one in wholes}
    if len(models) == 1:
        named |= {
            name.partition("/")[2]: one
            for name, one in list(named.items())
            if "/" in name and name.startswith(f"{models[0]}/")
        }
    if figure.target is None:
        if len(wholes) == 1:
            return wholes[0]
        raise ConfigError(
            f"--published {figure.told}: {len(models)} models were imported.",
            hint=f"Say whose it is: {models[0]}={figure.told}",
        )
    alike = [name for name in models if figure.target.lower() in name.lower()]
    if figure.target not in named and len(alike) == 1:
        return named[alike[0]]
    if figure.target not in named:
        raise ConfigError(
            f"--published {figure.told}: there is no '{figure.target}'.",
            hint=f"There are: {', '.join(list(named)[:12])}.",
        )
    return named[figure.target]


def _names(one: Scoring) -> tuple[str, ...]:
    return f"{one.model}/{one.lang}/{one.task}", f"{one.model}/{one.lang}", f"{one.model}/{one.task}"


def _compared(figure: Figure, scoring: Scoring, found: Sequence[Scoring]) -> Comparison:
    items = _off(figure, scoring.right, scoring.n)
    others = [
        one
        for one in found
        if (one.model, one.lang, one.task) == (scoring.model, scoring.lang, scoring.task) and not one.counts
    ]
    also = [f"--score-by {one.by}" for one in others if _off(figure, one.right, one.n) == 0]
    if scoring.absent and _off(figure, scoring.right, scoring.n + scoring.absent) == 0:
        also.append("--missing wrong")
    also += [
        f"--score-by {one.by} --missing wrong"
        for one in others
        if one.absent and _off(figure, one.right, one.n + one.absent) == 0
    ]
    parts = [
        one
        for one in found
        if one.counts and one.model == scoring.model and one.lang != ALL and one.accuracy is not None
    ]
    if scoring.lang == ALL and parts:
        mean = sum(one.accuracy or 0 for one in parts) / len(parts)
        if abs(mean - figure.share) <= figure.half + 1e-9:
            also.append(f"the mean of the {len(parts)} languages and tasks, each counting once ({100 * mean:.2f}%)")
    return Comparison(figure, scoring, items == 0, items, tuple(dict.fromkeys(also)))


def _off(figure: Figure, right: int, n: int) -> int:
    """Right answers too many or too few for the figure; 0 where the share rounds to it."""
    if figure.counts is not None:
        return right - figure.counts[0] if n == figure.counts[1] else right - round(figure.share * n) or (1 if n else 0)
    if n == 0:
        return -1
    if abs(right / n - figure.share) <= figure.half + 1e-9:
        return 0
    if right / n > figure.share:
        return right - math.floor((figure.share + figure.half) * n + 1e-6)
    return right - math.ceil((figure.share - figure.half) * n - 1e-6)
