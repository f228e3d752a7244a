"""Files read as blocks: plain text, Markdown, JSON Lines, HTML; `office` reads PDF, DOCX and XLSX.

A reader first says what the file says of itself (title, licence, language ...), then gives its blocks as they are
asked for, so that a large file is never held whole.
"""

from __future__ import annotations

from pathlib import Path

from afya.assistant.knowledge import markdown, office, rows, web
from afya.assistant.knowledge.reading import Reading, limits
from afya.errors import ConfigError, DataError

KINDS = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf", ".docx", ".xlsx", ".jsonl")
_STREAMED = (".txt", ".md", ".markdown", ".jsonl")


def read(path: Path, encoding: str | None = None) -> Reading:
    """Open a file by its ending.

    Raises:
        DataError: it is empty, too large, not what its ending says, encrypted, or not in the encoding.
        ConfigError: files of this kind are not read.
    """
    readers = {
        ".txt": markdown.read_text,
        ".md": markdown.read_markdown,
        ".markdown": markdown.read_markdown,
        ".jsonl": rows.read_lines,
        ".html": web.read_html,
        ".htm": web.read_html,
    }
    whole = {".pdf": office.read_pdf, ".docx": office.read_docx, ".xlsx": office.read_xlsx}
    kind = path.suffix.lower()
    if kind not in readers and kind not in whole:
        raise ConfigError(f"{path}: files ending in '{kind}' are not read.", hint=f"Read are: {', '.join(KINDS)}.")
    size = path.stat().st_size
    bound = limits().file_bytes if kind in _STREAMED else limits().whole_bytes
    if not size:
        raise DataError(f"{path}: the file is empty.", hint="Leave it out, or get it again.")
    if size > bound:
        raise DataError(
            f"{path}: {size:,} bytes, more than the {bound:,} that are read of a {kind} file.",
            hint="Split the document, or save it as text.",
        )
    if kind in readers:
        return readers[kind](path, encoding)
    return whole[kind](path)
