"""The proof in the terminal: a table a data set, the means, and what became worse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from afya.bench.analysis.summary import percent
from afya.bench.page.cells import setting_name
from afya.bench.page.report_terminal import print_rows
from afya.training.proof.findings import Findings
from afya.training.proof.wide import ROLES, Row, adjusted, average_lines, columns, wide

if TYPE_CHECKING:
    from rich.console import Console


def print_proof(found: Findings, console: Console) -> None:
    """A row a language: before, after each stage, the change from first to last; then means and disparity."""
    for one in wide(found):
        title = f"{one.task}, {ROLES[one.role]}: % right [95% interval], {setting_name(one.setting)}"
        print_rows(console, title, one.rows, columns(one, found.flags))
        for line in average_lines(found, one):
            console.print(line, markup=False)
        console.print()
    for note in found.notes:
        console.print(note, style="dim", markup=False)
    for line in verdict(found):
        console.print(line, style="bold red" if found.flags else None, markup=False)


def verdict(found: Findings) -> list[str]:
    """What became significantly worse, a sentence each; or one that nothing did, and how much could have been seen."""
    if found.flags:
        return [flag.sentence() for flag in found.flags]
    if not found.changes.height:
        return ["Only one model was measured; nothing can be compared yet."]
    seen = unseen(found.changes.iter_rows(named=True), found.proof.alpha)
    told = f" Losses smaller than {seen} points, by language, may have stayed unseen (80% power)." if seen else ""
    return [f"No language became significantly worse (Holm-adjusted p < {found.proof.alpha:g}).{told}"]


def unseen(changes: Iterable[Row], alpha: float) -> str:
    """'8.0 to 14.2': how large a change would have had to be, in points, where none was found; empty where all were."""
    least = [row["detectable"] for row in changes if row["detectable"] is not None and adjusted(row) >= alpha]
    if not least:
        return ""
    ends = percent(min(least)), percent(max(least))
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
