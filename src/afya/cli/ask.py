"""`afya ask`: a message to the assistant, or a dialogue with it on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rich.console import Console
    from rich.text import Text

    from afya.assistant import Answer, Assistant
    from afya.assistant.context import Known, Mode

_BANNER_STYLES = {"red": "bold white on red", "yellow": "bold black on yellow", "green": "bold white on green"}
_MODES = ("direct", "pivot", "retrieve+pivot")
_LISTED_MODES = ", ".join(_MODES)
_LISTED = ("sign", "action", "dose", "caution", "fact", "classification")
_STYLES = {
    "classification": "bold",
    "sign": "bold",
    "fact": "dim",
    "caution": "yellow",
    "uncertain": "yellow",
    "title": "bold",
    "model": "italic",
    "notice": "",
}
_NEW = "/new"


def ask(
    lang: Annotated[str, typer.Option("--lang", "-l", help="The language of question and answer, such as sw.")],
    question: Annotated[
        str | None,
        typer.Argument(help="What the health worker writes; '-' reads it from standard input; without it: a dialogue."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="A language model that answers from the passages and says advice in its words: a training run's "
            "folder, a model's, or a spec such as hf:OWNER/NAME. It runs in a process of its own.",
        ),
    ] = None,
    translator: Annotated[
        str | None,
        typer.Option("--translator", help="A translation engine, as 'afya translate engines' writes them."),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode", help=f"How questions in other languages than English are answered: {', '.join(_MODES)}."
        ),
    ] = None,
    knowledge: Annotated[
        Path | None, typer.Option("--knowledge", help="A folder of passages made by 'afya knowledge add'.")
    ] = None,
    audit: Annotated[
        Path | None, typer.Option("--audit", help="Keep every turn in this log (.jsonl), without personal data.")
    ] = None,
    queue: Annotated[
        Path | None, typer.Option("--queue", help="Keep what a supervisor should look at in this file (SQLite).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer and every stage's event as JSON.")] = False,
) -> None:
    """Ask about somebody who is ill: danger signs first, then the guides' advice or passages, with their sources."""
    import sys

    from afya.assistant import Assistant
    from afya.assistant.knowledge import knowledge_of
    from afya.errors import ConfigError

    if mode is not None and mode not in _MODES:
        raise ConfigError(f"--mode {mode}: there is no such mode.", hint=f"There are: {', '.join(_MODES)}.")
    if question is None and (as_json or not sys.stdin.isatty()):
        raise ConfigError("There is no message.", hint="Write it in quotes, or '-' to read it from standard input.")
    assistant = Assistant(
        lang,
        model=None if model is None else model_spec(model),
        translator=translator,
        knowledge=knowledge_of(lang, knowledge),
        mode=cast("Mode | None", mode),
    )
    close = _kept(assistant, audit, queue)
    try:
        if question is None:
            _talk(assistant)
        else:
            text = sys.stdin.buffer.read().decode("utf-8", "replace") if question == "-" else question
            _say(assistant, text, as_json)
    finally:
        assistant.close()
        close()


def _say(assistant: Assistant, question: str, as_json: bool) -> None:
    import sys

    answer = assistant.ask(question)
    if as_json:
        import json

        typer.echo(json.dumps(answer.as_dict(), ensure_ascii=False, indent=2))
    elif not sys.stdout.isatty():
        typer.echo("\n".join(plain_lines(answer)))
    else:
        from rich.console import Console

        show(answer, Console(highlight=False))
    _tell_unkept(answer)


def _tell_unkept(answer: Answer) -> None:
    """Say on the error stream that a turn was to be kept and could not be."""
    last = answer.events[-1]
    if last.stage == "audit" and last.status != "ok":
        typer.echo(f"This turn was not kept: {last.detail.get('error', last.status)}", err=True)


