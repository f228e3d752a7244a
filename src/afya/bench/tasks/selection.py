"""Which items a run takes: from which datasets, in which languages, tasks and splits, and how many.

A limit takes the same groups in every language, chosen by a hash of their names, so that languages stay comparable and
the choice does not depend on the order of files.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from afya.errors import ConfigError, DataError
from afya.folders import dataset_files
from afya.items import SPLITS
from afya.languages import core_codes
from afya.runs import Rejection, read_json

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["choice", "written", "translation", "safety"]
"""How a task is answered: by choosing among options, in free text held against a reference, by a translation, or by
refusing or complying."""

CHOICE_TASKS = ("mcq", "nli")
"""Tasks that are answered by choosing among options."""

KIND_TASKS: dict[Kind, tuple[str, ...]] = {
    "choice": CHOICE_TASKS,
    "written": ("long_form", "dialogue", "instruction"),
    "translation": ("instruction", "long_form"),
    "safety": ("instruction", "long_form", "dialogue"),
}
"""The items' tasks that each kind takes. Those of the last three need neither options nor an answer key."""

STAGE = "select"


@dataclass(frozen=True)
class Selection:
    """What to take. `langs` None: those of the twelve that the datasets have. `limit`: per language and task.

    `tasks` empty: all that the kind takes.
    """

    datasets: tuple[Path, ...]
    langs: tuple[str, ...] | None = None
    tasks: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("test",)
    limit: int | None = None
    seed: int = 0
    kind: Kind = "choice"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The items' tasks that are taken."""
        return self.tasks or KIND_TASKS[self.kind]

    def check(self) -> None:
        """Raise ConfigError for a task or split that is not known, or an impossible limit."""
        known = KIND_TASKS[self.kind]
        for task in self.tasks:
            if task not in known:
                raise ConfigError(
                    f"The benchmark has no task '{task}' of the kind {self.kind}.", hint=f"Tasks: {', '.join(known)}."
                )
        for split in self.splits:
            if split not in SPLITS:
                raise ConfigError(f"There is no split '{split}'.", hint=f"Splits: {', '.join(SPLITS)}.")
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"A limit of {self.limit} items takes nothing.", hint="Give 1 or more.")
        if not self.datasets:
            raise ConfigError("No dataset folder was given.", hint="Name one with --data.")


@dataclass
class Chosen:
    """The items that were taken: how many, which files hold them, and an account of those that were not.

    `several` holds (source, task) of examinations in which some question has several right answers. `unused` are
    datasets of which nothing was taken.
    """

    files: list[Path] = field(default_factory=list)
    rows_seen: int = 0
    rows: int = 0
    langs: list[str] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    several: set[tuple[str, str]] = field(default_factory=set)
    unused: list[Path] = field(default_factory=list)
    _kept: list[pl.DataFrame] = field(default_factory=list)

    def frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """The chosen items as tables of `rows` rows (the last one shorter), in the order of datasets and files."""
        import polars as pl

        held: list[pl.DataFrame] = []
        waiting = 0
        for file, kept in zip(self.files, self._kept, strict=True):
            # Kept are positions in the file: an item id may stand in two datasets, and only one of them counts.
            frame = pl.read_parquet(file).with_row_index("_row").join(kept, on="_row", how="semi").drop("_row")
            while frame.height:
                part, frame = frame[: rows - waiting], frame[rows - waiting :]
                held.append(part)
                waiting += part.height
                if waiting == rows:
                    yield pl.concat(held)
                    held, waiting = [], 0
        if held:
            yield pl.concat(held)


