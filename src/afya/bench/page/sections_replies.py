"""The report on how models answer: calibration, order of options, language of the answers, and cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from afya.bench.analysis.summary import ALL, languages_in, percent
from afya.bench.page.cells import folded, heat_table, language_name, plain_name, ranged, shade
from afya.bench.page.figures import calibration_figure, cost_figure, dollars
from afya.bench.page.markup import Markup, joined, table, tag
from afya.bench.page.report_view import View
from afya.bench.page.sections_equity import each_model


def replies(view: View) -> list[Markup]:
    """What can be said of the replies themselves, as far as the setting lets it be said."""
    return [*_calibration(view), *_order(view), *_fidelity(view), *_cost(view)]


def _calibration(view: View) -> list[Markup]:
    picture = calibration_figure(view)
    if picture is None:
        return []

    def made(label: str, own: list[dict[str, Any]]) -> Markup:
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                ranged(row["ece"], row["low"], row["high"]),
                percent(row["floor"]),
                "–" if row["overconfidence"] is None else f"{100 * row['overconfidence']:+.1f}".replace("-", "−"),
                f"{row['brier']:.3f}",
                f"{row['n']:,}",
                f"{row['groups']:,}",
            ]
            for row in own
        ]
        note = (
            "ECE: how far confidence lies from correctness on average, in points; a perfectly calibrated model would "
            "show the floor. Surer than right: mean confidence less accuracy, in points. Brier: 0 is perfect."
        )
        caption = joined([f"{label}: calibration", tag("span", note, class_="note")])
        heads: list[object] = ["Language", "ECE", "Floor", "Surer than right", "Brier", "n", "Groups"]
        return table(caption, heads, rows, total=not view.alone)

    return [tag("h3", "Calibration"), picture, each_model(view, "calibration", "calibration as a table", made)]


def _order(view: View) -> list[Markup]:
    if not view.tables.order.height:
        return []

    def made(label: str, own: list[dict[str, Any]]) -> Markup:
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                _share(row, "consistent"),
                percent(row["accuracy"]),
                _share(row, "right_in_all"),
                percent(row["spread"]),
                percent(row["place_bias"]),
                f"{row['items']:,}",
                f"{row['groups']:,}" if row.get("groups") is not None else "–",
            ]
            for row in own
        ]
        note = (
            "Same choice: in every order of the options. Spread: the best order's accuracy less the worst's, in "
            "points. Favourite place: 0 where the right answer is found as often wherever it stands."
        )
        caption = joined([f"{label}: items asked in several orders, in %", tag("span", note, class_="note")])
        heads: list[object] = ["Language", "Same choice", "Right on average", "Right in every order", "Spread"]
        return table(caption, [*heads, "Favourite place", "Items", "Groups"], rows, total=not view.alone)

    return [tag("h3", "Order of the options"), each_model(view, "order", "order of the options as a table", made)]


def _share(row: Mapping[str, Any], name: str) -> Markup:
    return ranged(row[name], row[f"{name}_low"], row[f"{name}_high"])


def _fidelity(view: View) -> list[Markup]:
    found = view.found("fidelity")
    if not any(row["told"] for row in found.values()):
        return []

    def made(label: str, own: list[dict[str, Any]]) -> Markup:
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                _share(row, "faithful"),
                plain_name(row["mostly"]) if row["mostly"] else "–",
                percent(row["uncertain"]),
                f"{row['told']:,}",
                f"{row['replies']:,}",
            ]
            for row in own
        ]
        note = "Short replies and those whose language cannot be told are not in the share; thinking is set aside."
        caption = joined([f"{label}: replies in the language of the item, in %", tag("span", note, class_="note")])
        heads: list[object] = ["Language", "In this language", "Others mostly in", "Cannot be told", "Told", "Replies"]
        return table(caption, heads, rows, total=not view.alone)

    def cell(label: str, lang: str) -> Markup:
        row = found.get((label, lang))
        if row is None or row["faithful"] is None:
            return tag("td", "–")
        back, text = shade(row["faithful"])
        return tag("td", percent(row["faithful"], 0), style=f"background:{back};color:{text}")

    parts = [tag("h3", "Language of the answers")]
    if len(view.labels) > 1 and not view.alone:
        name = "Answered in the language of the question, %"
        langs = languages_in(view.tables.fidelity)
        parts.append(heat_table(name, "Darker is higher.", "Model", view.labels, langs, cell))
    return [*parts, each_model(view, "fidelity", "language of the answers as a table", made)]


def _cost(view: View) -> list[Markup]:
    found = view.found("billed")
    if not found:
        return []
    parts: list[Markup] = [tag("h3", "Cost")]
    picture = cost_figure(view)
    if picture:
        parts.append(picture)
    langs = languages_in(view.tables.billed)
    priced = [label for label in view.labels if any(row["usd"] is not None for row in _of(found, label))]
    english = view.reference
    if priced:
        rows: list[list[object]] = []
        for label in priced:
            own = {row["lang"]: row for row in _of(found, label)}
            cells: list[object] = [dollars(own[code]["usd"]) if code in own else "–" for code in langs]
            whole: list[object] = [] if view.alone else [dollars(own[ALL]["usd"]) if ALL in own else "–"]
            rows.append([label, *whole, *cells])
        caption = "US dollars for 1,000 items"
        heads: list[object] = ["Model", *([] if view.alone else ["All"])]
        heads += [tag("abbr", code, title=plain_name(code)) for code in langs]
        parts.append(table(caption, heads, rows))
    else:
        parts.append(tag("p", "No price is known for these models; tokens are counted all the same."))
    taxed: list[list[object]] = []
    for label in [] if view.alone else view.labels:
        own = {row["lang"]: row for row in _of(found, label)}
        if any(row["tax"] is not None for row in own.values()):
            taxes = [own.get(code, {}).get("tax") for code in langs]
            taxed.append([label, *("–" if tax is None else f"{tax:.2f}" for tax in taxes)])
    if taxed:
        note = f"The same items, in tokens of each model: 2.00 is twice what {english} takes and costs."
        caption_of = joined([f"Token tax: prompt tokens as a multiple of {english}", tag("span", note, class_="note")])
        parts.append(
            table(caption_of, ["Model", *(tag("abbr", code, title=plain_name(code)) for code in langs)], taxed)
        )
    token_rows: list[list[object]] = [
        [
            label,
            language_name(row["lang"]),
            f"{row['prompt_tokens']:,.0f}" if row["prompt_tokens"] is not None else "–",
            f"{row['completion_tokens']:,.0f}" if row["completion_tokens"] is not None else "–",
            f"{row['items']:,}",
        ]
        for label in view.labels
        for row in _of(found, label)
        if not (view.alone and row["lang"] == ALL)
    ]
    heads_of: list[object] = ["Model", "Language", "Prompt tokens", "Reply tokens", "Items"]
    parts.append(folded("Tokens for 1,000 items", table("Tokens for 1,000 items", heads_of, token_rows)))
    return parts


def _of(found: Mapping[tuple[str, str], dict[str, Any]], label: str) -> list[dict[str, Any]]:
    return [row for (name, _), row in found.items() if name == label]
