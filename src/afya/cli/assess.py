"""`afya assess`: a guided assessment, one question at a time, in the pack's words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from afya.packs import Pack
    from afya.protocols import Protocol
    from afya.protocols.assess import Guided, Question
    from afya.protocols.conditions import Value
    from afya.protocols.telling import Told

_BANNERS = {"red": "bold white on red", "yellow": "bold black on yellow", "green": "bold white on green"}
_EDGES = {"red": "red", "yellow": "yellow", "green": "green"}
_BACK, _UNKNOWN, _QUIT = "<", "?", "q"


def assess(
    protocol: Annotated[str, typer.Argument(help="What to assess: child, infant, pregnancy ... (afya protocol list).")],
    lang: Annotated[str, typer.Option("--lang", "-l", help="The language of questions and advice, such as sw.")],
    section: Annotated[
        list[str] | None, typer.Option("--section", help="Only this part (danger signs always); may be repeated.")
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--answers", help="A YAML file of answers, '-': standard input. Nothing is asked."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep the answers in this file, and go on from it when it is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Assess a person step by step: danger signs first, then what to do, what to give, when to come back, and why."""
    from rich.console import Console

    from afya.errors import ConfigError
    from afya.protocols import find_protocol
    from afya.protocols.telling import tell

    guide = find_protocol(protocol)
    pack = _pack(guide, lang)
    guided = _start(guide, pack, section, save)
    if answers is not None:
        _take(guided, answers)
    else:
        import sys

        if as_json and not sys.stdin.isatty():
            raise ConfigError("--json has nobody to ask here.", hint="Give the answers with --answers FILE or '-'.")
        console = Console(highlight=False, stderr=as_json)
        if not _talk(guided, pack, console, save):
            return
    _keep(guided, save)
    told = tell(guided, pack)
    if as_json:
        import json

        typer.echo(json.dumps({**told.as_dict(), "step": guided.step()}, ensure_ascii=False, indent=2))
    else:
        show(told, pack, Console(highlight=False))


def _pack(guide: Protocol, lang: str) -> Pack:
    """The pack as the protocol reads it. Raises ConfigError when the language cannot tell the protocol."""
    from afya.errors import ConfigError
    from afya.packs import available, load_pack
    from afya.protocols.texts import needed_messages

    pack = load_pack(lang)
    if guide.name not in pack.protocols:
        able = [code for code in available() if guide.name in load_pack(code).protocols]
        raise ConfigError(
            f"The pack of {pack.name} has no texts for '{guide.name}'.",
            hint=f"It can be told in: {', '.join(able)}. {pack.name} can tell: {', '.join(pack.protocols)}.",
        )
    view = pack.for_protocol(guide.name)
    missing = sorted(needed_messages(guide) - set(view.messages))
    if missing:
        raise ConfigError(
            f"{pack.folder}: {len(missing)} texts of '{guide.name}' are missing: {', '.join(missing[:6])}.",
            hint=f"'afya pack lint {lang}' lists them; English never stands in for another language.",
        )
    return view


