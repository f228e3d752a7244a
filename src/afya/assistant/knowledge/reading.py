"""What all readers share: the reading they give back, the bounds of a file, and text files line by line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from afya.assistant.knowledge.chunks import Block
from afya.datafiles import read_model
from afya.errors import ConfigError, DataError

_PIECE = 1 << 16
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Limits(BaseModel):
    """What a file may be; limits.yaml says what each is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_bytes: int
    whole_bytes: int
    unpacked_bytes: int
    unpacked_ratio: int
    paragraph_characters: int
    header_characters: int
    quorum: int


@cache
def limits() -> Limits:
    """The limits of limits.yaml."""
    return read_model(data_file("limits.yaml"), Limits)


@dataclass
class Reading:
    """What a file says of itself, and its blocks. Unknown values are None; what the user gives goes before it."""

    blocks: Iterator[Block]
    title: str | None = None
    lang: str | None = None
    licence: str | None = None
    publisher: str | None = None
    version: str | None = None
    source: str | None = None
    expires: str | None = None
    authors: tuple[str, ...] = ()
    reviewed: bool | None = None
    reviewed_by: str | None = None


def table_row(columns: list[str], cells: list[str]) -> str:
    """A row of a table as a sentence of its own: `column: cell; column: cell`."""
    told: list[str] = []
    for place, cell in enumerate(cells):
        name = columns[place] if place < len(columns) else ""
        if cell:
            told.append(f"{name}: {cell}" if name and name != cell else cell)
    return "; ".join(told)


def lines(path: Path, encoding: str | None) -> Iterator[str]:
    """The lines of a text file; a very long line comes in pieces, of which only the last ends with a line end.

    Raises DataError, with the place, for bytes that are no text in the encoding (UTF-8 where none is given).
    """
    chosen = encoding or _encoding(path)
    done = 0
    try:
        with path.open(encoding=chosen, newline=None) as handle:
            while line := handle.readline(_PIECE):
                if "\0" in line:
                    raise DataError(f"{path}: there are null bytes; this is no text file.")
                done += 1
                yield line
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, near line {done + 1}: byte {error.object[error.start]:#04x} is not {chosen}.",
            hint="Save the file as UTF-8, or say what it is, such as --encoding cp1252.",
        ) from None
    except LookupError:
        raise ConfigError(f"'{encoding}' is no known encoding.", hint="Such as: utf-8, cp1252, utf-16.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


def _encoding(path: Path) -> str:
    with path.open("rb") as handle:
        start = handle.read(4)
    return next((name for mark, name in _BOMS if start.startswith(mark)), "utf-8")


def data_file(name: str) -> Path:
    """A data file of this folder."""
    return Path(str(files("afya"))) / "assistant" / "knowledge" / name
