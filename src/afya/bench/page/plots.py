"""The report's plots: matplotlib figures as inline SVG whose text stays text and whose colours follow the page.

Colours are the names of `PALETTE`, drawn as their light values and turned into CSS variables afterwards, so that the
same picture serves light and dark pages. They differ in lightness as well as in hue, every series has a marker of its
own, and each stands out against the page by 4.5:1 or more: no plot is read by hue alone. The same data give the same
bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

from afya.bench.page.markup import Markup, escaped, trusted
from afya.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#12181d"),
    "band": ("#f3f6f7", "#1b242b"),
    "ink": ("#17222c", "#e8edf0"),
    "muted": ("#4b5863", "#a9b5bf"),
    "line": ("#d3dade", "#38444d"),
    "accent": ("#0b5a66", "#6fc7d3"),
    "first": ("#66727e", "#97a4af"),
    "second": ("#0067a6", "#63b3ee"),
    "third": ("#06304e", "#d3e8fa"),
    "blue": ("#0067a5", "#64b4ef"),
    "orange": ("#b34b00", "#f0975b"),
    "green": ("#00704e", "#4bc699"),
    "purple": ("#86408e", "#d49ade"),
}
"""Name -> (on a light page, on a dark page). No two light values are equal: they are told apart in the SVG."""

STAGES = ("first", "second", "third", "orange")
MODELS = ("blue", "orange", "green", "purple")
MARKERS = ("o", "s", "D", "^")
SERIES_LIMIT = 4
"""More series than this in one picture cannot be told apart; a report then draws one picture each."""

WIDTH = 7.6
_DPI = 72


@dataclass(frozen=True)
class Series:
    """One model or stage: per row a value and its interval, in the plot's unit, None where nothing was measured."""

    name: str
    values: Sequence[float | None]
    lows: Sequence[float | None]
    highs: Sequence[float | None]


def colour(name: str) -> str:
    """The light value of a palette colour, by which it is drawn."""
    return PALETTE[name][0]


_P = ParamSpec("_P")

_STYLE: dict[Any, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "afya",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "hatch.linewidth": 0.8,
    "text.parse_math": False,
    "path.simplify": False,
}


def styled(draw: Callable[_P, Markup]) -> Callable[_P, Markup]:
    """Draw under matplotlib's defaults and our style, whatever the user's own settings are."""

    @wraps(draw)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> Markup:
        require("matplotlib", "report", "A report with plots")
        import matplotlib as mpl

        with mpl.rc_context(), warnings.catch_warnings():
            # Text stays text: a glyph that the measuring font lacks is drawn by the reader's own fonts.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            mpl.rcdefaults()
            mpl.rcParams.update(_STYLE)
            return draw(*args, **kwargs)

    return drawn


@styled
def dots(
    rows: Sequence[str],
    series: Sequence[Series],
    *,
    identity: str,
    title: str,
    description: str,
    axis: str,
    limits: tuple[float, float] | None = (0.0, 100.0),
    reference: Sequence[float | None] = (),
    reference_name: str = "chance",
    connected: bool = False,
    divider: int | None = None,
) -> Markup:
    """A dot with its interval for each row and series.

    Args:
        rows: names down the side, from the top.
        reference: per row where its reference (chance, or zero) stands.
        connected: join the series of a row by a line, for stages that follow one another.
        divider: draw a line above this row (between high- and low-resource languages).
    """
    step = 0.0 if len(series) == 1 else min(0.24, 0.72 / (len(series) - 1))
    figure, axes = canvas(0.42 * len(rows) * max(1.0, len(series) / 3) + 1.15)
    rows_down(axes, rows)
    names = STAGES if connected else MODELS
    places = [
        [row + (index - (len(series) - 1) / 2) * step for row in range(len(rows))] for index in range(len(series))
    ]
    for row, at in enumerate(reference):
        if at is not None:
            label = reference_name if row == 0 else None
            axes.plot([at, at], [row - 0.5, row + 0.5], color=colour("muted"), lw=1.4, ls=(0, (4, 2)), label=label)
    if connected:
        for row in range(len(rows)):
            points = [(one.values[row], place[row]) for one, place in zip(series, places, strict=True)]
            known = [point for point in points if point[0] is not None]
            axes.plot(*zip(*known, strict=True), color=colour("line"), lw=2.2, zorder=1) if known else None
    for index, (one, place) in enumerate(zip(series, places, strict=True)):
        shade = colour(names[index % SERIES_LIMIT])
        for row, (low, high) in enumerate(zip(one.lows, one.highs, strict=True)):
            if low is not None and high is not None:
                axes.plot([low, high], [place[row]] * 2, color=shade, lw=2, solid_capstyle="butt", zorder=2)
        known = [(value, at) for value, at in zip(one.values, place, strict=True) if value is not None]
        axes.plot(
            [point[0] for point in known],
            [point[1] for point in known],
            ls="none",
            marker=MARKERS[index % SERIES_LIMIT],
            color=shade,
            mec=colour("paper"),
            mew=0.8,
            ms=7.5,
            zorder=3,
            label=one.name,
        )
    if divider is not None and 0 < divider < len(rows):
        axes.axhline(divider - 0.5, color=colour("muted"), lw=0.9)
    if limits is not None:
        axes.set_xlim(*limits)
    dress(axes, axis)
    entries = [one.name for one in series] + [reference_name] * bool(reference)
    legend_above(figure, axes, len(entries) if sum(map(len, entries)) <= 56 else min(4, len(entries)))
    return as_svg(figure, identity, title, description)


