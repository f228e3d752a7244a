"""The plots of one part of a report, made from its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from afya.bench.analysis.summary import ALL, languages_in, percent
from afya.bench.page.cells import language_row
from afya.bench.page.markup import Markup, tag
from afya.bench.page.plots import Series, dots
from afya.bench.page.plots_bars import facing_bars, outcome_bars, part_bars
from afya.bench.page.plots_points import Point, Reliability, best_value, cost_plane, reliability, strips
from afya.bench.page.report_view import View
from afya.languages import registry

Row = Mapping[str, Any]
_MOST_PANELS = 12
"""Models whose calibration is drawn; the table holds all."""
CAUSES = ("unparseable", "refusal", "wrong_language", "truncation", "rest")


def by_tier(codes: Sequence[str]) -> tuple[list[str], int]:
    """High-resource languages, then low-resource ones, and how many the first are."""
    high = [code for code in codes if code in registry() and registry()[code].tier == "high"]
    return [*high, *(code for code in codes if code not in high)], len(high)


def figure(caption: str, note: str, picture: Markup) -> Markup:
    """A plot with its caption, in a frame that scrolls sideways on narrow screens."""
    return tag(
        "figure",
        tag("figcaption", caption, tag("span", note, class_="note")),
        tag("div", picture, class_="scroll", tabindex="0", role="group", aria_label=caption),
    )


def languages_figure(view: View) -> Markup:
    """Accuracy by language with chance."""
    codes, divider = by_tier(view.langs)
    found = view.found("summary")
    chance = [next((row["chance"] for (_, lang), row in found.items() if lang == code), None) for code in codes]
    caption = "Share answered correctly, by language"
    return _by_language(
        view,
        caption,
        "Dashed: chance. High-resource languages stand above the line.",
        found,
        ("accuracy", "low", "high"),
        codes,
        divider,
        identity="languages",
        axis="% correct",
        limits=(0.0, 100.0),
        reference=[_scaled(value) for value in chance],
        reference_name="chance",
    )


def gaps_figure(view: View) -> Markup | None:
    """The gap to the reference by language; None where no groups are shared."""
    codes, divider = by_tier(languages_in(view.tables.gaps))
    if not codes:
        return None
    english = view.reference
    return _by_language(
        view,
        f"Points from {english}, by language",
        f"Left of the dashed line: behind {english}. On the same groups.",
        view.found("gaps"),
        ("difference", "low", "high"),
        codes,
        divider,
        identity="gaps",
        axis=f"percentage points from {english}, on the same groups",
        limits=None,
        reference=[0.0] * len(codes),
        reference_name=english,
    )


def _by_language(
    view: View,
    caption: str,
    note: str,
    found: Mapping[tuple[str, str], Row],
    columns: tuple[str, str, str],
    codes: list[str],
    divider: int,
    *,
    identity: str,
    axis: str,
    limits: tuple[float, float] | None,
    reference: Sequence[float | None],
    reference_name: str,
) -> Markup:
    """A dot for each model and language where models can be told apart, else a tick."""
    rows = [language_row(code) for code in codes]
    value = columns[0]
    own = {label: [found.get((label, code)) for code in codes] for label in view.labels}
    if view.few:
        told = " ".join(_extremes([row for row in listed if row], label, value) for label, listed in own.items())
        picture = dots(
            rows,
            [_series(label, listed, columns) for label, listed in own.items()],
            identity=f"{view.identity}-{identity}",
            title=caption,
            description=f"{told} The table below holds every value.",
            axis=axis,
            limits=limits,
            reference=reference,
            reference_name=reference_name,
            connected=view.staged,
            divider=divider,
        )
        return figure(caption, f"Dot: the value; bar: its interval. {note}", picture)
    values = [[_scaled(row[value]) if row else None for row in column] for column in zip(*own.values(), strict=True)]
    spans = [
        f"{row}: {min(known):.1f} to {max(known):.1f}."
        for row, listed in zip(rows, values, strict=True)
        if (known := [one for one in listed if one is not None])
    ]
    picture = strips(
        rows,
        values,
        identity=f"{view.identity}-{identity}",
        title=caption,
        description=f"{len(own)} models, lowest to highest. {' '.join(spans)} The tables hold every value.",
        axis=axis,
        limits=limits,
        reference=reference,
        reference_name=reference_name,
        divider=divider,
    )
    return figure(caption, f"A tick a model; diamond: the middle one. {note}", picture)


def tiers_figure(view: View) -> Markup | None:
    """High- against low-resource languages; None where a tier is missing or the models are too many to draw."""
    found = view.found("tiers")
    if {tier for _, tier in found} != {"high", "low"} or len(view.labels) > _MOST_PANELS:
        return None
    columns = ("accuracy", "low", "high")
    series = [
        _series(f"{tier}-resource languages", [found.get((label, tier)) for label in view.labels], columns)
        for tier in ("high", "low")
    ]
    told = " ".join(
        f"{label}: high-resource {_percent(found.get((label, 'high')))}, "
        f"low-resource {_percent(found.get((label, 'low')))}."
        for label in view.labels
    )
    caption = "High-resource against low-resource languages"
    picture = dots(
        view.labels, series, identity=f"{view.identity}-tiers", title=caption, description=told, axis="% correct"
    )
    return figure(caption, "Dot: the share; bar: its interval.", picture)


def transfer_figure(view: View) -> Markup | None:
    """Right in the reference and wrong here, against the reverse; None where no groups are shared."""
    found = view.found("transfer")
    rows, panels = _panels(view, found, languages_in(view.tables.transfer))
    if not rows:
        return None
    left, right = f"right in {view.reference}, wrong here", f"wrong in {view.reference}, right here"
    drawn = [
        (
            name,
            _series(left, own, ("loss", "loss_low", "loss_high")),
            _series(right, own, ("gain", "gain_low", "gain_high")),
        )
        for name, own in panels
    ]
    overall = [(label, found.get((label, ALL))) for label in view.labels]
    told = " ".join(
        f"{label}: lost {percent(row['loss'])}, gained {percent(row['gain'])}." for label, row in overall if row
    )
    caption = f"Lost on the way from {view.reference}"
    picture = facing_bars(
        rows,
        drawn,
        identity=f"{view.identity}-transfer",
        title=caption,
        description=f"In all languages, in % of items. {told} The table below holds every value.",
        axis="% of items",
        divider=_divider(view, languages_in(view.tables.transfer)),
    )
    note = "Left: known in one language and lost in the other. Right: the reverse. Thin lines: intervals."
    return figure(caption, note, picture)


def parts_figure(view: View) -> Markup | None:
    """What the gap is made of; None where no free answers are held against the reference."""
    found = view.found("parts")
    rows, panels = _panels(view, found, languages_in(view.tables.parts))
    if not rows:
        return None
    drawn: list[tuple[str, dict[str, Sequence[float]], Sequence[float | None]]] = [
        (
            name,
            {cause: [100 * (row[cause] or 0.0) if row else 0.0 for row in own] for cause in CAUSES},
            [_scaled(row["gap"]) if row else None for row in own],
        )
        for name, own in panels
    ]
    told = " ".join(
        f"{label}: gap {percent(row['gap'])}, of it "
        + ", ".join(f"{cause.replace('_', ' ')} {percent(row[cause])}" for cause in CAUSES)
        + "."
        for label in view.labels
        if (row := found.get((label, ALL)))
    )
    caption = f"What the gap to {view.reference} is made of"
    picture = part_bars(
        rows,
        drawn,
        identity=f"{view.identity}-parts",
        title=caption,
        description=f"In all languages, in points. {told}",
        axis="points",
        divider=_divider(view, languages_in(view.tables.parts)),
    )
    return figure(caption, "Right of zero: more of it here. Left: less of it here.", picture)


def outcomes_figure(view: View) -> Markup:
    """What became of the items asked."""
    outcomes = ("correct", "wrong", "refused", "unparseable", "empty", "error")
    found = {key: {**row, "error": row["errors"]} for key, row in view.found("summary").items()}

    def shares(rows: Sequence[Row | None]) -> dict[str, Sequence[float]]:
        return {
            name: [0.0 if row is None else 100 * row[name] / max(1, row["n"] + row["error"]) for row in rows]
            for name in outcomes
        }

    told = " ".join(
        f"{label}: "
        + ", ".join(f"{name} {percent(row[name] / max(1, row['n'] + row['error']))}%" for name in outcomes if row[name])
        + "."
        for label in view.labels
        if (row := found.get((label, ALL)))
    )
    caption = "Outcomes by language" if view.few else "Outcomes in all languages"
    rows, panels = _panels(view, found, view.langs)
    picture = outcome_bars(
        rows,
        [(name, shares(own)) for name, own in panels],
        identity=f"{view.identity}-outcomes",
        title=caption,
        description=f"In all languages, of the items asked. {told}",
        divider=_divider(view, view.langs),
    )
    return figure(caption, "Of all items asked, errors included.", picture)


def calibration_figure(view: View) -> Markup | None:
    """Confidence against correctness over all languages; None where no option scores are."""
    import polars as pl

    found = view.found("calibration")
    drawn, told = [], []
    for label in view.labels[:_MOST_PANELS]:
        row = found.get((label, ALL))
        if row is None:
            continue
        own = view.tables.bins.filter(pl.col("label") == label, pl.col("lang") == ALL).sort("bin")
        summed = f"ECE {percent(row['ece'])}, n = {row['n']:,}"
        columns = (own[name].to_list() for name in ("confidence", "correct", "n"))
        drawn.append(Reliability(label, summed, *columns))
        told.append(f"{label}: {summed}.")
    if not drawn:
        return None
    caption = "Confidence against correctness, all languages"
    picture = reliability(
        drawn,
        identity=f"{view.identity}-calibration",
        title=caption,
        description=f"{' '.join(told)} The table below holds every language.",
    )
    cut = f" The first {_MOST_PANELS} of {len(view.labels)} models." if len(view.labels) > _MOST_PANELS else ""
    return figure(caption, f"Under the dashed line a model is surer than it is right.{cut}", picture)


def cost_figure(view: View) -> Markup | None:
    """Cost against accuracy over all languages; None where fewer than two prices are known."""
    points = [
        Point(row["label"], row["usd"], 100 * row["accuracy"], _scaled(row["low"]), _scaled(row["high"]), view.few)
        for row in view.rows("billed", ALL)
        if row["usd"] and row["accuracy"] is not None
    ]
    if len(points) < 2:
        return None
    front = best_value(points)
    drawn = [replace(point, named=True) if point in front else point for point in points]
    told = " ".join(f"{point.name}: {point.accuracy:.1f}% right for {dollars(point.cost)}." for point in front)
    caption = "Cost against accuracy, all languages"
    picture = cost_plane(
        drawn, identity=f"{view.identity}-cost", title=caption, description=f"None is both cheaper and better: {told}"
    )
    return figure(caption, "Joined by the dashed line: models that none is both cheaper and better than.", picture)


def dollars(value: float | None) -> str:
    """'$0.0123', with three significant digits; a dash where no price is known."""
    if value is None:
        return "–"
    if value >= 100:
        return f"${value:,.0f}"
    return f"${value:.3g}" if value >= 1e-4 or value == 0 else f"${value:.1e}"


def _panels(
    view: View, found: Mapping[tuple[str, str], Row], langs: Sequence[str]
) -> tuple[list[str], list[tuple[str, list[Row | None]]]]:
    """Names of the rows, and the panels: a panel a model with its languages, else one with all models."""
    codes, _ = by_tier(langs)
    if not codes:
        return [], []
    if view.few:
        panels = [(label, [found.get((label, code)) for code in codes]) for label in view.labels]
        return [language_row(code) for code in codes], panels
    return view.labels, [("", [found.get((label, ALL)) for label in view.labels])]


def _divider(view: View, langs: Sequence[str]) -> int:
    return by_tier(langs)[1] if view.few else 0


def _series(name: str, rows: Sequence[Row | None], columns: tuple[str, str, str]) -> Series:
    def scaled(column: str) -> list[float | None]:
        return [None if row is None else _scaled(row[column]) for row in rows]

    return Series(name, *(scaled(column) for column in columns))


def _scaled(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _percent(row: Row | None) -> str:
    return "–" if row is None else percent(row["accuracy"])


def _extremes(rows: Sequence[Row], name: str, column: str) -> str:
    known = [row for row in rows if row[column] is not None]
    if not known:
        return f"{name}: nothing measured."
    top, bottom = max(known, key=lambda row: row[column]), min(known, key=lambda row: row[column])
    return (
        f"{name}: highest {language_row(top['lang'])} {percent(top[column])}, "
        f"lowest {language_row(bottom['lang'])} {percent(bottom[column])}."
    )
