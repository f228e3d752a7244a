"""`afya bench import-replies`: published per-item outputs of models as a run folder, and whether the figures agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from afya.bench.imports import ImportResult
    from afya.bench.imports.entries import Entry
    from afya.bench.imports.fields import Mapped
    from afya.bench.imports.importing import Preview

DIFFERS = 7
"""Exit code when a published figure is not what came out."""

_WIDE = 60


def import_replies(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files or folders: JSON lines, JSON, CSV, TSV, Parquet, Excel, packed ones (.gz), logs of inspect_ai "
            "(.json, .eval), lm-evaluation-harness (samples_*.jsonl), HELM, OpenCompass, OpenAI evals, simple-evals; "
            "archives of such files (.zip, .tar.gz)."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The run folder to write.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            "-c",
            metavar="FIELD=COLUMN",
            help="Where a field stands. Fields: id, group, lang, model, task, question, context, options, letters, "
            "answer (the right one), reply (what the model wrote), prediction (the answer that the publisher read from "
            "it), correct (the publisher's verdict), logprobs, probs (one an option), several, finish_reason, error, "
            "prompt, epoch. COLUMN: a name; a.b.0 inside objects and lists; a+b+c several; =text for all rows; # the "
            "row's number; {model}_answer a column for each model. Usual names are found without it. May be repeated.",
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="A file of questions or right answers, where the replies lack them."),
    ] = None,
    key_column: Annotated[
        list[str] | None, typer.Option("--key-column", metavar="FIELD=COLUMN", help="The same for the key.")
    ] = None,
    join: Annotated[
        str | None,
        typer.Option("--join", help="How replies find their question in the key: id, question (its text) or row."),
    ] = None,
    from_path: Annotated[
        str | None,
        typer.Option(
            "--from-path", help="What the files' paths say: '{model}/{lang}_{task}.json'; * is anything. Also {id}."
        ),
    ] = None,
    reply: Annotated[
        list[str] | None, typer.Option("--reply", metavar="MODEL=COLUMN", help="A wide file: the replies of one model.")
    ] = None,
    prediction: Annotated[
        list[str] | None,
        typer.Option("--prediction", metavar="MODEL=COLUMN", help="A wide file: the predictions of one model."),
    ] = None,
    models_in_columns: Annotated[
        str | None,
        typer.Option(
            "--models-in-columns",
            help="A wide file: replies stand in the columns that fit, * is the model: '*_answer'.",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--rows",
            help="Where the rows are in a JSON file: results, a.b, results.answers, *.items; or an Excel sheet.",
        ),
    ] = None,
    key_rows: Annotated[str | None, typer.Option("--key-rows", help="The same for the key.")] = None,
    key_from_path: Annotated[str | None, typer.Option("--key-from-path", help="As --from-path, for the key.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="COLUMN=VALUE", help="Only rows with this value (a|b: either). May be repeated."
        ),
    ] = None,
    key_where: Annotated[
        list[str] | None, typer.Option("--key-where", metavar="COLUMN=VALUE", help="The same for the key.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The model's name, where no --column says it.")] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", help="The language, where no --column says it: sw, swh_Latn, Swahili.")
    ] = None,
    lang_name: Annotated[
        list[str] | None,
        typer.Option("--lang-name", metavar="THEIRS=CODE", help="What a language is called there: zh-tw=zh."),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="The task's name, where no --column says it.")] = None,
    name: Annotated[
        str,
        typer.Option(
            "--name",
            help="What the questions are called, the first part of their ids: the same in imports to be compared.",
        ),
    ] = "published",
    setting: Annotated[
        str | None, typer.Option("--setting", help="How the model was asked: letter, cloze, generate, generate+cot ...")
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", help="How many options there are, where none are given.")
    ] = None,
    answer_is: Annotated[
        str | None,
        typer.Option("--answer-is", help="How right answers are written: label, text, from-0 or from-1 (numbers)."),
    ] = None,
    prediction_is: Annotated[
        str | None,
        typer.Option(
            "--prediction-is",
            help="How predictions are written, likewise. label: 'e. text' is no answer; exact: nor is 'd, e'.",
        ),
    ] = None,
    score_by: Annotated[
        str | None,
        typer.Option(
            "--score-by",
            help="What counts: ours (the answer that afya reads from the reply), prediction (the publisher's), correct "
            "(the publisher's verdict). Default: ours where there are replies to read, else correct, else prediction.",
        ),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            "--missing",
            help="Questions without a reply, and failed requests: wrong, or leave-out (default). Always listed.",
        ),
    ] = None,
    repeats: Annotated[
        str | None,
        typer.Option(
            "--repeats",
            help="A question answered several times: first, or all (each counts; default where epochs are marked).",
        ),
    ] = None,
    published: Annotated[
        list[str] | None,
        typer.Option(
            "--published",
            help="The published accuracy: 71.3, 0.713, 283/397; of several models MODEL=71.3 or MODEL/LANG=71.3. "
            "Exit code 7 if it differs.",
        ),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether a table's first line names its columns, which else are 1, 2, 3 ... Default: as it looks.",
        ),
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="Of text files.")] = "utf-8-sig",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show where the fields were found and the first rows; write nothing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over an import that is in the folder already.")
    ] = False,
) -> None:
    """Make published outputs of models a run folder that report, compare and rescore read like any other."""
    from rich.console import Console

    from afya.bench.imports import Import, preview
    from afya.bench.imports import import_replies as run_import
    from afya.bench.imports.fields import told_columns
    from afya.bench.imports.published import figure_of
    from afya.bench.imports.sources import conditions
    from afya.errors import ConfigError

    figures = [figure_of(text) for text in published or ()]
    columns = told_columns(column or ())
    columns |= _wide(reply or (), prediction or (), models_in_columns, columns)
    told = Import(
        files=tuple(files),
        columns=columns,
        key=tuple(key or ()),
        key_columns=told_columns(key_column or (), "--key-column"),
        key_rows=key_rows,
        key_from_path=key_from_path,
        join=join,
        from_path=from_path,
        rows=rows,
        header=header,
        encoding=encoding,
        where=conditions(where or ()),
        key_where=conditions(key_where or ()),
        model=model,
        lang=lang,
        task=task,
        name=name,
        setting=setting,
        count=count,
        answer_is=answer_is,
        prediction_is=prediction_is,
        score_by=score_by,
        missing=missing,
        repeats=repeats,
        lang_names=conditions(lang_name or ()),
    )
    console = Console()
    if dry_run:
        _show_preview(preview(told), console)
        return
    if out is None:
        raise ConfigError("No run folder was named.", hint="Add --out FOLDER, or look at the rows with --dry-run.")
    result = run_import(told, out, figures, replace=replace)
    _show(result, console)
    if any(not comparison.equal for comparison in result.comparisons):
        raise typer.Exit(DIFFERS)


def _wide(
    reply: Sequence[str], prediction: Sequence[str], pattern: str | None, columns: dict[str, str]
) -> dict[str, str]:
    """The columns of a wide file: those of named models are one field for each (reply@MODEL)."""
    from afya.errors import ConfigError

    found: dict[str, str] = {}
    if pattern is not None:
        if pattern.count("*") != 1:
            raise ConfigError(
                f"--models-in-columns {pattern}: one * was expected.", hint="It stands for the model: '*_answer'."
            )
        found["reply"] = pattern.replace("*", "{model}")
    for field, entries in (("reply", reply), ("prediction", prediction)):
        for entry in entries:
            model, equals, column = entry.partition("=")
            if not equals or not model or not column:
                raise ConfigError(
                    f"--{field} {entry}: MODEL=COLUMN was expected.",
                    hint=f"For one model write --column {field}=COLUMN.",
                )
            found[f"{field}@{model.strip()}"] = column
    doubled = [name for name in found if name in columns]
    if doubled:
        raise ConfigError(f"The column of '{doubled[0]}' is told twice.")
    return found


def _show_preview(found: Preview, console: Console) -> None:
    from afya.cli.tables import plain, table_of

    console.print(
        f"{len(found.files)} file(s): {', '.join(found.files[:6])}{' ...' if len(found.files) > 6 else ''}",
        markup=False,
        soft_wrap=True,
    )
    if found.left_out:
        console.print(
            f"Not read (no fit to --from-path, or no replies there): {', '.join(found.left_out[:6])}",
            markup=False,
            soft_wrap=True,
        )
    for name, mapped in _unlike(found.mapped).items():
        tool = found.tools[name]
        console.print(f"\n{name}{f': a log of {tool}' if tool else ''}", markup=False, soft_wrap=True)
        _show_columns(mapped, console)
        console.print(f"Columns there: {', '.join(found.columns[name])}", markup=False, soft_wrap=True)
    if found.key is not None:
        console.print(f"\nKey: {len(found.key.entries):,} questions, joined by {found.key.join}", markup=False)
        _show_columns(found.key.mapped, console)
    rows = [_cells(entry) for entry in found.entries]
    names = ("place", "id", "model", "lang", "task", "question", "options", "answer", "prediction", "correct", "reply")
    shown = [at for at in range(len(names)) if any(row[at] for row in rows)]
    table = table_of("", *(f"row {at}" for at in range(1, len(rows) + 1)))
    for at in shown:
        table.add_row(*plain(names[at], *(row[at] for row in rows)))
    console.print()
    console.print(table)
    for fault in found.faults:
        console.print(f"not read: {fault}", markup=False, soft_wrap=True)
    if isinstance(found.asks, tuple):
        for note in found.asks:
            console.print(note, markup=False, soft_wrap=True)
    elif found.asks is not None:
        told = f"An import of these rows would stop here: {found.asks}"
        console.print(told, markup=False, soft_wrap=True)
    console.print("Nothing was written.")


def _unlike(mapped: Mapping[str, Mapped]) -> dict[str, Mapped]:
    """One file for each way in which columns were found."""
    shown: dict[str, Mapped] = {}
    seen: set[str] = set()
    for name, one in mapped.items():
        told = repr(sorted(one.columns.items()))
        if told not in seen:
            seen.add(told)
            shown[name] = one
    return shown


def _cells(entry: Entry) -> tuple[str, ...]:
    def cut(value: object, wide: int = 28) -> str:
        text = "" if value is None else " ".join(str(value).split())
        return text if len(text) <= wide else f"{text[: wide - 1]}…"

    options = None if entry.options is None else f"{len(entry.options)}: {' | '.join(entry.options)}"
    told = (entry.place, entry.native, entry.model, entry.lang, entry.task, entry.question, options)
    return tuple(cut(value) for value in (*told, entry.answer, entry.prediction, entry.correct, entry.reply))


def _show_columns(mapped: Mapped, console: Console) -> None:
    from afya.cli.tables import plain, table_of

    table = table_of("field", "column", "", "example")
    for field, column in mapped.columns.items():
        how = "guessed" if field in mapped.guessed else ""
        table.add_row(*plain(field, column.removeprefix("@"), how, mapped.seen.get(field, "")[:_WIDE]))
    console.print(table)


def _show(result: ImportResult, console: Console) -> None:
    from afya.cli.tables import plain, table_of

    for name, mapped in _unlike(result.mapped).items():
        console.print(name, markup=False, soft_wrap=True)
        _show_columns(mapped, console)
    if result.key is not None:
        console.print("The key")
        _show_columns(result.key, console)
    kept = [name for name in ("model", "lang", "task") if len({getattr(one, name) for one in result.scorings}) > 1]
    models = list(dict.fromkeys(one.model for one in result.scorings))
    table = table_of(*kept, "scored by", "n", "right", "accuracy", "no reply", "differ")
    for column in table.columns[-5:]:
        column.justify = "right"
    for one in result.scorings:
        differ = "counts" if one.counts else f"{one.differ:,}"
        counts = (one.by, f"{one.n:,}", f"{one.right:,}", _percent(one.accuracy), f"{one.absent:,}", differ)
        table.add_row(*plain(*(getattr(one, name) for name in kept), *counts))
    if "model" not in kept:
        console.print(", ".join(models), markup=False, soft_wrap=True)
    console.print(table)
    for one in result.scorings:
        if one.counts and one.absent:
            console.print(
                f"{one.model} ({one.lang}): {one.absent:,} without a reply are left out; counted as wrong they make it "
                f"{_percent(one.with_absent)} (--missing wrong).",
                markup=False,
                soft_wrap=True,
            )
    for one in result.scorings:
        if one.differ and not one.counts and one.examples:
            console.print(
                f"{one.model} ({one.lang}): scored by {one.by} it differs on {one.differ:,}, such as "
                f"{', '.join(one.examples)}; --score-by {one.by} takes that reading.",
                markup=False,
                soft_wrap=True,
            )
    for note in result.notes:
        console.print(note, markup=False, soft_wrap=True)
    for reason, many in result.faults.counts.items():
        told = "; ".join(result.faults.examples[reason][:3])
        console.print(f"{reason.replace('_', ' ')}: {many:,}, such as {told}", markup=False, soft_wrap=True)
    for name, ids in result.missing.items():
        how = (
            "count as wrong"
            if result.decided.missing == "wrong"
            else "are left out (--missing wrong counts them as wrong)"
        )
        console.print(
            f"{name}: {len(ids):,} questions without a reply {how}, such as {', '.join(ids[:3])}",
            markup=False,
            soft_wrap=True,
        )
    for comparison in result.comparisons:
        one, figure = comparison.scoring, comparison.figure
        here = f"{one.right:,} of {one.n:,} = {_percent(one.accuracy)}"
        if comparison.equal:
            console.print(f"Published {figure.told}: equal ({here}).", markup=False, soft_wrap=True)
        else:
            many = abs(comparison.items)
            way = "more" if comparison.items > 0 else "fewer"
            also = f" It would be equal with: {'; '.join(comparison.also)}." if comparison.also else ""
            console.print(
                f"Published {figure.told}: differs ({here}, {many:,} right {way}).{also}", markup=False, soft_wrap=True
            )
    console.print(
        f"{result.rows:,} scores in {result.folder}; see them with: afya bench report {result.folder}",
        markup=False,
        soft_wrap=True,
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}%"
