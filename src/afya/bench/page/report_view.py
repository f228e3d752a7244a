"""One setting and task of a report: the rows of every table that belong together."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.analyse import Analysis
from afya.bench.analysis.summary import ALL, languages_in
from afya.bench.page.plots import SERIES_LIMIT
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class View:
    """One setting and task of a report, with the rows of every table that belong to it."""

    identity: str
    """Begins the ids of its elements."""
    setting: str
    task: str
    tables: Analysis
    staged: bool
    """The labels are stages of one training, in order, rather than models beside one another."""

    @cached_property
    def labels(self) -> list[str]:
        """The stages in order, or the models from the highest accuracy over all languages to the lowest."""
        summary = self.tables.summary
        named = [str(label) for label in summary["label"].unique(maintain_order=True)]
        if self.staged:
            return named
        score = {row["label"]: row["accuracy"] for row in self.rows("summary", lang=ALL)}
        return sorted(named, key=lambda label: -1.0 if score.get(label) is None else score[label], reverse=True)

    @cached_property
    def langs(self) -> list[str]:
        """The languages measured, in the registry's order."""
        return languages_in(self.tables.summary)

    @property
    def alone(self) -> bool:
        """Whether there is one language only, so that nothing is to be said of languages."""
        return len(self.langs) == 1

    @property
    def few(self) -> bool:
        """Whether all models can be told apart in one picture."""
        return len(self.labels) <= SERIES_LIMIT

    @property
    def reference(self) -> str:
        """The name of the language that others are held against."""
        entry = registry().get(self.tables.reference)
        return entry.name if entry else self.tables.reference

    def rows(self, table: str, lang: str | None = None) -> list[dict[str, Any]]:
        """The rows of a table, of one language where it is named."""
        import polars as pl

        frame: pl.DataFrame = getattr(self.tables, table)
        return (frame if lang is None else frame.filter(pl.col("lang") == lang)).rows(named=True)

    def found(self, table: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The rows of a table by label and language."""
        return {(row["label"], row["lang"]): row for row in self.rows(table)}


def view_of(analysis: Analysis, identity: str, setting: str, task: str, staged: bool) -> View:
    """The tables of one setting and task."""
    import polars as pl

    own: dict[str, Any] = {}
    for field in fields(analysis):
        table = getattr(analysis, field.name)
        if isinstance(table, pl.DataFrame) and {"setting", "task"} <= set(table.columns):
            own[field.name] = table.filter(pl.col("setting") == setting, pl.col("task") == task)
    return View(identity, setting, task, replace(analysis, **own), staged)
