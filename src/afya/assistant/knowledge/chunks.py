"""Documents cut into passages: whole sentences and whole table rows, never over the end of a section.

A passage has about `SIZE` signs (an ideograph or syllable sign counts for three, as it says as much) and never more
than `LARGEST`, save that one sentence or row is never cut: one that is longer alone is a passage of its own, and one
longer than `TOO_LONG` is no prose (a dump, a table without rows) and is left out with a count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import regex

from afya.text.sentences import sentences

SIZE = 900
LARGEST = 1_200
TOO_LONG = 4_000
SECTION_JOINT = " > "
_WIDE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]")
_INVISIBLE = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Co}--[\t\n]]", regex.VERSION1)
_BLANKS = regex.compile(r"[^\S\n]+")
_LINES = regex.compile(r"\s*\n\s*")
_WORD = regex.compile(r"[\p{L}\p{N}]")


@dataclass(frozen=True, slots=True)
class Block:
    """What a reader gives: a paragraph, or one row of a table, with where it stands.

    `section` are the headings above it; `page` as the document counts; `record` the row of a collection it is of, which
    is never put together with another. The other fields, where a file is a collection
    of documents, are this one's own and replace those given for the file.
    """

    text: str
    section: tuple[str, ...] = ()
    page: str | None = None
    kind: Literal["text", "row"] = "text"
    title: str | None = None
    source: str | None = None
    publisher: str | None = None
    lang: str | None = None
    record: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage in the making; `block` is its first one, `page` covers all of it."""

    text: str
    page: str | None
    block: Block


@dataclass
class Cutting:
    """What the cutting left out, for the report."""

    too_long: int = 0
    empty: int = 0
    places: list[str] = field(default_factory=list)


def clean(text: str) -> str:
    """Text as it is kept: composed, nothing invisible, single blanks. Digits and signs stay as they are written."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _LINES.sub("\n", _BLANKS.sub(" ", _INVISIBLE.sub("", text))).strip()


def size(text: str) -> int:
    """The signs of a text, wide ones counted three times."""
    return len(text) if text.isascii() else len(text) + 2 * len(_WIDE.findall(text))


def cut(blocks: Iterable[Block], lang: str, left_out: Cutting) -> Iterator[Chunk]:
    """The passages of a document, as its blocks come: only one passage is held at a time.

    Raises:
        ConfigError: a language is not known.
    """
    held: list[tuple[str, Block]] = []
    filled = 0
    for block in blocks:
        text = clean(block.text)
        if not _WORD.search(text):
            left_out.empty += 1
            continue
        if held and not _together(held[0][1], block):
            yield _chunk(held)
            held, filled = [], 0
        for piece in _pieces(text, block, block.lang or lang):
            weight = size(piece)
            if weight > TOO_LONG:
                left_out.too_long += 1
                if len(left_out.places) < 5:
                    left_out.places.append(_place(block))
                continue
            # A paragraph that fits is kept whole: better a shorter passage than a paragraph in two.
            if held and filled + weight > (LARGEST if held[-1][1] is block else SIZE):
                yield _chunk(held)
                held, filled = [], 0
            held.append((piece, block))
            filled += weight
    if held:
        yield _chunk(held)


def _pieces(text: str, block: Block, lang: str) -> list[str]:
    """What is never cut: a row, or a sentence with the blank behind it. Short paragraphs are taken whole."""
    if block.kind == "row":
        return [text.replace("\n", " ") + "\n"]
    if size(text) <= LARGEST:
        return [text + "\n"]
    pieces = sentences(text, lang)
    pieces[-1] += "\n"
    return pieces


def _together(first: Block, block: Block) -> bool:
    """Whether two blocks may stand in one passage."""
    same = ("record", "section", "title", "source", "publisher", "lang")
    return all(getattr(first, name) == getattr(block, name) for name in same)


def _chunk(held: list[tuple[str, Block]]) -> Chunk:
    pages = [block.page for _, block in held if block.page is not None]
    ends = (_first(pages[0]), _last(pages[-1])) if pages else (None, None)
    page = None if not pages else str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"
    return Chunk("".join(piece for piece, _ in held).strip(), page, held[0][1])


def _first(page: str) -> str:
    return page.partition("-")[0] if page.replace("-", "").isdigit() else page


def _last(page: str) -> str:
    return page.rpartition("-")[2] if page.replace("-", "").isdigit() else page


def _place(block: Block) -> str:
    parts = [SECTION_JOINT.join(block.section), f"page {block.page}" if block.page else ""]
    return ", ".join(part for part in parts if part) or "the text"
