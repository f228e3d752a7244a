"""Plots made of points: many models in one row, confidence against correctness, cost against accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from afya.bench.page.markup import Markup
from afya.bench.page.plots import WIDTH, as_svg, canvas, colour, dress, legend_above, rows_down, short, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def strips(
    rows: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    identity: str,
    title: str,
    description: str,
    axis: str,
    limits: tuple[float, float] | None = (0.0, 100.0),
    reference: Sequence[float | None] = (),
    reference_name: str = "chance",
    divider: int | None = None,
) -> Markup:
    """A tick for every model in each row, too many to be named, and the middle one larger.

    `values`: for each row, one value a model.
    """
    from statistics import median_low

    figure, axes = canvas(0.42 * len(rows) + 1.15)
    rows_down(axes, rows)
    for row, at in enumerate(reference):
        if at is not None:
            label = reference_name if row == 0 else None
            axes.plot([at, at], [row - 0.5, row + 0.5], color=colour("muted"), lw=1.4, ls=(0, (4, 2)), label=label)
    for row, own in enumerate(values):
        known = [value for value in own if value is not None]
        if not known:
            continue
        ends = [row] * len(known)
        axes.plot(known, ends, ls="none", marker="|", ms=11, mew=1.3, color=colour("blue"), label=_once("a model", row))
        middle = _once("the middle model", row)
        axes.plot([median_low(known)], [row], ls="none", marker="D", ms=7, color=colour("orange"), label=middle)
    if divider is not None and 0 < divider < len(rows):
        axes.axhline(divider - 0.5, color=colour("muted"), lw=0.9)
    if limits is not None:
        axes.set_xlim(*limits)
    dress(axes, axis)
    legend_above(figure, axes, 3)
    return as_svg(figure, identity, title, description)


def _once(name: str, row: int) -> str | None:
    return name if row == 0 else None


@dataclass(frozen=True)
class Reliability:
    """One model's bins: mean confidence, share right (both 0 to 1) and n of each; and what stands under its name."""

    name: str
    told: str
    confidence: Sequence[float]
    correct: Sequence[float]
    n: Sequence[int]


_ACROSS = 4


@styled
def reliability(models: Sequence[Reliability], *, identity: str, title: str, description: str) -> Markup:
    """A small panel for each model: where the dots lie under the diagonal, it is surer than it should be."""
    across = min(_ACROSS, len(models))
    down = -(-len(models) // across)
    height = 2.25 * down + 0.75
    figure, _ = canvas(height)
    figure.clear()
    panels = figure.subplots(down, across, squeeze=False)
    width = 1.35 if across > 1 else 0.55
    figure.subplots_adjust(
        left=0.55 / WIDTH, right=1 - 0.2 / WIDTH, top=1 - 0.5 / height, bottom=0.6 / height, wspace=0.22, hspace=0.55
    )
    for place, axes in enumerate(panels.flat):
        if place >= len(models):
            axes.set_visible(False)
            continue
        one = models[place]
        most = max(one.n, default=1)
        axes.plot([0, 100], [0, 100], color=colour("muted"), lw=1, ls=(0, (4, 2)))
        x, y = [100 * value for value in one.confidence], [100 * value for value in one.correct]
        axes.plot(x, y, color=colour("blue"), lw=width)
        axes.scatter(x, y, s=[10 + 40 * number / most for number in one.n], color=colour("blue"), zorder=3)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
        axes.set_xticks([0, 50, 100])
        axes.set_yticks([0, 50, 100])
        dress(axes, "confidence, %" if place >= len(models) - across else "", grid="both")
        axes.set_title(f"{short(one.name, 92 // (across + 1))}\n{one.told}", size=9, color=colour("ink"), pad=5)
        if place % across == 0:
            axes.set_ylabel("% right", size=10.5, color=colour("muted"))
    return as_svg(figure, identity, title, description)


@dataclass(frozen=True)
class Point:
    """A model in a plane: cost (US dollars) and accuracy (per cent) with its interval; `named` where it is labelled."""

    name: str
    cost: float
    accuracy: float
    low: float | None
    high: float | None
    named: bool


@styled
def cost_plane(points: Sequence[Point], *, identity: str, title: str, description: str) -> Markup:
    """Cost (logarithmic) against accuracy; the models that none is both cheaper and better than are joined."""
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = canvas(4.2)
    figure.subplots_adjust(left=0.6 / WIDTH)
    for point in points:
        if point.low is not None and point.high is not None:
            axes.plot([point.cost] * 2, [point.low, point.high], color=colour("line"), lw=1.6, zorder=1)
    front = sorted(best_value(points), key=lambda point: point.cost)
    axes.plot(
        [p.cost for p in front], [p.accuracy for p in front], color=colour("muted"), lw=1, ls=(0, (4, 2)), zorder=1
    )
    axes.plot(
        [point.cost for point in points],
        [point.accuracy for point in points],
        ls="none",
        marker="o",
        ms=7,
        color=colour("blue"),
        mec=colour("paper"),
    )
    for point in points:
        if point.named:
            _named(axes, point)
    costs = [point.cost for point in points]
    reach = max(3.0, (max(costs) / min(costs)) ** 0.15)
    axes.set_xlim(min(costs) / reach, max(costs) * reach)
    axes.set_xscale("log")
    axes.set_ylim(0, 100)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    dress(axes, "US dollars for 1,000 items", grid="both")
    axes.set_ylabel("% right", size=10.5, color=colour("muted"))
    return as_svg(figure, identity, title, description)


def best_value(points: Sequence[Point]) -> list[Point]:
    """The points that no other is both cheaper (or as cheap) and more accurate than."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def _named(axes: Axes, point: Point) -> None:
    axes.annotate(
        short(point.name, 24),
        (point.cost, point.accuracy),
        textcoords="offset points",
        xytext=(6, 6),
        size=9.5,
        color=colour("ink"),
    )
