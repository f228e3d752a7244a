"""The files of an import: which there are, what their paths say, and their rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from afya.bench.imports.archives import is_archive, unpacked
from afya.bench.imports.layouts import read_file
from afya.bench.imports.lookup import Row, look_up, nothing
from afya.errors import ConfigError, DataError
from afya.models.reply_files import PACKED, SUFFIXES, Reading, plain_suffix

FROM_PATH = ("model", "lang", "task", "id", "epoch")
"""What a path may say about all rows of its file."""

_NAMED = re.compile(r"\{(\w+)\}|([*?])")
_WHOLE_RUNS = frozenset({"scenario_state.json"})
"""Files beside which others of the same folder say the same again: HELM's."""

_READ = (*SUFFIXES[:5], *SUFFIXES[6:], ".eval")


@dataclass(frozen=True)
class File:
    """One file: what its path says of its rows. `folder`: where it was found, for one that was not named itself.

    `model`: whose replies they are where nothing else says it.
    """

    path: Path
    name: str
    told: Mapping[str, str]
    folder: str | None
    model: str


Tell = Callable[[str, str], None]
"""Called with the place and what is wrong there, for each row that cannot be read."""


@dataclass
class Faults:
    """What could not be read, counted, with the first examples."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, where: str) -> None:
        """Count one fault of a kind."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        held = self.examples.setdefault(reason, [])
        if len(held) < 5:
            held.append(where)


def find(paths: Sequence[Path], pattern: str | None) -> tuple[list[File], list[str]]:
    """(the files in order; names of those in folders that do not fit the pattern).

    Raises DataError for a path that is absent or where nothing is found, ConfigError for a pattern that is wrong.
    """
    shape = None if pattern is None else _shape(pattern)
    files: list[File] = []
    others: list[str] = []
    names: set[str] = set()
    for named in paths:
        if not named.exists():
            raise DataError(f"{named}: no such file or folder.")
        path = unpacked(named) if named.is_file() and is_archive(named) else named
        found = [path]
        if path.is_dir():
            found = [file for file in sorted(path.rglob("*")) if _readable(file.relative_to(path), file)]
            beside = {file.parent for file in found if file.name in _WHOLE_RUNS}
            extras = [file for file in found if file.parent in beside and file.name not in _WHOLE_RUNS]
            others += [file.relative_to(path).as_posix() for file in extras]
            found = [file for file in found if file not in set(extras)]
        for file in found:
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            whole = (named.resolve() / name if path.is_dir() else file.resolve()).as_posix()
            match = None if shape is None else shape.search(whole)
            if shape is not None and match is None:
                if not path.is_dir():
                    raise DataError(
                        f"{file}: the path does not fit --from-path '{pattern}'.",
                        hint="The pattern is held against the end of the path: '{model}/{lang}_*.json'.",
                    )
                others.append(name)
                continue
            folder = named.name.partition(".")[0] if path is not named else named.resolve().name
            name = str(file) if name in names else name
            names.add(name)
            told = match.groupdict() if match else {}
            files.append(File(file, name, told, folder if path.is_dir() else None, _stem(file)))
    if not files:
        tried = f" that fits '{pattern}'; there are {', '.join(others[:5])}" if others else ""
        raise DataError(
            f"{', '.join(map(str, paths))}: there is no file of replies{tried}.",
            hint=f"Known endings: {', '.join(_READ)}.",
        )
    return files, others


def _stem(file: Path) -> str:
    """A file's name without its endings, which a point in a model's name is not: gpt-3.5-turbo.jsonl.gz."""
    name = file.name
    for ending in (*PACKED, *SUFFIXES, ".eval"):
        name = name.removesuffix(ending)
    return name or file.name


def _readable(name: Path, file: Path) -> bool:
    return file.is_file() and plain_suffix(file) in _READ and not any(part.startswith(".") for part in name.parts)


@cache
def _shape(pattern: str) -> re.Pattern[str]:
    made, last, seen = "", 0, set()
    for match in _NAMED.finditer(pattern):
        made += re.escape(pattern[last : match.start()])
        last = match.end()
        name = match[1]
        if name is None:
            made += "[^/]*" if match[2] == "*" else "[^/]"
        elif name not in FROM_PATH:
            raise ConfigError(f"--from-path: '{{{name}}}' is not known.", hint=f"Known: {', '.join(FROM_PATH)}.")
        else:
            # A model's name may hold what separates the others; it takes what they leave.
            made += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+{'' if name == 'model' else '?'})"
            seen.add(name)
    return re.compile(f"(?:^|/){made}{re.escape(pattern[last:])}$")


def rows_of(
    file: File, reading: Reading, where: Mapping[str, str], tell: Tell
) -> tuple[str | None, Iterator[tuple[str, Row]]]:
    """(the tool whose log the file is, its rows that meet the conditions)."""
    told = Reading(reading.rows, reading.header, reading.encoding, lambda place, what: tell(place, what))
    tool, rows = read_file(file.path, told)
    return tool, ((place, row) for place, row in rows if all(_meets(row, *one) for one in where.items()))


def _meets(row: Row, column: str, wanted: str) -> bool:
    value = look_up(row, column)
    said = "" if nothing(value) else str(value).lower() if isinstance(value, bool) else str(value)
    allowed = [part.strip() for part in wanted.split("|")]
    return said in allowed or said.lower() in [part.lower() for part in allowed]


def conditions(told: Sequence[str]) -> dict[str, str]:
    """COLUMN=VALUE entries; a value may name several as a|b. Raises ConfigError."""
    found: dict[str, str] = {}
    for entry in told:
        column, equals, value = entry.partition("=")
        if not equals or not column:
            raise ConfigError(f"--where {entry}: COLUMN=VALUE was expected.")
        found[column] = value
    return found


def head(file: File, reading: Reading, where: Mapping[str, str], many: int) -> tuple[str | None, list[Row]]:
    """(tool, the first rows of a file)."""
    tool, rows = rows_of(file, reading, where, lambda place, what: None)
    found: list[Any] = []
    for _, row in rows:
        found.append(row)
        if len(found) >= many:
            break
    return tool, found
