"""HTML made of elements, in which text cannot become markup.

`tag` escapes every child and attribute that is not `Markup`; only `tag`, `joined` and `trusted` make `Markup`. What a
model replied therefore stays text, whatever it contains.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable

_VOID = frozenset({"meta", "br", "hr", "input"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(value: object) -> Markup:
    """Any value as inert HTML text. Control characters, which HTML forbids, show as U+FFFD."""
    if isinstance(value, Markup):
        return value
    text = "".join(
        "\ufffd" if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" else char
        for char in str(value).replace("\r\n", "\n").replace("\r", "\n")
    )
    return Markup(html.escape(text, quote=True))


def trusted(text: str) -> Markup:
    """HTML of our own making, such as a plot. Never for text that came from data."""
    return Markup(text)


def joined(parts: Iterable[object], separator: str = "") -> Markup:
    """Parts one after another, each escaped unless it is Markup."""
    return Markup(str(escaped(separator)).join(str(escaped(part)) for part in parts))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. Attribute names: a trailing underscore is dropped (`class_`), others become hyphens (`aria_label`).

    An attribute that is None or False is left out; one that is True stands without a value. Children that are None are
    left out.
    """
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        written.append(f" {attribute}" if value is True else f' {attribute}="{escaped(str(value))}"')
    opening = f"<{name}{''.join(written)}>"
    if name in _VOID:
        return Markup(opening)
    return Markup(f"{opening}{joined(child for child in children if child is not None)}</{name}>")


def table(
    caption: object, head: list[object], rows: list[list[object]], *, class_: str | None = None, total: bool = False
) -> Markup:
    """A table with a caption; the first cell of a row is its header, the other columns hold numbers.

    `total` sets the last row apart as a sum. A cell may be a `td` or `th` of the caller's own making; anything else is
    wrapped. The table scrolls sideways in a frame of its own on narrow screens, which the keyboard can reach.
    """
    header = tag("tr", *[cell if _is_cell(cell) else tag("th", cell, scope="col") for cell in head])
    last = rows[-1] if total and rows else None
    body = [
        tag("tr", *[_cell(cell, index) for index, cell in enumerate(row)], class_="all" if row is last else None)
        for row in rows
    ]
    content = tag("table", captioned(caption), tag("thead", header), tag("tbody", *body), class_=class_)
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=_plain(caption))


def captioned(*children: object) -> Markup:
    """A caption that keeps to the screen's width when its table is wider."""
    return tag("caption", tag("span", *children))


def _cell(cell: object, index: int) -> Markup:
    if isinstance(cell, Markup) and _is_cell(cell):
        return cell
    return tag("th", cell, scope="row") if index == 0 else tag("td", cell)


def _is_cell(cell: object) -> bool:
    return isinstance(cell, Markup) and cell.startswith(("<td", "<th"))


def _plain(value: object) -> Markup:
    """The text of a caption without its elements, for a label."""
    text = str(escaped(value))
    while "<" in text:
        start = text.index("<")
        text = text[:start] + text[text.index(">", start) + 1 :]
    return Markup(text)
