"""The sections of the HTML report: the opening, what was measured, and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from afya.bench.cells import counted, folded, framed, language_name, ranged, section, shade, view_name
from afya.bench.figures import View, figures
from afya.bench.markup import Markup, captioned, joined, table, tag
from afya.bench.summary import (
    ALL,
    NON_ANSWERS,
    REFERENCE,
    compare,
    gaps,
    languages_in,
    percent,
)
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl


_DIGITS = 16
"""Of a hash: enough to tell models apart; the manifest holds it whole."""


def lead(scores: pl.DataFrame, summary: pl.DataFrame, staged: bool, level: float) -> Markup:
    """The opening sentence and the few figures to take away."""
    labels = scores["label"].unique(maintain_order=True).to_list()
    what = counted(len(labels), "stage" if staged else "model")
    sentence = (
        f"{what}, {counted(scores['lang'].n_unique(), 'language')}, "
        f"{counted(scores['item_id'].n_unique(), 'item')} in {counted(scores['group_id'].n_unique(), 'group')}. "
        f"Each figure is the share of items answered correctly, with its {percent(level, 0)}% interval."
    )
    import polars as pl

    first = summary.filter(
        pl.col("setting") == summary["setting"][0], pl.col("task") == summary["task"][0], pl.col("n") > 0
    )
    overall = first.filter(pl.col("lang") == ALL)
    if not overall.height:
        return tag("p", sentence, class_="lead")
    best = overall.filter(pl.col("label") == labels[-1]) if staged else overall.sort("accuracy", descending=True)
    top = best.row(0, named=True) if best.height else overall.row(-1, named=True)
    own = first.filter(pl.col("label") == top["label"], pl.col("lang") != ALL).sort("accuracy", "lang")
    worst = own.row(0, named=True)
    shown = [
        (f"{top['label']}, all languages" if len(labels) > 1 else "All languages", top),
        (f"Lowest language: {registry()[worst['lang']].name}", worst),
    ]
    if staged and overall.height > 1:
        shown.insert(0, (f"{overall['label'][0]}, all languages", overall.row(0, named=True)))
    boxes = [
        tag(
            "div",
            tag("dt", name),
            tag("dd", f"{percent(row['accuracy'])}%", class_="value"),
            tag("dd", f"{percent(row['low'])} to {percent(row['high'])}, n = {row['n']:,}", class_="detail"),
            tag("dd", f"no answer {percent(row['non_answer_rate'])}%", class_="detail"),
        )
        for name, row in shown
    ]
    return joined([tag("p", sentence, class_="lead"), tag("dl", *boxes, class_="figures")], "\n")


def contents(links: Sequence[tuple[str, str]]) -> Markup:
    """The list of sections as links."""
    listed = [tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in links]
    return tag("nav", tag("h2", "On this page", id="contents"), tag("ul", *listed), aria_labelledby="contents")


def model_cards(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The models a run's manifest describes: mappings with name, engine and sha256 under recipe 'model' or 'models'."""
    recipe = manifest.get("recipe") or {}
    found = [recipe.get("model"), *(recipe.get("models") or [])] if isinstance(recipe, Mapping) else []
    return [dict(card) for card in found if isinstance(card, Mapping) and card.get("name")]


def _inputs(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, SHA-256) of a run's datasets and other inputs, from its manifest."""
    recipe = manifest.get("recipe")
    datasets = recipe.get("datasets") if isinstance(recipe, Mapping) else None
    named = [(str(entry["name"]), str(entry["sha256"])) for entry in datasets or () if isinstance(entry, Mapping)]
    return [*named, *((str(name), str(digest)) for name, digest in (manifest.get("inputs") or {}).items())]


