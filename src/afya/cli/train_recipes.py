"""`afya train recipes` and `afya train tokens`: what to choose from, and what a model costs in each language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="A recipe, or parts joined by '+': print it as one YAML file.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of what is printed.")
    ] = None,
) -> None:
    """List the shipped recipes and parts, or print one, or several joined, as YAML.

    A model, a method and a course make a recipe: afya train qwen3-4b+qlora+two-stages --out RUN.
    """
    if name is None:
        _list()
    else:
        _show(name, overrides or [])


def _list() -> None:
    from rich.console import Console

    from afya.cli.tables import plain, table_of
    from afya.training.recipe.load import part_content, part_kind, shipped_parts

    parts = {part: part_kind(file) for part, file in shipped_parts().items()}
    table = table_of("name", "kind", "what it is", title="Shipped recipes and parts")
    table.columns[0].no_wrap = True
    ordered = list(parts)
    for number, part in enumerate(ordered):
        last = number + 1 == len(ordered) or parts[ordered[number + 1]] != parts[part]
        described = str(part_content(part).get("description", "")).strip()
        table.add_row(*plain(part, parts[part], described), end_section=last)
    console = Console()
    console.print(table)
    console.print(
        "Join a model, a method and a course: afya train qwen3-4b+qlora+two-stages --out RUN\n"
        "See the whole before it starts: afya train recipes qwen3-4b+qlora+two-stages; "
        "afya train plan qwen3-4b+qlora+two-stages",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _show(name: str, overrides: list[str]) -> None:
    import json

    import yaml
    from rich.console import Console

    from afya.errors import ConfigError
    from afya.training.recipe import load_recipe, read_recipe

    content, _ = read_recipe(name, overrides)
    # Through JSON, so that what several stages share is written out in each and not as a reference.
    plain_values = json.loads(json.dumps(content, default=str))
    typer.echo(yaml.safe_dump(plain_values, sort_keys=False, allow_unicode=True, width=120).rstrip())
    if "kind" in content:
        return
    try:
        load_recipe(name, overrides)
    except ConfigError as error:
        # A part alone may be looked at; it is no recipe yet.
        Console(stderr=True).print(f"Not a whole recipe: {error}", markup=False, highlight=False, soft_wrap=True)


def tokens(
    model: Annotated[str, typer.Argument(help="A model's folder or name, or a SentencePiece .model file.")],
    data: Annotated[Path, typer.Option("--data", help="A dataset folder.")],
    langs: Annotated[str | None, typer.Option("--langs", help="Languages such as sw,yo; by default all in it.")] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, help="At most so many groups of a language, the same ones in each.")
    ] = 2_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count a model's tokens a word in each language of a dataset: what its context, speed and price are spent on.

    Also against English, over the entries that have both: the same content, so the lengths of words do not matter.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from afya.cli.tables import plain, table_of
    from afya.languages import language, parse_codes
    from afya.training.weights.tokens import measure_tokens

    found = measure_tokens(model, data, parse_codes(langs) if langs is not None else None, count)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], ensure_ascii=False, indent=2))
        return
    heads = (
        "language",
        "texts",
        "words",
        "tokens a word",
        "95% interval",
        "a character",
        "to English",
        "95% interval",
        "groups",
    )
    table = table_of(*heads, title=f"{model}: tokens in {data}")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in found:
        against = ("-", "-", "-")
        if row.to_english is not None:
            interval = f"{row.to_english_low:.2f} to {row.to_english_high:.2f}"
            against = (f"{row.to_english:.2f}", interval, f"{row.groups:,}")
        by_word = ("-", "-") if row.per_word is None else (f"{row.per_word:.2f}", f"{row.low:.2f} to {row.high:.2f}")
        table.add_row(
            *plain(
                f"{language(row.lang).name} ({row.lang})",
                f"{row.texts:,}",
                f"{row.words:,}" if row.per_word is not None else "-",
                *by_word,
                f"{row.per_character:.2f}",
                *against,
            )
        )
    Console(highlight=False).print(table)
