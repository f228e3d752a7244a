"""Publishing a stage of a translation run: its folder copied; refused where a direction became worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from afya.errors import ConfigError, GuardError
from afya.runs import read_json
from afya.training.card import PROOF_TITLE
from afya.training.giving import UNPROVED, Published, finished_stage, give, refuse_filled

KIND = "translation"


def is_translation_run(run: Path) -> bool:
    """Whether a folder is a run of a translation recipe."""
    file = Path(run) / "manifest.json"
    return file.is_file() and read_json(file).get("recipe", {}).get("kind") == KIND


def publish(
    run: Path, to: Path, *, stage: str | None = None, exported: Path | None = None, guard: bool = True
) -> Published:
    """Copy a stage's model folder to the new folder `to`, whole or not at all; its card has the run's figures.

    Args:
        stage: by default the last one that is finished.
        exported: not for translation models: the engine `ct2:` converts them on first use.
        guard: refuse a stage that made a direction significantly worse, and one that nobody measured.

    Raises:
        GuardError: something became worse; all of it is named. ConfigError: no such stage, or it was not measured.
        RunError: `to` is not empty, or the stage is not finished.
    """
    run, to = Path(run), Path(to).expanduser()
    if exported is not None:
        raise ConfigError(
            "--export is for language models.", hint="Publish the stage itself; ct2: converts it on first use."
        )
    recipe: dict[str, Any] = read_json(run / "manifest.json")["recipe"]
    chosen = finished_stage(run, [entry["name"] for entry in recipe["stages"]], stage)
    refuse_filled(to)
    proof = run / "proof" / "proof.json"
    told: dict[str, Any] = read_json(proof) if proof.is_file() else {"labels": [], "worse": {}}
    measured = chosen in told["labels"]
    if guard and not measured:
        raise ConfigError(
            f"Stage '{chosen}' of {run} was not measured, so that nobody knows what became worse.",
            hint="Give the recipe a 'proof' and run it anew; --no-guard publishes all the same, and the card says so.",
        )
    flags = tuple(f"After {chosen}: {sentence}." for sentence in told["worse"].get(chosen, ()))
    if guard and flags:
        raise GuardError(
            f"{run / chosen} is not published. {' '.join(flags)}",
            hint="Train less, or publish an earlier stage (--stage); --no-guard publishes all the same.",
        )
    give(run / chosen, to, f"{recipe['name']}, {chosen}", _worse(flags) if measured else UNPROVED)
    return Published(chosen, to, flags)


def _worse(flags: tuple[str, ...]) -> str | None:
    """What the card adds to the figures it has; None where nothing became worse."""
    if not flags:
        return None
    return "\n".join(
        [PROOF_TITLE, "", "Significantly worse than before training:", "", *(f"- {one}" for one in flags), ""]
    )
