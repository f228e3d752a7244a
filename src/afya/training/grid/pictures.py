"""The grid's picture: every run as a dot, and the mean over seeds with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from afya.bench.page.markup import Markup
from afya.bench.page.plots import as_svg, canvas, colour, dress, legend_above, rows_down, styled


@dataclass(frozen=True)
class Panel:
    """One thing that was measured: for each row the value of every seed, their mean and its interval, per cent."""

    name: str
    values: Sequence[Sequence[float]]
    means: Sequence[float | None]
    lows: Sequence[float | None]
    highs: Sequence[float | None]


@styled
def seeds_picture(
    rows: Sequence[str], panels: Sequence[Panel], *, identity: str, title: str, description: str
) -> Markup:
    """Panels side by side, a row a variant: a ring for each seed, below it the mean with its interval."""
    figure, axes = canvas(0.5 * len(rows) + 1.35, len(panels))
    for number, (panel, own) in enumerate(zip(panels, axes if len(panels) > 1 else [axes], strict=True)):
        rows_down(own, rows, labelled=number == 0)
        own.set_ylim(len(rows) - 0.5, -0.5)
        for row, values in enumerate(panel.values):
            own.plot(
                values,
                [row - 0.17] * len(values),
                ls="none",
                marker="o",
                ms=5.5,
                mfc="none",
                mec=colour("blue"),
                mew=1.2,
                label="a seed" if row == 0 and number == 0 else None,
            )
        for row, (mean, low, high) in enumerate(zip(panel.means, panel.lows, panel.highs, strict=True)):
            if low is not None and high is not None:
                own.plot([low, high], [row + 0.17] * 2, color=colour("orange"), lw=2, solid_capstyle="butt")
            if mean is not None:
                label = "mean over seeds, 95% interval" if row == 0 and number == 0 else None
                own.plot([mean], [row + 0.17], ls="none", marker="D", ms=6.5, color=colour("orange"), label=label)
        dress(own, "% right" if panel.name else "")
        own.set_title(panel.name, size=10.5, color=colour("ink"), pad=6)
    legend_above(figure, axes[0] if len(panels) > 1 else axes, 2)
    return as_svg(figure, identity, title, description)
