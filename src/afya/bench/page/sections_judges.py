"""The judges of open replies: their agreement with one another and with physicians, and what is withheld for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from afya.bench.analysis.run_tables import JUDGING, judged_before
from afya.bench.page.cells import language_name
from afya.bench.page.markup import Markup, joined, table, tag
from afya.runs import read_json

Note = Mapping[tuple[str, str, str, str, str, str], str]
"""(model, setting, task, lang, measure, judge) -> how far a mean can be trusted, or why it is withheld."""


def read_judging(runs: Sequence[Path]) -> list[Mapping[str, Any]]:
    """judging.json of every run whose replies, as they are now, were judged."""
    paths = [run / JUDGING for run in runs if run.is_dir() and not judged_before(run)]
    return [told for path in paths if path.exists() and isinstance(told := read_json(path), Mapping)]


def judge_notes(judged: Sequence[Mapping[str, Any]]) -> Note:
    """What is to be said of each mean that a judge gave."""
    names = ("model", "setting", "task", "lang", "measure", "judge")
    found: dict[tuple[str, str, str, str, str, str], str] = {}
    for told in judged:
        for row in told.get("means") or ():
            model, setting, task, lang, measure, judge = (str(row[name]) for name in names)
            found[model, setting, task, lang, measure, judge] = str(row.get("note") or "")
    return found


def judges(judged: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """The table of agreement and what else is to be known of the judges."""
    if not judged:
        return []
    rows: list[list[object]] = []
    for told in judged:
        of = [*(told.get("with_physicians") or ()), *(told.get("between_judges") or ())]
        rows += [
            [
                row["judge"] or "judges",
                row["asking"],
                "physicians" if row["judge"] else "one another",
                language_name(row["lang"]),
                _alpha(row["alpha"]),
                _number(row.get("kappa")),
                _number(row.get("macro_f1")),
                f"{row['alpha']['units']:,}",
            ]
            for row in of
        ]
    notes = list(dict.fromkeys(str(note) for told in judged for note in told.get("notes") or ()))
    limits = {
        f"{name}: {asked['threshold']:.2f}"
        for told in judged
        for name, asked in (told.get("askings") or {}).items()
        if asked.get("threshold") is not None
    }
    parts: list[Markup] = [tag("h3", "The judges")]
    if limits:
        told_limits = "; ".join(sorted(limits))
        parts.append(
            tag(
                "p",
                f"A judge's score is withheld where its agreement with physicians is below the mark ({told_limits}).",
            )
        )
    parts += [tag("p", note) for note in notes]
    if rows:
        note = "Krippendorff's alpha: 1 is full agreement, 0 what chance would give. n: replies and criteria compared."
        heads: list[object] = ["Judge", "Asked", "Agrees with", "Language", "Alpha", "Kappa", "Macro F1", "n"]
        parts.append(table(joined(["Agreement", tag("span", note, class_="note")]), heads, rows))
    return parts


def _alpha(found: Mapping[str, Any]) -> Markup:
    if found.get("alpha") is None:
        return tag("span", "–")
    if found.get("low") is None:
        return tag("span", _number(found["alpha"]))
    ends = f"[{_number(found['low'])}, {_number(found['high'])}]"
    return joined([f"{_number(found['alpha'])} ", tag("span", ends, class_="range")])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
