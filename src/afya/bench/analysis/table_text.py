"""Tables as text for people: which columns are shown, how their numbers are written, Markdown and LaTeX.

A value and the two columns of its interval become one cell, '63.2 [58.1, 68.0]', so that no number loses its interval.
LaTeX tables use booktabs (and longtable where they go over pages) and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from afya.bench.analysis.clustered import ALL
from afya.bench.analysis.summary import percent
from afya.errors import ConfigError
from afya.languages import registry

if TYPE_CHECKING:
    import polars as pl

Unit = Literal["text", "language", "place", "count", "percent", "points", "decimal", "times", "p", "tokens", "dollars"]

PAGE_ROWS = 45
"""Rows of a LaTeX table that fit a page; a longer one goes over pages."""


@dataclass(frozen=True)
class Column:
    """A column as shown: heading, the value's column, its unit, and the columns of its interval where it has one."""

    heading: str
    value: str
    unit: Unit = "text"
    low: str | None = None
    high: str | None = None


@dataclass(frozen=True)
class Shown:
    """A table of text: a caption that says what the numbers are, headings, which columns are numbers, rows.

    `stacked`: LaTeX sets intervals small and under their values, for tables with many of them side by side.
    """

    caption: str
    headings: tuple[str, ...]
    numbers: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    stacked: bool = False


def interval(heading: str, value: str, unit: Unit, low: str | None = None, high: str | None = None) -> Column:
    """A value with its interval, in {value}_low and {value}_high unless named otherwise."""
    return Column(heading, value, unit, low or f"{value}_low", high or f"{value}_high")


def shown(table: pl.DataFrame, columns: Sequence[Column], caption: str) -> Shown:
    """The table's rows as text. Columns without any value are left out."""
    held = [column for column in columns if any(_filled(table, name) for name in (column.value, column.low) if name)]
    rows = tuple(tuple(_cell(row, column) for column in held) for row in table.iter_rows(named=True))
    numbers = tuple(column.unit not in ("text", "language") for column in held)
    return Shown(caption, tuple(column.heading for column in held), numbers, rows)


def _filled(table: pl.DataFrame, name: str) -> bool:
    return name in table.columns and table[name].null_count() < table.height


def _cell(row: Mapping[str, Any], column: Column) -> str:
    value = row.get(column.value)
    write = _WRITTEN[column.unit]
    if column.low is None or column.high is None:
        return "–" if value is None else write(value)
    ends = [row[column.low], row[column.high]]
    if value is None and ends[0] is not None:
        # A ratio to a base that cannot be told from zero: only its lower end is known.
        return f"at least {write(ends[0])}"
    if value is None:
        return "–"
    if ends[0] is None and ends[1] is None:
        return f"{write(value)} [–]"
    return f"{write(value)} [{', '.join('–' if end is None else write(end) for end in ends)}]"


def language_name(code: str) -> str:
    """'Swahili'; 'all languages'; a tier's name as 'high-resource'."""
    if code == ALL:
        return "all languages"
    if code in ("high", "low"):
        return f"{code}-resource"
    return registry()[code].name if code in registry() else code


def _points(value: float) -> str:
    text = percent(value)
    return text if text.startswith("-") or text in ("0.0", "–") else f"+{text}"


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


_WRITTEN: dict[Unit, Callable[[Any], str]] = {
    "text": str,
    "place": str,
    "language": language_name,
    "count": lambda value: f"{value:,}",
    "percent": percent,
    "points": _points,
    "decimal": lambda value: f"{value:.3f}",
    "times": lambda value: f"{value:.2f}",
    "p": _p,
    "tokens": lambda value: f"{value:,.0f}",
    "dollars": lambda value: f"{value:,.4f}",
}


# Markdown -------------------------------------------------------------------------------------------------------------


def markdown(table: Shown) -> str:
    """A pipe table under its caption."""
    lines = [table.caption, "", _pipes(table.headings), _pipes("---:" if right else "---" for right in table.numbers)]
    return "\n".join([*lines, *map(_pipes, table.rows), ""])


def _pipes(cells: Iterable[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


# LaTeX ----------------------------------------------------------------------------------------------------------------

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    # A bracket at the start of a row would be read as an argument of the row's end before it.
    "[": "{[}",
    "]": "{]}",
    "\n": " ",
}


def escaped(text: str) -> str:
    """Text as LaTeX shows it, whatever signs it holds."""
    return "".join(_LATEX.get(sign, sign) for sign in text)


def latex(table: Shown, label: str) -> str:
    """A booktabs table with caption and label; over pages where it has more rows than one holds."""
    spec = "".join("r" if right else "l" for right in table.numbers)
    head = [r"\toprule", _row(map(escaped, table.headings)), r"\midrule"]
    rows = [_row(map(partial(_number, stacked=table.stacked), row, table.numbers)) for row in table.rows]
    named = rf"\caption{{{escaped(table.caption)}}}", rf"\label{{tab:{label}}}"
    if len(table.rows) > PAGE_ROWS:
        lines = [
            r"% needs \usepackage{booktabs,longtable}",
            r"{\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\begin{{longtable}}{{{spec}}}",
            *(named[0], named[1] + r"\\"),
            *(*head, r"\endfirsthead", *head, r"\endhead"),
            *(r"\bottomrule", r"\endfoot"),
            *rows,
            r"\end{longtable}}",
        ]
    else:
        lines = [
            r"% needs \usepackage{booktabs}",
            *(r"\begin{table}", r"\centering\footnotesize\setlength{\tabcolsep}{3pt}", *named),
            rf"\begin{{tabular}}{{{spec}}}",
            *(*head, *rows, r"\bottomrule"),
            *(r"\end{tabular}", r"\end{table}"),
        ]
    return "\n".join([*lines, ""])


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _number(cell: str, number: bool, stacked: bool) -> str:
    if not number:
        return escaped(cell)
    value, bracket, ends = cell.partition(" [")
    # In text a hyphen is no minus sign.
    written = [escaped(part).replace("--", "\0").replace("-", "$-$").replace("\0", "--") for part in (value, ends)]
    if not bracket:
        return written[0]
    if stacked:
        return rf"\shortstack[r]{{{written[0]}\\{{\tiny {{[}}{written[1]}}}}}"
    return f"{written[0]} {{[}}{written[1]}"


def check_formats(formats: Sequence[str], known: Sequence[str]) -> None:
    """Raise ConfigError for a format that is not known."""
    unknown = [name for name in formats if name not in known]
    if unknown:
        raise ConfigError(f"There is no table format '{unknown[0]}'.", hint=f"Formats: {', '.join(known)}.")
