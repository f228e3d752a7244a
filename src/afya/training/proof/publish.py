"""Publishing a stage of a run: its folder copied, with the proof in its card; refused where something became worse."""

from __future__ import annotations

from pathlib import Path

from afya.errors import ConfigError, EngineError, RunError
from afya.models.load import identify
from afya.runs import read_json
from afya.training.giving import UNPROVED, Published, finished_stage, give, notes_on, refuse_filled
from afya.training.proof.findings import Flag
from afya.training.proof.guard import proof_of, refuse
from afya.training.proof.held_out import FOLDER
from afya.training.proof.proof_card import proof_section
from afya.training.proof.proving import PROOF, findings_of, recipe_of


def publish(
    run: Path, to: Path, *, stage: str | None = None, exported: Path | None = None, guard: bool = True
) -> Published:
    """Copy a stage's model folder to the new folder `to`, whole or not at all, its card completed by the proof.

    Args:
        stage: by default the last one that is finished.
        exported: an export of the stage (see `afya train export`) to publish instead of the stage's own folder.
        guard: refuse a stage that made a language significantly worse, and one that nobody measured.

    Raises:
        GuardError: a language became worse; every one is named. ConfigError: no such stage, or it was not measured.
        RunError: `to` is not empty, or the model is not the one that was measured.
    """
    run, to = Path(run), Path(to).expanduser()
    recipe = recipe_of(run)
    chosen = finished_stage(run, [entry.name for entry in recipe.stages], stage)
    source = run / chosen
    refuse_filled(to)
    flags: list[Flag] = []
    section = UNPROVED
    if guard or (run / FOLDER / PROOF).is_file():
        told = proof_of(run)
        if chosen not in told["labels"]:
            raise ConfigError(
                f"Stage '{chosen}' of {run} was not measured.", hint=f"Measure it: afya train prove {run}"
            )
        _check_same(told["models"].get(chosen), source, run)
        flags = [Flag(**row) for row in told["flags"] if row["stage"] == chosen]
        if guard:
            refuse(flags, f"{source} is not published")
        section = proof_section(findings_of(run, recipe), chosen)
    place = source if exported is None else _exported(exported, source)
    give(place, to, f"{recipe.name}, {chosen}", section)
    return Published(chosen, to, tuple(flag.sentence() for flag in flags), tuple(notes_on(to)))


def _check_same(measured: str | None, source: Path, run: Path) -> None:
    if measured is not None and identify(f"hf:{source}").sha256 != measured:
        raise RunError(
            f"{source} is not the model that was measured: its files have changed since.",
            hint=f"Measure it again: afya train prove {run} --afresh",
        )


def _exported(folder: Path, source: Path) -> Path:
    """The exported folder, when it is one of this stage."""
    if not (folder / "export.json").is_file():
        raise EngineError(f"{folder}: no export.json; this is no export.", hint="Make one: afya train export")
    told = read_json(folder / "export.json").get("source_sha256")
    if told != identify(f"hf:{source}").sha256:
        raise RunError(
            f"{folder} is not an export of {source} as it is now.", hint=f"Export it again: afya train export {source}"
        )
    return folder
