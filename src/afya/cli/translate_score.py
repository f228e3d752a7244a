"""`afya translate score`: how close engines come to human translations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence


def score(
    reference: Annotated[Path, typer.Argument(help="Human translations: a text file, a segment a line.")],
    hypothesis: Annotated[
        list[str],
        typer.Option("--hypothesis", help="An engine's translations: FILE or NAME=FILE; may be repeated."),
    ],
    target: Annotated[str, typer.Option("--target", "-t", help="The language translated into.")],
    source: Annotated[str, typer.Option("--source", "-s", help="The language translated from.")] = "en",
    original: Annotated[Path | None, typer.Option("--original", help="The source texts, for --comet.")] = None,
    comet: Annotated[
        str | None, typer.Option("--comet", help="A COMET or AfriCOMET checkpoint or name, run by comet-score.")
    ] = None,
    samples: Annotated[int, typer.Option("--samples", min=100, help="Resamples of the bootstrap.")] = 1000,
) -> None:
    """Score translations by BLEU and chrF++; further engines are compared to the first by paired bootstrap."""
    from rich.console import Console
    from rich.table import Table

    from afya.errors import ConfigError
    from afya.languages import language
    from afya.translation import score as scoring

    names = (language(source).name, language(target).name)
    references = _lines(reference)
    engines = dict(_named(entry) for entry in hypothesis)
    if len(engines) < len(hypothesis):
        raise ConfigError("Two engines have the same name.", hint="Write NAME=FILE.")
    table = Table(title=f"{names[0]} to {names[1]}, {len(references):,} segments", title_justify="left")
    for column in ("engine", "score", "value", "95% interval", "p against the first"):
        table.add_column(column, justify="left" if column in ("engine", "score") else "right")
    found = scoring.score(references, engines, target, samples=samples)
    for entry in found:
        p = "" if entry.p is None else f"{entry.p:.4f}"
        table.add_row(entry.engine, entry.metric, f"{entry.value:.1f}", f"{entry.low:.1f} to {entry.high:.1f}", p)
    if comet is not None:
        if original is None:
            raise ConfigError("COMET reads the source texts too.", hint="Give them with --original FILE.")
        originals = _lines(original)
        for name, lines in engines.items():
            table.add_row(name, "COMET", f"{scoring.comet(comet, originals, references, lines):.4f}", "", "")
    console = Console()
    console.print(table)
    for signature in dict.fromkeys(f"{entry.metric}: {entry.signature}" for entry in found):
        console.print(signature, markup=False, highlight=False, soft_wrap=True)
    if not scoring.trusted_estimators(source, target):
        console.print(
            f"No learned quality estimator (COMET, AfriCOMET) was made for {names[0]} to {names[1]}; "
            "a COMET number for it means nothing.",
            markup=False,
        )


def _named(entry: str) -> tuple[str, Sequence[str]]:
    name, equals, path = entry.partition("=")
    file = Path(path if equals else entry)
    return (name if equals else file.stem), _lines(file)


def _lines(path: Path) -> list[str]:
    from afya.translation.files import text_lines

    # As 'afya translate file' counts them: a text may hold other signs that end a line.
    return [line.text for line in text_lines(path)]
