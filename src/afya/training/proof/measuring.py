"""A model on the proof's data sets: ordinary bench runs, in RUN/proof/{before,STAGE}/{NAME}."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.run_tables import SCORES, read_scores
from afya.bench.running.run import Progress, bench_run
from afya.errors import RunError
from afya.runs import read_json
from afya.training.proof.held_out import FOLDER, ProofSet
from afya.training.recipe import ProofData

if TYPE_CHECKING:
    import polars as pl

BEFORE = "before"
"""What the model is called that the first stage starts from."""


def place_of(run: Path, label: str, name: str) -> Path:
    """The folder of the bench run of a stage (or `BEFORE`) on a data set."""
    return run / FOLDER / label / name


def measured(run: Path, label: str, sets: Sequence[ProofSet]) -> bool:
    """Whether all of the data sets were measured to the end."""
    return all((place_of(run, label, one.name) / SCORES).is_file() for one in sets)


def measure(
    run: Path,
    label: str,
    spec: str,
    sets: Sequence[ProofSet],
    *,
    afresh: bool = False,
    on_progress: Progress | None = None,
) -> None:
    """Measure a model on the data sets; a measurement that was begun is continued.

    Args:
        label: "before" or the stage's name.
        spec: the model, such as "hf:FOLDER".
        afresh: what was measured before is thrown away.

    Raises as `bench_run` does; RunError also where another model was measured under the label.
    """
    for one in sets:
        place = place_of(run, label, one.name)
        if afresh:
            shutil.rmtree(place, ignore_errors=True)
        try:
            _ask(f"{label}={spec}", one, place, None, on_progress)
        except RunError as error:
            raise RunError(
                f"The proof of '{label}' on '{one.name}': {error.message}",
                hint=f"Measure it again from the beginning: afya train prove {run} --afresh",
            ) from error


def measure_live(model: str, sets: Sequence[ProofSet], place: Path, groups: int) -> dict[str, pl.DataFrame]:
    """The scores by data set of a model ("NAME=live:...") on the first `groups` groups of each, run in `place`."""
    found = {}
    for one in sets:
        _ask(model, one, place / one.name, groups, None)
        found[one.name] = scores_of(place / one.name, one)
    return found


def _ask(model: str, one: ProofSet, place: Path, groups: int | None, on_progress: Progress | None) -> None:
    entry: ProofData = one.entry
    # A data set of vignettes has as many groups as it is to have.
    most = entry.count if entry.source == "dataset" else None
    bench_run(
        model,
        [one.folder],
        place,
        langs=one.langs,
        splits=(entry.split,),
        settings=entry.setting,
        limit=min((number for number in (most, groups) if number is not None), default=None),
        seed=entry.seed,
        on_progress=on_progress,
    )


def scores_of(place: Path, one: ProofSet, label: str | None = None) -> pl.DataFrame:
    """The scores of a bench run on a data set, without the groups that are left out."""
    import polars as pl

    scores = read_scores([place], None if label is None else [label])
    return scores.filter(~pl.col("group_id").is_in(list(one.left_out)))


def model_sha256(run: Path, label: str, sets: Sequence[ProofSet]) -> str | None:
    """The hash of the model that was measured under a label; None where none was."""
    for one in sets:
        manifest = place_of(run, label, one.name) / "manifest.json"
        if manifest.is_file():
            return str(read_json(manifest)["recipe"]["models"][0]["sha256"])
    return None
