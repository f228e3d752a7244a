"""Build a dataset by a recipe: read, screen, normalise, translate, verify, remove what is double, split, publish.

Every stage runs over parts and accounts for its rows. The work lies in a run folder beside the dataset
(`OUT.work`), so that a build that was killed anywhere goes on where it was and ends with the same bytes; it is removed
when the dataset is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.data import balance as balancing
from afya.data import instruct, licences, normalise, publish, review, screen, split, translate, verify
from afya.data.chunks import PART_ROWS
from afya.data.decontaminate import Benchmark, Decontaminate, decontaminate
from afya.data.exact import ExactDuplicates, exact_duplicates
from afya.data.finding import Absent, fetch_hub, find_sources
from afya.data.near import NearDuplicates, near_duplicates
from afya.data.read import read_sources
from afya.data.recipe import Recipe, check_settings
from afya.data.rows import lost
from afya.data.steps import Building, Progress
from afya.errors import ConfigError, DataError
from afya.executor import Pool
from afya.folders import refuse_other
from afya.runs import Ledger, RunFolder, canonical, read_json, scrub, sha256_path, sha256_text

if TYPE_CHECKING:
    import polars as pl

COMMAND = "data build"


@dataclass(frozen=True)
class Built:
    """A finished dataset: its folder, manifest and account, the sources that were missing, and whether it was there."""

    folder: Path
    manifest: dict[str, Any]
    ledger: Ledger
    absent: tuple[Absent, ...] = ()
    before: bool = False


def work_folder(out: Path) -> Path:
    """Where the build of the dataset `out` keeps its parts."""
    out = out.absolute()
    return out.with_name(f"{out.name}.work")


def build(
    recipe: Recipe,
    out: Path,
    *,
    sources: Path = Path(),
    workers: int = 1,
    ray: str | None = None,
    keep_work: bool = False,
    part_rows: int = PART_ROWS,
    on_progress: Progress | None = None,
) -> Built:
    """Build the recipe's dataset in `out`, or go on with a build that was begun there.

    Args:
        sources: the folder that the recipe's relative paths are taken from.
        workers: processes; `ray`: a cluster's address instead. The bytes are the same.
        keep_work: leave the work folder when the dataset is whole.
        part_rows: the most rows of a part, the unit that a killed build repeats at most.

    Raises:
        ConfigError: the recipe asks for something impossible, or a source is missing and it says to stop.
        DataError: a file is not what its format promises. RunError: the folder is in use, holds another dataset or
            another build, or cannot be written; what was done so far stands, and the same command continues it.
    """
    out = Path(out)
    if recipe.translate is not None:
        part_rows = min(part_rows, recipe.translate.rows_per_part)
    check_settings(recipe)
    found, absent = find_sources(recipe, Path(sources))
    described = {
        "command": COMMAND,
        "recipe": recipe.model_dump(mode="json"),
        "inputs": {entry.label: dict(entry.inputs) for entry in found},
        "missing": [entry.label for entry in absent],
        "part_rows": part_rows,
        "against": _against(recipe, Path(sources)),
    }
    before = _finished(out, described)
    if before is not None:
        if not keep_work:
            # A build that was killed while it removed its parts left some of them.
            shutil.rmtree(work_folder(out), ignore_errors=True)
        return Built(out, *before, tuple(absent), before=True)
    refuse_other(out, described)
    work = work_folder(out)
    with RunFolder.open(work, COMMAND, described, seed=recipe.seed) as folder, ExitStack() as processes:
        folder.event("started", sources=[entry.label for entry in found])
        here = [fetch_hub(entry, Path(sources), work / "hub") if entry.spec.hub else entry for entry in found]
        pool = None if ray is not None or workers == 1 else processes.enter_context(Pool(workers))
        building = Building(folder.parts, workers=workers, ray=ray, pool=pool, on_progress=on_progress)
        try:
            read = read_sources(building, here, recipe, part_rows)
        except DataError:
            # It is mended in the recipe or in the files, and for either what was begun here would be refused.
            processes.close()
            shutil.rmtree(work)
            raise
        parts, listed = _stages(recipe, building, read, Path(sources))
        manifest = publish.publish(building, parts, out, described, recipe, here, absent, listed)
        folder.event("finished", rows=building.ledger.rows_out[publish.STAGE])
        if not keep_work:
            # While the lock is held: another command that waits for the folder then starts afresh.
            shutil.rmtree(work)
    return Built(out, manifest, building.ledger, tuple(absent))


def _stages(
    recipe: Recipe, building: Building, read: list[Path], sources: Path
) -> tuple[list[Path], pl.DataFrame | None]:
    """Every stage of the recipe after reading, in its order; the parts to publish, and what people are to review."""
    parts = building.apply(licences.stage(recipe.licences), read)
    if recipe.screen is not None:
        parts = building.apply(screen.stage(recipe.screen), parts)
    if recipe.normalise is not None:
        parts = building.apply(normalise.stage(recipe.normalise), parts)
    if recipe.translate is not None:
        parts = building.apply(translate.stage(recipe, sources), parts)
        parts = building.apply(licences.stage(recipe.licences, licences.AGAIN), parts)
    if recipe.verify is not None:
        parts = building.apply(verify.stage(recipe, sources), parts)
    verified = parts
    if recipe.exact_duplicates is not None:
        parts = _exact(building, parts, recipe.exact_duplicates)
    if recipe.near_duplicates is not None:
        parts = _near(building, parts, recipe.near_duplicates)
    if recipe.decontaminate is not None:
        parts = _decontaminate(building, parts, read, recipe.decontaminate, sources)
    if recipe.balance is not None:
        parts = balancing.balance(building, parts, recipe.balance, recipe.seed)
    if recipe.instructions is not None:
        parts = building.apply(instruct.stage(recipe.instructions, recipe.seed), parts)
    parts = split.split(building, parts, recipe.split, recipe.seed)
    return parts, review.listing(building, parts, verified, recipe)


def _in_order(parts: Sequence[Path]) -> tuple[str, ...]:
    """The rows' sources in the recipe's order: which of two copies is kept follows from it."""
    import polars as pl

    names: dict[str, None] = {}
    for part in parts:
        names.update(dict.fromkeys(pl.read_parquet(part, columns=["source"])["source"].unique(maintain_order=True)))
    return tuple(names)


def _exact(building: Building, parts: list[Path], rule: ExactDuplicates) -> list[Path]:
    settings = rule.model_copy(update={"sources": rule.sources or _in_order(parts)})
    return exact_duplicates(building, parts, settings.model_dump(mode="json"))


def _near(building: Building, parts: list[Path], rule: NearDuplicates) -> list[Path]:
    settings = rule.model_copy(update={"sources": rule.sources or _in_order(parts)})
    return near_duplicates(building, parts, settings.model_dump(mode="json"))


def _decontaminate(
    building: Building, parts: list[Path], read: list[Path], rule: Decontaminate, sources: Path
) -> list[Path]:
    """Without what the benchmarks hold; a row that was left out before still tells on the others of its group."""
    benchmarks = tuple(
        entry.model_copy(update={"path": sources / entry.path}) if isinstance(entry, Benchmark) else sources / entry
        for entry in rule.benchmarks
    )
    gone = lost(read, parts, building.folder / "decontaminate_lost" / "lost-rows.parquet")
    pivots = (*(sources / path for path in rule.pivots), gone)
    settings = rule.model_copy(update={"benchmarks": benchmarks, "pivots": pivots})
    return decontaminate(building, parts, settings.model_dump(mode="json"))


def _against(recipe: Recipe, sources: Path) -> dict[str, str]:
    """What else shapes the result: the benchmarks, by their manifests, and the glossary.

    Raises ConfigError when one is not there: it is seen before hours of work, not after.
    """
    paths: list[Path] = []
    if recipe.decontaminate is not None:
        named = recipe.decontaminate.benchmarks
        paths += [(entry if isinstance(entry, Path) else entry.path) / "manifest.json" for entry in named]
        paths += recipe.decontaminate.pivots
    if recipe.translate is not None and recipe.translate.glossary is not None:
        paths.append(recipe.translate.glossary)
    for path in paths:
        if not (sources / path).exists():
            raise ConfigError(f"{sources / path}: the recipe names it, and it is not there.")
    return {str(path): sha256_path(sources / path) for path in paths}


def _finished(out: Path, described: dict[str, Any]) -> tuple[dict[str, Any], Ledger] | None:
    """The manifest and ledger of the dataset in `out` when it is this very one."""
    import polars as pl

    if not (out / "manifest.json").exists():
        return None
    manifest = read_json(out / "manifest.json")
    if manifest.get("fingerprint") != sha256_text(canonical(scrub(described))):
        return None
    return manifest, Ledger.from_frame(pl.read_parquet(out / "ledger.parquet"))
