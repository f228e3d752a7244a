"""The plots of one part of a report, made from its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.bench.markup import Markup, joined, tag
from afya.bench.plots import SERIES_LIMIT, Series, dots, outcome_bars
from afya.bench.summary import ALL, REFERENCE, gaps, languages_in, percent
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class View:
    """One setting and task of a report, with the rows of every table that belong to it."""

    identity: str
    """Begins the ids of its elements."""
    setting: str
    task: str
    summary: pl.DataFrame
    tiers: pl.DataFrame
    scores: pl.DataFrame
    staged: bool
    """The labels are stages of one training, in order, rather than models beside one another."""
    level: float

    @property
    def labels(self) -> list[str]:
        """The models or stages, in order."""
        return [str(label) for label in self.summary["label"].unique(maintain_order=True)]


@dataclass(frozen=True)
class Figures:
    """The plots of a view; None where there is nothing to draw."""

    languages: Markup
    tiers: Markup | None
    gaps: Markup | None
    outcomes: Markup


def figures(view: View) -> Figures:
    """All plots of a view. Raises MissingDependencyError without matplotlib."""
    return Figures(_languages(view), _tiers(view), _gaps(view), _outcomes(view))


def language_row(code: str) -> str:
    """'Chinese (zh)': the English name and the code, in glyphs that every font and terminal has."""
    entry = registry().get(code)
    return f"{entry.name.partition(' (')[0]} ({code})" if entry else code


def _ordered(codes: Sequence[str]) -> tuple[list[str], int]:
    """High-resource languages, then low-resource ones, and how many the first are."""
    high = [code for code in codes if code in registry() and registry()[code].tier == "high"]
    return [*high, *(code for code in codes if code not in high)], len(high)


def _series(name: str, rows: Sequence[dict[str, Any] | None], value: str = "accuracy") -> Series:
    def scaled(column: str) -> list[float | None]:
        return [None if row is None or row[column] is None else 100 * row[column] for row in rows]

    return Series(name, scaled(value), scaled("low"), scaled("high"))


def _figure(caption: str, note: str, picture: Markup) -> Markup:
    return tag(
        "figure",
        tag("figcaption", caption, tag("span", note, class_="note")),
        tag("div", picture, class_="scroll", tabindex="0", role="group", aria_label=caption),
    )


def _each(view: View, draw: Callable[[list[str], str], Markup], identity: str) -> Markup:
    """One picture of all labels, or, with more than can be told apart, one folded picture each."""
    labels = view.labels
    if len(labels) <= SERIES_LIMIT:
        return draw(labels, f"{view.identity}-{identity}")
    return joined(
        tag(
            "details",
            tag("summary", f"{label}: plot"),
            tag("div", draw([label], f"{view.identity}-{identity}-{index + 1}"), class_="inside"),
        )
        for index, label in enumerate(labels)
    )


def _extremes(rows: Sequence[dict[str, Any]], name: str, column: str = "accuracy") -> str:
    known = [row for row in rows if row is not None and row[column] is not None]
    if not known:
        return f"{name}: nothing measured."
    top, bottom = max(known, key=lambda row: row[column]), min(known, key=lambda row: row[column])
    return (
        f"{name}: highest {language_row(top['lang'])} {percent(top[column])}, "
        f"lowest {language_row(bottom['lang'])} {percent(bottom[column])}."
    )


def _languages(view: View) -> Markup:
    codes, divider = _ordered(languages_in(view.summary))
    found = {(row["label"], row["lang"]): row for row in view.summary.iter_rows(named=True)}
    chance = [next((row["chance"] for (_, lang), row in found.items() if lang == code), None) for code in codes]

    def draw(labels: list[str], identity: str) -> Markup:
        rows = {label: [found.get((label, code)) for code in codes] for label in labels}
        told = " ".join(_extremes([row for row in own if row], label) for label, own in rows.items())
        caption = "Share answered correctly, by language"
        picture = dots(
            [language_row(code) for code in codes],
            [_series(label, own) for label, own in rows.items()],
            identity=identity,
            title=caption,
            description=f"{told} The table below holds every value.",
            axis="% correct",
            reference=[None if value is None else 100 * value for value in chance],
            connected=view.staged,
            divider=divider,
        )
        note = "Dot: the share; bar: its interval; dashed: chance. High-resource languages stand above the line."
        return _figure(caption, note, picture)

    return _each(view, draw, "languages")


def _tiers(view: View) -> Markup | None:
    found = {(row["label"], row["lang"]): row for row in view.tiers.iter_rows(named=True)}
    if {tier for _, tier in found} != {"high", "low"}:
        return None
    labels = view.labels
    picture = dots(
        labels,
        [
            _series(f"{tier}-resource languages", [found.get((label, tier)) for label in labels])
            for tier in ("high", "low")
        ],
        identity=f"{view.identity}-tiers",
        title="High-resource against low-resource languages",
        description=" ".join(
            f"{label}: high-resource {_percent(found.get((label, 'high')))}, "
            f"low-resource {_percent(found.get((label, 'low')))}."
            for label in labels
        ),
        axis="% correct",
    )
    return _figure("High-resource against low-resource languages", "Dot: the share; bar: its interval.", picture)


def _percent(row: dict[str, Any] | None) -> str:
    return "–" if row is None else percent(row["accuracy"])


def _gaps(view: View) -> Markup | None:
    import polars as pl

    behind = gaps(view.scores, level=view.level).filter(pl.col("lang") != ALL)
    if not behind.height:
        return None
    codes, divider = _ordered(languages_in(behind))
    found = {(row["label"], row["lang"]): row for row in behind.iter_rows(named=True)}
    english = registry()[REFERENCE].name

    def draw(labels: list[str], identity: str) -> Markup:
        rows = {label: [found.get((label, code)) for code in codes] for label in labels}
        told = " ".join(_extremes([row for row in own if row], label, "difference") for label, own in rows.items())
        caption = f"Points from {english}, by language"
        picture = dots(
            [language_row(code) for code in codes],
            [_series(label, own, "difference") for label, own in rows.items()],
            identity=identity,
            title=caption,
            description=f"{told} The table below holds every value.",
            axis=f"percentage points from {english}, on the same groups",
            limits=None,
            reference=[0.0] * len(codes),
            reference_name=english,
            connected=view.staged,
            divider=divider,
        )
        return _figure(caption, f"Left of the dashed line: behind {english}. Bar: the interval.", picture)

    return _each(view, draw, "gaps")


def _outcomes(view: View) -> Markup:
    import polars as pl

    codes, divider = _ordered(languages_in(view.summary))
    few = len(view.labels) <= SERIES_LIMIT
    outcomes = ("correct", "wrong", "refused", "unparseable", "empty", "error")
    counts = view.summary.rename({"errors": "error"})

    def shares(rows: Sequence[dict[str, Any] | None]) -> dict[str, Sequence[float]]:
        return {
            name: [0.0 if row is None else 100 * row[name] / max(1, row["n"] + row["error"]) for row in rows]
            for name in outcomes
        }

    found = {(row["label"], row["lang"]): row for row in counts.iter_rows(named=True)}
    overall = counts.filter(pl.col("lang") == ALL)
    told = " ".join(
        f"{row['label']}: "
        + ", ".join(f"{name} {percent(row[name] / max(1, row['n'] + row['error']))}%" for name in outcomes if row[name])
        + "."
        for row in overall.iter_rows(named=True)
    )
    caption = "Outcomes by language" if few else "Outcomes in all languages"
    if few:
        rows = [language_row(code) for code in codes]
        panels = [(label, shares([found.get((label, code)) for code in codes])) for label in view.labels]
    else:
        rows, divider = view.labels, 0
        panels = [("", shares([found.get((label, ALL)) for label in view.labels]))]
    picture = outcome_bars(
        rows,
        panels,
        identity=f"{view.identity}-outcomes",
        title=caption,
        description=f"In all languages, of the items asked. {told}",
        divider=divider,
    )
    return _figure(caption, "Of all items asked, errors included.", picture)
