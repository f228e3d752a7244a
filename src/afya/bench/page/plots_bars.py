"""Plots made of bars: what became of the items, what was lost against what was gained, what a gap is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from afya.bench.page.markup import Markup
from afya.bench.page.plots import WIDTH, Series, as_svg, canvas, colour, dress, legend_above, rows_down, short, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


OUTCOME_SHADES = {
    "correct": ("blue", "paper", ""),
    "wrong": ("orange", "paper", ""),
    "refused": ("purple", "paper", ""),
    "unparseable": ("first", "paper", ""),
    "empty": ("band", "muted", "////"),
    "error": ("ink", "paper", "...."),
}
"""Outcome -> (fill, colour of hatching and edge, hatch)."""


@styled
def outcome_bars(
    rows: Sequence[str],
    panels: Sequence[tuple[str, dict[str, Sequence[float]]]],
    *,
    identity: str,
    title: str,
    description: str,
    divider: int | None = None,
) -> Markup:
    """Stacked bars of what became of the items, in per cent of all asked: a panel a model, a bar a row."""
    figure, first = canvas(0.3 * len(rows) + 1.35, panels=len(panels))
    each = _each(first, len(panels))
    shown = [name for name in OUTCOME_SHADES if any(any(parts[name]) for _, parts in panels)]
    for axes, (name, parts) in zip(each, panels, strict=True):
        starts = [0.0] * len(rows)
        for outcome in shown:
            fill, edge, hatch = OUTCOME_SHADES[outcome]
            axes.barh(
                range(len(rows)),
                parts[outcome],
                left=starts,
                height=0.72,
                color=colour(fill),
                edgecolor=colour(edge),
                linewidth=0.8,
                hatch=hatch,
                label=outcome,
            )
            for row, share in enumerate(parts[outcome]):
                if share >= 40 / WIDTH * len(panels) and not hatch:
                    middle = starts[row] + share / 2
                    axes.text(middle, row, f"{share:.0f}", color=colour("paper"), ha="center", va="center", size=9)
            starts = [start + share for start, share in zip(starts, parts[outcome], strict=True)]
        rows_down(axes, rows, labelled=axes is each[0], banded=False)
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 50, 100] if len(panels) > 1 else range(0, 101, 20))
        _divide(axes, divider, len(rows))
        dress(axes, "% of items asked")
        if len(panels) > 1:
            # The outer numbers would run into those of the next panel.
            axes.get_xticklabels()[0].set_horizontalalignment("left")
            axes.get_xticklabels()[-1].set_horizontalalignment("right")
            _title(axes, name, len(panels))
    legend_above(figure, each[0], len(shown))
    return as_svg(figure, identity, title, description)


@styled
def facing_bars(
    rows: Sequence[str],
    panels: Sequence[tuple[str, Series, Series]],
    *,
    identity: str,
    title: str,
    description: str,
    axis: str,
    divider: int | None = None,
) -> Markup:
    """Two shares of each row that face each other: the first to the left of zero, the second to its right.

    A panel is (its name, the series drawn to the left, the one to the right), in per cent, each with its interval.
    """
    figure, first = canvas(0.3 * len(rows) + 1.35, panels=len(panels))
    each = _each(first, len(panels))
    ends = [end for _, *pair in panels for one in pair for end in (*one.values, *one.highs) if end is not None]
    edge = max(5.0, 1.12 * max(ends, default=0.0))
    for axes, (name, left, right) in zip(each, panels, strict=True):
        for series, side, shade in ((left, -1, "orange"), (right, 1, "blue")):
            values = [side * (value or 0.0) for value in series.values]
            axes.barh(range(len(rows)), values, height=0.66, color=colour(shade), label=series.name)
            for row, (low, high) in enumerate(zip(series.lows, series.highs, strict=True)):
                if low is not None and high is not None:
                    axes.plot([side * low, side * high], [row, row], color=colour("ink"), lw=1.1, solid_capstyle="butt")
        rows_down(axes, rows, labelled=axes is each[0])
        axes.axvline(0, color=colour("muted"), lw=0.9)
        axes.set_xlim(-edge, edge)
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
        axes.locator_params(axis="x", nbins=6 if len(panels) == 1 else 4)
        _divide(axes, divider, len(rows))
        dress(axes, axis)
        if len(panels) > 1:
            _title(axes, name, len(panels))
    legend_above(figure, each[0], 2)
    return as_svg(figure, identity, title, description)


PART_SHADES = {
    "unparseable": ("first", "paper", ""),
    "refusal": ("purple", "paper", ""),
    "wrong_language": ("green", "paper", ""),
    "truncation": ("band", "muted", "////"),
    "rest": ("orange", "paper", ""),
}
"""Part of a gap -> (fill, colour of hatching and edge, hatch)."""


@styled
def part_bars(
    rows: Sequence[str],
    panels: Sequence[tuple[str, dict[str, Sequence[float]], Sequence[float | None]]],
    *,
    identity: str,
    title: str,
    description: str,
    axis: str,
    divider: int | None = None,
) -> Markup:
    """What the gap of each row is made of, in points: parts that widen it to the right of zero, others to its left.

    A panel is (its name, the parts by name, the whole gap, which a diamond marks).
    """
    figure, first = canvas(0.3 * len(rows) + 1.35, panels=len(panels))
    each = _each(first, len(panels))
    shown = [name for name in PART_SHADES if any(any(parts[name]) for _, parts, _ in panels)]
    edges = [sum(side) for _, parts, _ in panels for row in range(len(rows)) for side in _sides(parts, shown, row)]
    reach = max(5.0, max(edges, default=0.0) - min(edges, default=0.0))
    limits = (min(edges, default=0.0) - 0.05 * reach, max(edges, default=0.0) + 0.05 * reach)
    for axes, (name, parts, whole) in zip(each, panels, strict=True):
        ends = {1: [0.0] * len(rows), -1: [0.0] * len(rows)}
        for cause in shown:
            fill, edge, hatch = PART_SHADES[cause]
            starts = [ends[1 if value >= 0 else -1][row] for row, value in enumerate(parts[cause])]
            look: dict[str, Any] = {"color": colour(fill), "edgecolor": colour(edge), "linewidth": 0.8, "hatch": hatch}
            label = cause.replace("_", " ")
            axes.barh(range(len(rows)), parts[cause], left=starts, height=0.66, label=label, **look)
            for row, value in enumerate(parts[cause]):
                ends[1 if value >= 0 else -1][row] += value
        known = [(value, row) for row, value in enumerate(whole) if value is not None]
        axes.plot(
            [value for value, _ in known],
            [row for _, row in known],
            ls="none",
            marker="D",
            ms=6,
            color=colour("ink"),
            mec=colour("paper"),
            label="whole gap",
        )
        rows_down(axes, rows, labelled=axes is each[0])
        axes.axvline(0, color=colour("muted"), lw=0.9)
        axes.set_xlim(*limits)
        axes.locator_params(axis="x", nbins=6 if len(panels) == 1 else 4)
        _divide(axes, divider, len(rows))
        dress(axes, axis)
        if len(panels) > 1:
            _title(axes, name, len(panels))
    legend_above(figure, each[0], min(6, len(shown) + 1))
    return as_svg(figure, identity, title, description)


def _sides(parts: dict[str, Sequence[float]], shown: Sequence[str], row: int) -> tuple[list[float], list[float]]:
    """A row's parts below zero, and those above."""
    values = [parts[name][row] for name in shown]
    return [value for value in values if value < 0], [value for value in values if value >= 0]


def _each(axes: Any, panels: int) -> list[Axes]:
    return list(axes) if panels > 1 else [axes]


def _divide(axes: Axes, divider: int | None, rows: int) -> None:
    if divider is not None and 0 < divider < rows:
        axes.axhline(divider - 0.5, color=colour("muted"), lw=0.9)


def _title(axes: Axes, name: str, panels: int) -> None:
    axes.set_title(short(name, 88 // panels), size=10.5, color=colour("ink"), pad=6)
