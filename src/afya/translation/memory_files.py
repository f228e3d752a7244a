"""Translation memories as tables of tab-separated text, for people and other programs.

A memory's own export has a header and the columns source_lang, target_lang, origin, source, target. Any file of two
columns can be imported by saying its languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from afya.errors import ConfigError, DataError
from afya.languages import language
from afya.runs import atomic_path
from afya.translation.files import escaped, text_lines, unescaped
from afya.translation.memory import ORIGINS, Added, Entry, Memory, Origin

HEADER = ("source_lang", "target_lang", "origin", "source", "target")


def export_tsv(memory: Memory, path: Path, *, source: str | None = None, target: str | None = None) -> int:
    """Write a direction, or all, as a TSV file, whole or not at all; returns the number of entries."""
    count = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(HEADER) + "\n")
        for entry in memory.entries(source, target):
            texts = (escaped(entry.source_text), escaped(entry.target_text))
            file.write("\t".join((entry.source, entry.target, entry.origin, *texts)) + "\n")
            count += 1
    return count


def import_tsv(
    memory: Memory,
    path: Path,
    *,
    source: str | None = None,
    target: str | None = None,
    origin: str | None = None,
) -> Added:
    """Add a TSV file's rows: an export of a memory, or two columns whose languages are `source` and `target`.

    Raises:
        ConfigError: two columns and no languages, or languages for a file that says its own.
        DataError: a row has another number of columns, a blank text or an unknown language; the line is named.
    """
    if (source is None) != (target is None):
        raise ConfigError("A direction needs both languages.", hint="Give --source and --target.")
    if origin is not None and origin not in ORIGINS:
        raise ConfigError(f"'{origin}' is no origin of a translation.", hint=f"There are: {', '.join(ORIGINS)}.")
    return memory.add_many(_entries(path, source, target, origin))


def _entries(path: Path, source: str | None, target: str | None, origin: str | None) -> Iterator[Entry]:
    own = False
    for line in text_lines(path):
        cells = line.text.split("\t")
        if line.number == 1 and tuple(cells) == HEADER:
            own = True
            if source is not None:
                raise ConfigError(f"{path} says its languages itself.", hint="Leave out --source and --target.")
            continue
        if not line.text.strip():
            continue
        where = f"{path}, line {line.number}"
        if len(cells) != (len(HEADER) if own else 2):
            raise DataError(f"{where}: {len(cells)} column(s) where {len(HEADER) if own else 2} were expected.")
        if own:
            told = (cells[0], cells[1], origin or cells[2])
        elif source is None or target is None:
            raise ConfigError(f"{path} does not say its languages.", hint="Give --source and --target.")
        else:
            told = (source, target, origin or "human")
        texts = [unescaped(cell) for cell in cells[-2:]]
        try:
            checked = (language(told[0]).code, language(told[1]).code)
        except ConfigError as error:
            raise DataError(f"{where}: {error}") from None
        if told[2] not in ORIGINS or not all(text.strip() for text in texts):
            fault = "a text is blank" if told[2] in ORIGINS else f"'{told[2]}' is no origin ({', '.join(ORIGINS)})"
            raise DataError(
                f"{where}: {fault}.", hint="Correct or remove the row; rows before it may be in the memory."
            )
        yield Entry(texts[0], texts[1], checked[0], checked[1], cast("Origin", told[2]))