def _talk(assistant: Assistant) -> None:
    """A dialogue: what one message told stays known for the next, until another person or an empty line."""
    from datetime import UTC, datetime

    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"[dim]An empty line ends the dialogue, {_NEW} begins with another person.[/dim]")
    known: Known | None = None
    read: set[str] = set()
    while True:
        try:
            text = console.input("\n[bold]> [/bold]")
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if not text.strip():
            return
        if text.strip() == _NEW:
            known = None
            continue
        answer = assistant.ask(text, conversation=known, when=datetime.now(UTC))
        known = answer.known
        console.print()
        # Small print that was read once need not be read after every line.
        show(answer, console, hide=read)
        read |= {block.text for block in answer.blocks if block.kind == "review"}
        _tell_unkept(answer)


def _kept(assistant: Assistant, log: Path | None, queue: Path | None) -> Callable[[], None]:
    """Have the turns kept where that is asked for; what is given back lets go of the files."""
    if log is None and queue is None:
        return lambda: None
    from afya.assistant.audit import Trail

    trail = Trail(log, queue=queue)
    trail.attach(assistant.resources)
    return trail.close


def model_spec(text: str) -> str:
    """A model's spec as `load_model` wants it: a folder of a run or model stands for itself.

    Raises ConfigError for what is neither a folder nor begins with an engine's name.
    """
    from afya.errors import ConfigError
    from afya.models.hub import is_hub_name
    from afya.models.load import ENGINES, parse_spec

    engine, colon, _ = text.partition(":")
    if colon and engine in ENGINES:
        return text
    if Path(text).expanduser().is_dir():
        return f"hf:{text}"
    if not colon:
        raise ConfigError(
            f"--model {text}: there is no such folder.",
            hint="Give the folder of a finished run of afya train, or of a model."
            + (f" A model on the hub is named hf:{text}" if is_hub_name(text) else ""),
        )
    parse_spec(text)  # says which engines there are
    return text


def plain_lines(answer: Answer) -> list[str]:
    """The answer as lines of plain text, sources last."""
    lines = [f"- {block.text}" if block.kind in _LISTED else block.text for block in answer.blocks]
    return [*lines, *source_lines(answer)]


def source_lines(answer: Answer) -> list[str]:
    """One line a source: document, publisher, page, row."""
    return list(dict.fromkeys(f"[{note.title}; {note.publisher}; {note.page}]" for note in answer.sources))


def show(answer: Answer, console: Console, hide: Collection[str] = ()) -> None:
    """The answer for a person's eyes: the colour as a bar, lists, then what is uncertain, small print and sources.

    `hide`: small print that is left out.
    """
    from rich.padding import Padding
    from rich.text import Text

    for block in answer.blocks:
        if block.kind == "banner":
            style = _BANNER_STYLES.get(answer.colour or "", "bold black on white")
            console.print(Padding(Text(block.text, style=style), (0, 1), style=style, expand=True))
        elif block.kind == "heading":
            console.print()
            console.print(Text(block.text, style="bold underline"))
        elif block.kind in _LISTED:
            _hang(console, "•", Text(block.text, style=_STYLES.get(block.kind, "")))
        elif block.kind == "question":
            _hang(console, "?", Text(block.text, style="bold cyan"))
        elif block.kind == "uncertain":
            console.print()
            _hang(console, "!", Text(block.text, style=_STYLES["uncertain"]))
        elif block.kind in ("passage", "model", "title"):
            console.print(Padding(Text(block.text, style=_STYLES.get(block.kind, "")), (0, 2)))
        elif block.kind != "review":
            console.print()
            console.print(Text(block.text))
    small = [block.text for block in answer.blocks if block.kind == "review" and block.text not in hide]
    if small or answer.sources:
        console.print()
    for line in small:
        console.print(Text(line, style="dim"))
    for line in source_lines(answer):
        console.print(Text(line, style="dim"))


def _hang(console: Console, sign: str, text: Text) -> None:
    """A line with a sign before it, whose further lines stand under its first."""
    from rich.table import Table

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=3, justify="right", no_wrap=True)
    grid.add_column()
    grid.add_row(sign, text)
    console.print(grid)
