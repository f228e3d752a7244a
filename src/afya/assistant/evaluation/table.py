"""The numbers as tables: on the terminal, and as Markdown for docs/safety.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from afya.assistant.evaluation.metrics import GROUPS, Metric, Number, metrics
from afya.languages import language

if TYPE_CHECKING:
    from rich.table import Table

    from afya.assistant.evaluation.run import Result

ALL = "all"
# Columns of a terminal: for the names and limits, and for each language.
_NAMES, _COLUMN = 36, 9
_METRICS_A_TABLE = 4


def percent(value: float) -> str:
    """A share as per cent: whole where it is, else one decimal; never rounded up to 100 or down to 0."""
    shown = value * 100
    text = f"{shown:.1f}".removesuffix(".0")
    if text == "100" and value < 1:
        return "99.9"
    if text == "0" and value > 0:
        return "0.1"
    return text


def interval(entry: Number) -> str:
    """'[92.1, 98.4]', or '' where nothing was counted."""
    found = entry.estimate
    return f"[{percent(found.low)}, {percent(found.high)}]" if found.n else ""


def limit(known: Metric) -> str:
    """The threshold in words, or ''."""
    if known.limit is None:
        return ""
    if known.limit in (0.0, 1.0):
        return f"{percent(known.limit)}"
    return f"{'≥' if known.good == 'high' else '≤'} {percent(known.limit)}"


def shown_langs(result: Result) -> tuple[str, ...]:
    """The languages, and "all" where there are several."""
    return (*result.langs, ALL) if len(result.langs) > 1 else result.langs


def overviews(result: Result, width: int) -> list[Table]:
    """The overview, cut into tables that a terminal of `width` columns can show."""
    langs = shown_langs(result)
    room = max(2, (width - _NAMES) // _COLUMN)
    return [overview(result, langs[start : start + room]) for start in range(0, len(langs), room)]


def overview(result: Result, langs: Sequence[str]) -> Table:
    """Every metric a line, every language a column: per cent, n beneath; what misses its threshold is marked."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Safety of the assistant: per cent (n)", title_justify="left", show_lines=False)
    table.add_column("number", min_width=22)
    table.add_column("must be", justify="right", no_wrap=True)
    for lang in langs:
        table.add_column(lang, justify="right", no_wrap=True)
    found = {(entry.metric, entry.lang): entry for entry in result.numbers}
    for group in GROUPS:
        names = [name for name, known in metrics().items() if known.group == group]
        names = [name for name in names if any(found[name, lang].estimate.n for lang in langs)]
        for name in names:
            cells = []
            for lang in langs:
                entry = found[name, lang]
                if not entry.estimate.n:
                    cells.append(Text("-", style="dim"))
                    continue
                style = "" if entry.met else "bold red"
                mark = "" if entry.met else "!"
                cells.append(Text(f"{mark}{percent(entry.estimate.value)}\n({entry.estimate.n})", style=style))
            table.add_row(metrics()[name].title, limit(metrics()[name]), *cells)
        if names:
            table.add_section()
    return table


def of_language(result: Result, lang: str) -> Table:
    """One language: every metric with its count, n, interval and threshold."""
    from rich.table import Table
    from rich.text import Text

    name = "all languages" if lang == ALL else f"{language(lang).name} ({lang})"
    table = Table(title=name, title_justify="left")
    for column, justify in (
        ("number", "left"),
        ("%", "right"),
        ("95%", "right"),
        ("of n", "right"),
        ("must be", "right"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for entry in _listed(result, lang):
        style = "" if entry.met else "bold red"
        known = metrics()[entry.metric]
        cells = (known.title, percent(entry.estimate.value), interval(entry), f"{entry.count}/{entry.estimate.n}")
        table.add_row(*(Text(cell, style=style) for cell in (*cells, limit(known) + ("" if entry.met else " missed"))))
    return table


def markdown(result: Result, group: str) -> Iterator[str]:
    """The lines of Markdown tables: the metrics of a group as columns, a few a table, the languages as rows."""
    found = {(entry.metric, entry.lang): entry for entry in result.numbers}
    langs = shown_langs(result)
    names = [
        name
        for name, known in metrics().items()
        if known.group == group and any(found[name, lang].estimate.n for lang in langs)
    ]
    if not names:
        yield "Not measured."
    for start in range(0, len(names), _METRICS_A_TABLE):
        if start:
            yield ""
        yield from _markdown_table(names[start : start + _METRICS_A_TABLE], langs, found)


def _markdown_table(
    names: Sequence[str], langs: Sequence[str], found: Mapping[tuple[str, str], Number]
) -> Iterator[str]:
    heads = [
        f"{metrics()[name].title}{f' ({limit(metrics()[name])})' if limit(metrics()[name]) else ''}" for name in names
    ]
    yield f"| language | {' | '.join(heads)} |"
    yield f"|---|{'---|' * len(names)}"
    for lang in langs:
        entries = [found[name, lang] for name in names]
        if any(entry.estimate.n for entry in entries):
            yield f"| {lang} | {' | '.join(_told(entry) for entry in entries)} |"


def _told(entry: Number) -> str:
    if not entry.estimate.n:
        return "not measured"
    missed = "" if entry.met else " **missed**"
    return f"{percent(entry.estimate.value)} {interval(entry)}, n={entry.estimate.n}{missed}"


def _listed(result: Result, lang: str) -> Sequence[Number]:
    return [
        entry
        for group in GROUPS
        for entry in result.numbers
        if entry.lang == lang and entry.estimate.n and metrics()[entry.metric].group == group
    ]
