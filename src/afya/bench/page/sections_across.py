"""Sections across settings and tasks: what a way of asking changes, models two by two, and open tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.analyse import MOST_COMPARED, Analysis
from afya.bench.analysis.summary import ALL, percent
from afya.bench.page.cells import (
    folded,
    language_name,
    p_value,
    ranged,
    section,
    setting_name,
    task_name,
    view_name,
)
from afya.bench.page.markup import Markup, joined, table, tag
from afya.bench.page.sections_judges import Note, judge_notes, judges, read_judging

if TYPE_CHECKING:
    import polars as pl

LEGACY = {"rouge_l": "ROUGE-L", "chrf": "chrF"}


def settings_section(analysis: Analysis) -> Markup | None:
    """Whether translating first, examples or reasoning help, each against the plain setting; None where not asked."""
    if not analysis.settings.height:
        return None
    parts: list[Markup] = []
    for (task, setting, plain), part in analysis.settings.group_by("task", "setting", "plain", maintain_order=True):
        name = f"{task_name(str(task))}: {setting_name(str(setting))}, against {setting_name(str(plain))}"
        overall = [row for row in part.iter_rows(named=True) if row["lang"] == ALL]
        parts += [tag("h3", name), tag("p", _verdict(overall, analysis.level))]
        rows = [_effect(row) for row in overall]
        note = "Paired on the same items. p is adjusted for all settings and languages tried with a model (Holm)."
        caption = joined(["Over all languages, in % and points", tag("span", note, class_="note")])
        parts.append(
            table(caption, ["Model", "Plain", "So asked", "Difference", "p", "Detectable", "n", "Groups"], rows)
        )
        listed: list[list[object]] = [
            [row["label"], language_name(row["lang"]), *_effect(row)[1:]]
            for row in part.iter_rows(named=True)
            if row["lang"] != ALL
        ]
        heads: list[object] = ["Model", "Language", "Plain", "So asked", "Difference", "p", "Detectable", "n", "Groups"]
        if listed:
            parts.append(folded("By language", table(f"{name}, by language", heads, listed)))
    return section("settings", "What the way of asking changes", *parts)


def _effect(row: Mapping[str, Any]) -> list[object]:
    return [
        row["label"],
        percent(row["before"]),
        percent(row["after"]),
        ranged(row["difference"], row["low"], row["high"], sign=True),
        p_value(row["p_value"] if row["p_holm"] is None else row["p_holm"]),
        percent(row["detectable"]),
        f"{row['n']:,}",
        f"{row['groups']:,}",
    ]


def _verdict(rows: list[dict[str, Any]], level: float) -> str:
    """How many models it helps, harms, or neither, over all languages, by the adjusted p-values."""
    shown = [row for row in rows if (row["p_value"] if row["p_holm"] is None else row["p_holm"]) < 1 - level]
    better = sum(row["difference"] > 0 for row in shown)
    worse = sum(row["difference"] < 0 for row in shown)
    open_ = len(rows) - better - worse
    return f"Over all languages it helps {better}, harms {worse}, and for {open_} of {len(rows)} neither is shown."


def comparisons_section(analysis: Analysis) -> Markup | None:
    """Every two models on the same items; None with one model, a sentence with too many."""
    import polars as pl

    models = analysis.scores["label"].n_unique()
    if not analysis.comparisons.height:
        if models <= MOST_COMPARED:
            return None
        told = (
            f"{models} models make {models * (models - 1) // 2:,} pairs; each pair tried raises the bar for all. Name "
            "the two that matter: afya bench compare A B."
        )
        return section("pairs", "Models two by two", tag("p", told))
    parts = []
    for (setting, task), part in analysis.comparisons.group_by("setting", "task", maintain_order=True):
        overall = part.filter(pl.col("lang") == ALL)
        name = view_name(str(setting), str(task))
        note = (
            "Paired on the same items, b less a. p: exact McNemar's where each group has one item, else t over groups; "
            "adjusted over all pairs and languages (Holm). Detectable: found 8 times in 10."
        )
        caption = joined([f"{name}, all languages, in points", tag("span", note, class_="note")])
        parts.append(table(caption, _PAIR_HEADS, [_pair(row, False) for row in overall.iter_rows(named=True)]))
        rows = [_pair(row, True) for row in part.filter(pl.col("lang") != ALL).iter_rows(named=True)]
        if rows:
            heads = [_PAIR_HEADS[0], "Language", *_PAIR_HEADS[1:]]
            parts.append(folded(f"{name}: by language", table(f"{name}, by language, in points", heads, rows)))
    return section("pairs", "Models two by two", *parts)


_PAIR_HEADS: list[object] = [
    "a, b",
    "a, %",
    "b, %",
    "Difference",
    "Bootstrap",
    "p",
    "Only a",
    "Only b",
    "Detectable",
    "n",
]


def _pair(row: Mapping[str, Any], by_language: bool) -> list[object]:
    return [
        f"{row['a']}, {row['b']}",
        *([language_name(row["lang"])] if by_language else []),
        percent(row["before"]),
        percent(row["after"]),
        ranged(row["difference"], row["low"], row["high"], sign=True),
        tag("span", _ends(row["low_bootstrap"], row["high_bootstrap"]), class_="range"),
        p_value(row["p_value"] if row["p_holm"] is None else row["p_holm"]),
        f"{row['lost']:,}",
        f"{row['gained']:,}",
        percent(row["detectable"]),
        f"{row['n']:,}",
    ]


def _ends(low: float | None, high: float | None) -> str:
    """An interval; a dash where all draws were the same."""
    return "–" if low is None and high is None else f"[{_points(low)}, {_points(high)}]"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def open_section(analysis: Analysis, runs: Sequence[Path]) -> Markup | None:
    """Written answers and translations by their measures; a judge's scores are withheld where they may not be shown."""
    if not analysis.measures.height:
        return None
    judged = read_judging(runs)
    notes = judge_notes(judged)
    parts: list[Markup] = []
    if any(name in LEGACY for name in analysis.measures["measure"].unique()):
        parts.append(
            tag(
                "p",
                "ROUGE-L and chrF count words and letters in common with one reference. They are legacy: shown so that "
                "older reports can be laid beside this one, and blind to a dose that is wrong.",
            )
        )
    parts += judges(judged)
    for (task, setting, measure), part in analysis.measures.group_by("task", "setting", "measure", maintain_order=True):
        parts += _measured(str(task), str(setting), str(measure), part, notes)
    return section("open", "Open tasks", *parts)


