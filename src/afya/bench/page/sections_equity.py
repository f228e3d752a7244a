"""The report on how far languages lie behind: gaps, what is lost on the way, disparity, what a gap is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from afya.bench.analysis.summary import ALL, languages_in, percent
from afya.bench.page.cells import (
    folded,
    heat_table,
    language_name,
    p_value,
    plain_name,
    ranged,
    shade_gap,
    signed,
    times_text,
)
from afya.bench.page.figures import CAUSES, gaps_figure, parts_figure, transfer_figure
from afya.bench.page.markup import Markup, joined, table, tag
from afya.bench.page.report_view import View

_LONG = 12
"""A table of more models is folded."""


def equity(view: View) -> list[Markup]:
    """The sections on languages against the reference; a sentence where nothing can be held against it."""
    if not view.tables.gaps.height:
        if set(view.langs) <= {view.tables.reference}:
            return []
        told = (
            f"No item was asked both in {view.reference} and in another language, so a gap cannot be told from a "
            "difference between questions."
        )
        return [tag("h3", f"Gap to {view.reference}"), tag("p", told)]
    return [*_gaps(view), *_transfer(view), *_disparity(view), *_parts(view)]


def each_model(view: View, table_name: str, what: str, made: Callable[[str, list[dict[str, Any]]], Markup]) -> Markup:
    """A table for each model, folded where there are several, and folded together where there are many."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in view.rows(table_name):
        if not (view.alone and row["lang"] == ALL):
            rows.setdefault(row["label"], []).append(row)
    parts = [made(label, rows[label]) for label in view.labels if label in rows]
    if len(view.labels) == 1:
        return joined(parts)
    named = [label for label in view.labels if label in rows]
    listed = joined(folded(f"{label}: {what}", part) for label, part in zip(named, parts, strict=True))
    return listed if view.few else folded(f"{what[0].upper()}{what[1:]}, model by model", listed)


def _gaps(view: View) -> list[Markup]:
    english = view.reference
    times = view.found("relative")

    def made(label: str, own: list[dict[str, Any]]) -> Markup:
        note = (
            f"Against {english} on the same groups. p is adjusted for the number of languages (Holm). Detectable: the "
            "smallest difference that would be found 8 times in 10."
        )
        caption = joined([f"{label}: % correct and points from {english}", tag("span", note, class_="note")])
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                percent(row["before"]),
                percent(row["after"]),
                ranged(row["difference"], row["low"], row["high"], sign=True),
                times_text(times.get((label, row["lang"]))),
                p_value(row["p_holm"] if row["lang"] != ALL else row["p_value"]),
                percent(row["detectable"]),
                f"{row['n']:,}",
                f"{row['groups']:,}",
            ]
            for row in own
        ]
        heads: list[object] = ["Language", english, "Here", "Difference", f"Times {english}", "p", "Detectable"]
        return table(caption, [*heads, "n", "Groups"], rows, total=True)

    parts = [tag("h3", f"Gap to {english}"), gaps_figure(view), _gap_map(view)]
    parts.append(each_model(view, "gaps", f"gap to {english} as a table", made))
    return [part for part in parts if part is not None]


def _gap_map(view: View) -> Markup | None:
    if len(view.labels) < 2:
        return None
    found = view.found("gaps")

    def cell(label: str, lang: str) -> Markup:
        row = found.get((label, lang))
        if row is None or row["difference"] is None:
            return tag("td", "–")
        back, text = shade_gap(row["difference"])
        sure = row["low"] > 0 or row["high"] < 0
        value = percent(abs(row["difference"]), 0)
        sign = "" if value == "0" else "−" if row["difference"] < 0 else "+"
        style = f"background:{back};color:{text}" + ("" if sure else ";font-style:italic")
        return tag("td", f"{sign}{value}" if sure else f"({sign}{value})", style=style)

    note = "Orange: behind; blue: ahead. In brackets: the interval contains 0, so a gap is not shown to exist."
    name = f"Points from {view.reference}"
    langs = languages_in(view.tables.gaps)
    return heat_table(name, note, "Stage" if view.staged else "Model", view.labels, langs, cell)


def _transfer(view: View) -> list[Markup]:
    english = view.reference
    if not view.tables.transfer.height:
        return []

    def made(label: str, own: list[dict[str, Any]]) -> Markup:
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                _share(row, "loss"),
                _share(row, "gain"),
                _share(row, "lost_of_known"),
                f"{row['known']:,}",
                f"{row['n']:,}",
                f"{row['groups']:,}",
            ]
            for row in own
        ]
        heads: list[object] = ["Language", f"Right in {english}, wrong here", f"Wrong in {english}, right here"]
        heads += [f"Lost of what is known in {english}", "Known", "n", "Groups"]
        return table(f"{label}: lost and gained, in % of items", heads, rows, total=True)

    picture = transfer_figure(view)
    told = (
        f"A gap is what is lost less what is gained. Much on both sides means guessing; much on the left alone means "
        f"that the model knows the answer in {english} and cannot use it here."
    )
    head = [tag("h3", f"Right in {english}, wrong here"), tag("p", told)]
    return [*head, *([picture] if picture else []), each_model(view, "transfer", "lost and gained as a table", made)]


