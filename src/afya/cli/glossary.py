"""`afya glossary`: read others' term lists into one glossary, look at it, join several, and spot terms in a text."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from afya.translation.glossary_files import Import

app = typer.Typer(help="Glossaries of medical terms: import, show, join, spot.", no_args_is_help=True)


class Source(StrEnum):
    """The kinds of term lists that are read."""

    TICO19 = "tico19"
    HPO = "hpo"
    TSV = "tsv"


@app.command("import")
def import_glossary(
    source: Annotated[Source, typer.Argument(help="What the files are: tico19, hpo, or tsv for two columns.")],
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The glossary to write (Parquet).")],
    name: Annotated[str | None, typer.Option(help="For tsv: what the list is called as a source.")] = None,
    licence: Annotated[str | None, typer.Option(help="For tsv: the list's licence, such as CC-BY-4.0.")] = None,
    from_lang: Annotated[str | None, typer.Option("--source", help="For tsv: the first column's language.")] = None,
    to_lang: Annotated[str | None, typer.Option("--target", help="For tsv: the second column's language.")] = None,
    official_only: Annotated[bool, typer.Option(help="For hpo: leave out names that no person confirmed.")] = False,
    rejected: Annotated[Path | None, typer.Option(help="Write the rejected rows there (TSV).")] = None,
) -> None:
    """Read term lists into a glossary. Rows that are no pair of terms are counted by reason."""
    from rich.console import Console

    done = _read(source, paths, name, licence, from_lang, to_lang, official_only)
    done.glossary.write(out)
    if rejected is not None:
        _write_rejected(rejected, done)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"{done.rows_read} rows read, {done.pairs} pairs of terms, {len(done.rejected)} rejected.")
    for reason, count, example in _reasons(done):
        console.print(f"  {reason}: {count}, first {example}", markup=False)
    rows = len(done.glossary.frame)
    console.print(f"{out}: {rows} rows in {len(done.glossary.languages())} languages.", markup=False)


@app.command("show")
def show(glossary: Annotated[Path, typer.Argument(help="A glossary (Parquet).")]) -> None:
    """Count the terms by language, source and licence."""
    import polars as pl
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.languages import language
    from afya.translation.glossary import Glossary

    frame = Glossary.load(glossary).frame
    counted = (
        frame.group_by("lang", "source", "licence")
        .agg(
            pl.col("concept").n_unique().alias("concepts"),
            (pl.len() + pl.col("forms").list.len().sum()).alias("forms"),
            pl.col("do_not_translate").sum().alias("kept"),
        )
        .sort("lang", "source", "licence")
    )
    table = Table(title=f"{glossary.name}: {frame['concept'].n_unique():,} concepts", title_justify="left")
    for column in ("language", "source", "licence"):
        table.add_column(column)
    for column in ("concepts", "forms", "not translated"):
        table.add_column(column, justify="right")
    for lang, source, licence, concepts, forms, kept in counted.iter_rows():
        named = (f"{lang} {language(lang).name}", source, licence, f"{concepts:,}", f"{forms:,}", f"{kept:,}")
        table.add_row(*(Text(cell) for cell in named))
    Console().print(table)


@app.command("spot")
def spot(
    glossary: Annotated[Path, typer.Argument(help="A glossary (Parquet).")],
    text: Annotated[str, typer.Argument(help="The text to look through.")],
    source: Annotated[str, typer.Option(help="The text's language, such as en.")],
    target: Annotated[str | None, typer.Option(help="Also show what the terms are called in this language.")] = None,
) -> None:
    """Show which terms stand in a text, and what they are called in another language."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from afya.languages import language
    from afya.translation.glossary import Glossary

    loaded = Glossary.load(glossary)
    wanted = None if target is None else language(target).code
    found = loaded.spot(text, language(source).code)
    table = Table()
    for column in ("place", "term", "concept", *([] if wanted is None else [language(wanted).name])):
        table.add_column(column)
    for term in found:
        cells = [f"{term.start}-{term.end}", text[term.start : term.end], term.concept]
        if wanted is not None:
            kept = "(not translated)" if loaded.keeps(term.concept) else ""
            cells.append(kept or " / ".join(loaded.forms(term.concept, wanted)) or "-")
        table.add_row(*(Text(cell) for cell in cells))
    if found:
        Console().print(table)
    else:
        typer.echo(f"No term of {glossary} stands in the text.")


@app.command("merge")
def merge(
    glossaries: Annotated[list[Path], typer.Argument(help="Glossaries (Parquet); the first one's terms come first.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The glossary to write.")],
    licences: Annotated[
        str | None, typer.Option(help="Keep only rows under these licences, separated by commas.")
    ] = None,
) -> None:
    """Join several glossaries into one. Every row keeps its source and licence."""
    from afya.translation.glossary import Glossary, keep_sources

    loaded = [Glossary.load(path) for path in glossaries]
    joined = loaded[0].merged(*loaded[1:])
    if licences is not None:
        allowed = [licence.strip() for licence in licences.split(",") if licence.strip()]
        joined = keep_sources(joined, sources=None, licences=allowed)
    joined.write(out)
    typer.echo(f"{out}: {len(joined.frame)} rows in {len(joined.languages())} languages.")


def _read(
    source: Source,
    paths: Sequence[Path],
    name: str | None,
    licence: str | None,
    from_lang: str | None,
    to_lang: str | None,
    official_only: bool,
) -> Import:
    from afya.errors import ConfigError
    from afya.languages import language
    from afya.translation.glossary_files import import_hpo, import_tico19, import_tsv

    if source is not Source.TSV and any((name, licence, from_lang, to_lang)):
        raise ConfigError(
            f"--name, --licence, --source and --target are for tsv; '{source}' says these of itself.",
            hint="Leave them out.",
        )
    if source is not Source.HPO and official_only:
        raise ConfigError("--official-only is for hpo.", hint="Leave it out.")
    if source is Source.TICO19:
        return import_tico19(paths)
    if source is Source.HPO:
        return import_hpo(paths, official_only=official_only)
    if name is None or licence is None:
        raise ConfigError(
            "A two-column list does not say what it is.",
            hint="Give --name and --licence (unknown, if it is not known).",
        )
    codes = [None if code is None else language(code).code for code in (from_lang, to_lang)]
    return import_tsv(paths, name=name, licence=licence, source=codes[0], target=codes[1])


def _reasons(done: Import) -> list[tuple[str, int, str]]:
    """Each reason with how many rows it rejected and where the first one is, the most frequent first."""
    counts: dict[str, int] = {}
    first: dict[str, str] = {}
    for row in done.rejected:
        counts[row.reason] = counts.get(row.reason, 0) + 1
        first.setdefault(row.reason, f"{row.file}, line {row.line}: {row.detail}")
    return [(reason, counts[reason], first[reason]) for reason in sorted(counts, key=lambda one: (-counts[one], one))]


def _write_rejected(path: Path, done: Import) -> None:
    from afya.runs import write_text

    lines = ["file\tline\treason\tdetail"]
    for row in done.rejected:
        detail = " ".join(row.detail.split()).encode("utf-8", "replace").decode("utf-8")
        lines.append(f"{row.file}\t{row.line}\t{row.reason}\t{detail}")
    write_text(path, "\n".join(lines) + "\n")
