"""Proving a run again, or on other data, after it was trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from afya.errors import ConfigError
from afya.training.examples.material import stage_lessons
from afya.training.proof.findings import Findings
from afya.training.proof.held_out import noted, prepare
from afya.training.proof.measuring import measure, measured
from afya.training.proof.proving import conclude, models_of
from afya.training.recipe import ProofData, Recipe


def prove_again(
    run: Path,
    recipe: Recipe,
    added: Sequence[ProofData] = (),
    *,
    afresh: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Findings:
    """Measure the run's models on the recipe's data, on those added before, and on `added`.

    What was measured to the end is left as it is, unless `afresh`.

    Raises:
        ConfigError: there are no data, or an added data set has a lesson's group or a name that is taken.
    """
    known = {one.name for one in noted(run)}
    wanted = [] if recipe.proof is None else [entry for entry in recipe.proof.data if entry.name not in known]
    for entry in added:
        same = next((one.entry for one in noted(run) if one.name == entry.name), None)
        if same is not None and same != entry:
            raise ConfigError(
                f"The run was measured on other data called '{entry.name}', or in another way.",
                hint="Give these another name: --name NAME.",
            )
        if same is None:
            wanted.append(entry)
    sets = noted(run)
    if wanted:
        sets = prepare(
            recipe, wanted, run, ((stage.name, stage_lessons(recipe, stage)) for stage in recipe.stages), tell
        )
    if not sets:
        raise ConfigError(
            f"{run}: the recipe of this run has no proof.", hint="Name data to measure on: --data FOLDER."
        )
    for label, spec in models_of(run, recipe).items():
        for one in sets:
            if afresh or not measured(run, label, [one]):
                tell(f"Measuring {label} on {one.name}.")
                measure(run, label, spec, [one], afresh=afresh)
    return conclude(run, recipe)
