"""A run's proof from end to end: measure a stage, find what it gained and lost, write it down."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afya.bench.running.run import Progress
from afya.errors import ConfigError, RunError
from afya.runs import read_json, write_json, write_text
from afya.training.proof.findings import Findings, find
from afya.training.proof.held_out import FOLDER, ProofSet, noted
from afya.training.proof.measuring import BEFORE, measure
from afya.training.proof.proof_card import write_cards
from afya.training.recipe import Proof, Recipe

PROOF, REPORT = "proof.json", "report.html"


def prove(
    recipe: Recipe,
    run: Path,
    label: str,
    model_spec: str,
    *,
    sets: Sequence[ProofSet] | None = None,
    afresh: bool = False,
    on_progress: Progress | None = None,
) -> Findings:
    """Measure a model on the proof's data sets and write down what is known of the run so far.

    Args:
        label: "before", or the stage's name.
        model_spec: the model, such as "hf:FOLDER".
        sets: the data sets; None: those that RUN/proof/sets.json names (see `held_out.prepare`).
        afresh: what was measured before under this label is thrown away.

    Raises as `measuring.measure` does.
    """
    measure(run, label, model_spec, noted(run) if sets is None else sets, afresh=afresh, on_progress=on_progress)
    return conclude(run, recipe)


def conclude(run: Path, recipe: Recipe | None = None) -> Findings:
    """What the measurements come to; written as RUN/proof/proof.json and report.html, and into the stages' cards.

    Raises RunError where nothing was measured; MissingDependencyError without matplotlib.
    """
    from afya.training.proof.page import proof_page

    recipe = recipe or recipe_of(run)
    found = findings_of(run, recipe)
    write_json(run / FOLDER / PROOF, found.described())
    write_text(run / FOLDER / REPORT, proof_page(found, run))
    write_cards(found, run)
    return found


def findings_of(run: Path, recipe: Recipe | None = None) -> Findings:
    """What the measurements come to. Raises RunError where nothing was measured."""
    recipe = recipe or recipe_of(run)
    return find(recipe, _proof(recipe, run), run, str(_manifest(run)["fingerprint"])[:16])


def _proof(recipe: Recipe, run: Path) -> Proof:
    if recipe.proof is not None:
        return recipe.proof
    entries = tuple(one.entry for one in noted(run))
    if not entries:
        raise ConfigError(
            f"{run}: the recipe of this run has no proof.", hint="Name data to measure on: --data FOLDER."
        )
    return Proof(data=entries)


def recipe_of(run: Path) -> Recipe:
    """The recipe of a training run. Raises RunError for a folder that is none."""
    return Recipe.model_validate(_manifest(run)["recipe"])


def _manifest(run: Path) -> dict[str, Any]:
    file = run / "manifest.json"
    manifest: dict[str, Any] = read_json(file) if file.is_file() else {}
    if manifest.get("command") != "train":
        raise RunError(f"{run}: this is no training run.", hint="Give the folder that 'afya train' wrote.")
    return manifest


def models_of(run: Path, recipe: Recipe) -> dict[str, str]:
    """The specs of the run's models by label: before, and every finished stage.

    Raises RunError where the model before the first stage is not there yet.
    """
    start = run / "start"
    if recipe.model.pocket is not None and not start.is_dir():
        raise RunError(f"{run}: the run has not made its model yet.", hint="Start it: afya train RECIPE --out RUN")
    found = {BEFORE: f"hf:{start if recipe.model.pocket is not None else recipe.model.path}"}
    for stage in recipe.stages:
        if (run / "parts" / f"{stage.name}.json").is_file() and (run / stage.name).is_dir():
            found[stage.name] = f"hf:{run / stage.name}"
    return found
