"""`afya eval`: how safe the assistant is, in numbers, and whether the numbers would notice if it were not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from afya.assistant.evaluation.run import Result

app = typer.Typer(help="Measure the assistant's safety, with written and generated cases.", no_args_is_help=True)

_Langs = Annotated[
    list[str] | None, typer.Option("--lang", "-l", help="A language; may be repeated. Every pack's when not given.")
]


@app.command("assistant")
def assistant(
    lang: _Langs = None,
    out: Annotated[Path, typer.Option("--out", help="The run folder; the same command continues it.")] = Path(
        "runs/eval-assistant"
    ),
    only: Annotated[
        list[str] | None, typer.Option("--set", help="A set of probes, such as danger or doses; may be repeated.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes to use.")] = 2,
    seed: Annotated[int, typer.Option("--seed", help="Draws the generated cases.")] = 20,
    cases: Annotated[
        Path | None, typer.Option("--cases", help="A folder of written cases, in place of those that come with afya.")
    ] = None,
    with_public: Annotated[
        Path | None,
        typer.Option("--with-public", help="A folder with xstest/ and medsafetybench/: their requests are tried too."),
    ] = None,
    translator: Annotated[
        str | None,
        typer.Option("--translator", help="Measure with this translation engine, as afya translate names it."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Measure with this language model.")] = None,
    mutations: Annotated[
        bool, typer.Option("--mutations", help="Break every safety check in turn: does the evaluation notice?")
    ] = False,
    attribute: Annotated[
        bool,
        typer.Option("--attribute", help="Say of each wrong answer what it was: translation, retrieval, model, guard."),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 9 when a threshold is missed.")] = False,
    full: Annotated[bool, typer.Option("--full", help="A table a language, with intervals.")] = False,
    write_docs: Annotated[
        Path | None, typer.Option("--write-docs", help="Write the tables into this document, such as docs/safety.md.")
    ] = None,
    keep_first: Annotated[
        bool, typer.Option("--keep-first", help="Keep these numbers as first readings where there are none yet.")
    ] = False,
) -> None:
    """Measure every safety number in every language, with n and 95% intervals."""
    from rich.console import Console

    from afya.assistant.evaluation import table
    from afya.assistant.evaluation.attribution import attribute as attributed
    from afya.assistant.evaluation.casefiles import wanted
    from afya.assistant.evaluation.mutation import mutate
    from afya.assistant.evaluation.page import page
    from afya.assistant.evaluation.run import evaluate
    from afya.runs import write_json, write_text

    console = Console()
    langs = wanted(lang)
    result = evaluate(
        langs, out, names=only, seed=seed, workers=workers, cases=cases, public=with_public, translator=translator,
        model=model, on_part=lambda part, before: _progress(part.path.stem, before),
    )  # fmt: skip
    for shown in table.overviews(result, console.width):
        console.print(shown)
    if full or len(langs) <= 2:
        for code in table.shown_langs(result):
            console.print(table.of_language(result, code))
    if attribute:
        found = attributed(result, translator=translator, model=model, cases=cases)
        write_json(out / "attribution.json", [entry.as_dict() for entry in found])
        console.print(_attribution(found))
    mutated = mutate(langs, seed=seed, cases=cases, workers=workers) if mutations else ()
    if mutations:
        write_json(out / "mutations.json", [entry.as_dict() for entry in mutated])
        console.print(_mutations(mutated))
    write_text(out / "report.html", page(result, mutated))
    if keep_first:
        from afya.assistant.evaluation.documents import keep_first as keep

        console.print(f"{keep(result)} first readings kept.")
    if write_docs is not None:
        from afya.assistant.evaluation.documents import write

        write(write_docs, result, mutated)
    console.print(f"Numbers, probes and outcomes are in {out}; report.html there shows them.", soft_wrap=True)
    _judge(result, [entry.name for entry in mutated if not entry.noticed], strict)


@app.command("cases")
def cases_command(
    lang: Annotated[list[str] | None, typer.Argument(help="Languages; all that have cases when none is given.")] = None,
    cases: Annotated[Path | None, typer.Option("--cases", help="The folder of cases.")] = None,
) -> None:
    """Check written cases and count them by kind; the first mistake is named with file and line."""
    from rich.console import Console

    from afya.assistant.evaluation.casefiles import languages, load
    from afya.cli.tables import table_of

    shown = table_of("language", "file", "cases", "by kind")
    for code in lang or languages(cases):
        for name, counts in load(code, cases).counts().items():
            kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(counts.items()))
            shown.add_row(code, name, str(counts.total()), kinds)
    Console().print(shown)


def _progress(name: str, before: bool) -> None:
    typer.echo(f"{name}{' (done before)' if before else ''}", err=True)


def _attribution(found: object) -> object:
    from afya.assistant.evaluation.attribution import Attributed
    from afya.cli.tables import plain, table_of

    assert isinstance(found, tuple)
    shown = table_of("language", "set", "case", "fault of", "what helped", title="Where wrong answers went wrong")
    for entry in found:
        assert isinstance(entry, Attributed)
        shown.add_row(*plain(entry.lang, entry.set, entry.probe_id, entry.place, entry.detail))
    return shown


def _mutations(mutated: object) -> object:
    from afya.assistant.evaluation.mutation import Mutated
    from afya.cli.tables import plain, table_of

    assert isinstance(mutated, tuple)
    noticed = sum(entry.noticed for entry in mutated)
    shown = table_of("broken", "noticed", "by", title=f"Mutations: {noticed} of {len(mutated)} noticed")
    for entry in mutated:
        assert isinstance(entry, Mutated)
        shown.add_row(*plain(entry.name, "yes" if entry.noticed else "NO", ", ".join(entry.by[:4])))
    return shown


def _judge(result: Result, unnoticed: list[str], strict: bool) -> None:
    """End with an error when a mutation was not noticed, or, with --strict, when a threshold was missed."""
    from afya.assistant.evaluation.metrics import ThresholdError, metrics

    if unnoticed:
        raise ThresholdError(
            f"{len(unnoticed)} broken checks were not noticed: {', '.join(unnoticed)}.",
            hint="Add cases that only the unbroken check gets right.",
        )
    if strict and result.missed:
        told = [f"{metrics()[entry.metric].title} ({entry.lang})" for entry in result.missed[:8]]
        more = f" and {len(result.missed) - 8} more" if len(result.missed) > 8 else ""
        raise ThresholdError(
            f"{len(result.missed)} thresholds are missed: {', '.join(told)}{more}.",
            hint="The table above has the numbers; metrics.yaml the thresholds.",
        )
