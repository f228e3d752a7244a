"""The report of bench runs: a table in the terminal, CSV, and one HTML page that is complete in itself.

The page loads nothing, runs nothing, opens from disk, and is the same bytes for the same runs. It shows numbers only
with n, an interval and the non-answer rate beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from afya import __version__
from afya.bench import sections
from afya.bench.cells import view_name
from afya.bench.figures import View, language_row
from afya.bench.markup import Markup, escaped, joined, trusted
from afya.bench.plots import PALETTE
from afya.bench.sampling import item_sample, sampled_items
from afya.bench.summary import (
    ALL,
    percent,
    read_scores,
    summarise,
    summarise_tiers,
    views,
    with_interval,
    write_csv,
)
from afya.runs import read_json, write_text

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

__all__ = ["print_stages", "print_table", "write_csv", "write_report"]

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


@dataclass(frozen=True)
class Run:
    """What the report needs of one run folder; the tables are read only as far as they are shown."""

    manifest: Mapping[str, Any]
    replies: pl.LazyFrame | None
    prompts: Sequence[pl.LazyFrame]


def read_run(path: Path) -> Run:
    """The manifest, replies and prompts of a run folder; its scores are read by `read_scores`."""
    import polars as pl

    manifest = read_json(path / "manifest.json") if (path / "manifest.json").exists() else {}
    replies = path / "replies.parquet"
    return Run(
        manifest=manifest,
        replies=pl.scan_parquet(replies) if replies.exists() else None,
        prompts=[pl.scan_parquet(file) for file in sorted(path.glob("parts/prompts-*/p-*.parquet"))],
    )


def write_report(
    runs: Sequence[Path],
    out: Path,
    *,
    title: str = "How well does the model answer, in each language?",
    labels: Sequence[str] | None = None,
    staged: bool | None = None,
    items: pl.DataFrame | None = None,
    samples: int = 3,
    level: float = 0.95,
) -> Path:
    """Write one self-contained HTML file about the runs, and return its path.

    Args:
        runs: run folders, each with scores.parquet; manifest.json, replies.parquet and the prompt parts are used when
            there.
        labels: a name for each run, in order.
        staged: whether what is shown are stages of one training, in order (before, after stage 1, ...): the plots then
            join them and a table tests the change from first to last. None: they are when labels are given.
        items: the benchmark's items (columns of `afya.items.schema`) for the sample of replies; without them the
            prompts in the run folders are shown.
        samples: items shown for each language, with every model's reply.

    Raises DataError for runs without scores or with scores that cannot be read, MissingDependencyError without
    matplotlib.
    """
    runs = [Path(run) for run in runs]
    scores = read_scores(runs, labels)
    records = [read_run(run) for run in runs]
    summary, tiers = summarise(scores, level), summarise_tiers(scores, level)
    several = scores["label"].n_unique() > 1
    staged = several and (labels is not None if staged is None else staged)
    cards = [card for record in records for card in sections.model_cards(record.manifest)]
    body: list[Markup] = []
    links: list[tuple[str, str]] = [("measured", "What was measured")]
    body.append(sections.measured(scores, cards, [record.manifest for record in records]))
    for index, (setting, task, part) in enumerate(views(summary)):
        identity = f"view{index + 1}"
        links.append((identity, f"Results: {view_name(setting, task)}"))
        view = View(
            identity=identity,
            setting=setting,
            task=task,
            summary=part,
            tiers=_only(tiers, setting, task),
            scores=_only(scores, setting, task),
            staged=staged,
            level=level,
        )
        body.append(sections.results(view))
    links.append(("reading", "How to read this"))
    body.append(trusted(_template("reading.html").substitute(level=percent(level, 0)).rstrip()))
    prompts = [part for record in records for part in record.prompts]
    shown = sampled_items(scores, [record.replies for record in records], prompts, items, samples)
    if shown:
        links.append(("items", "Items and replies"))
        body.append(item_sample(shown))
    anchored = trusted(f'<div id="results">{joined(body, chr(10))}</div>')
    page = _template("report.html").substitute(
        title=escaped(title),
        style=_style(),
        lead=sections.lead(scores, summary, staged, level),
        contents=sections.contents(links),
        body=anchored,
        version=escaped(__version__),
    )
    out = Path(out)
    write_text(out, page)
    return out


def _only(table: pl.DataFrame, setting: str, task: str) -> pl.DataFrame:
    import polars as pl

    return table.filter(pl.col("setting") == setting, pl.col("task") == task)


def _style() -> str:
    light = "\n".join(f"  --{name}: {shades[0]};" for name, shades in PALETTE.items())
    dark = "\n".join(f"    --{name}: {shades[1]};" for name, shades in PALETTE.items())
    return _template("report.css").substitute(light=light, dark=dark).rstrip()


def _template(name: str) -> Template:
    return Template((files("afya.bench") / "template" / name).read_text(encoding="utf-8"))
