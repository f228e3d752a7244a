"""The tables of an analysis in the terminal: every digit, however narrow it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.summary import ALL, percent, views, with_interval
from afya.bench.page.cells import language_row, rank_text, task_name, view_name

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from afya.bench.analysis.analyse import Analysis

_COUNTS = ("correct", "wrong", "refused", "unparseable", "empty", "errors")
_NO_RANK = "–"

Row = Mapping[str, Any]


def print_leaderboard(found: Analysis, console: Console) -> None:
    """What runs came to, a table a task: a row a model and setting, best first, and below it each by language.

    A task that one model was asked in one setting has its languages as rows. Open tasks have the means of measures.
    """
    from rich.text import Text

    for (task,), part in found.summary.group_by("task", maintain_order=True):
        langs = [str(lang) for lang in part["lang"].unique(maintain_order=True) if lang != ALL]
        whole = [row for row in part.iter_rows(named=True) if row["lang"] == ALL]
        if len(whole) == 1:
            _print_languages(console, part, langs)
        else:
            _print_models(console, str(task), whole, part, langs, _ranks(found.ranks, str(task)))
    _print_measures(console, found.measures)
    if found.summary.height:
        note = (
            "[low, high]: 95% interval, clusters are groups. Rank: among the models of one setting. No answer: in % of "
            "n. Errors are not in n."
        )
        console.print(Text(note, style="dim"))


def _ranks(ranks: pl.DataFrame, task: str) -> dict[tuple[str, str, str], str]:
    """'1 to 3' by label, model and setting; models that are alone in their setting have none."""
    return {
        (row["label"], row["model"], row["setting"]): rank_text(row["rank"])
        for row in ranks.iter_rows(named=True)
        if row["lang"] == ALL and row["task"] == task and row["models"] > 1
    }


def _print_models(
    console: Console,
    task: str,
    whole: Sequence[Row],
    part: pl.DataFrame,
    langs: Sequence[str],
    ranks: Mapping[tuple[str, str, str], str],
) -> None:
    rows = sorted(whole, key=lambda row: -1.0 if row["accuracy"] is None else row["accuracy"], reverse=True)
    names = _names(rows)
    columns: Columns = [
        ("n", [f"{row['n']:,}" for row in rows]),
        ("accuracy, %", [with_interval(row["accuracy"], row["low"], row["high"]) for row in rows]),
        *([("chance", [percent(row["chance"]) for row in rows])] if rows[0]["chance"] is not None else []),
        ("no answer", [percent(row["non_answer_rate"]) for row in rows]),
        ("errors", [f"{row['errors']:,}" for row in rows]),
    ]
    told = [ranks.get((row["label"], row["model"], row["setting"]), _NO_RANK) for row in rows]
    if any(rank != _NO_RANK for rank in told):
        columns.insert(2, ("rank", told))
    one = f", {language_row(langs[0])}" if len(langs) == 1 else ""
    _print(console, f"{task_name(task)}{one}", "model", names, columns)
    if len(langs) < 2:
        return
    cells = {(row["label"], row["model"], row["setting"], row["lang"]): row for row in part.iter_rows(named=True)}
    reach = max(
        (
            max(row["high"] - row["accuracy"], row["accuracy"] - row["low"])
            for row in cells.values()
            if row["accuracy"] is not None and row["lang"] != ALL
        ),
        default=0.0,
    )
    by_lang: Columns = []
    for lang in langs:
        found = [cells.get((row["label"], row["model"], row["setting"], lang)) for row in rows]
        by_lang.append((lang, [_NO_RANK if row is None else percent(row["accuracy"], 0) for row in found]))
    reaches = f"95% intervals reach up to {percent(reach, 0)} points to a side"
    _print(console, f"{task_name(task)} by language, in whole %; {reaches}", "model", names, by_lang)


def _names(rows: Sequence[Row]) -> list[str]:
    """Labels, with the setting where not all have the same."""
    several = len({row["setting"] for row in rows}) > 1
    return [f"{row['label']}, {row['setting']}" if several else str(row["label"]) for row in rows]


def _print_languages(console: Console, part: pl.DataFrame, langs: Sequence[str]) -> None:
    """One model in one setting: a row a language, and one over all where there are several."""
    rows = [row for row in part.iter_rows(named=True) if row["lang"] != ALL or len(langs) > 1]
    columns: Columns = [
        ("n", [f"{row['n']:,}" for row in rows]),
        ("groups", [f"{row['groups']:,}" for row in rows]),
        ("accuracy, %", [with_interval(row["accuracy"], row["low"], row["high"]) for row in rows]),
        ("chance", [percent(row["chance"]) for row in rows]),
        ("no answer", [percent(row["non_answer_rate"]) for row in rows]),
        ("errors", [f"{row['errors']:,}" for row in rows]),
    ]
    title = f"{rows[0]['label']}: {view_name(rows[0]['setting'], rows[0]['task'])}"
    print_rows(console, title, [row["lang"] for row in rows], columns)


def _print_measures(console: Console, measures: pl.DataFrame) -> None:
    """The means of open tasks over all languages, a table a task."""
    import polars as pl

    for (task,), part in measures.filter(pl.col("lang") == ALL).group_by("task", maintain_order=True):
        keys = ("label", "model", "setting")
        rows = part.unique(list(keys), keep="first", maintain_order=True).rows(named=True)
        cells = {(*(row[key] for key in keys), row["measure"], row["judge"]): row for row in part.iter_rows(named=True)}
        columns: Columns = [
            ("n", [f"{row['n']:,}" for row in rows]),
            ("errors", [f"{row['missing']:,}" for row in rows]),
        ]
        for measure, judge in part.select("measure", "judge").unique(maintain_order=True).iter_rows():
            found = [cells.get((*(row[key] for key in keys), measure, judge)) for row in rows]
            columns.append((measure if judge is None else f"{measure} ({judge})", [_mean(row) for row in found]))
        _print(console, f"{task}: means [95% interval] over all languages", "model", _names(rows), columns)


def _mean(row: Row | None) -> str:
    if row is None or row["mean"] is None:
        return _NO_RANK
    ends = "" if row["low"] is None else f" [{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row['mean']:.3f}{ends}"


def print_table(summary: pl.DataFrame, console: Console) -> None:
    """One table a label, setting and task: a row a language with n, accuracy and interval, chance and all counts."""
    from rich.text import Text

    for (label, _, setting, task), part in summary.group_by("label", "model", "setting", "task", maintain_order=True):
        title = f"{label}: {view_name(str(setting), str(task))}"
        rows = part.rows(named=True)
        columns: Columns = [
            ("n", [str(row["n"]) for row in rows]),
            ("groups", [str(row["groups"]) for row in rows]),
            ("accuracy, %", [with_interval(row["accuracy"], row["low"], row["high"]) for row in rows]),
            ("chance", [percent(row["chance"]) for row in rows]),
            ("no answer", [percent(row["non_answer_rate"]) for row in rows]),
            *((name, [str(row[name]) for row in rows]) for name in _COUNTS),
        ]
        print_rows(console, title, [row["lang"] for row in rows], columns)
    note = "[low, high]: 95% interval, clusters are groups. No answer in % of n. Errors are not in n."
    console.print(Text(note, style="dim"))


def print_stages(summary: pl.DataFrame, console: Console) -> None:
    """One table a setting and task: a row a language, a column a label (such as a stage), each with its interval."""
    for setting, task, part in views(summary):
        found = {(row["lang"], row["label"]): row for row in part.iter_rows(named=True)}
        langs = [str(lang) for lang in part["lang"].unique(maintain_order=True)]
        langs = [*(lang for lang in langs if lang != ALL), *(lang for lang in langs if lang == ALL)]
        labels = [str(label) for label in part["label"].unique(maintain_order=True)]
        first = [next(found[lang, label] for label in labels if (lang, label) in found) for lang in langs]
        columns: Columns = [
            ("n", [str(row["n"]) for row in first]),
            ("chance", [percent(row["chance"]) for row in first]),
        ]
        for label in labels:
            rows = [found.get((lang, label)) for lang in langs]
            cells = [with_interval(row["accuracy"], row["low"], row["high"]) if row else "–" for row in rows]
            columns.append((label, cells))
        print_rows(console, f"Accuracy, % [95% interval]: {view_name(setting, task)}", langs, columns)


Columns = list[tuple[str, list[str]]]
"""Heading and cells of each column; headings may be alike."""


def print_rows(console: Console, title: str, langs: Sequence[str], columns: Columns) -> None:
    """A table of languages, the row over all of them set apart; as many tables as the terminal's width takes."""
    names = ["all languages" if lang == ALL else language_row(lang) for lang in langs]
    _print(
        console, title, "language", names, columns, bare=[name.partition(" (")[0] for name in names], last=ALL in langs
    )


