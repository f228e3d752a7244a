"""Models as folders: loaded for training as the recipe's method says, written whole or not at all.

What learns, and what is written, is fp32. A stage then starts from exactly what the one before ended with; rounded to
bf16 a weight keeps 8 bits, and most steps of a small learning rate are smaller than its last one. Exports round, when
they are asked to, and compare.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.models.adapters import ADAPTER_CONFIG, BASE_KEY, Source, open_source
from afya.models.hub import is_hub_name
from afya.models.weights import check_fits, load_merged, load_tokenizer
from afya.runs import read_json, write_json
from afya.training.atomic import atomic_folder
from afya.training.recipe import Recipe
from afya.training.weights.lora import with_lora

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load(name: str, device: str | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in fp32 and its tokenizer, adapters merged, from a folder, a finished run or a hub name.

    Raises:
        EngineError: it cannot be loaded; the reason is told.
    """
    import torch

    source = open_source(name)
    model, tokenizer = load_merged(source, torch.float32, device), load_tokenizer(source.tokenizer)
    check_fits(source, model, tokenizer)
    # Merged adapters leave the weights that they were merged into frozen.
    model.requires_grad_(True)
    return model, tokenizer


def load_for_training(source: str, recipe: Recipe) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model that a stage starts from, with the weights that learn by the recipe's method, and its tokenizer.

    full: every weight, fp32. lora and qlora: PEFT's model around it, with matrices beside frozen weights (see lora.py);
    a `source` with adapters goes on with those. Only the text part of a model that reads images too is loaded. With one
    process the weights go straight to the GPU, where there is one; with several they wait to be spread.

    Args:
        source: a model folder, adapters (such as those of the stage before), a finished run or a hub name.

    Raises:
        ConfigError: the recipe's lora does not fit the model or the adapters that are there.
        EngineError: the model cannot be loaded; the reason is told.
        MissingDependencyError: a library of the method is missing.
    """
    if recipe.method == "full":
        return load(source, _device())
    place = open_source(source)
    tokenizer = load_tokenizer(place.tokenizer)
    model: Any = with_lora(place, recipe, _device())
    model.peft_config["default"].base_model_name_or_path = _base_name(source, place)
    check_fits(place, model, tokenizer)
    return model, tokenizer


def save(model: Any, tokenizer: PreTrainedTokenizerBase, path: Path, card: str) -> None:
    """Write a model folder, or the adapters' folder of a model with adapters, whole or not at all.

    Adapters note their base: a hub name, a path from their own folder when the base lies beside it (in the same run,
    which can then be moved), else the whole path.
    """
    with atomic_folder(path) as temporary:
        if hasattr(model, "peft_config"):
            model.save_pretrained(temporary, save_embedding_layers=False)
            told = read_json(temporary / ADAPTER_CONFIG)
            # PEFT keeps the names as a set: sorted, equal runs have equal files.
            told["target_modules"] = sorted(told["target_modules"])
            told[BASE_KEY] = noted_base(str(told[BASE_KEY]), path)
            write_json(temporary / ADAPTER_CONFIG, told)
        else:
            model.config.use_cache = True
            model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        (temporary / "README.md").write_text(card, encoding="utf-8")


def noted_base(base: str, path: Path) -> str:
    """How adapters in the folder `path` note their base."""
    place = Path(base)
    if place.is_absolute() and place.parent == path.resolve().parent:
        return os.path.relpath(place, path.resolve())
    return base


def _base_name(source: str, place: Source) -> str:
    """The base by the name that the user knows, not by its place in the hub's cache."""
    if not place.adapters:
        return source if is_hub_name(source) else str(place.base.resolve())
    told = str(read_json(place.adapters[-1] / ADAPTER_CONFIG)[BASE_KEY])
    below = place.adapters[-2] if len(place.adapters) > 1 else place.base
    return told if is_hub_name(told) else str(below.resolve())


def count_parameters(model: Any) -> tuple[int, int]:
    """(parameters of the whole model with its adapters, those that learn); packed four-bit weights count one by one."""
    if hasattr(model, "get_nb_trainable_parameters"):
        learning, whole = model.get_nb_trainable_parameters()
        return int(whole), int(learning)
    weights = list(model.parameters())
    return sum(weight.numel() for weight in weights), sum(weight.numel() for weight in weights if weight.requires_grad)


def _device() -> str | None:
    import torch

    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return None
    return "cuda" if torch.cuda.is_available() else "cpu"