def _start(guide: Protocol, pack: Pack, sections: list[str] | None, save: Path | None) -> Guided:
    import json

    from afya.errors import ConfigError, DataError
    from afya.protocols.assess import Guided
    from afya.protocols.texts import offered_sections

    offered = offered_sections(guide, pack)
    for name in sections or ():
        if name not in offered:
            raise ConfigError(
                f"There is no part '{name}' of '{guide.name}' in this language.", hint=f"Parts: {', '.join(offered)}."
            )
    if save is not None and save.is_file():
        try:
            saved = json.loads(save.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{save}: cannot be read ({error}).", hint="Give another file to --save.") from None
        return Guided.resumed(guide, saved, str(save))
    return Guided(guide, sections or offered)


def _take(guided: Guided, source: str) -> None:
    """Take the answers of a YAML file. Raises DataError for what is no answer."""
    import sys

    import yaml

    from afya.datafiles import read_yaml
    from afya.errors import DataError

    if source == "-":
        try:
            content = yaml.safe_load(sys.stdin.buffer.read().decode("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DataError(f"The answers are not YAML ({error}).") from None
    else:
        content = read_yaml(Path(source))
    if not isinstance(content, dict):
        raise DataError("The answers must be lines such as 'age_months: 14'.")
    for name, value in content.items():
        if value is not None and not isinstance(value, (bool, int, float, str)):
            raise DataError(f"{name}: {value!r} is no answer.", hint="Expected true, false, a number, a word or null.")
        guided.answer(str(name), value)


def _keep(guided: Guided, save: Path | None) -> None:
    """Write the answers beside the old file and rename, so that none is ever half written."""
    if save is None:
        return
    import json

    from afya.errors import DataError

    try:
        beside = save.with_name(f"{save.name}.part")
        beside.write_text(json.dumps(guided.saved(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        beside.replace(save)
    except OSError as error:
        raise DataError(f"{save}: cannot be written ({error.strerror}).", hint="Give another file to --save.") from None


def _talk(guided: Guided, pack: Pack, console: Console, save: Path | None) -> bool:
    """Ask until the end; False when the person stopped before."""
    from rich.markup import escape

    from afya.errors import DataError
    from afya.protocols.telling import said

    for name, value in guided.answers.items():
        answer = said(guided.protocol.inputs[name], value, pack)
        console.print(f"[dim] ✓  {escape(pack.text(f'question.{name}'))} {escape(answer)}[/dim]")
    legend = f"{_BACK} ←    {_UNKNOWN} {pack.text('answer.not_known')}    {_QUIT} ■"
    console.print(f"[dim]{escape(legend)}[/dim]")
    put: Question | None = None
    while (question := guided.question) is not None:
        if question != put:
            _put(question, pack, console, len(guided.answers) + 1)
        put = question
        try:
            typed = console.input("[bold cyan]› [/bold cyan]").strip()
        except (EOFError, KeyboardInterrupt):
            typed = _QUIT
        if typed.casefold() == _QUIT:
            _keep(guided, save)
            kept = f" The answers are in {save}; the same command goes on." if save is not None else ""
            console.print(f"\n[dim]Stopped before the end.{escape(kept)}[/dim]")
            return False
        if typed == _BACK:
            guided.back()
            continue
        if typed == _UNKNOWN:
            guided.answer(question.name, None)
            _keep(guided, save)
            continue
        value = read_answer(question, typed, pack)
        if value is None:
            console.print(f"[yellow]  {escape(_expected(question, pack))}[/yellow]")
            continue
        try:
            guided.answer(question.name, value)
        except DataError:
            console.print(f"[yellow]  {escape(_expected(question, pack))}[/yellow]")
            continue
        _keep(guided, save)
    return True


def _put(question: Question, pack: Pack, console: Console, number: int) -> None:
    from rich.text import Text

    style = "bold red" if question.danger else "bold"
    console.print()
    console.print(Text.assemble((f"{number:>2}  ", "dim"), (pack.text(question.key), style)))
    if question.choices:
        for place, key in enumerate(question.choice_keys, 1):
            console.print(Text.assemble((f"    {place} ", "cyan"), pack.text(key)))
    else:
        console.print(Text(f"    {_range(question)}", style="dim"))


def _range(question: Question) -> str:
    assert question.low is not None
    assert question.high is not None
    return f"{question.low:g} – {question.high - question.step:g}"


def _expected(question: Question, pack: Pack) -> str:
    if question.choices:
        return " / ".join(f"{place} {pack.text(key)}" for place, key in enumerate(question.choice_keys, 1))
    return _range(question)


def read_answer(question: Question, typed: str, pack: Pack) -> Value | None:
    """What was typed as a value: a choice by its number or its beginning, or a number; None when it is neither."""
    if not typed:
        return None
    if question.choices:
        if typed.isdecimal():
            place = int(typed) - 1
            return question.choices[place] if 0 <= place < len(question.choices) else None
        fitting = [
            value
            for value, key in zip(question.choices, question.choice_keys, strict=True)
            if pack.text(key).casefold().startswith(typed.casefold())
        ]
        return fitting[0] if len(fitting) == 1 else None
    try:
        number = float(typed.replace(",", "."))
    except ValueError:
        return None
    if question.kind == "int":
        return int(number) if number.is_integer() else None
    return number if number == number and abs(number) < 1e9 else None


def show(told: Told, pack: Pack, console: Console) -> None:
    """Print the outcome: the colour first, what to do, and at the end the rows that were used."""
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    console.print()
    style = _BANNERS.get(told.colour, "bold black on white")
    found = "\n".join(f"• {line}" for line in told.classifications)
    if found:
        edge = _EDGES.get(told.colour, "white")
        console.print(Panel(Text(found, style="bold"), title=Text(f" {told.banner} ", style=style), border_style=edge))
    else:
        console.print(Text(f" {told.banner} ", style=style))

    def part(heading: str | None, lines: tuple[str, ...], mark: str, look: str = "") -> None:
        if not lines:
            return
        console.print()
        if heading is not None:
            console.print(Text(heading, style="bold"))
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=2, justify="right")
        grid.add_column(overflow="fold")
        for line in lines:
            grid.add_row(Text(mark, style=look), Text(line, style=look))
        console.print(Padding(grid, (0, 0, 0, 1)))

    part(_heading(pack, "at_least"), told.at_least, "≥", "bold")
    part(_heading(pack, "what_to_do"), told.refer + told.do, "•", "bold red" if told.colour == "red" else "")
    part(_heading(pack, "what_to_give"), told.give, "•")
    part(_heading(pack, "when_to_come_back"), told.come_back, "↻")
    part(_heading(pack, "missing"), told.missing, "?", "yellow")
    part(_heading(pack, "not_asked"), told.not_asked, "–", "dim")
    lines = tuple(
        dict.fromkeys(f"{why.text}: {pack.text('notice.source', source=why.source, page=why.page)}" for why in told.why)
    )
    part(_heading(pack, "why"), lines, "§", "dim")
    console.print()
    for line in told.notices:
        console.print(Text(line, style="dim"))


def _heading(pack: Pack, key: str) -> str | None:
    """A heading where the pack has it; a list stands without one otherwise."""
    return pack.messages.get(f"notice.{key}")
