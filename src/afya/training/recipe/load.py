"""Reading recipes: a file, or the names of shipped parts joined by "+", with single keys changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from afya.datafiles import override, read_yaml, validate
from afya.errors import ConfigError
from afya.training.recipe.whole import Recipe

_Anchored = TypeVar("_Anchored")


def recipes_folder() -> Path:
    """Where the recipes shipped with afya lie; a folder inside holds parts of one kind (models, methods, courses)."""
    from importlib.resources import files

    return Path(str(files("afya"))) / "training" / "recipes"


def shipped_parts() -> dict[str, Path]:
    """The shipped recipes and parts of recipes by name."""
    return {file.stem: file for file in sorted(recipes_folder().rglob("*.yaml"))}


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, or the shipped one of that name; `overrides` are `key.path=value` (the value is YAML).

    Relative paths in the recipe are taken from the recipe's folder, where they exist there.

    Raises:
        ConfigError: no such recipe, or a key or value is wrong; each is named.
    """
    content, folder = read_recipe(name, overrides)
    return _anchored(validate(content, Recipe, str(name)), folder)


def read_recipe(name: str | Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], Path]:
    """A recipe's content, not yet validated, and the folder its relative paths start from.

    `name` is a YAML file or shipped parts such as "qwen3-4b+qlora+two-stages": each part is laid over those before it,
    maps key by key, everything else whole. A file may begin with `extends: PARTS` and is laid over them. `defaults`
    holds keys of stages that a stage does not say itself.

    Raises:
        ConfigError: no such recipe or part, or a file that is not a map.
    """
    path = Path(name)
    if path.exists() or path.suffix in (".yaml", ".yml"):
        content, folder = _map(path), path.parent
        extended = content.pop("extends", None)
        if extended is not None:
            content = _over(_joined(str(extended)), content)
    else:
        content, folder = _joined(str(name)), Path()
    for text in overrides:
        content = override(content, text)
    defaults = content.pop("defaults", None) or {}
    stages = content.get("stages")
    if isinstance(defaults, dict) and isinstance(stages, list):
        content["stages"] = [{**defaults, **stage} if isinstance(stage, dict) else stage for stage in stages]
    return content, folder


def _map(path: Path) -> dict[str, Any]:
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a recipe is a map of keys, this is a {type(content).__name__}.")
    return content


def _joined(names: str) -> dict[str, Any]:
    shipped = shipped_parts()
    content: dict[str, Any] = {}
    parts = names.split("+")
    for part in parts:
        if part not in shipped:
            raise ConfigError(
                f"No recipe '{names}'" + (f": there is no part '{part}'." if len(parts) > 1 else "."),
                hint=f"Give a YAML file, or shipped parts joined by '+': {', '.join(shipped)}.",
            )
        content = _over(content, _map(shipped[part]))
    if len(parts) > 1:
        content["name"] = "-".join(parts).replace(".", "_")
    return content


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: maps key by key, everything else whole."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with relative dataset and model folders made absolute, where they exist beside the recipe file."""

    def anchored(value: _Anchored) -> _Anchored:
        if isinstance(value, dict):
            return {key: anchored_path(key, entry) for key, entry in value.items()}  # type: ignore[return-value]
        if isinstance(value, list):
            return [anchored(entry) for entry in value]  # type: ignore[return-value]
        return value

    def anchored_path(key: str, value: Any) -> Any:
        if key == "path" and isinstance(value, str) and not Path(value).is_absolute() and (folder / value).exists():
            return str((folder / value).resolve())
        return anchored(value)

    return Recipe.model_validate(anchored(recipe.model_dump(mode="json")))
