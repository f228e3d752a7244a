"""A translation model as training needs it: loaded as the engines load it, with adapters or whole, and saved again.

The tokenizer's files are carried over byte for byte: the trained folder is cut and told its languages exactly as the
model it came from.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from afya.errors import ConfigError, require
from afya.models.folders import HUB_FILES
from afya.training.atomic import atomic_folder
from afya.training.recipe import RunSettings
from afya.training.translating.recipe import TranslationModel
from afya.translation.checkpoint import Checkpoint, find_checkpoint
from afya.translation.ct2 import positions_of
from afya.translation.families import Layout
from afya.translation.hf import decoder_start, hides_padding, read_model
from afya.translation.neural import NeuralOptions, read_layout
from afya.translation.pieces import HfPieces, model_pieces

# What the families call their dropout of hidden states, and the others, which count where a model has them.
_DROPOUTS = ("dropout", "dropout_rate")
_FURTHER_DROPOUTS = ("attention_dropout", "activation_dropout")
# Layers that are left out at random: some weights would have no gradient in a step.
LAYER_DROPS = ("encoder_layerdrop", "decoder_layerdrop")
_OWN_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")


@dataclass
class Translating:
    """A model in training: `start` and `pad` are token numbers, `hides_pad` whether padding is never written,
    `positions` how many tokens it can number on a side (None: any), `own` the settings of its configuration that are
    others while it trains."""

    model: Any
    pieces: HfPieces
    layout: Layout
    checkpoint: Checkpoint
    start: int
    pad: int
    hides_pad: bool
    positions: int | None
    own: dict[str, object]


def options_of(model: TranslationModel) -> dict[str, object]:
    """The engines' options that say what the model does not say itself."""
    return {key: value for key, value in model.model_dump(exclude={"path"}).items() if value is not None}


def load_translating(name: str, told: TranslationModel, dropout: float | None = None) -> Translating:
    """The model in a folder (or of a hub name) in fp32, ready to be trained whole.

    Args:
        told: the recipe's model, for its languages and revision.
        dropout: while it trains; None keeps the model's own.

    Raises:
        EngineError: it cannot be found or loaded. ConfigError: its languages must be named and are not.
    """
    options = options_of(told) if name == told.path else options_of(told.model_copy(update={"revision": None}))
    settings = NeuralOptions.model_validate(options)
    checkpoint = find_checkpoint(name, settings.revision)
    if checkpoint.converted:
        raise ConfigError(
            f"{checkpoint.folder}: a CTranslate2 folder cannot be trained.",
            hint="Name the model it was converted from.",
        )
    changed, own = _settings(checkpoint, dropout)
    model = read_model(checkpoint, "float32", **changed)
    return _translating(model, checkpoint, settings, own)


def layout_of(told: TranslationModel, model: Any) -> Translating:
    """What cutting pairs needs of the model folder `told`, around a model without contents.

    Raises:
        EngineError: the folder is no model. ConfigError: its languages must be named and are not.
    """
    settings = NeuralOptions.model_validate(options_of(told))
    return _translating(model, find_checkpoint(told.path, settings.revision), settings, {})


def _translating(model: Any, checkpoint: Checkpoint, settings: NeuralOptions, own: dict[str, object]) -> Translating:
    pieces = model_pieces(checkpoint)
    return Translating(
        model=model,
        pieces=pieces,
        layout=read_layout(pieces, settings, checkpoint.name),
        checkpoint=checkpoint,
        start=decoder_start(model),
        pad=int(model.config.pad_token_id),
        hides_pad=hides_padding(model),
        positions=positions_of(checkpoint.config()),
        own=own,
    )


def _settings(checkpoint: Checkpoint, dropout: float | None) -> tuple[dict[str, object], dict[str, object]]:
    """What is changed in the model's configuration while it trains, and the values it had."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    changed: dict[str, object] = {key: 0.0 for key in LAYER_DROPS if getattr(config, key, None)}
    if dropout is not None:
        changed |= {key: dropout for key in _DROPOUTS if hasattr(config, key)}
        changed |= {key: dropout for key in _FURTHER_DROPOUTS if getattr(config, key, None)}
    return changed, {key: getattr(config, key) for key in changed}


def with_adapters(loaded: Translating, recipe: RunSettings) -> Any:
    """The model with the matrices of the recipe's method beside its frozen weights; the model itself when it trains
    whole. Frozen weights are held in bf16 when the recipe computes in it.

    Raises:
        ConfigError: the recipe names layers that the model does not have.
        MissingDependencyError: peft is not installed.
    """
    return adapted(loaded.model, recipe, loaded.checkpoint.name)


def adapted(model: Any, recipe: RunSettings, name: str) -> Any:
    """As `with_adapters`, of a model that messages call `name`; it may be without contents (on the meta device)."""
    if recipe.method == "full":
        return model
    require("peft", "train", "Training with adapters")
    import torch
    from peft import LoraConfig, get_peft_model

    rule = recipe.lora
    alpha: Any = rule.alpha
    layers = list(rule.targets) or "all-linear"
    settings = LoraConfig(r=rule.rank, lora_alpha=alpha, lora_dropout=rule.dropout, target_modules=layers)
    torch.manual_seed(recipe.seed)
    try:
        return get_peft_model(model.to(torch.bfloat16) if recipe.precision == "bf16" else model, settings)
    except ValueError as error:
        raise ConfigError(f"The adapters cannot be put into {name}: {error}") from error


def whole_model(trained: Any, loaded: Translating, told: TranslationModel, recipe: RunSettings) -> Any:
    """The trained model as one: adapters are added to fp32 weights that are read again, since those in memory may be
    held in bf16."""
    if recipe.method == "full":
        return trained
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    learned = {name: weight.float() for name, weight in get_peft_model_state_dict(trained).items()}
    again = load_translating(str(loaded.checkpoint.folder), told)
    fresh = with_adapters(again, recipe.model_copy(update={"precision": "fp32"}))
    set_peft_model_state_dict(fresh, learned)
    return fresh.merge_and_unload()


def save_translating(model: Any, loaded: Translating, path: Path, card: str) -> None:
    """Write a model folder whole or not at all: the weights, and the tokenizer's files of the model it came from."""
    from transformers import GenerationConfig

    for key, value in loaded.own.items():
        # What held while it trained is no property of the model.
        setattr(model.config, key, value)
    make: Any = GenerationConfig
    kept = model.generation_config
    names = ("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id", "forced_bos_token_id")
    extra = ("text_decoder_lang_to_code_id", "num_beams", "max_length")
    # Settings that the library no longer takes would stop the writing; those that shape an answer are kept.
    model.generation_config = make(
        **{name: getattr(kept, name) for name in (*names, *extra) if getattr(kept, name, None) is not None}
    )
    with atomic_folder(path) as temporary:
        model.save_pretrained(temporary)
        for file in sorted(loaded.checkpoint.folder.iterdir()):
            ours = any(fnmatch(file.name, pattern) for pattern in HUB_FILES)
            if file.is_file() and ours and not any(fnmatch(file.name, pattern) for pattern in _OWN_FILES):
                shutil.copyfile(file, temporary / file.name)
        (temporary / "README.md").write_text(card, encoding="utf-8")
