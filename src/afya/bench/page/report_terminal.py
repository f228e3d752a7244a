"""The tables of a summary in the terminal: every digit, however narrow it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from afya.bench.analysis.summary import ALL, percent, views, with_interval
from afya.bench.page.cells import language_row, view_name

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

_COUNTS = ("correct", "wrong", "refused", "unparseable", "empty", "errors")


def print_table(summary: pl.DataFrame, console: Console) -> None:
    """One table a label, setting and task: a row a language with n, accuracy and interval, chance and all counts."""
    from rich.text import Text

    for (label, _, setting, task), part in summary.group_by("label", "model", "setting", "task", maintain_order=True):
        title = f"{label}: {view_name(str(setting), str(task))}"
        rows = part.rows(named=True)
        columns: _Columns = [
            ("n", [str(row["n"]) for row in rows]),
            ("groups", [str(row["groups"]) for row in rows]),
            ("accuracy, %", [with_interval(row["accuracy"], row["low"], row["high"]) for row in rows]),
            ("chance", [percent(row["chance"]) for row in rows]),
            ("no answer", [percent(row["non_answer_rate"]) for row in rows]),
            *((name, [str(row[name]) for row in rows]) for name in _COUNTS),
        ]
        _print(console, title, [row["lang"] for row in rows], columns)
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
        columns: _Columns = [
            ("n", [str(row["n"]) for row in first]),
            ("chance", [percent(row["chance"]) for row in first]),
        ]
        for label in labels:
            rows = [found.get((lang, label)) for lang in langs]
            cells = [with_interval(row["accuracy"], row["low"], row["high"]) if row else "–" for row in rows]
            columns.append((label, cells))
        _print(console, f"Accuracy, % [95% interval]: {view_name(setting, task)}", langs, columns)


_Columns = list[tuple[str, list[str]]]
"""Heading and cells of each column; headings may be alike."""


def _print(console: Console, title: str, langs: Sequence[str], columns: _Columns) -> None:
    """One table when the terminal is wide enough, else as many under one another as it takes: no digit is cut off."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    names = ["all languages" if lang == ALL else language_row(lang) for lang in langs]
    widths = [max(len(name), *map(len, cells)) for name, cells in columns]
    gap = 1
    if _needed(names, widths, gap) > console.width:
        bare = [name.partition(" (")[0] for name in names]
        if _needed(bare, widths, 0) <= console.width:
            names, gap = bare, 0
    parts: list[list[int]] = [[]]
    for column in range(len(columns)):
        if parts[-1] and _needed(names, [widths[at] for at in (*parts[-1], column)], gap) > console.width:
            parts.append([])
        parts[-1].append(column)
    for index, part in enumerate(parts):
        heading = Text(title if index == 0 else f"{title}, continued")
        shown = Table(title=heading, title_justify="left", box=SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
        shown.add_column("language", no_wrap=True)
        for at in part:
            shown.add_column(Text(columns[at][0]), justify="right", no_wrap=True)
        for row, lang in enumerate(langs):
            if lang == ALL:
                shown.add_section()
            shown.add_row(Text(names[row]), *(columns[at][1][row] for at in part))
        console.print(shown)


def _needed(names: Sequence[str], widths: Sequence[int], gap: int) -> int:
    """Columns of a terminal that a table takes: one for the rule's edge on each side, one and the gap between."""
    return max(map(len, ("language", *names))) + sum(widths) + len(widths) * (1 + gap) + 2
