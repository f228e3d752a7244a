"""Web pages as blocks."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from afya.assistant.knowledge.chunks import Block
from afya.assistant.knowledge.reading import Reading, lines, table_row
from afya.errors import DataError

_SILENT = frozenset({"script", "style", "noscript", "template", "nav", "form", "svg", "iframe", "object", "button"})
_PARAGRAPHS = frozenset(
    (
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "dl",
        "dt",
        "dd",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "aside",
        "blockquote",
        "pre",
        "figure",
        "br",
        "hr",
        "address",
    )
)


def read_html(path: Path, encoding: str | None) -> Reading:
    """A web page: headings are sections; scripts, styles, forms and navigation are left out."""
    parser = _Page()
    blocks: list[Block] = []
    for piece in lines(path, encoding):
        parser.feed(piece)
        blocks += parser.taken()
    parser.close()
    parser.end()
    blocks += parser.taken()
    if not blocks:
        raise DataError(f"{path}: the page holds no text.", hint="Pages that a script builds must be saved as text.")
    return Reading(iter(blocks), title=parser.title or None, lang=parser.lang)


class _Page(HTMLParser):
    """Collects the blocks of a page while it is fed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.lang: str | None = None
        self._blocks: list[Block] = []
        self._text: list[str] = []
        self._headings: dict[int, str] = {}
        self._silent: list[str] = []
        self._heading: int | None = None
        self._in_title = False
        self._columns: list[str] | None = None
        self._cells: list[str] | None = None
        self._named = False

    def taken(self) -> list[Block]:
        """The blocks that are whole since the last time."""
        found, self._blocks = self._blocks, []
        return found

    def end(self) -> None:
        """The page is over: what was begun is a block."""
        self._flush()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "html":
            told = dict(attrs).get("lang") or ""
            self.lang = told.partition("-")[0].lower() or None
        if tag in _SILENT or self._silent:
            if tag in _SILENT:
                self._silent.append(tag)
            return
        if tag == "title":
            self._in_title = True
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._flush()
            self._heading = int(tag[1])
        elif tag == "table":
            self._flush()
            self._columns = None
        elif tag == "tr":
            self._flush()
            self._cells, self._named = [], True
        elif tag in ("td", "th") and self._cells is not None:
            self._close_cell()
            self._cells.append("")
            self._named = self._named and tag == "th"
        elif tag in _PARAGRAPHS and self._cells is None:
            self._flush()
        elif tag in _PARAGRAPHS:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        if tag == "title":
            self._in_title = False
        elif self._heading is not None and tag == f"h{self._heading}":
            text = "".join(self._text).strip()
            self._text = []
            self._headings = {level: told for level, told in self._headings.items() if level < self._heading}
            if text:
                self._headings[self._heading] = " ".join(text.split())
            self._heading = None
        elif tag == "tr" and self._cells is not None:
            self._close_cell()
            self._end_row(self._cells)
        elif tag in _PARAGRAPHS and self._cells is None:
            self._flush()

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._in_title:
            self.title = " ".join((self.title + data).split())
            return
        self._text.append(data)

    def _close_cell(self) -> None:
        if self._cells:
            self._cells[-1] = " ".join("".join(self._text).split())
        self._text = []

    def _end_row(self, cells: list[str]) -> None:
        self._cells = None
        if self._columns is None and self._named and any(cells):
            self._columns = cells
        elif any(cells):
            self._blocks.append(Block(table_row(self._columns or [], cells), self._section(), None, "row"))

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text = []
        if text.strip() and self._heading is None:
            self._blocks.append(Block(" ".join(text.split()), self._section()))

    def _section(self) -> tuple[str, ...]:
        return tuple(self._headings[level] for level in sorted(self._headings))
