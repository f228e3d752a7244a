"""`afya translate`: texts, files, tables and dataset folders through any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afya.cli import translate_check, translate_memory, translate_score
from afya.cli.tables import plain, table_of

if TYPE_CHECKING:
    from rich.console import Console

    from afya.translation.base import Translator
    from afya.translation.checks import Checker
    from afya.translation.files import Report, Work
    from afya.translation.glossary import Glossary
    from afya.translation.workflow import Workflow

app = typer.Typer(help="Translate texts, files and datasets; check and score translations.", no_args_is_help=True)
app.add_typer(translate_memory.app, name="memory")
app.command("check")(translate_check.check)
app.command("score")(translate_score.score)

_SHOWN = 5

EngineOption = Annotated[
    str, typer.Option("--engine", "-e", help="The engine; 'afya translate engines' says how each is written.")
]
SourceOption = Annotated[str, typer.Option("--source", "-s", help="The language of the texts, such as en.")]
TargetOption = Annotated[str, typer.Option("--target", "-t", help="The language to translate into, such as sw.")]
GlossaryOption = Annotated[
    Path | None, typer.Option("--glossary", help="A glossary: hints for engines that take them, a check for all.")
]
CheckOption = Annotated[bool, typer.Option("--check", help="Make the integrity checks and show what failed.")]
MemoryOption = Annotated[
    Path | None, typer.Option("--memory", "-m", help="A translation memory asked first; the engine does the rest.")
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="A setting of the engine: KEY=VALUE; may be repeated."),
]


@app.command("text")
def text(
    words: Annotated[str, typer.Argument(help="The text.")],
    engine: EngineOption,
    source: SourceOption,
    target: TargetOption,
    glossary: GlossaryOption = None,
    check: CheckOption = False,
    remembered: MemoryOption = None,
    option: SettingOption = None,
) -> None:
    """Translate one text and print it; notes, scores and verdicts go to standard error."""
    from afya.errors import EngineError

    with _working(engine, source, target, glossary, check, remembered, option) as work:
        answers, verdicts = work.translate([words])
    if answers[0].error is not None:
        raise EngineError(f"There is no translation: {answers[0].error.rstrip('.')}.")
    typer.echo(answers[0].text)
    told = [] if answers[0].score is None else [f"score {answers[0].score:.3f}"]
    told += [answers[0].note] if answers[0].note else []
    if told:
        typer.echo("; ".join(told), err=True)
    if check:
        table = table_of("check", "verdict", "detail")
        for verdict in verdicts[0]:
            result = "passed" if verdict.passed else ("failed" if verdict.judged else "not judged")
            table.add_row(*plain(verdict.check, result, verdict.detail or ""))
        _console(err=True).print(table)


@app.command("file")
def file(
    path: Annotated[Path, typer.Argument(help="A text file in UTF-8, a text a line.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write, with as many lines.")],
    engine: EngineOption,
    source: SourceOption,
    target: TargetOption,
    glossary: GlossaryOption = None,
    check: CheckOption = False,
    remembered: MemoryOption = None,
    option: SettingOption = None,
) -> None:
    """Translate a text file line by line. Lines without a translation are blank and stand in OUT.problems.tsv."""
    from afya.translation.files import translate_lines

    with _working(engine, source, target, glossary, check, remembered, option) as work, _bytes(path.name) as told:
        report = translate_lines(work, path, out, on_progress=told)
    _finish(report, out, "lines", check)


@app.command("tsv")
def tsv(
    path: Annotated[Path, typer.Argument(help="A TSV file in UTF-8 whose first line names its columns.")],
    out: Annotated[Path, typer.Option("--out", help="The TSV file to write: all columns and the translation.")],
    column: Annotated[str, typer.Option("--column", "-c", help="The column to translate: its name, or number from 1.")],
    engine: EngineOption,
    source: SourceOption,
    target: TargetOption,
    into: Annotated[str | None, typer.Option("--into", help="The new column's name; the target's code else.")] = None,
    glossary: GlossaryOption = None,
    check: CheckOption = False,
    remembered: MemoryOption = None,
    option: SettingOption = None,
) -> None:
    """Translate a column of a table. Rows without a translation are blank there and stand in OUT.problems.tsv."""
    from afya.translation.files import translate_table

    with _working(engine, source, target, glossary, check, remembered, option) as work, _bytes(path.name) as told:
        report = translate_table(work, path, out, column, into=into, on_progress=told)
    _finish(report, out, "rows", check)


@app.command("data")
def data(
    path: Annotated[Path, typer.Argument(help="A dataset folder.")],
    out: Annotated[Path, typer.Option("--out", help="The dataset folder to write.")],
    engine: EngineOption,
    source: SourceOption,
    target: Annotated[str, typer.Option("--target", "-t", help="Languages to translate into: sw,yo; or all.")],
    glossary: GlossaryOption = None,
    check: CheckOption = False,
    remembered: MemoryOption = None,
    keep_source: Annotated[bool, typer.Option("--keep-source", help="Write the original items too.")] = False,
    workflow: Annotated[
        Path | None, typer.Option("--workflow", "-w", help="A workflow (YAML): critic, reviser and what suffices.")
    ] = None,
    option: SettingOption = None,
) -> None:
    """Translate the items of a dataset folder, slot by slot, into a new folder, with an account of every item."""
    from afya.languages import parse_codes
    from afya.translation.datasets import translate_dataset

    codes = [code for code in parse_codes(target) if target != "all" or code != source]
    terms = _glossary(glossary)
    with (
        _loaded(engine, option, remembered) as translator,
        _workflow(workflow) as steps,
        _items(translator.identity.name) as told,
    ):
        done = translate_dataset(
            path,
            out,
            translator,
            source,
            codes,
            glossary=terms,
            workflow=steps,
            check=check,
            keep_source=keep_source,
            on_progress=told,
        )
        identity = translator.identity
    ledger, manifest = done.ledger, done.manifest
    table = table_of("stage", "items in", "written", "rejected")
    for column in table.columns[1:]:
        column.justify = "right"
    for stage in ledger.rows_in:
        rejected = sum(ledger.reasons(stage).values())
        table.add_row(stage, f"{ledger.rows_in[stage]:,}", f"{ledger.rows_out[stage]:,}", f"{rejected:,}")
    console = _console()
    console.print(table)
    for entry in ledger.rejections[:_SHOWN]:
        _say(console, f"{entry.item_id}: {entry.detail}")
    if len(ledger.rejections) > _SHOWN:
        _say(console, f"... and {len(ledger.rejections) - _SHOWN:,} more in {out / 'ledger.parquet'}")
    if identity.non_commercial:
        _say(console, f"Not for commercial use: {identity.name} stands under {identity.licence}.")
    if done.doubtful:
        _say(console, f"{done.doubtful:,} items are doubtful: they have review: true in extra.")
    count = sum(sum(splits.values()) for splits in manifest["rows"].values())
    _say(console, f"{count:,} items in {len(manifest['rows'])} language(s) written to {out}.")


@app.command("engines")
def engines(
    engine: Annotated[
        str | None, typer.Argument(help="An engine to load and ask for its pairs, such as apertium: or ct2:FOLDER.")
    ] = None,
    option: SettingOption = None,
) -> None:
    """List the kinds of engines; or, with one named, its languages, licence and settings."""
    from afya.translation.load import ENGINES, parse_spec

    console = _console()
    if engine is None:
        table = table_of("engine", "is", "written as")
        for name, kind in ENGINES.items():
            table.add_row(*plain(name, kind.told, kind.written))
        console.print(table)
        return
    with _loaded(engine, option) as translator:
        pairs = sorted(translator.pairs())
        identity = translator.identity
        table = table_of("from", "into")
        for source in dict.fromkeys(source for source, _ in pairs):
            table.add_row(source, " ".join(target for own, target in pairs if own == source))
        console.print(table)
        licence = identity.licence or ("none on what it writes" if identity.non_commercial is False else "not known")
        use = {True: ", not for commercial use", False: "", None: ""}[identity.non_commercial]
        _say(console, f"{identity.name}: {len(pairs):,} pair(s); licence {licence}{use}.")
        if translator.uses_hints:
            _say(console, "It takes glossary entries as hints.")
    _say(console, f"Settings (--option): {', '.join(sorted(ENGINES[parse_spec(engine)[0]].options()))}.")


def parse_options(listed: list[str] | None) -> dict[str, object]:
    """The settings KEY=VALUE of a command. Raises ConfigError for one that is not written so, or stands twice."""
    from afya.errors import ConfigError

    found: dict[str, object] = {}
    for entry in listed or ():
        key, equals, value = entry.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--option '{entry}' is no setting.", hint="Write --option KEY=VALUE.")
        if key.strip() in found:
            raise ConfigError(f"--option {key.strip()} stands twice.")
        found[key.strip()] = value
    return found


@contextmanager
def _loaded(engine: str, option: list[str] | None, remembered: Path | None = None) -> Iterator[Translator]:
    """The engine, behind a translation memory where one is named."""
    from afya.translation.load import load_translator
    from afya.translation.memory import Memory
    from afya.translation.memory_engine import MemoryTranslator

    translator = load_translator(engine, **parse_options(option))
    try:
        if remembered is not None:
            translator = MemoryTranslator(Memory(remembered, read_only=True), then=translator)
        yield translator
    finally:
        translator.close()


@contextmanager
def _working(
    engine: str,
    source: str,
    target: str,
    glossary: Path | None,
    check: bool,
    remembered: Path | None,
    option: list[str] | None,
) -> Iterator[Work]:
    """The engine in one direction, with glossary and checks. What cannot be used is said before anything is loaded."""
    from afya.languages import language
    from afya.translation.codes import unsupported
    from afya.translation.files import Work

    source, target = language(source).code, language(target).code
    terms = _glossary(glossary)
    checker = _checker(source, target, terms) if check else None
    with _loaded(engine, option, remembered) as translator:
        if (source, target) not in translator.pairs():
            raise unsupported(translator.identity.name, source, target, translator.pairs())
        yield Work(translator, source, target, terms, checker)


@contextmanager
def _workflow(path: Path | None) -> Iterator[Workflow | None]:
    from afya.translation.workflow import Workflow
    from afya.translation.workflow_recipe import read_recipe

    if path is None:
        yield None
        return
    loaded = Workflow.load(read_recipe(path))
    try:
        yield loaded
    finally:
        loaded.close()


def _glossary(path: Path | None) -> Glossary | None:
    if path is None:
        return None
    from afya.translation.glossary import Glossary

    return Glossary.load(path)


def _checker(source: str, target: str, glossary: Glossary | None) -> Checker:
    from afya.translation.checks import Checker

    return Checker(source, target, glossary=glossary)


def _finish(report: Report, out: Path, what: str, check: bool) -> None:
    """Say what became of a file; without a translation for some of it, the command fails."""
    from afya.errors import EngineError
    from afya.translation.files import write_problems

    console = _console()
    problems = out.with_name(f"{out.name}.problems.tsv")
    if report.problems:
        write_problems(report, problems)
    else:
        # Those of an earlier run are not this file's.
        problems.unlink(missing_ok=True)
    if check:
        table = table_of("check", "failed", f"of {report.checked:,}", title="Checks that failed")
        for name, count in report.failures.most_common():
            table.add_row(name, f"{count:,}", f"{count / max(1, report.checked):.1%}")
        console.print(table if report.failures else f"All checks passed on {report.checked:,} {what}.")
    for number, problem, detail in report.problems[:_SHOWN]:
        _say(console, f"{what[:-1]} {number}: {problem}: {detail}")
    if len(report.problems) > _SHOWN:
        _say(console, f"... and {len(report.problems) - _SHOWN:,} more in {problems}")
    _say(console, f"{report.lines - report.failed:,} of {report.lines:,} {what} translated, written to {out}.")
    if report.failed:
        raise EngineError(
            f"{report.failed:,} of {report.lines:,} {what} have no translation; they are blank in {out}.",
            hint=f"{problems} says why.",
        )


@contextmanager
def _bytes(what: str) -> Iterator[Callable[[int, int, int], None]]:
    with _bar(f"translating {what}", "lines") as update:

        def told(done: int, total: int, lines: int) -> None:
            update(min(done, total), total, lines)

        yield told


@contextmanager
def _items(what: str) -> Iterator[Callable[[str, int, int], None]]:
    with _bar(f"translating by {what}", "items") as update:

        def told(_: str, done: int, total: int) -> None:
            update(done, total, done)

        yield told


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Callable[[int, int, int], None]]:
    """A bar on standard error, where there is a terminal; gives a function of what is done, all, and the units done."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn(f"{{task.fields[count]:,}} {unit}"),
        TimeRemainingColumn(),
    )
    console = _console(err=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, count=0)

        def update(done: int, total: int, count: int) -> None:
            bar.update(task, completed=done, total=total, count=count)

        yield update


def _console(*, err: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=err)


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
