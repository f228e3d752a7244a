"""The proof's data sets, and that nothing in them was learned.

A group that is also among the lessons is refused. A group that reads, word for word, as a lesson does under another
name is left out of every figure, and counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.tasks.selection import CHOICE_TASKS
from afya.data.building import write_vignettes
from afya.errors import ConfigError, DataError
from afya.folders import dataset_files, read_dataset
from afya.protocols.vignettes import SOURCE as VIGNETTES
from afya.runs import read_json, write_json
from afya.training.recipe import ProofData, Recipe

if TYPE_CHECKING:
    import polars as pl

    from afya.training.examples.lesson import Lesson

FOLDER, SETS = "proof", "sets.json"
_NAMED = 5
_TEXTS = ("lang", "context", "question", "options")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class ProofSet:
    """A data set of the proof: its entry, where its dataset folder is, the languages measured, the groups left out."""

    entry: ProofData
    folder: Path
    langs: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called in the run folder and in reports."""
        return self.entry.name


def prepare(
    recipe: Recipe,
    entries: Sequence[ProofData],
    run: Path,
    lessons: Iterable[tuple[str, Sequence[Lesson]]],
    tell: Tell = lambda _: None,
) -> list[ProofSet]:
    """The data sets of the entries, made where they are vignettes, held against every stage's lessons, and noted in
    RUN/proof/sets.json beside those that are there already.

    Args:
        lessons: (stage, what it learns), for every stage.
        tell: is told which groups are left out, and which languages a data set lacks.

    Raises:
        ConfigError: a group is learned too, cases come from a split that a stage learns, or a data set has nothing to
            measure. DataError: a dataset folder cannot be read.
    """
    made = [_made(recipe, entry, run) for entry in entries]
    for entry, found in zip(entries, made, strict=True):
        lacking = [code for code in _wanted(recipe, entry) if code not in found.langs]
        if lacking:
            tell(f"proof: '{entry.name}' has nothing in {', '.join(lacking)}; what is lost there is not seen by it.")
    kept = _held_against(made, lessons)
    for one in kept:
        if one.left_out:
            tell(
                f"proof: {len(one.left_out):,} groups of '{one.name}' read as a lesson does and are in no figure, such "
                f"as {one.left_out[0]}."
            )
    before = [one for one in noted(run) if one.name not in {entry.name for entry in entries}]
    sets = [*before, *kept]
    write_json(run / FOLDER / SETS, [_written(one, run) for one in sets])
    return sets


def noted(run: Path) -> list[ProofSet]:
    """The data sets that RUN/proof/sets.json names; none where there was no proof."""
    file = run / FOLDER / SETS
    if not file.exists():
        return []
    return [
        ProofSet(
            ProofData.model_validate(row["entry"]), run / row["folder"], tuple(row["langs"]), tuple(row["left_out"])
        )
        for row in read_json(file)
    ]


def _written(one: ProofSet, run: Path) -> dict[str, Any]:
    # A path inside the run stays true when the run is moved; one outside is what the recipe says.
    inside = one.folder.is_relative_to(run)
    return {
        "entry": one.entry.model_dump(mode="json"),
        "folder": str(one.folder.relative_to(run) if inside else one.folder.resolve()),
        "langs": list(one.langs),
        "left_out": list(one.left_out),
    }


def _wanted(recipe: Recipe, entry: ProofData) -> tuple[str, ...]:
    told = entry.langs or (recipe.proof.langs if recipe.proof is not None else None)
    return told or recipe.langs


