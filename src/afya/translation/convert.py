"""Conversion of a Hugging Face translation model to CTranslate2, once: the result waits in a cache folder.

The cache is $AFYA_CACHE (else ~/.cache/afya), folder ct2/<sha256 of model, quantization and versions>. A model is
converted into a temporary folder that is renamed when it is whole, under a lock: processes that want the same model
wait for the first, and a killed conversion leaves nothing that looks finished.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from afya.errors import EngineError, require
from afya.runs import canonical, make_folder, sha256_text, write_json
from afya.translation.checkpoint import Checkpoint
from afya.translation.pieces import HfPieces

# Raised when this module converts differently, so that older conversions are not used.
_REVISION = 1


def cache_folder() -> Path:
    """Where conversions wait: $AFYA_CACHE/ct2, else ~/.cache/afya/ct2."""
    told = os.environ.get("AFYA_CACHE")
    return (Path(told).expanduser() if told else Path.home() / ".cache" / "afya") / "ct2"


def converted_folder(checkpoint: Checkpoint, quantization: str) -> Path:
    """Where the conversion of a model with a quantization is, or will be."""
    made_by = {"ctranslate2": version("ctranslate2"), "revision": _REVISION}
    key = canonical({"model": checkpoint.sha256, "quantization": quantization, **made_by})
    return cache_folder() / sha256_text(key)


def ensure_converted(checkpoint: Checkpoint, quantization: str, pieces: HfPieces) -> Path:
    """The folder of the converted model, made now if this is its first use.

    Args:
        checkpoint: a model in the Hugging Face layout.
        quantization: how CTranslate2 stores the weights: int8, float32 and so on.
        pieces: the model's tokenizer, for the vocabulary.

    Raises EngineError when the architecture is not one CTranslate2 knows, the weights are not numbers, or the disk is
    full.
    """
    target = converted_folder(checkpoint, quantization)
    if target.is_dir():
        return target
    make_folder(target.parent)
    with _locked(target.parent / f".{target.name}.lock"):
        if target.is_dir():
            return target
        for leftover in target.parent.glob(f".{target.name}.*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary = target.parent / f".{target.name}.{os.getpid()}.tmp"
        try:
            _convert(checkpoint, quantization, pieces, temporary)
            write_json(
                temporary / "origin.json",
                {
                    "model": checkpoint.name,
                    "sha256": checkpoint.sha256,
                    "quantization": quantization,
                    "ctranslate2": version("ctranslate2"),
                    "transformers": version("transformers"),
                },
            )
            _flush(temporary)
            temporary.rename(target)
        except OSError as error:
            raise EngineError(
                f"{target}: the converted model cannot be written ({error.strerror or error}).",
                hint="Free space, or name another cache folder with the environment variable AFYA_CACHE.",
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(checkpoint: Checkpoint, quantization: str, pieces: HfPieces, folder: Path) -> None:
    require("torch", "local", "Converting a model to CTranslate2")
    require("transformers", "local", "Converting a model to CTranslate2")
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging as library_logging

    quiet: Any = library_logging.disable_progress_bar
    quiet()

    class Converter(TransformersConverter):  # type: ignore[misc]
        """Reads safetensors only, refuses weights that are not numbers, and brings its own view of the vocabulary."""

        def load_model(self, model_class: Any, name: str, **settings: Any) -> Any:
            settings.update(local_files_only=True, use_safetensors=True, trust_remote_code=False)
            model = super().load_model(model_class, name, **settings)
            refuse_not_numbers(model, checkpoint.folder)
            # transformers 5 calls every T5 tied and keeps apart whether its outputs are scaled, which is what
            # CTranslate2 reads from the tie: MADLAD-400's scores would come out nearly flat.
            if hasattr(model.config, "scale_decoder_outputs"):
                model.config.tie_word_embeddings = bool(model.config.scale_decoder_outputs)
            return model

        def load_tokenizer(self, tokenizer_class: Any, name: str, **settings: Any) -> Any:
            return _VocabularyView(pieces)

    try:
        Converter(str(checkpoint.folder)).convert(str(folder), quantization=quantization)
    except (EngineError, OSError):
        raise
    except Exception as error:  # the converters raise whatever a loader or the checks of a specification raise
        # What follows is a list of every architecture that the library has.
        first = str(error).strip().partition("\n")[0].partition(" (supported configurations")[0]
        raise EngineError(
            f"{checkpoint.folder}: cannot be converted to CTranslate2 ({type(error).__name__}: {first}).",
            hint="Name the same model as hf:, which runs it through transformers.",
        ) from error


def refuse_not_numbers(model: Any, folder: Path) -> None:
    """Raise EngineError naming the first weight of a model that holds NaN or infinity."""
    import torch

    for name, weight in model.named_parameters():
        # A sum is not finite if any member is not, and takes a fraction of the memory of a mask.
        if weight.is_floating_point() and not torch.isfinite(weight.detach().sum(dtype=torch.float64)):
            raise EngineError(
                f"{folder}: the weights '{name}' hold values that are not numbers.",
                hint="Fetch or save the model again; a training run that diverged leaves such files.",
            )


class _VocabularyView:
    """What CTranslate2's loaders ask of a tokenizer, answered from a vocabulary in which every number has one token.

    transformers 5 no longer lists language tokens among `special_tokens_map`, where the loader of M2M100 looks for
    them, and names numbers past a tokenizer's length by chance; with a whole vocabulary nothing needs to be added.
    """

    def __init__(self, pieces: HfPieces) -> None:
        self._pieces = pieces
        tokenizer = pieces.tokenizer
        self.bos_token = tokenizer.bos_token
        self.eos_token = tokenizer.eos_token
        self.pad_token = tokenizer.pad_token
        self.unk_token = tokenizer.unk_token
        self.unk_token_id = tokenizer.unk_token_id
        self.special_tokens_map: dict[str, list[str]] = {}
        self.num_madeup_words = 0

    def get_vocab(self) -> dict[str, int]:
        return dict(self._pieces.vocabulary)

    def convert_ids_to_tokens(self, number: int) -> str:
        return self._pieces.tokens[number]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system lets go of it when the process ends, however it ends."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def _flush(folder: Path) -> None:
    for file in folder.iterdir():
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
