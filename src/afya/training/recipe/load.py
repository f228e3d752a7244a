"""Reading recipes: a file, or the names of shipped parts joined by "+", with single keys changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from afya.datafiles import override, read_yaml, validate
from afya.errors import ConfigError
from afya.training.recipe.whole import Recipe

_Anchored = TypeVar("_Anchored")
_Recipe = TypeVar("_Recipe", bound=BaseModel)

KINDS = {"models": "model", "methods": "method", "courses": "course", "proofs": "proof"}
"""The folders of parts, in the order in which they are best joined, and what a part of each is called."""
_LONGEST_NAME = 40


def recipes_folder() -> Path:
    """Where the recipes shipped with afya lie; a folder inside holds parts of one kind (see `KINDS`)."""
    from importlib.resources import files

    return Path(str(files("afya"))) / "training" / "recipes"


def shipped_parts() -> dict[str, Path]:
    """The shipped recipes and parts of recipes by name."""
    order = ["recipes", *KINDS]
    files = sorted(recipes_folder().rglob("*.yaml"), key=lambda file: file.stem)
    # Python's sort keeps the names' order within a folder; folders of other kinds come last.
    files.sort(key=lambda file: order.index(file.parent.name) if file.parent.name in order else len(order))
    return {file.stem: file for file in files}


def part_kind(file: Path) -> str:
    """What a shipped file is: "model", "method", "course", "proof", the name of another folder, or "recipe" (whole)."""
    folder = file.parent.name
    return "recipe" if file.parent == recipes_folder() else KINDS.get(folder, folder)


def part_content(name: str) -> dict[str, Any]:
    """The content of a shipped recipe or part, with what it extends below it.

    Raises:
        ConfigError: there is no such part; the nearest names are told.
    """
    shipped = shipped_parts()
    if name not in shipped:
        near = difflib.get_close_matches(name, shipped, n=2, cutoff=0.5)
        # A word of several parts' names, such as "qwen3", is near to them all.
        near = near or [other for other in shipped if name and name in other]
        raise ConfigError(
            f"There is no recipe or part '{name}'"
            + (f"; did you mean {' or '.join(repr(one) for one in near)}?" if near else "."),
            hint=f"Give a YAML file, or shipped parts joined by '+': {', '.join(shipped)}.",
        )
    content = _map(shipped[name])
    below = content.pop("extends", None)
    return content if below is None else laid_over(_joined(str(below)), content)


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, or the shipped one of that name; `overrides` are `key.path=value` (the value is YAML).

    Relative paths in the recipe are taken from the recipe's folder, where they exist there.

    Raises:
        ConfigError: no such recipe, or a key or value is wrong; each is named.
    """
    content, folder = read_recipe(name, overrides)
    if folder == Path():
        _check_whole(str(name), content)
    return anchored_recipe(validate(content, Recipe, str(name)), folder)


def read_recipe(name: str | Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Any], Path]:
    """A recipe's content, not yet validated, and the folder its relative paths start from.

    `name` is a YAML file or shipped parts such as "qwen3-4b+qlora+two-stages": each part is laid over those before it,
    maps key by key, everything else whole. A file may begin with `extends: PARTS` and is laid over them. `defaults`
    holds keys of stages that a stage does not say itself.

    Raises:
        ConfigError: no such recipe or part, or a file that is not a map.
    """
    path = Path(name)
    if path.is_file() or path.suffix in (".yaml", ".yml"):
        content, folder = _map(path), path.parent
        extended = content.pop("extends", None)
        if extended is not None:
            content = laid_over(_joined(str(extended)), content)
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
    content: dict[str, Any] = {}
    parts = [part.strip() for part in names.split("+")]
    by_kind: dict[str, str] = {}
    told: list[str] = []
    for part in parts:
        own = part_content(part)
        kind = part_kind(shipped_parts()[part])
        if kind in by_kind:
            raise ConfigError(
                f"'{names}' joins two parts of the kind {kind}: {by_kind[kind]} and {part}.",
                hint="Leave one of them out.",
            )
        by_kind[kind] = part
        if kind != "proof":
            told.append(str(own.get("description", "")).strip())
        if "model" in own:
            # A pocket model and a model's path are alternatives: one takes the place of the other.
            content.pop("model", None)
        content = laid_over(content, own)
    if len(parts) > 1:
        named = [part for kind, part in by_kind.items() if kind != "proof"] or parts
        content["name"] = "-".join(named).replace(".", "_")[:_LONGEST_NAME].rstrip("-_")
        content["description"] = " ".join(text for text in told if text)
    return content


def _check_whole(name: str, content: Mapping[str, Any]) -> None:
    """Refuse a recipe that lacks a kind of part, and name the parts that would fill the gap."""
    stages = content.get("stages")
    listed = stages if isinstance(stages, list) else []
    without_rate = [stage for stage in listed if isinstance(stage, dict) and "learning_rate" not in stage]
    gaps = {
        "models": "model" not in content and "names no model",
        "courses": not stages and "has no stages",
        "methods": bool(without_rate) and "does not say how it learns (no learning_rate)",
    }
    found = {folder: told for folder, told in gaps.items() if told}
    if found:
        shipped = shipped_parts()
        choices = [
            f"a {KINDS[folder]} ({', '.join(part for part, file in shipped.items() if file.parent.name == folder)})"
            for folder in found
        ]
        raise ConfigError(
            f"The recipe '{name}' {', and '.join(str(told) for told in found.values())}.",
            hint=f"Join {' and '.join(choices)} with '+', as in qwen3-4b+qlora+two-stages.",
        )


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: maps key by key, everything else whole."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def anchored_recipe(recipe: _Recipe, folder: Path) -> _Recipe:
    """The recipe, of any kind, with relative folders and files made absolute where they exist beside its file."""

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

    return type(recipe).model_validate(anchored(recipe.model_dump(mode="json")))
