"""Plain text and Markdown as blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import regex
from pydantic import BaseModel, ConfigDict

from afya.assistant.knowledge.chunks import Block
from afya.assistant.knowledge.reading import Reading, limits, lines, table_row
from afya.datafiles import validate
from afya.errors import DataError
from afya.text.sentences import sentences

_HEADING = regex.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_RULER = regex.compile(r"^\s*\|?[\s:|-]*-{3,}[\s:|-]*\|?\s*$")
_MARKUP = regex.compile(
    r"!\[([^\]]*)\]\([^)]*\)|\[([^\]]*)\]\([^)]*\)|(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)|`+"
)


class _Front(BaseModel):
    """The front matter of a Markdown file; keys of other programs are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    title: str | None = None
    lang: str | None = None
    licence: str | None = None
    license: str | None = None
    publisher: str | None = None
    version: str | None = None
    source: str | None = None
    page: str | None = None
    authors: tuple[str, ...] = ()


def read_text(path: Path, encoding: str | None) -> Reading:
    """Plain text: an empty line ends a paragraph."""
    return Reading(_paragraphs(path, encoding))


def _paragraphs(path: Path, encoding: str | None) -> Iterator[Block]:
    held: list[str] = []
    filled = 0
    for line in lines(path, encoding):
        if not line.strip():
            if held:
                yield Block("".join(held))
            held, filled = [], 0
            continue
        held.append(line)
        filled += len(line)
        if filled > limits().paragraph_characters:
            # The end of a sentence is sought in any language's way; what follows the last one waits for more text.
            *whole, rest = sentences("".join(held), "en")
            if whole:
                yield Block("".join(whole))
                held, filled = [rest], len(rest)
            elif filled > 4 * limits().paragraph_characters:
                yield Block(rest)
                held, filled = [], 0
    if held:
        yield Block("".join(held))


def read_markdown(path: Path, encoding: str | None) -> Reading:
    """Markdown with or without front matter: headings are sections, a row of a table is not cut, code is left out."""
    rows = lines(path, encoding)
    first = next(rows, "")
    front = _Front()
    held: list[str] = []
    if first.strip() == "---":
        taken: list[str] = []
        for line in rows:
            if line.strip() == "---":
                front = _front("".join(taken), path)
                break
            taken.append(line)
            if len(taken) > 200:
                held = [first, *taken]
                break
        else:
            held = [first, *taken]
    else:
        held = [first]
    return Reading(
        _markdown_blocks(held, rows, front.page),
        title=front.title,
        lang=front.lang,
        licence=front.licence or front.license,
        publisher=front.publisher,
        version=front.version,
        source=front.source,
        authors=front.authors,
    )


def _front(text: str, path: Path) -> _Front:
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DataError(f"{path}: the front matter is not YAML ({error}).") from None
    return validate(content or {}, _Front, f"{path}: front matter")


def _markdown_blocks(held: list[str], rows: Iterator[str], page: str | None) -> Iterator[Block]:
    headings: dict[int, str] = {}
    paragraph: list[str] = []
    columns: list[str] | None = None
    fenced = comment = False

    def section() -> tuple[str, ...]:
        return tuple(headings[level] for level in sorted(headings))

    def flush() -> Iterator[Block]:
        text = plain_markdown("".join(paragraph))
        paragraph.clear()
        if text.strip():
            yield Block(text, section(), page)

    for line in chain(held, rows):
        stripped = line.strip()
        if stripped.startswith("<!--"):
            comment = True
        if comment:
            comment = "-->" not in stripped
            continue
        if stripped.startswith(("```", "~~~")):
            fenced = not fenced
            continue
        if fenced:
            continue
        heading = _HEADING.match(stripped)
        if heading is not None:
            yield from flush()
            level = len(heading[1])
            headings = {known: text for known, text in headings.items() if known < level}
            headings[level] = plain_markdown(heading[2])
            columns = None
        elif stripped.startswith("|"):
            yield from flush()
            cells = [plain_markdown(cell.strip()) for cell in stripped.strip("|").split("|")]
            if columns is None:
                columns = cells
            elif not _RULER.match(stripped):
                yield Block(table_row(columns, cells), section(), page, "row")
        elif not stripped:
            yield from flush()
            columns = None
        else:
            paragraph.append(line)
            if sum(map(len, paragraph)) > limits().paragraph_characters:
                yield from flush()
    yield from flush()


def plain_markdown(text: str) -> str:
    """Text without Markdown's signs for emphasis, links and code."""
    return _MARKUP.sub(lambda found: found[1] or found[2] or "", text)
