"""Models as folders: loaded for training, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from afya.errors import EngineError
from afya.training.atomic import atomic_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in fp32 and its tokenizer, from a folder or a hub name.

    Raises:
        EngineError: it cannot be loaded; the reason is told.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local = Path(name).is_dir()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False, local_files_only=local)
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.float32, trust_remote_code=False, local_files_only=local
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"The model '{name}' cannot be loaded: {error}") from error
    return model, tokenizer


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, path: Path, card: str) -> None:
    """Write a model folder whole or not at all."""
    with atomic_folder(path) as temporary:
        model.config.use_cache = True
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        (temporary / "README.md").write_text(card, encoding="utf-8")
