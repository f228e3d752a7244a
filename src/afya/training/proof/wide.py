"""A data set's findings with the stages side by side: the rows of the terminal's table and of the cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from afya.bench.analysis.clustered import ALL
from afya.bench.analysis.summary import languages_in, percent, with_interval
from afya.bench.analysis.table_text import Shown, language_name
from afya.bench.page.cells import counted, p_value, signed
from afya.training.proof.findings import Findings, Flag

Row = dict[str, Any]

AVERAGED = {ALL: "Mean of the languages", "high": "High-resource languages", "low": "Low-resource languages"}
ROLES = {"taught": "what was to be learned", "general": "what must not be forgotten"}
_LEAST = 0.005
_UNEVEN = (("gini", "Gini's coefficient, 0: all languages alike", 3), ("worst_to_best", "Worst by best language", 2))


@dataclass(frozen=True)
class Wide:
    """One data set: what it is, and by label and language the rows of `Findings.summary`; `changes`: from the first
    label to the last one, by language."""

    task: str
    setting: str
    role: str
    labels: tuple[str, ...]
    langs: tuple[str, ...]
    scores: dict[tuple[str, str], Row]
    changes: dict[str, Row]

    @property
    def rows(self) -> tuple[str, ...]:
        """The languages, and 'all' where there are several."""
        return (*self.langs, ALL) if len(self.langs) > 1 else self.langs


def wide(found: Findings, until: str | None = None) -> list[Wide]:
    """Each data set with the labels up to `until` (None: all), taught ones first."""
    import polars as pl

    labels = found.labels if until is None else found.labels[: found.labels.index(until) + 1]
    made = []
    for (setting, task), own in found.summary.group_by("setting", "task", maintain_order=True):
        held = tuple(label for label in labels if label in set(own["label"]))
        if not held:
            continue
        changes = found.changes.filter(
            pl.col("setting") == setting,
            pl.col("task") == task,
            pl.col("a") == held[0],
            pl.col("b") == held[-1],
        )
        made.append(
            Wide(
                str(task),
                str(setting),
                found.roles[str(task)],
                held,
                tuple(languages_in(own)),
                {(row["label"], row["lang"]): row for row in own.iter_rows(named=True)},
                {row["lang"]: row for row in changes.iter_rows(named=True)},
            )
        )
    return sorted(made, key=lambda one: one.role != "taught")


def columns(one: Wide, flags: Sequence[Flag]) -> list[tuple[str, list[str]]]:
    """(heading, cells) of a data set's table, a cell a row of `one.rows`.

    n, groups, chance, accuracy of each label with its interval, the change from first to last with interval, p and
    times the base, what it is significantly worse than, and replies without an answer.
    """
    first = [
        next((one.scores[label, lang] for label in one.labels if (label, lang) in one.scores), None)
        for lang in one.rows
    ]
    made: list[tuple[str, list[str]]] = [
        ("n", [_count(row, "n") for row in first]),
        ("groups", [_count(row, "groups") for row in first]),
        ("chance", [percent(row["chance"]) if row else "–" for row in first]),
    ]
    for label in one.labels:
        rows = [one.scores.get((label, lang)) for lang in one.rows]
        made.append((label, [with_interval(row["accuracy"], row["low"], row["high"]) if row else "–" for row in rows]))
    if len(one.labels) > 1:
        changes = [one.changes.get(lang) for lang in one.rows]
        made.append(("change, points", [change_text(row) for row in changes]))
        made.append(("p (Holm)", [p_value(adjusted(row)) if row else "–" for row in changes]))
        made.append(("times", [times(row) for row in changes]))
        worse = [flag for flag in flags if flag.data == one.task and flag.stage == one.labels[-1]]
        if worse:
            than = [", ".join(flag.against for flag in worse if flag.lang == lang) for lang in one.rows]
            made.append(("worse than", than))
    silent = [[one.scores.get((label, lang)) for label in one.labels] for lang in one.rows]
    made.append(
        (
            "no answer, %",
            [" / ".join(percent(row["non_answer_rate"]) if row else "–" for row in rows) for rows in silent],
        )
    )
    return made


def shown(one: Wide, flags: Sequence[Flag], caption: str) -> Shown:
    """The table for Markdown."""
    held = columns(one, flags)
    headings = ("language", *(heading for heading, _ in held))
    cells = [[language_name(lang) for lang in one.rows], *(own for _, own in held)]
    rows = tuple(zip(*cells, strict=True))
    return Shown(caption, headings, (False, *(True for _ in held)), rows)


def adjusted(row: Row) -> float:
    """The adjusted p-value; the plain one where the row is alone in its family."""
    p: float = row["p_value"] if row["p_holm"] is None else row["p_holm"]
    return p


def change_text(row: Row | None) -> str:
    """'+3.1 [0.4, 5.8]'."""
    if row is None:
        return "–"
    if row["low"] is None:
        return signed(row["difference"])
    return f"{signed(row['difference'])} [{signed(row['low'])}, {signed(row['high'])}]"


def times(row: Row | None) -> str:
    """'1.85 [1.60, 2.10]'; 'at least 2.1' where the base cannot be told from zero."""
    if row is None:
        return "–"
    if not row["defined"]:
        # "At least 0.00" would say nothing.
        return "–" if (row["times_low"] or 0.0) < _LEAST else f"at least {row['times_low']:.2f}"
    high = "–" if row["times_high"] is None else f"{row['times_high']:.2f}"
    return f"{row['times']:.2f} [{row['times_low']:.2f}, {high}]"


def _count(row: Row | None, key: str) -> str:
    return f"{row[key]:,}" if row else "–"


def average_lines(found: Findings, one: Wide) -> list[str]:
    """Means over the languages and disparity, a sentence each, for the labels of `one`; none of one language."""
    import polars as pl

    if len(one.langs) < 2:
        return []
    mine = (pl.col("setting") == one.setting, pl.col("task") == one.task)
    of_labels = pl.col("label").is_in(list(one.labels))
    changed = found.average_changes.filter(*mine, pl.col("a") == one.labels[0], pl.col("b") == one.labels[-1])
    changes = {row["who"]: row for row in changed.iter_rows(named=True)}
    lines = []
    for (who,), own in found.averages.filter(*mine, of_labels).group_by("who", maintain_order=True):
        rows = own.rows(named=True)
        told = ", ".join(f"{row['label']} {with_interval(row['mean'], row['low'], row['high'])}" for row in rows)
        change = changes.get(str(who))
        ends = f"; change {change_text(change)} points, p (Holm) {p_value(change['p_holm'])}" if change else ""
        size = f"{counted(rows[0]['languages'], 'language')}, {counted(rows[0]['groups'], 'group')}"
        lines.append(f"{AVERAGED[str(who)]} ({size}): {told}{ends}")
    uneven = found.disparity.filter(*mine, of_labels, pl.col("gini").is_not_null())
    for name, title, digits in _UNEVEN if uneven.height else ():
        told = ", ".join(f"{row['label']} {_plain(row, name, digits)}" for row in uneven.iter_rows(named=True))
        lines.append(f"{title} ({uneven['groups'][0]:,} groups in all languages): {told}")
    return lines


def _plain(row: Row, name: str, digits: int) -> str:
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return "–"
    return f"{value:.{digits}f}" + ("" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]")
