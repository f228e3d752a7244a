"""What a local model's name means: a model folder, a finished training run, or adapters with their base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afya.errors import EngineError, RunError
from afya.models.folders import check_folder, folder_sha256
from afya.models.hub import in_hub_cache, is_hub_name, locate
from afya.runs import canonical, read_json, sha256_text

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
BASE_KEY = "base_model_name_or_path"
"""In adapter_config.json: the model that the adapters belong to. A path that is not absolute starts from their folder,
so that a run folder can be moved."""


@dataclass(frozen=True)
class Source:
    """A model on the disk.

    `folder` is a model folder, or one of adapters; `adapters` lists those to be merged, the innermost first, and `base`
    has the whole weights they belong to (`folder` itself without adapters). `run` is the training run it came from.
    """

    folder: Path
    base: Path
    adapters: tuple[Path, ...] = ()
    run: Path | None = None

    @property
    def name(self) -> str:
        """A readable name: RUN-STAGE, or the folder's own."""
        own = self.folder.resolve().name
        return own if self.run is None else f"{self.run.resolve().name}-{own}"

    @property
    def tokenizer(self) -> Path:
        """The folder that has the tokenizer: the last adapter that brought one, else the base."""
        owners = [path for path in reversed(self.adapters) if (path / "tokenizer_config.json").is_file()]
        return owners[0] if owners else self.base

    def config(self) -> dict[str, Any]:
        """The model's config.json."""
        config: dict[str, Any] = read_json(self.base / "config.json")
        return config

    def sha256(self) -> str:
        """The hash of a model folder as the benchmark knows it; of adapters, theirs and the base's together."""
        if not self.adapters:
            return folder_sha256(self.base)
        return sha256_text("\n".join([folder_sha256(self.base), *map(_adapter_sha256, self.adapters)]))


def open_source(name: str) -> Source:
    """What a path or hub name means; a hub name is fetched (or found in the hub's cache).

    Raises EngineError and RunError, as `find_source` and `afya.models.hub.locate`.
    """
    return find_source(locate(name, check=_check_there))


def find_source(path: Path, base: str | None = None) -> Source:
    """The source that a run folder, a model folder or an adapter folder means.

    Args:
        base: the model that adapters belong to (folder or hub name), where their own note of it does not lead there.

    Raises:
        RunError: a run that is not finished; EngineError: a folder that is none of the three, or a base that is absent.
    """
    path = Path(path).expanduser()
    run: Path | None = None
    if is_run(path):
        run, path = path, _last_stage(path)
    elif _is_training(path.parent):
        run = path.parent
    adapters: list[Path] = []
    place = path
    while (place / ADAPTER_CONFIG).is_file():
        if place.resolve() in [known.resolve() for known in adapters]:
            raise EngineError(f"{place}: these adapters name themselves as their base.")
        _check_adapter(place)
        adapters.insert(0, place)
        place = _base_of(place, base)
    check_folder(place)
    if base is not None and not adapters:
        raise EngineError(f"{path}: has no adapters, so --base has no meaning for it.")
    return Source(path, place, tuple(adapters), run)


def is_run(path: Path) -> bool:
    """Whether a folder is a run's own, and no model's."""
    models = (path / "config.json", path / ADAPTER_CONFIG)
    return (path / "manifest.json").is_file() and not any(file.is_file() for file in models)


def _is_training(folder: Path) -> bool:
    manifest = folder / "manifest.json"
    return manifest.is_file() and read_json(manifest).get("command") == "train"


def _last_stage(run: Path) -> Path:
    recipe = read_json(run / "manifest.json").get("recipe") or {}
    told = recipe.get("stages") if _is_training(run) else None
    names = [str(stage.get("name")) for stage in told or []]
    if not names:
        raise EngineError(
            f"{run}: this run has no training stages, so it made no model.",
            hint="Give the folder of a run of afya train, or of a model.",
        )
    missing = [name for name in names if not (run / name).is_dir()]
    if missing:
        made = [name for name in names if name not in missing]
        known = f", or name a stage that is: {run / made[-1]}" if made else "."
        raise RunError(
            f"{run}: the run is not finished; there is no {', no '.join(missing)}.",
            hint="Run afya train again to finish it" + known,
        )
    return run / names[-1]


def _check_there(folder: Path) -> None:
    if not folder.is_dir():
        check_folder(folder)


def _check_adapter(folder: Path) -> None:
    if not (folder / ADAPTER_WEIGHTS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise EngineError(
            f"{folder}: {ADAPTER_WEIGHTS} is missing"
            + ("; adapter_model.bin is a pickle, which could run code when read." if pickled else "."),
            hint="Save the adapters as safetensors with the tools that made them." if pickled else None,
        )


def _base_of(folder: Path, told: str | None) -> Path:
    """Where the weights are to which a folder's adapters belong."""
    if told is not None:
        return locate(told, check=_check_base)
    noted = read_json(folder / ADAPTER_CONFIG).get(BASE_KEY)
    if not isinstance(noted, str) or not noted:
        raise EngineError(
            f"{folder / ADAPTER_CONFIG}: does not say which model the adapters belong to.",
            hint="Write its folder or hub name there as " + BASE_KEY + ", or export with --base FOLDER.",
        )
    for place in (folder / noted, folder.parent / noted, Path(noted).expanduser(), folder.parent / Path(noted).name):
        if place.is_dir() and place.resolve() != folder.resolve():
            return place.resolve()
    if is_hub_name(noted):
        found = in_hub_cache(noted)
        if found is not None:
            return found
    fetch = f" Or fetch it: hf download {noted}" if is_hub_name(noted) else ""
    raise EngineError(
        f"{folder}: the adapters belong to '{noted}', which is not here.",
        hint=f"Export with --base FOLDER or --base OWNER/NAME (which may be fetched), or correct {BASE_KEY} in "
        f"{ADAPTER_CONFIG}.{fetch}",
    )


def _check_base(folder: Path) -> None:
    if not (folder / ADAPTER_CONFIG).is_file():
        check_folder(folder)


def _adapter_sha256(folder: Path) -> str:
    """Weights, tokenizer, and how they are applied; not where the base lies."""
    settings = {key: value for key, value in read_json(folder / ADAPTER_CONFIG).items() if key != BASE_KEY}
    return sha256_text(folder_sha256(folder) + canonical(settings))
