"""int8 and other CTranslate2 forms of a decoder model: conversion from safetensors, and the converted model asked.

CTranslate2 has a loader for each architecture. Those below were compared with transformers by this project's tests;
others that it has a loader for are tried, and the parity test decides. What it has none for is refused by name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import EngineError, require
from afya.runs import read_json
from afya.training.exporting.asking import Question, plain_ids
from afya.translation.convert import refuse_not_numbers

COMPARED = ("Llama", "Mistral", "Qwen3", "Gemma 3")
"""Families whose conversions the tests compare with transformers, logit by logit."""

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LINEAR = 0  # CTranslate2's number for rotary positions that are scaled linearly


def check_architecture(config: dict[str, Any], where: Path) -> None:
    """Raise EngineError for a model that CTranslate2 cannot hold, saying which it can."""
    require("ctranslate2", "mt", "Exporting to CTranslate2")
    from ctranslate2.converters import transformers as known
    from transformers import AutoConfig

    kind = str(config.get("model_type"))
    if config.get("is_encoder_decoder"):
        raise EngineError(
            f"{where}: '{kind}' is a translation model, not a language model.",
            hint="afya converts it by itself when it is named as ct2:FOLDER in afya translate.",
        )
    try:
        name = type(AutoConfig.from_pretrained(where, local_files_only=True, trust_remote_code=False)).__name__
    except (ValueError, OSError, KeyError) as error:
        raise EngineError(f"{where / 'config.json'}: cannot be read ({error}).") from error
    if name not in known._MODEL_LOADERS:
        raise EngineError(
            f"{where}: CTranslate2 cannot hold models of the type '{kind}'.",
            hint=f"It holds {', '.join(COMPARED)} and others; export this model as safetensors or GGUF.",
        )


def convert(weights: Path, tokenizer: Any, target: Path, quantization: str) -> None:
    """Write the CTranslate2 form of a model folder (safetensors) into `target`, which must not exist.

    Args:
        quantization: int8, int8_bfloat16, float16, bfloat16, float32 and so on.

    Raises EngineError with what the converter says.
    """
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging as library_logging

    quiet: Any = library_logging.disable_progress_bar
    quiet()

    class Converter(TransformersConverter):  # type: ignore[misc]
        """Reads safetensors only, and hands the loaders what transformers 5 keeps elsewhere than they look."""

        scaled: float = 1.0

        def load_model(self, model_class: Any, name: str, **settings: Any) -> Any:
            import torch

            settings.update(local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32)
            model = super().load_model(model_class, name, **settings)
            refuse_not_numbers(model, weights)
            self.scaled = _gemma_positions(model.config)
            return model

        def load_tokenizer(self, tokenizer_class: Any, name: str, **settings: Any) -> Any:
            return _Vocabulary(tokenizer, _rows(weights))

        def _load(self) -> Any:
            spec = super()._load()
            if self.scaled != 1.0:
                _scale_full_layers(spec, self.scaled)
            return spec

    try:
        Converter(str(weights)).convert(str(target), quantization=quantization)
    except (EngineError, OSError):
        raise
    except Exception as error:  # the converters raise whatever a loader or the checks of a specification raise
        first = str(error).strip().partition("\n")[0].partition(" (supported configurations")[0]
        raise EngineError(
            f"{weights}: cannot be converted to CTranslate2 ({type(error).__name__}: {first}).",
            hint="Export the model as safetensors or GGUF instead.",
        ) from error


def _gemma_positions(config: Any) -> float:
    """Put Gemma 3's rotary bases where the loader looks; returns the factor by which full layers scale positions.

    transformers 5 keeps them in one table by kind of layer. The loader does not know the factor, which the models from
    4B on have (8, linear): without it their full layers see every position wrongly.
    """
    text = config.get_text_config()
    if not str(text.model_type).startswith("gemma3"):
        return 1.0
    tables = text.rope_parameters or {}
    full, local = tables.get("full_attention") or {}, tables.get("sliding_attention") or {}
    text.rope_theta = float(full.get("rope_theta", 1_000_000.0))
    text.rope_local_base_freq = float(local.get("rope_theta", 10_000.0))
    if full.get("rope_type", "default") == "linear":
        return float(full.get("factor", 1.0))
    return 1.0


def _scale_full_layers(spec: Any, factor: float) -> None:
    import numpy as np

    for layer in spec.decoder.layer:
        # The loader marks layers that see everything by a window of 0.
        if int(layer.self_attention.sliding_window) == 0:
            # A specification takes no new attributes but through its dictionary, which is what is written.
            attention = vars(layer.self_attention)
            attention["rotary_scaling_type"] = np.dtype("int8").type(_LINEAR)
            attention["rotary_scaling_factor"] = np.dtype("float32").type(factor)


def _rows(weights: Path) -> int:
    """How many tokens the model's output has, which may be more than the tokenizer's."""
    config = read_json(weights / "config.json")
    return int(config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size") or 0)


class _Vocabulary:
    """What the loaders ask of a tokenizer: every number up to the last row has a name of its own."""

    def __init__(self, tokenizer: Any, rows: int) -> None:
        self._names = vocabulary_names(tokenizer, rows)
        # The loaders write these into a configuration that takes nothing but text.
        self.bos_token = str(tokenizer.bos_token or tokenizer.eos_token or self._names[0])
        self.eos_token = str(tokenizer.eos_token or self._names[0])
        self.pad_token = str(tokenizer.pad_token or self.eos_token)
        self.unk_token = str(tokenizer.unk_token or "")
        self.chat_template = tokenizer.chat_template

    def get_vocab(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self._names)}


def window_of(config: dict[str, Any]) -> int | None:
    """The narrowest sliding window of a model's layers, in tokens; None where every layer sees everything."""
    text = config.get("text_config") or config
    told = text.get("sliding_window")
    layers = text.get("layer_types") or ["sliding_attention"]
    used = text.get("use_sliding_window", True) and "sliding_attention" in layers
    return int(told) if told and used else None