def choose(selection: Selection) -> Chosen:
    """Read ids and answers of the datasets and decide which items are taken.

    Items with an id seen before are left out and accounted for, and so are items of the kind choice without options or
    an answer key; items beyond the limit were not asked for and are not.

    Raises:
        ConfigError: the selection is impossible. DataError: a folder is no dataset, or nothing matches; what the
        datasets have is named.
    """
    import polars as pl

    selection.check()
    chosen = Chosen()
    found: list[pl.DataFrame] = []
    sources: list[Path] = []
    missing = set(selection.langs or ())
    have: dict[str, set[str]] = defaultdict(set)
    for dataset in selection.datasets:
        rows = _rows(dataset)
        for lang, splits in rows.items():
            have[lang].update(splits)
        wanted = [code for code in selection.langs or core_codes() if code in rows]
        missing -= set(wanted)
        for code in wanted:
            if not any(rows[code].get(split) for split in selection.splits):
                continue
            for file in dataset_files(dataset, [code], selection.splits):
                frame = _read_keys(file).filter(pl.col("task").is_in(selection.wanted))
                chosen.files.append(file)
                found.append(frame)
                sources.append(dataset)
    if missing:
        raise DataError(
            f"No dataset has anything in: {', '.join(sorted(missing))}.", hint=f"They have: {', '.join(have)}."
        )
    kept = _sound(found, chosen.rejections, selection.kind == "choice")
    for frame in kept:
        several = frame.filter(pl.col("right") > 1).select("source", "task").unique()
        chosen.several.update((source, task) for source, task in several.rows())
    if selection.limit is not None and kept:
        kept = _limited(kept, selection.limit, selection.seed)
    chosen._kept = kept
    chosen.langs = list(dict.fromkeys(code for frame in kept for code in frame["lang"].unique()))
    chosen._kept = [frame.select("_row") for frame in chosen._kept]
    used = {source for source, frame in zip(sources, kept, strict=True) if frame.height}
    chosen.unused = [dataset for dataset in selection.datasets if dataset not in used]
    chosen.rows = sum(frame.height for frame in kept)
    chosen.rows_seen = chosen.rows + len(chosen.rejections)
    if not chosen.rows:
        told = "; ".join(f"{lang}: {', '.join(sorted(splits))}" for lang, splits in sorted(have.items()))
        fit = "answered item" if selection.kind == "choice" else "item"
        raise DataError(
            f"Nothing to ask: no {fit} of {', '.join(selection.wanted)} in the split(s) {', '.join(selection.splits)}.",
            hint=f"The datasets have (language: splits): {told}. Choose with --langs, --tasks, --split.",
        )
    return chosen


def _rows(dataset: Path) -> dict[str, dict[str, int]]:
    if not dataset.is_dir() or not (dataset / "manifest.json").exists():
        dataset_files(dataset)  # raises, saying what is wrong
    rows: dict[str, dict[str, int]] = read_json(dataset / "manifest.json")["rows"]
    return rows


def _read_keys(file: Path) -> pl.DataFrame:
    import polars as pl

    columns = ["item_id", "group_id", "lang", "task", "source", "options", "answer"]
    try:
        frame = pl.read_parquet(file, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{file}: cannot be read as an item table ({error}).") from error
    return frame.with_row_index("_row").select(
        "_row",
        *columns[:5],
        pl.col("options").list.len().fill_null(0).alias("choices"),
        pl.col("answer").list.len().fill_null(0).alias("right"),
    )


def _sound(frames: Sequence[pl.DataFrame], rejections: list[Rejection], options: bool) -> list[pl.DataFrame]:
    """The rows of each file that can be asked; the others go to `rejections`, by reason.

    `options`: whether an item needs options and an answer key.
    """
    import polars as pl

    seen: set[str] = set()
    sound = []
    for frame in frames:
        good = []
        for name, choices, right in frame.select("item_id", "choices", "right").iter_rows():
            reason = None
            if name in seen:
                reason = "duplicate_id"
            elif options and choices < 2:
                reason = "no_options"
            elif options and right < 1:
                reason = "no_answer_key"
            seen.add(name)
            good.append(reason is None)
            if reason is not None:
                rejections.append(Rejection(STAGE, name, reason))
        sound.append(frame.filter(pl.Series(good, dtype=pl.Boolean)))
    return sound


def _limited(frames: list[pl.DataFrame], limit: int, seed: int) -> list[pl.DataFrame]:
    """The rows of the first `limit` groups of each language and task, in the order of the groups' hashes."""
    import polars as pl

    groups = pl.concat([frame.select("lang", "task", "group_id") for frame in frames]).unique()
    hashes = [hashlib.sha256(f"{seed}:{name}".encode()).hexdigest() for name in groups["group_id"]]
    ranked = groups.with_columns(pl.Series("hash", hashes, dtype=pl.String)).with_columns(
        pl.col("hash").rank("ordinal").over("lang", "task").alias("rank")
    )
    kept = ranked.filter(pl.col("rank") <= limit).select("lang", "task", "group_id")
    return [frame.join(kept, on=["lang", "task", "group_id"], how="semi", maintain_order="left") for frame in frames]