def measured(
    scores: pl.DataFrame, cards: Sequence[Mapping[str, Any]], manifests: Sequence[Mapping[str, Any]]
) -> Markup:
    """The models with engine and hash, and the items by source."""
    import polars as pl

    known = {card["name"]: card for card in cards}
    asked = scores.group_by("label", "model", maintain_order=True).agg(
        pl.len().alias("asked"), pl.col("run").first() if "run" in scores.columns else pl.lit(None).alias("run")
    )
    rows: list[list[object]] = []
    for row in asked.iter_rows(named=True):
        run = row["run"]
        own = {card["name"]: card for card in model_cards(manifests[run])} if run is not None else {}
        card = own.get(row["model"]) or known.get(row["model"]) or {}
        digest = card.get("sha256")
        rows.append(
            [
                row["label"],
                row["model"],
                card.get("engine") or "–",
                tag("code", str(digest)[:_DIGITS]) if digest else "–",
                f"{row['asked']:,}",
            ]
        )
    models = table("Models", ["Name here", "Model", "Engine", "SHA-256, first digits", "Items asked"], rows)
    by = [name for name in ("source", "task", "split") if name in scores.columns]
    distinct = scores.unique(["item_id", "task"], maintain_order=True)
    sources = distinct.group_by(by).agg(
        pl.len().alias("items"), pl.col("group_id").n_unique().alias("groups"), pl.col("lang").unique().alias("langs")
    )
    listed: list[list[object]] = [
        [
            *(row[name] if row[name] is not None else "–" for name in by),
            ", ".join(languages_in(pl.DataFrame({"lang": row["langs"]}))),
            f"{row['items']:,}",
            f"{row['groups']:,}",
        ]
        for row in sources.sort(by).iter_rows(named=True)
    ]
    data = table("Items", [*(name.capitalize() for name in by), "Languages", "Items", "Groups"], listed)
    inputs = sorted({pair for manifest in manifests for pair in _inputs(manifest)})
    hashes = [tag("li", name, ": ", tag("code", digest)) for name, digest in inputs]
    return section(
        "measured",
        "What was measured",
        tag(
            "p",
            "Every model was asked the same way: the instructions, labels and answer marker of a prompt are in the "
            "language of the item.",
        ),
        tag("div", models, data, class_="cards"),
        tag("p", "SHA-256 of the datasets:", class_="note") if hashes else None,
        tag("ul", *hashes, class_="note") if hashes else None,
    )


def results(view: View) -> Markup:
    """Leaderboard, languages, change over the stages, gap to English and all counts of one setting and task."""
    name = view_name(view.setting, view.task)
    pictures = figures(view)
    return section(
        view.identity,
        f"Results: {name}",
        tag("h3", "Stages" if view.staged else "Models"),
        _leaderboard(view),
        pictures.tiers,
        tag("h3", "Languages"),
        pictures.languages,
        _by_language(view),
        _heat_map(view),
        *_change(view),
        *_gaps(view, pictures.gaps),
        tag("h3", "What became of the items"),
        pictures.outcomes,
        *_counts(view),
    )


def _leaderboard(view: View) -> Markup:
    import polars as pl

    overall = view.summary.filter(pl.col("lang") == ALL)
    if not view.staged:
        overall = overall.sort("accuracy", "label", descending=[True, False], nulls_last=True)
    tiers = {(row["label"], row["lang"]): row for row in view.tiers.iter_rows(named=True)}
    rows: list[list[object]] = []
    for row in overall.iter_rows(named=True):
        own = view.summary.filter(pl.col("label") == row["label"], pl.col("lang") != ALL, pl.col("n") > 0)
        worst = own.sort("accuracy", "lang").row(0, named=True) if own.height else None
        cells: list[object] = [row["label"], ranged(row["accuracy"], row["low"], row["high"])]
        for tier in ("high", "low"):
            found = tiers.get((row["label"], tier))
            cells.append(ranged(found["accuracy"], found["low"], found["high"]) if found else "–")
        lowest = f"{registry()[worst['lang']].name} {percent(worst['accuracy'])}" if worst else "–"
        cells += [
            lowest,
            percent(row["chance"]),
            percent(row["non_answer_rate"]),
            f"{row['n']:,}",
            f"{row['groups']:,}",
        ]
        rows.append(cells)
    heads: list[object] = [
        "Stage" if view.staged else "Model",
        "All languages",
        "High-resource",
        "Low-resource",
        "Lowest",
        "Chance",
        "No answer",
        "n",
        "Groups",
    ]
    title = "Share answered correctly, in %"
    if view.staged:
        return table(title, heads, rows)
    note = "Models whose intervals overlap widely are not shown to differ, whatever their order."
    return table(joined([title, tag("span", note, class_="note")]), heads, rows)


def _by_language(view: View) -> Markup:
    labels = view.labels
    found = {(row["lang"], row["label"]): row for row in view.summary.iter_rows(named=True)}
    rows = []
    for lang in [*languages_in(view.summary), ALL]:
        have = [found[lang, label] for label in labels if (lang, label) in found]
        cells = [tag("th", language_name(lang), scope="row"), tag("td", percent(have[0]["chance"]))]
        for label in labels:
            row = found.get((lang, label))
            if row is None:
                cells.append(tag("td", "–"))
                continue
            quiet = f"n {row['n']:,}, no answer {percent(row['non_answer_rate'])}%"
            cells.append(
                tag(
                    "td",
                    ranged(row["accuracy"], row["low"], row["high"]),
                    tag("br"),
                    tag("span", quiet, class_="range"),
                )
            )
        rows.append(tag("tr", *cells, class_="all" if lang == ALL else None))
    head = tag("tr", *[tag("th", name, scope="col") for name in ("Language", "Chance", *labels)])
    caption = captioned("Share answered correctly, by language, in %")
    return framed(
        tag("table", caption, tag("thead", head), tag("tbody", *rows)), "Share answered correctly, by language"
    )