def window_note(window: int) -> str:
    """What users of a converted model with a sliding window must know."""
    import ctranslate2

    return (
        f"Right for texts of up to {window:,} tokens, prompt and reply together: beyond its sliding window CTranslate2 "
        f"{ctranslate2.__version__} was found to read such models otherwise than transformers."
    )


def vocabulary_names(tokenizer: Any, rows: int) -> list[str]:
    """(rows,) the name of each token number; numbers without a token get one that no text holds."""
    by_number = {number: str(token) for token, number in tokenizer.get_vocab().items()}
    return [by_number.get(number, f"<afya-unused-{number}>") for number in range(max(rows, len(by_number)))]


class Ct2Checked:
    """A converted decoder, for comparing it with its source."""

    def __init__(self, folder: Path, sliding_window: int | None = None) -> None:
        require("ctranslate2", "mt", "Checking a CTranslate2 export")
        import ctranslate2
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self._names: list[str] = read_json(folder / "vocabulary.json")
        try:
            # Its own default is four threads, which on fewer cores wait for one another.
            threads = min(4, os.cpu_count() or 1)
            self._model: Any = ctranslate2.Generator(str(folder), device="cpu", intra_threads=threads)
        except Exception as error:  # a damaged file raises whatever the reader was doing
            first = str(error).strip().partition("\n")[0]
            raise EngineError(f"{folder / 'model.bin'}: the converted model cannot be loaded ({first}).") from error
        self._window = sliding_window or 10**9

    def greedy(self, ids: Sequence[int], count: int, ends: frozenset[int]) -> list[int | None]:
        result = self._model.generate_batch(
            [[self._names[number] for number in ids]],
            max_length=count,
            end_token=sorted(ends),
            return_end_token=True,
            include_prompt_in_result=False,
            sampling_topk=1,
        )[0]
        return list(result.sequences_ids[0])

    def option_logprobs(self, question: Question) -> list[float]:
        import numpy as np

        sums = []
        for option in question.option_ids:
            there = self._logits_before(list(question.ids), list(option)).astype(np.float64)
            highest = there.max(axis=-1, keepdims=True)
            whole = np.log(np.exp(there - highest).sum(axis=-1)) + highest[:, 0]
            sums.append(float((there[np.arange(len(option)), list(option)] - whole).sum()))
        return sums

    def _logits_before(self, prompt: list[int], option: list[int]) -> NDArray[np.float32]:
        """(option tokens, vocabulary) the logits from which each of the option's tokens would be drawn."""
        import numpy as np

        if len(prompt) + len(option) <= self._window:
            logits: NDArray[np.float32] = np.asarray(self._model.forward_batch([[*prompt, *option]]), dtype=np.float32)
            return logits[0, len(prompt) - 1 : -1]
        # Whole rows longer than a sliding window cannot be read at once, only as prompts that are continued.
        rows = [[*prompt, *option[:place]] for place in range(len(option))]
        found = self._model.generate_batch(
            [[self._names[number] for number in row] for row in rows],
            max_batch_size=1,
            max_length=1,
            include_prompt_in_result=False,
            return_logits_vocab=True,
        )
        return np.stack([np.asarray(result.logits[0][0], dtype=np.float32) for result in found])

    def reads(self, text: str) -> list[int]:
        return plain_ids(self._tokenizer, text)

    def close(self) -> None:
        self._model.unload_model()
