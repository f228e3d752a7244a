"""The picture of what was measured while the stages ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from afya.bench.analysis.clustered import ALL
from afya.bench.page.figures import figure
from afya.bench.page.markup import Markup
from afya.bench.page.plots import MARKERS, MODELS, SERIES_LIMIT, as_svg, canvas, colour, dress, legend_above, styled


def steps_figure(rows: Sequence[Mapping[str, str]], labels: Sequence[str]) -> Markup | None:
    """Accuracy over all languages by step, a line a data set and a panel a stage; None where nothing was measured.

    Args:
        rows: those of steps.csv.
    """
    whole = [row for row in rows if row["lang"] == ALL and row["accuracy"]]
    stages = [label for label in labels if any(row["stage"] == label for row in whole)]
    stages += [row["stage"] for row in whole if row["stage"] not in stages]
    stages = list(dict.fromkeys(stages))
    data = list(dict.fromkeys(row["data"] for row in whole))[:SERIES_LIMIT]
    if not whole:
        return None
    caption = "Share answered correctly while the stages ran, over all languages"
    note = "On a few groups of each data set; the bar is the 95% interval. RUN/proof/steps.csv holds every language."
    return figure(caption, note, _drawn(whole, stages, data, caption))


@styled
def _drawn(rows: Sequence[Mapping[str, str]], stages: Sequence[str], data: Sequence[str], title: str) -> Markup:
    height = 3.2
    drawing, panels = canvas(height, len(stages))
    top = 0.45 if len(data) > 1 else 0.1
    drawing.subplots_adjust(left=0.075, wspace=0.12, top=1 - top / height)
    listed = [panels] if len(stages) == 1 else list(panels)
    for place, (stage, axes) in enumerate(zip(stages, listed, strict=True)):
        for index, name in enumerate(data):
            own = [row for row in rows if row["stage"] == stage and row["data"] == name]
            shade = colour(MODELS[index])
            steps = [int(row["step"]) for row in own]
            for step, row in zip(steps, own, strict=True):
                axes.plot([step, step], [100 * float(row["low"]), 100 * float(row["high"])], color=shade, lw=1.6)
            values = [100 * float(row["accuracy"]) for row in own]
            axes.plot(steps, values, color=shade, lw=1.2, marker=MARKERS[index], ms=6, mec=colour("paper"), label=name)
        axes.set_ylim(0, 100)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if place:
            axes.set_yticklabels([])
        dress(axes, f"step of {stage}", grid="both")
    listed[0].set_ylabel("% right", size=10.5, color=colour("muted"))
    legend_above(drawing, listed[0], len(data))
    told = ", ".join(data)
    return as_svg(drawing, "steps", title, f"{told} by step, a panel for each of {', '.join(stages)}.")
