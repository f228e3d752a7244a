"""`afya ask`: one question to the assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from afya.assistant import Answer
    from afya.models import LanguageModel

_BANNER_STYLES = {"red": "bold white on red", "yellow": "bold black on yellow", "green": "bold white on green"}


def ask(
    question: Annotated[str, typer.Argument(help="What the health worker writes; '-' reads it from standard input.")],
    lang: Annotated[str, typer.Option("--lang", "-l", help="The language of question and answer, such as sw.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="A language model that says the advice in its words: a training run's folder, a model's, or a spec "
            "such as hf:OWNER/NAME.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer and every stage's event as JSON.")] = False,
) -> None:
    """Ask about a sick child: danger signs first, then the guide's advice, with its sources."""
    import sys

    from afya.assistant import Assistant

    if question == "-":
        question = sys.stdin.buffer.read().decode("utf-8", "replace")
    answer = Assistant(lang, model=_load(model)).ask(question)
    if as_json:
        import json

        typer.echo(json.dumps(answer.as_dict(), ensure_ascii=False, indent=2))
        return
    if not sys.stdout.isatty():
        typer.echo("\n".join(plain_lines(answer)))
        return
    from rich.console import Console

    show(answer, Console(highlight=False))


def _load(spec: str | None) -> LanguageModel | None:
    if spec is None:
        return None
    from afya.models import load_model

    return load_model(model_spec(spec))


def model_spec(text: str) -> str:
    """A model's spec as `load_model` wants it: a folder of a run or model stands for itself.

    Raises ConfigError for what is neither a folder nor begins with an engine's name.
    """
    from pathlib import Path

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
    lines = []
    for block in answer.blocks:
        if block.kind in ("sign", "action", "dose", "fact", "classification"):
            lines.append(f"- {block.text}")
        else:
            lines.append(block.text)
    return [*lines, *source_lines(answer)]


def source_lines(answer: Answer) -> list[str]:
    """One line a source: document, publisher, page, row."""
    return list(dict.fromkeys(f"[{note.title}; {note.publisher}; {note.page}]" for note in answer.sources))


def show(answer: Answer, console: Console) -> None:
    from rich.text import Text

    for block in answer.blocks:
        if block.kind == "banner":
            style = _BANNER_STYLES.get(answer.colour or "", "bold black on white")
            console.print(Text(f" {block.text} ", style=style))
        elif block.kind == "heading":
            console.print()
            console.print(Text(block.text, style="bold"))
        elif block.kind in ("sign", "action", "dose", "fact", "classification"):
            style = "bold" if block.kind in ("classification", "sign") else "dim" if block.kind == "fact" else ""
            console.print(Text(f"  • {block.text}", style=style))
        elif block.kind == "question":
            console.print(Text(f"  ? {block.text}", style="bold yellow"))
        elif block.kind == "model":
            console.print(Text(block.text, style="italic"))
        elif block.kind == "review":
            console.print(Text(block.text, style="dim"))
        else:
            console.print(Text(block.text, style="yellow" if block.kind == "uncertain" else ""))
    if answer.sources:
        console.print()
    for line in source_lines(answer):
        console.print(Text(line, style="dim"))