def _share(row: Mapping[str, Any], name: str) -> Markup:
    return ranged(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _disparity(view: View) -> list[Markup]:
    found = {row["label"]: row for row in view.rows("disparity")}
    if not found:
        return []
    listed = disparity_table(found, view.labels, view.reference, "Stage" if view.staged else "Model")
    long = len(found) > _LONG
    parts = [tag("h3", "Disparity"), folded("How evenly each model serves the languages", listed) if long else listed]
    left = sorted({code for row in found.values() for code in (row["left_out"] or "").split(",") if code})
    if left:
        names = ", ".join(plain_name(code) for code in left)
        parts.append(tag("p", f"Left out, because too few of the groups were asked in them: {names}.", class_="note"))
    return parts


def disparity_table(found: Mapping[str, Mapping[str, Any]], labels: Sequence[str], reference: str, what: str) -> Markup:
    """How evenly languages are served, a row a label; `found` are rows of `equity.disparity` by label.

    Args:
        reference: the name of the language that others are held against; what: what labels are, as a heading.
    """
    rows: list[list[object]] = []
    for label in labels:
        row = found.get(label)
        if row is None:
            continue
        worst = f"{plain_name(row['worst_lang'])} " if row["worst_lang"] else ""
        ratio = tag("span", "–") if row["worst_to_best"] is None else _plain(row, "worst_to_best", 2)
        rows.append(
            [
                label,
                _share(row, "mean"),
                _share(row, "corrected"),
                _share(row, "gap"),
                joined([worst, _share(row, "worst")]),
                ratio,
                _plain(row, "gini", 3),
                percent(row["high"]),
                percent(row["low"]),
                ranged(row["tier_gap"], row["tier_gap_low"], row["tier_gap_high"], sign=True),
                f"{row['groups']:,}",
            ]
        )
    note = (
        "On the groups answered in every language compared, each language counting once; in %. After chance: 0 is "
        "blind guessing, 100 all right. Worst by best: 1 where all languages are served alike; Gini: 0 there. Chance "
        "alone makes scores unequal, so that intervals that reach 1 or 0 show no inequality."
    )
    heads: list[object] = [what, "Mean", "After chance", f"Gap to {reference}"]
    heads += ["Worst language", "Worst by best", "Gini", "High-resource", "Low-resource", "High less low", "Groups"]
    caption = joined(["How evenly the languages are served", tag("span", note, class_="note")])
    return table(caption, heads, rows, class_="stacked")


def _plain(row: Mapping[str, Any], name: str, decimals: int) -> Markup:
    if row[name] is None:
        return tag("span", "–")
    if row[f"{name}_low"] is None and row[f"{name}_high"] is None:
        return tag("span", f"{row[name]:.{decimals}f}")
    low, high = (
        "–" if row[f"{name}_{end}"] is None else f"{row[f'{name}_{end}']:.{decimals}f}" for end in ("low", "high")
    )
    return joined([f"{row[name]:.{decimals}f} ", tag("span", f"[{low}, {high}]", class_="range")])


def _parts(view: View) -> list[Markup]:
    picture = parts_figure(view)
    if picture is None:
        return []

    def made(label: str, own: list[dict[str, Any]]) -> Markup:
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                *(
                    ranged(row[name], row[f"{name}_low"], row[f"{name}_high"], sign=True)
                    if row[f"{name}_low"] is not None
                    else signed(row[name])
                    for name in ("gap", *CAUSES)
                ),
                f"{row['n']:,}",
                f"{row['groups']:,}",
            ]
            for row in own
        ]
        heads: list[object] = ["Language", "Gap", "Unparseable", "Refusal", "Wrong language", "Truncation", "Rest"]
        return table(f"{label}: parts of the gap, in points", [*heads, "n", "Groups"], rows, total=True)

    told = (
        "Each reply that is not right has one cause: no answer could be read, it was refused, it was in another "
        "language, it was cut off, or (the rest) it is a wrong answer in the right language. The parts add up."
    )
    return [
        tag("h3", "What the gap is made of"),
        tag("p", told),
        picture,
        each_model(view, "parts", "parts of the gap as a table", made),
    ]
