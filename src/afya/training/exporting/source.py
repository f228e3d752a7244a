"""What is exported, loaded as training had it: in float32, adapters beside their weights and not merged."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import require
from afya.models.adapters import Source
from afya.models.base import ModelIdentity
from afya.models.hf import HfModel
from afya.models.weights import check_fits, load_tokenizer, load_weights, merge, with_adapters

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EXTENSION_KEY = "afya_tokenizer_extension"
"""In config.json: the languages and numbers of the pieces that were added to the base tokenizer."""

TOKENIZER_FILES = (
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "chat_template*", "additional_chat_templates"),
    *("vocab*", "merges.txt", "*.model", "*.spm", "tekken.json", "*processor_config.json"),
)
WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
LEGAL_FILES = ("LICENSE*", "NOTICE*", "USE_POLICY*")


def extension_of(source: Source) -> dict[str, Any] | None:
    """What the model's config says about pieces added to its tokenizer; None for a base tokenizer."""
    found = source.config().get(EXTENSION_KEY)
    return found if isinstance(found, dict) else None


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
        return self.engine.model if self.adapted is None else merge(self.adapted, self.engine.identity.name)


def load_reference(source: Source) -> Reference:
    """The source in float32 on the CPU, adapters beside their weights and not merged, as training had them.

    Raises EngineError, and MissingDependencyError where there are adapters and PEFT is not installed.
    """
    require("torch", "local", "Exporting a model")
    require("transformers", "local", "Exporting a model")
    import torch

    tokenizer = load_tokenizer(source.tokenizer)
    model: Any = load_weights(source.base, torch.float32)
    adapted: Any = None
    for folder in source.adapters:
        if adapted is not None:
            model = merge(adapted, source.name)
        adapted = with_adapters(model, folder)
        model = adapted.get_base_model()
    check_fits(source, model, tokenizer)
    return Reference(HfModel(model, tokenizer, ModelIdentity(source.name, "hf", source.sha256())), adapted)


# Files ----------------------------------------------------------------------------------------------------------------


def copy_files(source: Path, target: Path, patterns: Sequence[str]) -> None:
    """Copy what matches, byte by byte; links of a hub's cache become files."""
    for pattern in patterns:
        for child in source.glob(pattern):
            if child.is_dir():
                shutil.copytree(child, target / child.name, dirs_exist_ok=True)
            elif child.is_file():
                shutil.copyfile(child, target / child.name)
