"""The dataset folders that a recipe names: whether they are there, and how to make those that are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from afya.errors import ConfigError
from afya.training.recipe.whole import Recipe


def dataset_folders(recipe: Recipe) -> Iterator[tuple[str, str, Path]]:
    """(what uses it, the key to change it with, the folder) for every dataset of stages, rehearsals and the proof."""
    for stage in recipe.stages:
        for number, entry in enumerate(stage.data):
            if entry.path is not None:
                yield f"stage '{stage.name}'", f"stages.{stage.name}.data.{number}.path", entry.path
        for number, entry in enumerate(stage.rehearsal.data if stage.rehearsal is not None else ()):
            if entry.path is not None:
                key = f"stages.{stage.name}.rehearsal.data.{number}.path"
                yield f"the rehearsal of stage '{stage.name}'", key, entry.path
    for measured in recipe.proof.data if recipe.proof is not None else ():
        if measured.path is not None:
            yield f"the proof's data '{measured.name}'", f"proof.data.{measured.name}.path", measured.path


def check_folders(recipe: Recipe) -> None:
    """Raise ConfigError when a dataset folder is missing, with the command that makes it."""
    missing = [row for row in dataset_folders(recipe) if not row[2].is_dir()]
    if not missing:
        return
    uses: dict[Path, list[tuple[str, str]]] = {}
    for use, key, path in missing:
        uses.setdefault(path, []).append((use, key))
    told, made = [], []
    for path, users in uses.items():
        told.append(f"{path} ({', '.join(dict.fromkeys(use for use, _ in users))})")
        made += _commands(path)
    where = "" if all(path.is_absolute() for path in uses) else f" Looked for in {Path.cwd()}."
    change = f"Name another folder with --set {next(iter(uses.values()))[0][1]}=FOLDER."
    build = f"Make {'it' if len(made) == 1 else 'them'} with: {'; '.join(made)}. " if made else ""
    raise ConfigError(
        f"The recipe '{recipe.name}' needs dataset folders that are not there: {'; '.join(told)}.{where}",
        hint=build + change,
    )


def _commands(path: Path) -> list[str]:
    """The command that makes the folder, where it has the name of a shipped data recipe."""
    from afya.data.recipe import load_recipe, recipes

    if path.name not in recipes():
        return []
    made, _ = load_recipe(path.name)
    from_files = any(entry.source is not None and entry.hub is None for entry in made.sources)
    return [f"afya data build {path.name} --out {path}" + (" --sources FOLDER" if from_files else "")]