def _heat_map(view: View) -> Markup | None:
    if len(view.labels) < 2:
        return None
    langs = languages_in(view.summary)
    found = {(row["lang"], row["label"]): row for row in view.summary.iter_rows(named=True)}
    head = [tag("th", "Stage" if view.staged else "Model", scope="col")]
    head += [tag("th", tag("abbr", code, title=registry()[code].name), scope="col") for code in langs]
    rows = []
    for label in view.labels:
        cells = [tag("th", label, scope="row")]
        for lang in langs:
            row = found.get((lang, label))
            if row is None or row["accuracy"] is None:
                cells.append(tag("td", "–"))
                continue
            back, text = shade(row["accuracy"])
            cells.append(tag("td", percent(row["accuracy"], 0), style=f"background:{back};color:{text}"))
        rows.append(tag("tr", *cells))
    note = tag("span", "Darker is higher. Intervals and n are in the table above.", class_="note")
    name = f"{'Stages' if view.staged else 'Models'} and languages, % correct"
    content = tag("table", captioned(name, note), tag("thead", tag("tr", *head)), tag("tbody", *rows), class_="heat")
    return framed(content, name)


def _change(view: View) -> list[Markup]:
    """The paired change from the first stage to the last, where there are stages on the same items."""
    import polars as pl

    if not view.staged or len(view.labels) < 2:
        return []
    first, last = view.labels[0], view.labels[-1]
    before, after = (view.scores.filter(pl.col("label") == label) for label in (first, last))
    if not set(before["item_id"]) & set(after["item_id"]):
        return []
    caption = joined(
        [
            f"From “{first}” to “{last}”, in % and percentage points",
            tag("span", "Paired on the same items. p is adjusted for the number of languages (Holm).", class_="note"),
        ]
    )
    return [tag("h3", "Change"), _paired_table(compare(before, after, view.level), caption, (first, last))]


def _paired_table(rows: pl.DataFrame, caption: Markup, names: tuple[str, str]) -> Markup:
    body: list[list[object]] = [
        [
            language_name(row["lang"]),
            percent(row["before"]),
            percent(row["after"]),
            ranged(row["difference"], row["low"], row["high"], sign=True),
            _p(row["p_holm"] if row["lang"] != ALL else row["p_value"]),
            f"{row['n']:,}",
            f"{row['groups']:,}",
        ]
        for row in rows.iter_rows(named=True)
    ]
    return table(caption, ["Language", names[0], names[1], "Difference", "p", "n", "Groups"], body, total=True)


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _gaps(view: View, picture: Markup | None) -> list[Markup]:
    import polars as pl

    behind = gaps(view.scores, level=view.level)
    heading = tag("h3", f"Gap to {registry()[REFERENCE].name}")
    if not behind.height:
        if set(languages_in(view.summary)) <= {REFERENCE}:
            return []
        return [
            heading,
            tag(
                "p",
                "No item was asked both in English and in another language, so a gap cannot be told from a difference "
                "between questions.",
            ),
        ]
    parts = [heading]
    if picture is not None:
        parts.append(picture)
    for label in view.labels:
        own = behind.filter(pl.col("label") == label)
        if own.height:
            note = "Against English on the same groups. p is adjusted for the number of languages (Holm)."
            caption = joined([f"{label}: % correct and points from English", tag("span", note, class_="note")])
            content = _paired_table(own, caption, ("English", "Here"))
            many = len(view.labels) > 1
            parts.append(folded(f"{label}: gap to English as a table", content) if many else content)
    return parts


def _counts(view: View) -> list[Markup]:
    import polars as pl

    heads: list[object] = ["Language", "n", "Groups", "% correct", "Chance, %", "Correct", "Wrong", "Refused"]
    heads += ["Unparseable", "Empty", "Errors", "No answer, %"]
    names = ("correct", "wrong", *NON_ANSWERS, "errors")
    parts = []
    for label in view.labels:
        rows: list[list[object]] = [
            [
                language_name(row["lang"]),
                f"{row['n']:,}",
                f"{row['groups']:,}",
                ranged(row["accuracy"], row["low"], row["high"]),
                percent(row["chance"]),
                *(f"{row[name]:,}" for name in names),
                percent(row["non_answer_rate"]),
            ]
            for row in view.summary.filter(pl.col("label") == label).iter_rows(named=True)
        ]
        caption = joined([f"{label}: all counts", tag("span", "Errors are not in n.", class_="note")])
        content = table(caption, heads, rows, total=True)
        parts.append(folded(f"{label}: all counts as a table", content) if len(view.labels) > 1 else content)
    return parts
