"""The results of one setting and task: leaderboard, languages, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from afya.bench.analysis.equity import relative_change
from afya.bench.analysis.summary import ALL, NON_ANSWERS, compare, percent, shared_items
from afya.bench.page.cells import (
    counted,
    folded,
    framed,
    heat_table,
    language_name,
    p_value,
    plain_name,
    ranged,
    rank_text,
    section,
    shade,
    times_text,
    view_name,
)
from afya.bench.page.figures import languages_figure, outcomes_figure, tiers_figure
from afya.bench.page.markup import Markup, captioned, joined, table, tag
from afya.bench.page.report_view import View
from afya.bench.page.sections_equity import equity
from afya.bench.page.sections_replies import replies

Row = Mapping[str, Any]


def results(view: View) -> Markup:
    """Leaderboard, languages, change over the stages, gaps, and what became of the items."""
    return section(
        view.identity,
        f"Results: {view_name(view.setting, view.task)}",
        tag("h3", "Stages" if view.staged else "Models"),
        _leaderboard(view),
        *_languages(view),
        *_change(view),
        *equity(view),
        tag("h3", "What became of the items"),
        outcomes_figure(view),
        *_counts(view),
        *replies(view),
    )


def _languages(view: View) -> list[Markup | None]:
    """Pictures and tables of the languages beside one another; of one language the leaderboard says all."""
    if view.alone:
        return []
    pictures = [tiers_figure(view), tag("h3", "Languages"), languages_figure(view)]
    return [*pictures, *_by_language(view), _heat_map(view)]


def _leaderboard(view: View) -> Markup:
    import polars as pl

    found, ranks, tiers = view.found("summary"), view.found("ranks"), view.found("tiers")
    ranked = not view.staged and len(view.labels) > 1
    rows: list[list[object]] = []
    for label in view.labels:
        row = found.get((label, ALL))
        if row is None:
            continue
        own = view.tables.summary.filter(pl.col("label") == label, pl.col("lang") != ALL, pl.col("n") > 0)
        worst = own.sort("accuracy", "lang").row(0, named=True) if own.height else None
        cells: list[object] = [label, ranged(row["accuracy"], row["low"], row["high"])]
        if ranked:
            place = ranks.get((label, ALL)) or ranks.get((label, view.langs[0]))
            cells.append(rank_text(place["rank"]) if place else "–")
        for tier in () if view.alone else ("high", "low"):
            one = tiers.get((label, tier))
            cells.append(ranged(one["accuracy"], one["low"], one["high"]) if one else "–")
        if not view.alone:
            cells.append(f"{plain_name(worst['lang'])} {percent(worst['accuracy'])}" if worst else "–")
        cells += [
            percent(row["chance"]),
            percent(row["non_answer_rate"]),
            f"{row['n']:,}",
            f"{row['groups']:,}",
            f"{row['errors']:,}",
        ]
        rows.append(cells)
    heads: list[object] = ["Stage" if view.staged else "Model"]
    heads.append(plain_name(view.langs[0]) if view.alone else "All languages")
    heads += ["Rank"] if ranked else []
    heads += [] if view.alone else ["High-resource", "Low-resource", "Lowest"]
    heads += ["Chance", "No answer", "n", "Groups", "Errors"]
    title = "Share answered correctly, in %"
    if not ranked:
        return table(title, heads, rows)
    told = _unranked(view)
    listed = table(joined([title, tag("span", _RANK, class_="note")]), heads, rows)
    return joined([listed, tag("p", told)]) if told else listed


_RANK = (
    "Rank: the places a model may hold when each language counts once, decided for all models together. Models whose "
    "ranks overlap are not shown to differ, whatever their order here."
)


def _unranked(view: View) -> str:
    """A sentence on the models that the data give no rank; empty where all have one."""
    langs = {ALL} if len(view.langs) > 1 else set(view.langs)
    rows = [row for row in view.rows("ranks") if row["lang"] in langs]
    apart = [row for row in rows if row["observed"] is None]
    unknown = [row for row in rows if row["observed"] is not None and row["rank"] == "–"]
    told = []
    if unknown and len(unknown) == len(rows) - len(apart):
        told.append("The data give no ranks: no two of these models can be told apart. More items would be needed.")
    elif unknown:
        those = counted(len(unknown), "model")
        told.append(f"The data give {those} no rank (–): every place is possible.")
    if apart:
        names = ", ".join(row["label"] for row in apart[:5]) + (" and others" if len(apart) > 5 else "")
        where = "every language" if len(view.langs) > 1 else plain_name(view.langs[0])
        told.append(f"Not ranked, because fewer than four in five items of {where} were answered: {names}.")
    return " ".join(told)


def _by_language(view: View) -> list[Markup]:
    """A row a language and a column a model, or, with many models, a folded table a language in order of accuracy."""
    found = view.found("summary")
    if not view.few:
        return [folded(f"{plain_name(lang)}: every model", _in_language(view, lang)) for lang in view.langs]
    return [stages_table(found, view.labels, view.langs)]


def stages_table(found: Mapping[tuple[str, str], Row], labels: Sequence[str], langs: Sequence[str]) -> Markup:
    """A row a language, a column a model or stage; `found` are a summary's rows by label and language."""
    rows = []
    for lang in [*langs, ALL]:
        have = [found[label, lang] for label in labels if (label, lang) in found]
        cells = [tag("th", language_name(lang), scope="row"), tag("td", percent(have[0]["chance"]))]
        for label in labels:
            row = found.get((label, lang))
            if row is None:
                cells.append(tag("td", "–"))
                continue
            quiet = f"n {row['n']:,}, no answer {percent(row['non_answer_rate'])}%"
            value = ranged(row["accuracy"], row["low"], row["high"])
            cells.append(tag("td", value, tag("br"), tag("span", quiet, class_="range")))
        rows.append(tag("tr", *cells, class_="all" if lang == ALL else None))
    head = tag("tr", *[tag("th", name, scope="col") for name in ("Language", "Chance", *labels)])
    caption = captioned("Share answered correctly, by language, in %")
    content = tag("table", caption, tag("thead", head), tag("tbody", *rows))
    return framed(content, "Share answered correctly, by language")