def _print(
    console: Console,
    title: str,
    heading: str,
    names: Sequence[str],
    columns: Columns,
    *,
    bare: Sequence[str] = (),
    last: bool = False,
) -> None:
    """One table when the terminal is wide enough, else as many under one another as it takes: no digit is cut off.

    `bare`: shorter names, for a narrow terminal. `last`: the last row sums up the others.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    widths = [max(len(name), *map(len, cells)) for name, cells in columns]
    gap = 1
    if (
        bare
        and _needed(heading, names, widths, gap) > console.width
        and _needed(heading, bare, widths, 0) <= console.width
    ):
        names, gap = bare, 0
    parts: list[list[int]] = [[]]
    for column in range(len(columns)):
        if parts[-1] and _needed(heading, names, [widths[at] for at in (*parts[-1], column)], gap) > console.width:
            parts.append([])
        parts[-1].append(column)
    for index, part in enumerate(parts):
        # Not as the table's own title, which would be folded to the table's width.
        console.print(Text(title if index == 0 else f"{title}, continued", style="italic"))
        shown = Table(box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
        shown.add_column(heading, no_wrap=True)
        for at in part:
            shown.add_column(Text(columns[at][0]), justify="right", no_wrap=True)
        for row, name in enumerate(names):
            if last and row == len(names) - 1:
                shown.add_section()
            shown.add_row(Text(name), *(columns[at][1][row] for at in part))
        console.print(shown)


def _needed(heading: str, names: Sequence[str], widths: Sequence[int], gap: int) -> int:
    """Columns of a terminal that a table takes: one for the rule's edge on each side, one and the gap between."""
    return max(map(len, (heading, *names))) + sum(widths) + len(widths) * (1 + gap) + 2
