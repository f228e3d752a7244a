"""Items into parts: at most so many rows each, and the rows of one group beside each other in one part.

Later stages look at a group's languages together (translation, checks, splits), so a group never lies in two parts of
one source. Rows stream through; only a source whose languages come one after the other is put in order afterwards, a
bounded share of it at a time.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from afya.runs import make_folder, write_frame

if TYPE_CHECKING:
    import polars as pl

PART_ROWS = 10_000
# Rows that are put in order in memory at once.
_ORDERED_ROWS = 200_000
_GROUP, _PLACE = "group_id", "__place"


class Chunks:
    """Writes tables that come one after the other as `folder/{stem}-{number}.parquet`; the folder is its own."""

    def __init__(self, folder: Path, stem: str, rows: int = PART_ROWS) -> None:
        self.folder, self.stem, self.rows = folder, stem, rows
        self.files: list[Path] = []
        self._pending: list[pl.DataFrame] = []
        self._waiting = 0
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)

    def add(self, frame: pl.DataFrame) -> None:
        """Take some rows."""
        if not frame.height:
            return
        self._pending.append(frame)
        self._waiting += frame.height
        if self._waiting > self.rows:
            self._flush()

    def close(self) -> list[Path]:
        """Write what is left; the files in order."""
        self._flush(final=True)
        return self.files

    def _flush(self, final: bool = False) -> None:
        import polars as pl

        if not self._pending:
            return
        frame = pl.concat(self._pending) if len(self._pending) > 1 else self._pending[0]
        while frame.height > self.rows:
            cut = _cut(frame, self.rows)
            if cut == frame.height and not final:
                break
            self._write(frame[:cut])
            frame = frame[cut:]
        if final and frame.height:
            self._write(frame)
            frame = frame[:0]
        # A slice of a large table keeps all of it in memory.
        self._pending = [frame.clone().rechunk()] if frame.height else []
        self._waiting = frame.height

    def _write(self, frame: pl.DataFrame) -> None:
        path = self.folder / f"{self.stem}-{len(self.files):05d}.parquet"
        write_frame(path, frame)
        self.files.append(path)


def _cut(frame: pl.DataFrame, rows: int) -> int:
    """Where to cut so that at most `rows` come before it and no group is torn; a group that is longer stays whole."""
    groups = frame[_GROUP]
    if groups[rows] != groups[rows - 1]:
        return rows
    other = (groups[:rows] != groups[rows]).arg_true()
    if len(other):
        return int(other[-1]) + 1
    beyond = (groups != groups[0]).arg_true()
    return int(beyond[0]) if len(beyond) else frame.height


def in_groups(files: list[Path], folder: Path, stem: str, rows: int = PART_ROWS) -> list[Path]:
    """The rows of `files` in parts of whole groups. Where no group is scattered the files are moved as they are."""
    import polars as pl

    make_folder(folder)
    if not files:
        return []
    group = pl.col(_GROUP).hash()
    total, runs, groups = 0, 0, pl.Series(dtype=pl.UInt64)
    for file in files:
        column = pl.read_parquet(file, columns=[_GROUP]).select(group)[_GROUP]
        total += len(column)
        runs += int(column.rle_id()[-1]) + 1
        groups = pl.concat([groups, column.unique()])
    if runs != groups.n_unique():
        del groups
        files = _ordered(files, -(-total // _ORDERED_ROWS), stem, rows)
    # Moved at last, each at once: a worker that outlived its command writes elsewhere, and the same.
    moved = [folder / file.name for file in files]
    for file, target in zip(files, moved, strict=True):
        file.replace(target)
    return moved


def _ordered(files: list[Path], buckets: int, stem: str, rows: int) -> list[Path]:
    import polars as pl

    chunks = Chunks(files[0].parent / "ordered", stem, rows)
    for bucket in range(buckets):
        chunks.add(together(pl.scan_parquet(files).filter(pl.col(_GROUP).hash() % buckets == bucket).collect()))
    made = chunks.close()
    for file in files:
        file.unlink()
    return made


def together(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with those of one group beside each other, groups and rows in the order of their first appearance."""
    import polars as pl

    placed = frame.with_row_index(_PLACE)
    return placed.sort(pl.col(_PLACE).min().over(_GROUP), _PLACE).drop(_PLACE)