def canvas(height: float, panels: int = 1) -> tuple[Figure, Any]:
    """A figure of the page's width and so many inches high, with its axes: one, or an array of panels side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=_DPI)
    axes = figure.subplots(1, panels)
    # Fixed margins in inches: a layout engine would measure text and move with the version of a font.
    figure.subplots_adjust(
        left=1.85 / WIDTH,
        right=1 - 0.25 / WIDTH,
        top=1 - (0.75 if panels > 1 else 0.45) / height,
        bottom=0.6 / height,
        wspace=0.16,
    )
    return figure, axes


def rows_down(axes: Axes, rows: Sequence[str], labelled: bool = True, banded: bool = True) -> None:
    """Name the rows down the side, from the top."""
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [short(row, 22) for row in rows] if labelled else [""] * len(rows))
    if banded:
        for row in range(0, len(rows), 2):
            axes.axhspan(row - 0.5, row + 0.5, color=colour("band"), lw=0, zorder=0)


def dress(axes: Axes, name: str, grid: Literal["x", "y", "both"] = "x") -> None:
    """The axis' name, a quiet grid, and no frame."""
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=colour("line"), lw=0.8)
    axes.tick_params(length=0, labelsize=10.5, labelcolor=colour("ink"), pad=5)
    axes.set_xlabel(name, size=10.5, color=colour("muted"))
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def legend_above(figure: Figure, axes: Axes, columns: int) -> None:
    """The series' names over the plot, where there are two or more."""
    handles, names = axes.get_legend_handles_labels()
    if len(handles) < 2:
        return
    # A dashed reference is drawn first, under the rest, and named last.
    entries = sorted(zip(handles, names, strict=True), key=lambda entry: _dashed(entry[0]))
    handles, names = [handle for handle, _ in entries], [name for _, name in entries]
    height = figure.get_size_inches()[1]
    legend = figure.legend(
        handles,
        [short(name, 100 // max(columns, 2)) for name in names],
        loc="upper left",
        bbox_to_anchor=((1.72 if columns <= 4 else 0.3) / WIDTH, 1 - 0.02 / height),
        ncols=max(columns, 1),
        frameon=False,
        fontsize=10.5,
        handletextpad=0.4,
        columnspacing=1.4,
        borderaxespad=0,
    )
    for text in legend.get_texts():
        text.set_color(colour("ink"))


def _dashed(handle: Any) -> bool:
    """Whether a legend's handle is a line of dashes; bars and markers are none."""
    from matplotlib.lines import Line2D

    return isinstance(handle, Line2D) and handle.is_dashed()


def short(name: str, most: int) -> str:
    """The name, cut with an ellipsis where it has more than `most` characters."""
    return name if len(name) <= most else name[: most - 1] + "…"


def as_svg(figure: Figure, identity: str, title: str, description: str) -> Markup:
    """The figure as an `svg` element with a title and description, its ids made unique, its colours the page's."""
    sink = io.StringIO()
    no_metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(sink, format="svg", transparent=True, metadata=no_metadata)
    text = sink.getvalue()
    text = text[text.index("<svg") :]
    # Fixed sizes, the metadata and a style element for every '*' of the page have no place in a page of several.
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None, "matplotlib writes a viewBox"
    text = text[text.index(">") + 1 :]
    text = re.sub(r'\bid="([^"]*)"', rf'id="{identity}-\1"', text)
    text = re.sub(r'href="#([^"]*)"', rf'href="#{identity}-\1"', text)
    text = re.sub(r"url\(#([^)]*)\)", rf"url(#{identity}-\1)", text)
    text = text.replace("xlink:href", "href")
    for name, (light, _) in PALETTE.items():
        text = text.replace(light, f"var(--{name})")
    text = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", text)
    # The svg element is spoken as one picture by its title and description; the numbers are in the tables.
    opening = (
        f'<svg {box.group()} role="img" aria-labelledby="{identity}-title {identity}-desc" '
        'style="stroke-linejoin: round; stroke-linecap: butt" xmlns="http://www.w3.org/2000/svg">'
    )
    named = (
        f'<title id="{identity}-title">{escaped(title)}</title><desc id="{identity}-desc">{escaped(description)}</desc>'
    )
    return trusted("\n".join(line.rstrip() for line in (opening + named + text).splitlines() if line.strip()))
