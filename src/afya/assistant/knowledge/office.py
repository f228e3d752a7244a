"""PDF, DOCX and XLSX as blocks. Each file is looked over before it is opened: encrypted, scanned, or a zip bomb."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import regex

from afya.assistant.knowledge.chunks import Block
from afya.assistant.knowledge.reading import Reading, limits, table_row
from afya.errors import DataError, require

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph
    from pypdf import PdfReader

_DIGITS = regex.compile(r"\d+")
_HYPHEN = regex.compile(r"(?<=\p{Ll})[-\u00AD]\n(?=\p{Ll})")
_PARAGRAPH = regex.compile(r"\n\s*\n")
_ENDED = regex.compile(r"[.!?。！？؟।:;]['\"”’)\]]*\s*$")
# From this share of the pages on, a line at the top or bottom of the page is a running header.
_RUNNING = 0.6
_PAGES_FOR_RUNNING = 4
_HEADING_STYLE = regex.compile(r"heading (\d)")


def read_pdf(path: Path) -> Reading:
    """A PDF with a text layer. Running headers and footers are left out, words cut at a line's end are joined.

    Raises DataError when it is encrypted, damaged, or has no text (a scan).
    """
    require("pypdf", "assistant", "Reading PDF")
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DataError(
                f"{path}: the PDF is encrypted.", hint="Save a copy without a password, if its owner allows it."
            )
        pages = [_page_text(reader, number, path) for number in range(len(reader.pages))]
        title = reader.metadata.title if reader.metadata else None
    except DataError:
        raise
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, RecursionError, NotImplementedError) as error:
        raise DataError(f"{path}: the PDF cannot be read ({type(error).__name__}: {error}).") from None
    if not any(text.strip() for text in pages):
        raise DataError(
            f"{path}: none of the {len(pages)} pages holds text; this is a scan.",
            hint="Make the text readable first (OCR), look it through, then add it.",
        )
    return Reading(_pdf_blocks(_without_running(pages)), title=(title or "").strip() or None)


def _page_text(reader: PdfReader, number: int, path: Path) -> str:
    try:
        return reader.pages[number].extract_text()
    except DataError:
        raise
    except Exception as error:  # damaged pages raise whatever the place of the damage raises
        raise DataError(
            f"{path}, page {number + 1}: cannot be read ({type(error).__name__}: {error}).",
            hint="Print the document to a new PDF, or save it as text.",
        ) from None


def _without_running(pages: list[str]) -> list[list[str]]:
    """The lines of each page without those that stand at the top or bottom of most pages, page numbers among them."""
    cut = [[line.strip() for line in text.split("\n")] for text in pages]
    trimmed = [_trim(rows) for rows in cut]
    if len(pages) < _PAGES_FOR_RUNNING:
        return trimmed
    seen = Counter(key for rows in trimmed for key in {_running_key(row) for row in (*rows[:2], *rows[-2:])})
    running = {
        key for key, count in seen.items() if count >= _RUNNING * len(pages) and len(key) <= limits().header_characters
    }
    kept = []
    for rows in trimmed:
        while rows and _running_key(rows[0]) in running:
            rows = rows[1:]
        while rows and _running_key(rows[-1]) in running:
            rows = rows[:-1]
        kept.append(_trim(rows))
    return kept


def _trim(rows: list[str]) -> list[str]:
    while rows and not rows[0]:
        rows = rows[1:]
    while rows and not rows[-1]:
        rows = rows[:-1]
    return rows


def _running_key(row: str) -> str:
    return _DIGITS.sub("#", row)


def _pdf_blocks(pages: list[list[str]]) -> Iterator[Block]:
    """The paragraphs; one that goes on over the end of a page is one, with both page numbers."""
    held, begun = "", 1
    for number, rows in enumerate(pages, start=1):
        paragraphs = [part for part in _PARAGRAPH.split("\n".join(rows)) if part.strip()]
        for place, part in enumerate(paragraphs):
            text = " ".join(_HYPHEN.sub("", part).split())
            goes_on = place == 0 and held and not _ENDED.search(held)
            if held and not goes_on:
                yield Block(held, (), _pages(begun, number if place else number - 1))
            held, begun = (f"{held} {text}", begun) if goes_on else (text, number)
            if len(held) > limits().paragraph_characters:
                yield Block(held, (), _pages(begun, number))
                held = ""
    if held:
        yield Block(held, (), _pages(begun, len(pages)))


def _pages(first: int, last: int) -> str:
    return str(first) if last <= first else f"{first}-{last}"


def read_docx(path: Path) -> Reading:
    """A Word document: headings are sections, a table row is one piece. It has no page numbers to give."""
    require("docx", "assistant", "Reading DOCX")
    _unpacks_safely(path)
    import docx
    from docx.opc.exceptions import PackageNotFoundError

    try:
        document = docx.Document(str(path))
        blocks = list(_docx_blocks(document))
        title = document.core_properties.title
    except (PackageNotFoundError, KeyError, ValueError, OSError, zipfile.BadZipFile, SyntaxError) as error:
        raise DataError(f"{path}: no Word document ({type(error).__name__}: {error}).") from None
    if not blocks:
        raise DataError(f"{path}: the document holds no text.", hint="Text inside pictures cannot be read.")
    return Reading(iter(blocks), title=title.strip() or None)


def _docx_blocks(document: Any) -> Iterator[Block]:
    headings: dict[int, str] = {}
    for piece in document.iter_inner_content():
        section = tuple(headings[level] for level in sorted(headings))
        if hasattr(piece, "rows"):
            yield from _docx_rows(piece, section)
            continue
        text = piece.text.strip()
        level = _level(piece)
        if text and level is not None:
            headings = {known: told for known, told in headings.items() if known < level}
            headings[level] = " ".join(text.split())
        elif text:
            yield Block(text, section)


def _docx_rows(table: Table, section: tuple[str, ...]) -> Iterator[Block]:
    columns: list[str] = []
    for row in table.rows:
        cells: list[str] = []
        seen: list[object] = []
        for cell in row.cells:
            # A merged cell is given once for each column it covers.
            if not any(cell._tc is known for known in seen):
                seen.append(cell._tc)
                cells.append(" ".join(cell.text.split()))
        if not columns:
            columns = cells
        elif any(cells):
            yield Block(table_row(columns, cells), section, None, "row")
    if columns and len(table.rows) == 1:
        yield Block("; ".join(cell for cell in columns if cell), section, None, "row")


def _level(paragraph: Paragraph) -> int | None:
    name = (paragraph.style.name or "").lower() if paragraph.style is not None else ""
    found = _HEADING_STYLE.fullmatch(name)
    return int(found[1]) if found else 0 if name == "title" else None


def read_xlsx(path: Path) -> Reading:
    """A workbook: a sheet is a section, its first row names the columns, every other row is one piece."""
    require("openpyxl", "assistant", "Reading XLSX")
    _unpacks_safely(path)
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        blocks = [block for sheet in book.worksheets for block in _sheet_rows(sheet)]
        title = book.properties.title
        book.close()
    except (InvalidFileException, KeyError, ValueError, OSError, zipfile.BadZipFile, SyntaxError, TypeError) as error:
        raise DataError(f"{path}: no workbook ({type(error).__name__}: {error}).") from None
    if not blocks:
        raise DataError(f"{path}: the workbook holds no rows below a line of column names.")
    return Reading(iter(blocks), title=(title or "").strip() or None)


def _sheet_rows(sheet: Any) -> Iterator[Block]:
    columns: list[str] | None = None
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = ["" if value is None else " ".join(str(value).split()) for value in row]
        if not any(cells):
            continue
        if columns is None:
            columns = cells
        else:
            yield Block(table_row(columns, cells), (str(sheet.title),), f"row {number}", "row")


def _unpacks_safely(path: Path) -> None:
    """Raise DataError for a file that is no archive, is encrypted, or unpacks to far more than a document would."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        hint = "An encrypted or old document (.doc, .xls) must be saved anew, without a password."
        raise DataError(f"{path}: the file cannot be unpacked ({error}).", hint=hint) from None
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    if unpacked > limits().unpacked_bytes or unpacked > limits().unpacked_ratio * packed:
        raise DataError(
            f"{path}: it unpacks from {packed:,} to {unpacked:,} bytes, which no document does; it is not opened.",
            hint="Get the document from its publisher again.",
        )
