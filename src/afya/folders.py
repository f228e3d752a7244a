"""Dataset folders: `data/{lang}/{split}-NNNNN-of-NNNNN.parquet`, a card, a ledger and a manifest.

The writer streams: it holds a bounded number of items and puts the rest into `.building/`; the manifest is written
last, so a folder with a manifest is whole. The card's header lets the `datasets` library load the folder as it is.
"""

from __future__ import annotations

import difflib
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import DataError, RunError
from afya.items import SPLITS, Item, schema, to_frame
from afya.languages import language, registry
from afya.runs import (
    Ledger,
    canonical,
    differences,
    make_folder,
    read_json,
    scrub,
    sha256_path,
    sha256_text,
    versions,
    write_frame,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    import polars as pl

ROWS_PER_FILE = 50_000
_HELD = 20_000
# Of tables as many bytes of text are held.
_HELD_BYTES = 192 * 2**20
REVIEW = "review.parquet"
_BUILDING = ".building"
_LONG = ("question", "context", "answer_text", "rationale", "extra")


class DatasetWriter:
    """Writes one dataset folder. Add items, then `finish`; a writer that never finishes leaves no dataset.

    Args:
        path: the folder to make; it may hold an unfinished build, which is thrown away, but no other dataset.
        recipe: what was asked for (command, source, options); goes into the manifest with its fingerprint.
    """

    def __init__(self, path: Path, recipe: Mapping[str, Any]) -> None:
        self.path = path
        self.recipe = scrub(dict(recipe))
        self.counts: Counter[tuple[str, str]] = Counter()
        self._held: dict[tuple[str, str], list[Item]] = defaultdict(list)
        self._tables: dict[tuple[str, str], list[pl.DataFrame]] = defaultdict(list)
        self._table_bytes: Counter[tuple[str, str]] = Counter()
        self._waiting = 0
        self._files: dict[tuple[str, str], list[Path]] = defaultdict(list)
        self._building = path / _BUILDING
        refuse_other(path, self.recipe)
        make_folder(path)
        # What an earlier, killed build left behind has no manifest: it is not a dataset and is made again.
        for leftover in (self._building, path / "data"):
            shutil.rmtree(leftover, ignore_errors=True)
        (path / REVIEW).unlink(missing_ok=True)
        for file in path.glob(".*.tmp"):
            file.unlink()
        make_folder(self._building)

    def add(self, item: Item) -> None:
        """Take one (already validated) item."""
        key = (item.lang, item.split)
        held = self._held[key]
        held.append(item)
        self.counts[key] += 1
        self._waiting += 1
        if len(held) >= ROWS_PER_FILE:
            self._spill(key)
        elif self._waiting >= _HELD:
            self._spill(max(self._held, key=lambda name: len(self._held[name])))

    def add_frame(self, frame: pl.DataFrame) -> None:
        """Take the rows of a (validated) item table as they are. One writer takes either items or tables."""
        for (lang, split), rows in (
            frame.select(list(schema())).partition_by(["lang", "split"], as_dict=True, maintain_order=True).items()
        ):
            key = (str(lang), str(split))
            self.counts[key] += rows.height
            self._tables[key].append(rows)
            self._table_bytes[key] += _text_bytes(rows)
            while sum(table.height for table in self._tables[key]) >= ROWS_PER_FILE:
                self._spill_tables(key)
        while self._table_bytes.total() > _HELD_BYTES:
            self._spill_tables(max(self._table_bytes, key=lambda name: (self._table_bytes[name], name)))

    def _spill_tables(self, key: tuple[str, str]) -> None:
        import polars as pl

        rows = pl.concat(self._tables.pop(key))
        self._table_bytes.pop(key)
        self._write(key, rows[:ROWS_PER_FILE])
        if rows.height > ROWS_PER_FILE:
            rest = rows[ROWS_PER_FILE:]
            self._tables[key] = [rest]
            self._table_bytes[key] = _text_bytes(rest)

    def _spill(self, key: tuple[str, str]) -> None:
        items = self._held.pop(key)
        self._waiting -= len(items)
        self._write(key, to_frame(items))

    def _write(self, key: tuple[str, str], rows: pl.DataFrame) -> None:
        path = self._building / f"{key[0]}-{key[1]}-{len(self._files[key]):05d}.parquet"
        write_frame(path, rows)
        self._files[key].append(path)

    def finish(self, ledger: Ledger, card: str, review: pl.DataFrame | None = None) -> dict[str, Any]:
        """Write the last rows, the ledger, the card (its body; the header is made here) and the manifest.

        `review`: the translations that people are to look at, written as review.parquet.

        Raises RunError when the ledger does not add up.
        """
        ledger.check()
        for key in sorted(self._held):
            if self._held[key]:
                self._spill(key)
        for key in sorted(self._tables):
            self._spill_tables(key)
        for (lang, split), files in sorted(self._files.items()):
            for index, file in enumerate(files):
                target = self.path / "data" / lang / f"{split}-{index:05d}-of-{len(files):05d}.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
        shutil.rmtree(self._building)
        write_frame(self.path / "ledger.parquet", ledger.frame())
        if review is not None:
            write_frame(self.path / REVIEW, review)
        write_text(self.path / "README.md", self._header() + "\n" + card.rstrip() + "\n")
        manifest = {
            "recipe": self.recipe,
            "fingerprint": sha256_text(canonical(self.recipe)),
            "rows": {
                lang: {split: self.counts[lang, split] for split in SPLITS if self.counts[lang, split]}
                for lang in self.languages
            },
            "versions": versions(),
            "files": {
                file.relative_to(self.path).as_posix(): sha256_path(file)
                for file in sorted((self.path / "data").rglob("*.parquet"))
            },
        }
        write_json(self.path / "manifest.json", manifest)
        return manifest

    @property
    def languages(self) -> list[str]:
        """Codes of the languages written so far, in the registry's order."""
        present = {lang for lang, _ in self.counts}
        return [code for code in registry() if code in present]

    def _header(self) -> str:
        lines = ["---", "language:", *[f"- {code}" for code in self.languages], "configs:"]
        for code in self.languages:
            lines += [f"- config_name: {code}", "  data_files:"]
            for split in SPLITS:
                if self.counts[code, split]:
                    # The datasets library calls the development split 'validation'.
                    name = "validation" if split == "dev" else split
                    lines += [f"  - split: {name}", f"    path: data/{code}/{split}-*.parquet"]
        return "\n".join([*lines, "---"])


def refuse_other(path: Path, recipe: Mapping[str, Any]) -> None:
    """Raise RunError where a dataset cannot be written: another one or other files are there, or it is no folder.

    What an unfinished build left may be there; it is thrown away by the writer.
    """
    if (path / "manifest.json").exists():
        keys = differences(read_json(path / "manifest.json").get("recipe"), scrub(dict(recipe)))
        raise RunError(
            f"{path} already holds a dataset" + (f" made otherwise: {'; '.join(keys[:5])}." if keys else "."),
            hint="Choose another folder, or remove this one.",
        )
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file.", hint="Give the folder to write.")
    own = {path / name for name in (_BUILDING, "data", "README.md", "ledger.parquet", REVIEW)}
    if path.is_dir() and not own.union(path.glob(".*.tmp")).issuperset(path.iterdir()):
        raise RunError(f"{path} is not empty and holds no dataset.", hint="Choose a new or empty folder.")


def _text_bytes(rows: pl.DataFrame) -> int:
    """The bytes of the long texts, which are most of a table."""
    return sum(int(rows[name].str.len_bytes().sum()) for name in _LONG)


def dataset_rows(path: Path) -> dict[str, dict[str, int]]:
    """The rows of a dataset folder by language and split. Raises DataError when it is no finished dataset."""
    manifest = path / "manifest.json"
    if not path.is_dir():
        beside = [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.6)
        hint = f"Did you mean {path.parent / near[0]}?" if near else None
        raise DataError(f"{path}: no such dataset folder.", hint=hint)
    told = read_json(manifest) if manifest.exists() else {}
    if not {"rows", "files"} <= set(told):
        raise DataError(
            f"{path}: no manifest.json of a dataset; this is no finished dataset folder.",
            hint="Build it with 'afya data'.",
        )
    rows: dict[str, dict[str, int]] = told["rows"]
    return rows


def dataset_files(path: Path, langs: Sequence[str] | None = None, splits: Sequence[str] | None = None) -> list[Path]:
    """The Parquet files of a dataset folder, in order of language and split.

    Raises DataError when the folder is no finished dataset, has nothing in the languages asked for, or lacks a file.
    """
    rows = dataset_rows(path)
    for code in langs or ():
        if code not in rows:
            raise DataError(
                f"{path} has nothing in {language(code).name} ({code}).", hint=f"It has: {', '.join(rows)}."
            )
    names = sorted(read_json(path / "manifest.json")["files"])
    found = [
        path / name
        for code in (langs or rows)
        for split in (splits or SPLITS)
        for name in names
        if name.startswith(f"data/{code}/{split}-")
    ]
    if not found:
        raise DataError(f"{path} has no rows in the splits asked for ({', '.join(splits or SPLITS)}).")
    missing = [file.relative_to(path).as_posix() for file in found if not file.exists()]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of its files are missing, such as {missing[0]}.",
            hint="Copy the folder again, or build it anew.",
        )
    return found


def read_dataset(
    path: Path, langs: Sequence[str] | None = None, splits: Sequence[str] | None = None
) -> Iterator[pl.DataFrame]:
    """The dataset's files as tables, one at a time. Raises DataError for a file that is not an item table."""
    import polars as pl

    for file in dataset_files(path, langs, splits):
        try:
            frame = pl.read_parquet(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{file}: cannot be read as Parquet ({error}).") from error
        missing = [name for name in schema() if name not in frame.columns]
        if missing:
            raise DataError(f"{file}: column(s) {', '.join(missing)} are missing.")
        yield frame.select(list(schema()))
