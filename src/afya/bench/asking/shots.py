"""Answered examples to stand before a question: of the same task and language, never of what is being tested.

The examples of an item depend on the pool, the seed and the item alone, so that every model sees the same ones. Items
of one source share theirs, in the order of a hash of their groups: parallel datasets then show the same groups in every
language, and what stands before the question is the same text for all items, which engines need to read only once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.tasks.selection import CHOICE_TASKS
from afya.errors import ConfigError, DataError
from afya.folders import dataset_files
from afya.items import SPLITS, Item, from_frame
from afya.languages import language
from afya.runs import canonical, read_json, sha256_path, sha256_text
from afya.text.literals import text_literals

if TYPE_CHECKING:
    import polars as pl

TESTED = "test"
SHOT_SPLITS = ("train", "dev")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An item that may be shown: where it stands, and what decides for which questions it is fit."""

    file: Path
    row: int
    group_id: str
    task: str
    source: str
    options: int
    right: int
    reasoned: bool
    answered: bool


@dataclass
class ShotPool:
    """The items of dataset folders that may be shown as examples. `sha256` covers all that decides which are."""

    paths: tuple[Path, ...]
    splits: tuple[str, ...]
    seed: int
    sha256: str
    _tested: frozenset[str] = frozenset()
    _by_lang: dict[str, list[_Candidate]] = field(default_factory=dict)
    _fit: dict[tuple[object, ...], list[_Candidate]] = field(default_factory=dict)
    _items: dict[tuple[Path, int], Item] = field(default_factory=dict)

    @classmethod
    def from_datasets(cls, paths: Sequence[Path], splits: Sequence[str] = SHOT_SPLITS, seed: int = 0) -> ShotPool:
        """The pool of the dataset folders' `splits`.

        Raises:
            ConfigError: a split is unknown, or is the test split. DataError: a folder is no dataset, or none of them
            has anything in these splits; what they have is told.
        """
        for split in splits:
            if split == TESTED or split not in SPLITS:
                raise ConfigError(
                    f"Examples cannot come from the split '{split}'.", hint=f"Splits: {', '.join(SHOT_SPLITS)}."
                )
        have: dict[str, int] = {}
        for path in paths:
            dataset_files(path)  # raises, saying what is wrong
            for rows in read_json(path / "manifest.json")["rows"].values():
                for split, count in rows.items():
                    have[split] = have.get(split, 0) + count
        if not any(have.get(split) for split in splits):
            told = ", ".join(f"{split} {have[split]}" for split in SPLITS if have.get(split))
            raise DataError(
                f"{', '.join(map(str, paths))}: no items in {' or '.join(splits)}, from where examples are taken "
                f"(there are: {told or 'none'}).",
                hint="Ask without examples, or build the dataset with a train or dev split.",
            )
        decides = [seed, list(splits), [sha256_path(path / "manifest.json") for path in paths]]
        return cls(tuple(paths), tuple(splits), seed, sha256_text(canonical(decides)), _tested_groups(paths))

    def examples(self, item: Item, n: int, *, several: bool = False, reasoned: bool = False) -> list[Item]:
        """`n` answered items of the task and language of `item`, those of its own source first.

        None is of its own group, of a group that is in the test split in any language, or asks the same again. An
        inference item gets examples with as many labels as it has.

        Args:
            several: examples with several right answers are fit too.
            reasoned: only examples with a rationale are fit.

        Raises DataError when there are too few; the message says how many there are.
        """
        shown: list[Item] = []
        candidates = self._candidates(item, several, reasoned)
        for candidate in candidates:
            if len(shown) == n:
                break
            if candidate.group_id != item.group_id:
                example = self._item(candidate)
                if (example.question, example.context) != (item.question, item.context):
                    shown.append(example)
        if len(shown) < n:
            name = language(item.lang).name
            wanted = f"{n} examples{' with a rationale' if reasoned else ''} of the task {item.task} in {name}"
            raise DataError(
                f"{item.item_id}: {wanted} ({item.lang}) are wanted, {len(shown)} can be shown (of "
                f"{len(self._of(item.lang))} items in {' and '.join(self.splits)} that share no group with the test "
                f"split; datasets: {', '.join(map(str, self.paths))}).",
                hint="Ask with fewer or without examples, or leave the language out with --langs.",
            )
        return shown

    def _candidates(self, item: Item, several: bool, reasoned: bool) -> list[_Candidate]:
        """What is fit for an item, in the order in which it is shown."""
        choice = item.task in CHOICE_TASKS
        labels = len(item.options or ()) if item.task == "nli" else None
        key = (item.lang, item.task, item.source, labels, several, reasoned)
        if key not in self._fit:
            letters = len(text_literals(item.lang).option_letters) if choice else 0
            fit = [
                one
                for one in self._of(item.lang)
                if one.task == item.task
                and (one.reasoned or not reasoned)
                and (labels is None or one.options == labels)
                and (
                    2 <= one.options <= letters and (one.right == 1 or (several and one.right > 1))
                    if choice
                    else one.answered
                )
            ]
            self._fit[key] = sorted(fit, key=lambda one: one.source != item.source)
        return self._fit[key]

    def _of(self, lang: str) -> list[_Candidate]:
        """All candidates in a language, one a group, in the order of their groups' hashes."""
        if lang not in self._by_lang:
            found: dict[str, _Candidate] = {}
            for path in self.paths:
                rows = read_json(path / "manifest.json")["rows"].get(lang, {})
                splits = [split for split in self.splits if rows.get(split)]
                for file in dataset_files(path, [lang], splits) if splits else ():
                    for one in _read(file):
                        if one.group_id not in self._tested:
                            found.setdefault(one.group_id, one)
            self._by_lang[lang] = sorted(found.values(), key=lambda one: self._rank(one.group_id))
        return self._by_lang[lang]

    def _rank(self, group_id: str) -> str:
        return hashlib.sha256(f"{self.seed}:{group_id}".encode()).hexdigest()

    def _item(self, candidate: _Candidate) -> Item:
        import polars as pl

        key = candidate.file, candidate.row
        if key not in self._items:
            row = pl.scan_parquet(candidate.file).slice(candidate.row, 1).collect()
            self._items[key] = next(iter(from_frame(row)))
        return self._items[key]


def _tested_groups(paths: Sequence[Path]) -> frozenset[str]:
    """The groups that have an item in the test split, in whatever language."""
    import polars as pl

    groups: set[str] = set()
    for path in paths:
        for lang, rows in read_json(path / "manifest.json")["rows"].items():
            if rows.get(TESTED):
                for file in dataset_files(path, [lang], [TESTED]):
                    groups.update(pl.read_parquet(file, columns=["group_id"])["group_id"])
    return frozenset(groups)


def _read(file: Path) -> list[_Candidate]:
    """The rows of a file as candidates, without their texts."""
    import polars as pl

    def there(name: str) -> pl.Expr:
        return pl.col(name).fill_null("").str.len_bytes() > 0

    try:
        frame = pl.scan_parquet(file).select(
            "group_id",
            "task",
            "source",
            pl.col("options").list.len().fill_null(0),
            pl.col("answer").list.len().fill_null(0),
            there("rationale"),
            there("answer_text"),
        )
        rows = frame.collect().rows()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: cannot be read as an item table ({error}).") from error
    return [_Candidate(file, number, *row) for number, row in enumerate(rows)]