def _in_language(view: View, lang: str) -> Markup:
    ranks = view.found("ranks")
    own = sorted(view.rows("summary", lang), key=lambda row: -(row["accuracy"] or 0.0))
    rows: list[list[object]] = [
        [
            row["label"],
            ranged(row["accuracy"], row["low"], row["high"]),
            rank_text(ranks[row["label"], lang]["rank"]) if (row["label"], lang) in ranks else "–",
            percent(row["chance"]),
            percent(row["non_answer_rate"]),
            f"{row['n']:,}",
            f"{row['groups']:,}",
        ]
        for row in own
    ]
    heads: list[object] = ["Model", "% correct", "Rank", "Chance", "No answer, %", "n", "Groups"]
    return table(f"{plain_name(lang)}: share answered correctly, in %", heads, rows)


def _heat_map(view: View) -> Markup | None:
    if len(view.labels) < 2:
        return None
    found = view.found("summary")
    name = f"{'Stages' if view.staged else 'Models'} and languages, % correct"
    note = "Darker is higher. Intervals and n are in the tables above."

    def cell(label: str, lang: str) -> Markup:
        row = found.get((label, lang))
        if row is None or row["accuracy"] is None:
            return tag("td", "–")
        back, text = shade(row["accuracy"])
        return tag("td", percent(row["accuracy"], 0), style=f"background:{back};color:{text}")

    return heat_table(name, note, "Stage" if view.staged else "Model", view.labels, view.langs, cell)


def _change(view: View) -> list[Markup]:
    """The paired change from the first stage to the last, where there are stages on the same items."""
    import polars as pl

    if not view.staged or len(view.labels) < 2:
        return []
    first, last = view.labels[0], view.labels[-1]
    before, after = (view.tables.scores.filter(pl.col("label") == label) for label in (first, last))
    if not set(before["item_id"]) & set(after["item_id"]):
        return []
    changed = compare(before, after, view.tables.level)
    pairs = shared_items(before, after)
    times = {row["lang"]: row for row in relative_change(pairs, ["setting", "task"]).iter_rows(named=True)}
    note = "Paired on the same items. p is adjusted for the number of languages (Holm)."
    return [tag("h3", "Change"), change_table(changed.rows(named=True), times, first, last, note)]


def change_table(
    changed: Sequence[Row], times: Mapping[str, Row], first: str, last: str, note: str, *, total: bool = True
) -> Markup:
    """The paired change from one stage to another, a row a language.

    Args:
        changed: rows as `summary.paired_rows` gives them; times: those of `equity.relative_change` by language.
        total: the last row is over all languages.
    """
    rows: list[list[object]] = [
        [
            language_name(row["lang"]),
            percent(row["before"]),
            percent(row["after"]),
            ranged(row["difference"], row["low"], row["high"], sign=True),
            times_text(times.get(row["lang"])),
            p_value(row["p_value"] if row["p_holm"] is None else row["p_holm"]),
            f"{row['n']:,}",
            f"{row['groups']:,}",
        ]
        for row in changed
    ]
    caption = joined([f"From “{first}” to “{last}”, in % and percentage points", tag("span", note, class_="note")])
    heads: list[object] = ["Language", first, last, "Difference", "Times the base", "p", "n", "Groups"]
    return table(caption, heads, rows, total=total)


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
            for row in view.tables.summary.filter(pl.col("label") == label).iter_rows(named=True)
            if not (view.alone and row["lang"] == ALL)
        ]
        caption = joined([f"{label}: all counts", tag("span", "Errors are not in n.", class_="note")])
        content = table(caption, heads, rows, total=not view.alone)
        parts.append(folded(f"{label}: all counts as a table", content) if len(view.labels) > 1 else content)
    return parts if view.few else [folded("All counts, model by model", *parts)]
