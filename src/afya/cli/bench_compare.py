"""`afya bench compare`: is B better than A, in which languages, and how sure is that?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl


def compare(
    a: Annotated[str, typer.Argument(help="A run folder with one model, RUN#MODEL, or RUN#MODEL#SETTING.")],
    b: Annotated[str, typer.Argument(help="The other, in the same form.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the table: a .csv, .parquet, .md or .tex file.")
    ] = None,
    level: Annotated[float, typer.Option("--level", min=0.5, max=0.999, help="Coverage of the intervals.")] = 0.95,
    replicates: Annotated[int, typer.Option("--replicates", min=100, help="Resamples of the bootstrap.")] = 5000,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap.")] = 0,
) -> None:
    """Compare two models or runs on the items that both answered: per language and over all."""
    from rich.console import Console

    from afya.bench.analysis.compare_runs import compare_named
    from afya.bench.analysis.tables import check_table_file, write_comparison

    if out is not None:
        check_table_file(out)
    names, table = compare_named(a, b, level=level, replicates=replicates, seed=seed)
    console = Console()
    for (setting, task), part in table.group_by("setting", "task", maintain_order=True):
        console.print(_table(part, f"{names[1]} against {names[0]}: {task}, {setting}"))
        for sentence in _sentences(part, names, 1 - level):
            console.print(sentence, markup=False, highlight=False)
    console.print(
        f"Differences in points with {100 * level:g}% intervals, clusters are groups; beside them the paired cluster "
        "bootstrap. p: McNemar's exact test where each group has one item, else a t test over the groups. Holm: "
        "adjusted over the languages. Detectable: the smallest difference found with 80% power.",
        style="dim",
        highlight=False,
    )
    if out is not None:
        write_comparison(table, out, level)
        console.print(f"Table: {out}", markup=False, soft_wrap=True)


def _table(part: pl.DataFrame, title: str) -> Any:
    from afya.bench.analysis.summary import percent
    from afya.bench.analysis.table_text import language_name
    from afya.cli.tables import plain, table_of

    names = ("n", "groups", "A, %", "B, %", "B less A", "bootstrap", "won : lost", "p", "p (Holm)", "detectable")
    table = table_of("language", *names, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in part.iter_rows(named=True):
        if row["lang"] == "all" and part.height == 2:
            continue  # one language: its row says the same
        cells = (
            f"{row['n']:,}",
            f"{row['groups']:,}",
            percent(row["before"]),
            percent(row["after"]),
            f"{_points(row['difference'])} [{_points(row['low'])}, {_points(row['high'])}]",
            f"[{_points(row['low_bootstrap'])}, {_points(row['high_bootstrap'])}]",
            f"{row['gained']:,} : {row['lost']:,}",
            _p(row["p_value"]),
            _p(row["p_holm"]),
            percent(row["detectable"]),
        )
        table.add_row(*plain(language_name(row["lang"]), *cells))
    return table


def _sentences(part: pl.DataFrame, names: tuple[str, str], alpha: float) -> Iterator[str]:
    """What the table comes to: over all languages, and in which of them."""
    import polars as pl

    from afya.bench.analysis.summary import percent
    from afya.bench.analysis.table_text import language_name

    whole = part.filter(pl.col("lang") == "all").row(0, named=True)
    yield _verdict(whole, names, f"On {whole['n']:,} items in {whole['groups']:,} groups", alpha)
    single = part.filter(pl.col("lang") != "all")
    if single.height < 2:
        return
    sure = single.filter(pl.col("p_holm") < alpha)
    better = [language_name(lang) for lang in sure.filter(pl.col("difference") > 0)["lang"]]
    worse = [language_name(lang) for lang in sure.filter(pl.col("difference") < 0)["lang"]]
    if better:
        yield f"Better after adjustment in: {', '.join(better)}."
    if worse:
        yield f"Worse after adjustment in: {', '.join(worse)}."
    if not sure.height:
        least = single["detectable"].min()
        power = f"; below {percent(float(str(least)))} points none would have been" if least is not None else ""
        yield f"In no single language is the difference told from chance after adjustment{power}."


def _verdict(row: Mapping[str, Any], names: tuple[str, str], where: str, alpha: float) -> str:
    from afya.bench.analysis.summary import percent

    p_value = row["p_value"] if row["p_holm"] is None else row["p_holm"]
    size = f"{_points(row['difference'])} points [{_points(row['low'])}, {_points(row['high'])}], p {_p(p_value)}"
    if p_value < alpha:
        return f"{where} {names[1]} is {'better' if row['difference'] > 0 else 'worse'} than {names[0]}: {size}."
    missed = "" if row["detectable"] is None else f" One below {percent(row['detectable'])} points may well be missed."
    return f"{where} no difference is told from chance: {size}.{missed}"


def _points(value: float | None) -> str:
    from afya.bench.analysis.summary import percent

    text = percent(value)
    return text if text.startswith("-") or text in ("0.0", "–") else f"+{text}"


def _p(value: float | None) -> str:
    return "–" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