def _measured(task: str, setting: str, measure: str, part: pl.DataFrame, notes: Note) -> list[Markup]:
    title = LEGACY.get(measure, measure.replace("_", " "))
    legacy = " (legacy)" if measure in LEGACY else ""
    rows = part.rows(named=True)
    judged = any(row["judge"] for row in rows)
    several = len({row["lang"] for row in rows}) > 2
    overall = [_measure_row(row, judged, notes) for row in rows if row["lang"] == ALL or not several]
    heads: list[object] = [
        "Model",
        *(["Judge"] if judged else []),
        "Language",
        "Mean",
        "n",
        "Groups",
        "Without a score",
    ]
    heads += [tag("th", "How far to trust it", scope="col", class_="text")] if judged else []
    parts = [
        tag("h3", f"{view_name(setting, task)}: {title}{legacy}"),
        table(f"{title}, mean with its interval", heads, overall),
    ]
    if several:
        every = [_measure_row(row, judged, notes) for row in rows if row["lang"] != ALL]
        parts.append(folded("By language", table(f"{title}, by language", heads, every)))
    return parts


def _measure_row(row: Mapping[str, Any], judged: bool, notes: Note) -> list[object]:
    names = ("model", "setting", "task", "lang", "measure", "judge")
    model, setting, task, lang, measure, judge = (str(row[name]) for name in names)
    note = notes.get((model, setting, task, lang, measure, judge), "")
    withheld = note.startswith("withheld")
    missing = row["missing"]
    return [
        row["label"],
        *([row["judge"] or "–"] if judged else []),
        language_name(lang),
        tag("span", "withheld", class_="range") if withheld else _number(row),
        f"{row['n']:,}",
        f"{row['groups']:,}",
        f"{missing:,}" if missing is not None else "–",
        *([tag("td", note or "–", class_="text")] if judged else []),
    ]


def _number(row: Mapping[str, Any]) -> Markup:
    if row["mean"] is None:
        return tag("span", "–")
    if row["low"] is None:
        return tag("span", f"{row['mean']:.3f}")
    return joined([f"{row['mean']:.3f} ", tag("span", f"[{row['low']:.3f}, {row['high']:.3f}]", class_="range")])
