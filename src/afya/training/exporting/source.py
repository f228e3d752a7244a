"""What is exported: a finished run's last stage, a model folder, or LoRA adapters with the model they belong to."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import EngineError, RunError, require
from afya.models.base import ModelIdentity
from afya.models.folders import check_folder, folder_sha256
from afya.models.hf import HfModel, is_hub_name, locate
from afya.runs import read_json, sha256_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_CONFIG = "adapter_config.json"
EXTENSION_KEY = "afya_tokenizer_extension"
"""In config.json: the languages and numbers of the pieces that were added to the base tokenizer."""

TOKENIZER_FILES = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "chat_template*", "additional_chat_templates"),
    *("vocab*", "merges.txt", "*.model", "*.spm", "tekken.json", "*processor_config.json"),
)
WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
LEGAL_FILES = ("LICENSE*", "NOTICE*", "USE_POLICY*")


@dataclass(frozen=True)
class Source:
    """What is exported.

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

    def extension(self) -> dict[str, Any] | None:
        """What the model's config says about pieces added to its tokenizer; None for a base tokenizer."""
        found = self.config().get(EXTENSION_KEY)
        return found if isinstance(found, dict) else None

    def sha256(self) -> str:
        """The hash of a model folder as the benchmark knows it; of adapters, theirs and the base's together."""
        if not self.adapters:
            return folder_sha256(self.base)
        return sha256_text("\n".join(folder_sha256(path) for path in (self.base, *self.adapters)))


def find_source(path: Path, base: str | None = None) -> Source:
    """The source that a run folder, a model folder or an adapter folder means.

    Args:
        base: the model that adapters belong to (folder or hub name), where their own note of it does not lead there.

    Raises:
        RunError: a run that is not finished; EngineError: a folder that is none of the three, or a base that is absent.
    """
    path = Path(path).expanduser()
    run: Path | None = None
    if (path / "manifest.json").is_file() and not (path / "config.json").is_file():
        run, path = path, _last_stage(path)
    elif (path.parent / "manifest.json").is_file() and read_json(path.parent / "manifest.json").get(
        "command"
    ) == "train":
        run = path.parent
    adapters: list[Path] = []
    place = path
    while (place / ADAPTER_CONFIG).is_file():
        if place in adapters:
            raise EngineError(f"{place}: these adapters name themselves as their base.")
        _check_adapter(place)
        adapters.insert(0, place)
        place = _base_of(place, base)
    check_folder(place)
    if base is not None and not adapters:
        raise EngineError(f"{path}: has no adapters, so --base has no meaning for it.")
    return Source(path, place, tuple(adapters), run)


def _last_stage(run: Path) -> Path:
    recipe = read_json(run / "manifest.json").get("recipe") or {}
    names = [str(stage.get("name")) for stage in recipe.get("stages") or []]
    if not names:
        raise EngineError(f"{run}: this run has no training stages, so it made no model.")
    missing = [name for name in names if not (run / name).is_dir()]
    if missing:
        raise RunError(
            f"{run}: the run is not finished; there is no {', no '.join(missing)}.",
            hint=f"Run afya train again to finish it, or name a stage that is: {run / names[0]}",
        )
    return run / names[-1]


def _check_adapter(folder: Path) -> None:
    if not (folder / "adapter_model.safetensors").is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise EngineError(
            f"{folder}: adapter_model.safetensors is missing"
            + ("; adapter_model.bin is a pickle, which could run code when read." if pickled else "."),
            hint="Save the adapters as safetensors with the tools that made them." if pickled else None,
        )


def _base_of(folder: Path, told: str | None) -> Path:
    """Where the weights are to which a folder's adapters belong."""
    if told is not None:
        return locate(told, check=_check_base)
    noted = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(noted, str) or not noted:
        raise EngineError(
            f"{folder / ADAPTER_CONFIG}: does not say which model the adapters belong to.",
            hint="Name it with --base FOLDER.",
        )
    for place in (Path(noted).expanduser(), folder / noted, folder.parent / noted, folder.parent / Path(noted).name):
        if place.is_dir() and place.resolve() != folder.resolve():
            return place
    if is_hub_name(noted):
        found = _in_hub_cache(noted)
        if found is not None:
            return found
    raise EngineError(
        f"{folder}: the adapters belong to '{noted}', which is not here.",
        hint="Name the model with --base FOLDER or --base OWNER/NAME (which may be fetched).",
    )


def _check_base(folder: Path) -> None:
    if not (folder / ADAPTER_CONFIG).is_file():
        check_folder(folder)


def _in_hub_cache(name: str) -> Path | None:
    """A hub model that was fetched before; nothing is fetched for a name that only a file mentions."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


# Loading --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reference:
    """A source that is loaded: the engine that answers for it, and the adapters not yet merged into its weights."""

    engine: HfModel
    adapted: Any = None

    def merged(self) -> PreTrainedModel:
        """The model with its adapters added into its weights, in place. The engine is not to be asked afterwards.

        Raises EngineError when a merged weight is not a number.
        """
        if self.adapted is None:
            return self.engine.model
        try:
            model: PreTrainedModel = self.adapted.merge_and_unload(safe_merge=True)
        except ValueError as error:
            raise EngineError(
                f"{self.engine.identity.name}: the adapters cannot be merged ({error}).",
                hint="A training run that diverged leaves such adapters; take an earlier stage.",
            ) from error
        return model


def load_reference(source: Source) -> Reference:
    """The source in float32 on the CPU, adapters beside their weights and not merged, as training had them.

    Raises EngineError, and MissingDependencyError where there are adapters and PEFT is not installed.
    """
    require("torch", "local", "Exporting a model")
    require("transformers", "local", "Exporting a model")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as library_logging

    quiet: Any = library_logging.disable_progress_bar
    quiet()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.tokenizer, local_files_only=True, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(
            source.base, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
    except Exception as error:  # the library raises whatever its readers raise
        first = str(error).strip().partition("\n")[0]
        raise EngineError(f"{source.base}: the model cannot be loaded ({type(error).__name__}: {first}).") from error
    adapted: Any = None
    for folder in source.adapters:
        if adapted is not None:
            model = adapted.merge_and_unload(safe_merge=True)
        adapted = _with_adapter(model, folder)
        model = adapted.get_base_model()
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise EngineError(
            f"{source.tokenizer}: the tokenizer has {len(tokenizer):,} tokens, the model {rows:,} embeddings.",
            hint="The tokenizer belongs to another model; adapters of an extended tokenizer need the extended base.",
        )
    return Reference(HfModel(model, tokenizer, ModelIdentity(source.name, "hf", source.sha256())), adapted)


def _with_adapter(model: Any, folder: Path) -> Any:
    require("peft", "train", "Merging adapters")
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, str(folder), local_files_only=True)
    except Exception as error:  # shapes that differ, a method that is not known
        first = str(error).strip().partition("\n")[0]
        raise EngineError(
            f"{folder}: the adapters do not fit the model ({type(error).__name__}: {first}).",
            hint="Name the model that they were trained on with --base.",
        ) from error


# Files ----------------------------------------------------------------------------------------------------------------


def copy_files(source: Path, target: Path, patterns: Sequence[str]) -> None:
    """Copy what matches, byte by byte; links of a hub's cache become files."""
    for pattern in patterns:
        for child in source.glob(pattern):
            if child.is_dir():
                shutil.copytree(child, target / child.name, dirs_exist_ok=True)
            elif child.is_file():
                shutil.copyfile(child, target / child.name)
