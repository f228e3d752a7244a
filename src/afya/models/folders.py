"""A local model's folder: what must be in it, and the hash that identifies it.

Weights are safetensors only: the older formats are pickles, which run code when they are read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from afya.errors import EngineError
from afya.runs import read_json, sha256_path

_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
# What shapes an answer besides the weights; other files (cards, licences, samples) may change freely.
_SHAPING = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template*",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.spm",
    "tekken.json",
)
HUB_FILES = (*_SHAPING, "adapter_config.json")
"""What is fetched of a hub repository."""

_hashes: dict[tuple[str, int, int], str] = {}


def check_folder(folder: Path) -> None:
    """Raise EngineError naming the file that a model folder lacks, or the format that is not read."""
    if not folder.is_dir():
        raise EngineError(
            f"{folder}: no such model folder.",
            hint="Give the folder that holds config.json, or a hub name such as hf:Qwen/Qwen3-0.6B.",
        )
    if not (folder / "config.json").is_file():
        raise EngineError(f"{folder}: config.json is missing; this is no model folder in the Hugging Face layout.")
    read_json(folder / "config.json")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise EngineError(
            f"{folder}: the tokenizer is missing (one of {', '.join(_TOKENIZERS)}).",
            hint="Copy the tokenizer's files of the same model into the folder.",
        )
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        told = read_json(index).get("weight_map", {})
        missing = sorted({name for name in told.values() if not (folder / name).is_file()})
        if missing:
            raise EngineError(f"{folder}: weights file(s) {', '.join(missing)} are missing; {index.name} names them.")
    elif not (folder / "model.safetensors").is_file():
        pickled = sorted(child.name for child in folder.glob("*.bin")) + sorted(p.name for p in folder.glob("*.pt*"))
        if pickled:
            raise EngineError(
                f"{folder}: model.safetensors is missing; {pickled[0]} is a pickle, which could run code when read.",
                hint="Convert the weights to safetensors with the model's own tools.",
            )
        raise EngineError(f"{folder}: model.safetensors is missing.")


def folder_sha256(folder: Path, patterns: Sequence[str] = _SHAPING) -> str:
    """One hash over weights, configuration and tokenizer files: the names and bytes of what matches `patterns`.

    Hashes are remembered by path, size and time of change for as long as the process lives.
    """
    files = {child for pattern in patterns for child in folder.glob(pattern) if child.is_file()}
    digest = hashlib.sha256()
    for file in sorted(files):
        # A hub snapshot holds links into its store; the bytes count, not the link.
        stat = os.stat(file)
        key = (str(file.resolve()), stat.st_size, stat.st_mtime_ns)
        if key not in _hashes:
            _hashes[key] = sha256_path(file)
        digest.update(f"{file.name}\0{_hashes[key]}\n".encode())
    return digest.hexdigest()
