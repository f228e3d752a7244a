"""A model folder in the Hugging Face layout: adapters merged, weights as safetensors, the tokenizer untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from afya.errors import EngineError
from afya.models.adapters import Source
from afya.training.exporting.source import (
    LEGAL_FILES,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    Reference,
    copy_files,
)

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")


def stored_precision(source: Source) -> Precision:
    """How the source's whole weights are stored, as its config.json says (float32 where it says nothing)."""
    config = source.config()
    told = config.get("dtype") or config.get("torch_dtype") or "float32"
    for known in PRECISIONS:
        if told == known:
            return known
    raise EngineError(
        f"{source.base / 'config.json'}: the weights are stored as '{told}'.",
        hint=f"Only {', '.join(PRECISIONS)} can be exported; name the model before it was quantised.",
    )


def write_weights(source: Source, reference: Reference, target: Path, precision: Precision) -> None:
    """Write the model into the folder `target`.

    Without adapters and in its own precision the files are copied, byte by byte; otherwise the weights are merged,
    converted and saved. The tokenizer's files are always copies.
    """
    copy_files(source.base, target, LEGAL_FILES)
    if not source.adapters and precision == stored_precision(source):
        copy_files(source.base, target, WEIGHT_FILES)
    else:
        save_weights(reference.merged(), target, precision)
    copy_files(source.tokenizer, target, TOKENIZER_FILES)


def save_weights(model: Any, target: Path, precision: Precision) -> None:
    """Save a loaded model in a precision, refusing weights that are not numbers in it."""
    import torch

    from afya.translation.convert import refuse_not_numbers

    model.to(getattr(torch, precision))
    refuse_not_numbers(model, target)
    model.config.use_cache = True
    model.save_pretrained(target)
