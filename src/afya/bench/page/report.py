"""The report of bench runs: one HTML page that is complete in itself.

The page loads nothing, opens from disk, and is the same bytes for the same runs. It shows numbers only with n, an
interval and the non-answer rate beside them. Its one script, which the page names by its hash, shows the items and
replies that the page holds; everything else stands without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.analyse import Analysis, analyse
from afya.bench.analysis.summary import percent, views, write_csv
from afya.bench.page.browser import BUDGET_MB, pack_items
from afya.bench.page.browser_texts import open_verdicts
from afya.bench.page.cells import section, view_name
from afya.bench.page.document import document, template
from afya.bench.page.markup import Markup, trusted
from afya.bench.page.report_terminal import print_leaderboard, print_stages, print_table
from afya.bench.page.report_view import view_of
from afya.bench.page.sampling import sampled_items
from afya.bench.page.sections import results
from afya.bench.page.sections_across import comparisons_section, open_section, settings_section
from afya.bench.page.sections_items import items_data, items_section, script
from afya.bench.page.sections_measured import measured, read_manifest
from afya.bench.page.sections_opening import choices, opening, other_choices, staged_opening, tasks_in_order
from afya.bench.page.sections_safety import safety_section
from afya.runs import write_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["print_leaderboard", "print_stages", "print_table", "write_csv", "write_report"]


def write_report(
    runs: Sequence[Path],
    out: Path,
    *,
    title: str | None = None,
    labels: Sequence[str] | None = None,
    staged: bool | None = None,
    samples: int = 2,
    items_mb: float = BUDGET_MB,
    level: float = 0.95,
    analysis: Analysis | None = None,
) -> Path:
    """Write one self-contained HTML file about the runs, and return its path.

    Args:
        runs: run folders, each with scores.parquet; items.parquet, replies.parquet, manifest.json and the prompt parts
            are used when there.
        labels: a name for each run, in order.
        staged: whether what is shown are stages of one training, in order (before, after stage 1, ...): the plots then
            join them and a table tests the change from first to last. None: they are when labels are given.
        samples: items of each language that stand in the page where no script runs.
        items_mb: what the items and replies may take in the page, in megabytes; 0 leaves them out.
        analysis: the tables, where they were made before.

    Raises DataError for runs without scores or with tables that cannot be read, MissingDependencyError without
    matplotlib.
    """
    runs = [Path(run) for run in runs]
    analysis = analysis or analyse(runs, labels, level=level)
    scores = analysis.scores
    several = scores["label"].n_unique() > 1
    staged = several and (labels is not None if staged is None else staged)
    asked = _asked(scores, open_verdicts(scores, runs, labels))
    chosen = [] if staged else choices(analysis)
    lead = staged_opening(analysis) if staged else opening(analysis, chosen)
    packed = pack_items(asked, runs, items_mb)
    body = _sections(analysis, asked, runs, staged, other_choices(chosen, analysis.level))
    listed = items_section(packed, sampled_items(asked, runs, samples))
    if listed is not None:
        body.append(("items", "Items and replies", listed))
    code, digest = script() if packed is not None else (None, "'none'")
    page = document(
        title or _title(staged, several),
        lead,
        body,
        data=items_data(packed) if packed is not None else None,
        script=code,
        digest=digest,
    )
    out = Path(out)
    write_text(out, page)
    return out


def _title(staged: bool, several: bool) -> str:
    if several and not staged:
        return "Which model answers best, in each language?"
    return "How well does the model answer, in each language?"


def _asked(scores: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """All verdicts under one another, those of open kinds last."""
    import polars as pl

    return pl.concat([scores, others], how="diagonal_relaxed") if others.height else scores


def _sections(
    analysis: Analysis, asked: pl.DataFrame, runs: Sequence[Path], staged: bool, best: Markup | None
) -> list[tuple[str, str, Markup]]:
    """(id, name in the contents, section) in the page's order."""
    import polars as pl

    body: list[tuple[str, str, Markup]] = []
    tasks = tasks_in_order(analysis)
    tests = set(analysis.scores.filter(pl.col("kind") == "safety")["task"])

    def add(identity: str, name: str, part: Markup | None) -> None:
        if part is not None:
            body.append((identity, name, part))

    if best is not None:
        add("best", "Best models in further tasks", section("best", "Best models in further tasks", best))
    parts = sorted(views(analysis.summary), key=lambda part: (tasks.index(part[1]), "+" in part[0], part[0]))
    found = [
        (task, view_of(analysis, f"view{index}", setting, task, staged))
        for index, (setting, task, _) in enumerate(parts, start=1)
    ]

    def add_results(safety: bool) -> None:
        for task, view in found:
            if (task in tests) == safety:
                add(view.identity, f"Results: {view_name(view.setting, task)}", results(view))

    add_results(False)
    add("settings", "What the way of asking changes", settings_section(analysis))
    add("pairs", "Models two by two", None if staged else comparisons_section(analysis))
    add("open", "Open tasks", open_section(analysis, runs))
    add("safety", "Safety", safety_section(analysis, runs))
    add_results(True)
    add("measured", "What was measured", measured(analysis, asked, [read_manifest(run) for run in runs]))
    level = percent(analysis.level, 0)
    add("reading", "How to read this", trusted(template("reading.html").substitute(level=level).rstrip()))
    return body
