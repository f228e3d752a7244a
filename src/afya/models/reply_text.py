"""How files of replies are opened: packing, encodings, and what a reader may be told."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import IO, Any, cast

from afya.errors import DataError

Row = dict[str, Any]
Faults = Callable[[str, str], None]
"""Called with the place ("line 12") and what is wrong there."""

PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
SAMPLE = 1 << 16
"""Bytes (or characters) at the beginning of a file that are looked at to know what it is."""

LABELS = frozenset("ABCDEFGHIJ")

_ENCODINGS = ("cp1252", "cp932", "gb18030", "euc_kr")
_LETTERS_OF = {
    "cp1252": re.compile(r"[^\W\d_]"),
    "cp932": re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\u3000-\u303f]"),
    "gb18030": re.compile(r"[\u4e00-\u9fff\u3000-\u303f\uff00-\uff5e]"),
    "euc_kr": re.compile(r"[\uac00-\ud7a3\u3000-\u303f]"),
}


@dataclass(frozen=True)
class Reading:
    """How to read: `rows` names the list inside a JSON file ("a.b"; "*" for every value) or the sheet of a workbook.

    `header`: whether a table's first line names its columns; None: unless it has a bare option letter
    where all rows have one.
    """

    rows: str | None = None
    header: bool | None = None
    encoding: str = "utf-8-sig"
    faults: Faults | None = None

    def fault(self, path: Path, place: str, what: str) -> None:
        """Tell of a row that cannot be read. Raises DataError where nobody listens."""
        if self.faults is None:
            raise DataError(f"{path}, {place}: {what}", hint="Repair or remove it; nothing was read.")
        self.faults(f"{path.name}, {place}", what)


def plain_suffix(path: Path) -> str:
    """The ending in small letters, that of packing taken off."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked."""
    opened = cast(Callable[[Path, str], IO[bytes]], PACKED.get(path.suffix.lower(), open))
    with opened(path, "rb") as handle:
        yield handle


@contextmanager
def open_text(path: Path, reading: Reading, newline: str | None = None) -> Iterator[TextIOBase]:
    """The text of a file in the encoding that was told, or in UTF-16 where it says so itself."""
    with open_bytes(path) as handle:
        start = handle.read(2)
        handle.seek(0)
        # What spreadsheets call 'Unicode text'.
        encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else reading.encoding
        with TextIOWrapper(handle, encoding=encoding, newline=newline) as text:
            yield text


def encodings(path: Path) -> str:
    """Which encodings a text can be read with, the likeliest first, and what each makes of it."""
    with open_bytes(path) as handle:
        raw = handle.read(SAMPLE)
    first = next((at for at, byte in enumerate(raw) if byte > 127), 0)
    high = sum(byte > 127 for byte in raw)
    found: list[tuple[float, str, str]] = []
    for name in _ENCODINGS:
        try:
            text = codecs.getincrementaldecoder(name)().decode(raw)
        except UnicodeDecodeError:
            continue
        letters = [sign for sign in text if sign > "\x7f"]
        expected = sum(bool(_LETTERS_OF[name].match(sign)) for sign in letters) / max(len(letters), 1)
        # Where letters take two bytes each, runs of them are long; accents stand alone.
        runs = high / max(len(re.findall(rb"[\x80-\xff]+", raw)), 1)
        # Kana are in no other; nearly all pairs of bytes of Korean are ideographs in GB 18030, but not the reverse.
        kana = sum("\u3040" <= sign <= "\u30ff" for sign in letters) > len(letters) / 20
        expected += (name == "cp932" and kana) or (name == "euc_kr" and expected > 0.95)
        fits = expected * (1 if (runs >= 1.9) == (name != "cp1252") else 0.5)
        found.append((fits, name, " ".join(raw[max(0, first - 8) : first + 24].decode(name, "ignore").split())))
    told = "; ".join(f"--encoding {name} reads '{text}'" for _, name, text in sorted(found, reverse=True)[:3])
    return f"Name the encoding: {told or '--encoding NAME'}"
