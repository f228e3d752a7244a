"""Dataset folders: `data/{lang}/{split}-NNNNN-of-NNNNN.parquet`, a card, a ledger and a manifest.

The writer streams: it holds a bounded number of items and puts the rest into `.building/`; the manifest is written
last, so a folder with a manifest is whole. The card's header lets the `datasets` library load the folder as it is.
"""

from __future__ import annotations

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
        self._waiting = 0
        self._files: dict[tuple[str, str], list[Path]] = defaultdict(list)
        self._building = path / ".building"
        if (path / "manifest.json").exists():
            old = read_json(path / "manifest.json")
            keys = differences(old.get("recipe"), self.recipe)
            raise RunError(
                f"{path} already holds a dataset" + (f" made otherwise: {'; '.join(keys[:5])}." if keys else "."),
                hint="Choose another folder, or remove this one.",
            )
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file.", hint="Give the folder to write.")
        make_folder(path)
        torn = set(path.glob(".*.tmp"))
        known = {self._building, path / "data", path / "README.md", path / "ledger.parquet", *torn}
        if not known.issuperset(path.iterdir()):
            raise RunError(f"{path} is not empty and holds no dataset.", hint="Choose a new or empty folder.")
        # What an earlier, killed build left behind has no manifest: it is not a dataset and is made again.
        for leftover in (self._building, path / "data"):
            shutil.rmtree(leftover, ignore_errors=True)
        for file in torn:
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

    def _spill(self, key: tuple[str, str]) -> None:
        items = self._held.pop(key)
        self._waiting -= len(items)
        path = self._building / f"{key[0]}-{key[1]}-{len(self._files[key]):05d}.parquet"
        write_frame(path, to_frame(items))
        self._files[key].append(path)

    def finish(self, ledger: Ledger, card: str) -> dict[str, Any]:
        """Write the last rows, the ledger, the card (its body; the header is made here) and the manifest.

        Raises RunError when the ledger does not add up.
        """
        ledger.check()
        for key in sorted(self._held):
            if self._held[key]:
                self._spill(key)
        for (lang, split), files in sorted(self._files.items()):
            for index, file in enumerate(files):
                target = self.path / "data" / lang / f"{split}-{index:05d}-of-{len(files):05d}.parquet"
                target.parent.mkdir(parents=True, exist_ok=True)
                file.replace(target)
        shutil.rmtree(self._building)
        write_frame(self.path / "ledger.parquet", ledger.frame())
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


def dataset_files(path: Path, langs: Sequence[str] | None = None, splits: Sequence[str] | None = None) -> list[Path]:
    """The Parquet files of a dataset folder, in order of language and split.

    Raises DataError when the folder is no finished dataset or has nothing in the languages asked for.
    """
    manifest = path / "manifest.json"
    if not path.is_dir():
        raise DataError(f"{path}: no such dataset folder.")
    if not manifest.exists():
        raise DataError(
            f"{path}: no manifest.json; this is no finished dataset folder.", hint="Build it with 'afya data'."
        )
    rows = read_json(manifest)["rows"]
    for code in langs or ():
        if code not in rows:
            raise DataError(
                f"{path} has nothing in {language(code).name} ({code}).", hint=f"It has: {', '.join(rows)}."
            )
    found = [
        file
        for code in (langs or rows)
        for split in (splits or SPLITS)
        for file in sorted((path / "data" / code).glob(f"{split}-*.parquet"))
    ]
    if not found:
        raise DataError(f"{path} has no rows in the splits asked for ({', '.join(splits or SPLITS)}).")
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