def _made(recipe: Recipe, entry: ProofData, run: Path) -> ProofSet:
    wanted = _wanted(recipe, entry)
    if entry.source == "vignettes":
        folder = run / FOLDER / "data" / entry.name
        if not (folder / "manifest.json").exists():
            write_vignettes(folder, {entry.split: entry.count or 0}, langs=wanted, seed=entry.seed)
        return ProofSet(entry, folder, wanted)
    folder = entry.path or Path()
    dataset_files(folder, entry.langs, [entry.split])  # raises where there is nothing
    rows = read_json(folder / "manifest.json")["rows"]
    langs = tuple(code for code in wanted if rows.get(code, {}).get(entry.split))
    if not langs:
        raise ConfigError(
            f"The proof's data '{entry.name}' ({folder}) has no {entry.split} rows in {', '.join(wanted)}.",
            hint=f"It has: {'; '.join(f'{code}: {list(splits)}' for code, splits in rows.items())}.",
        )
    return ProofSet(entry, folder, langs)


# What was learned -----------------------------------------------------------------------------------------------------


def _held_against(sets: Sequence[ProofSet], lessons: Iterable[tuple[str, Sequence[Lesson]]]) -> list[ProofSet]:
    """The sets with the groups left out that read as a lesson does. One stage's lessons are held at a time."""
    items = [list(_items(one)) for one in sets]
    for one, rows in zip(sets, items, strict=True):
        if not rows:
            raise ConfigError(
                f"The proof's data '{one.name}' ({one.folder}) has no {one.entry.split} items with a right answer "
                f"({', '.join(CHOICE_TASKS)}) in {', '.join(one.langs)}."
            )
    groups = [{group for group, _ in rows} for rows in items]
    alike: list[set[str]] = [set() for _ in sets]
    for stage, learned in lessons:
        learned_groups = {lesson.item.group_id for lesson in learned}
        splits: set[str] = {lesson.item.split for lesson in learned if lesson.item.source == VIGNETTES}
        texts = {
            _text(item.lang, item.context, item.question, item.options)
            for item in (lesson.item for lesson in learned)
            if item.options
        }
        for one, rows, own, found in zip(sets, items, groups, alike, strict=True):
            _refuse(one, stage, own & learned_groups, splits)
            found |= {group for group, text in rows if text in texts}
    for one, own, found in zip(sets, groups, alike, strict=True):
        if own == found:
            raise ConfigError(f"Every group of the proof's data '{one.name}' reads as a lesson does.")
    return [replace(one, left_out=tuple(sorted(found))) for one, found in zip(sets, alike, strict=True)]


def _refuse(one: ProofSet, stage: str, shared: set[str], splits: set[str]) -> None:
    if shared:
        named = ", ".join(sorted(shared)[:_NAMED]) + (" ..." if len(shared) > _NAMED else "")
        raise ConfigError(
            f"The proof's data '{one.name}' is not held out: stage '{stage}' learns from {len(shared):,} of its groups "
            f"({named}).",
            hint="Measure on another split, or keep these groups out of the stage's data (afya data build splits and "
            "decontaminates).",
        )
    if one.entry.source == "vignettes" and one.entry.split in splits:
        raise ConfigError(
            f"The proof's data '{one.name}' is not held out: stage '{stage}' learns from cases of the "
            f"{one.entry.split} split too, and a case may come again in other words.",
            hint="Measure on split: test.",
        )


def _items(one: ProofSet) -> Iterator[tuple[str, bytes]]:
    """(group, what it reads like) of each item that may be measured."""
    import polars as pl

    for frame in read_dataset(one.folder, langs=one.langs, splits=[one.entry.split]):
        rows: pl.DataFrame = frame.filter(pl.col("task").is_in(list(CHOICE_TASKS)))
        for group, lang, context, question, options in rows.select("group_id", *_TEXTS).iter_rows():
            if group is None:
                raise DataError(f"{one.folder}: an item has no group_id, so that nobody knows whether it was learned.")
            yield group, _text(lang, context, question, options)


def _text(lang: str, context: str | None, question: str | None, options: Sequence[str] | None) -> bytes:
    """The hash of an item's texts, its options in any order."""
    told = "\0".join([lang, context or "", question or "", *sorted(options or ())])
    return hashlib.blake2b(told.encode(), digest_size=16).digest()
