"""A local model's weights in memory: loaded once, in one precision, straight to where they are used.

Of a model that also reads images or sound only the text part is loaded: everything here reads text. Weights that a
folder lacks are an error; the library would fill them with random numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import EngineError, require
from afya.models.adapters import ADAPTER_CONFIG, BASE_KEY, Source

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# PEFT imports it where it is installed, and it would then ask for a package that fetches programs from a hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

_SHOWN = 300
"""Characters of a library's message that are told; some list every weight."""

# Where the text part's weights stand in the files of a model of several parts, as they were named at various times.
_TEXT_PART = {
    r"^model\.language_model\.": "model.",
    r"^language_model\.model\.": "model.",
    r"^language_model\.lm_head\.": "lm_head.",
}


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder. Raises EngineError."""
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the library raises whatever its readers raise
        raise _told(folder, "the tokenizer cannot be loaded", error) from error
    return tokenizer


def load_weights(
    folder: Path, dtype: torch.dtype, device: str | None = None, quantization: Any = None
) -> PreTrainedModel:
    """The causal language model in a folder.

    Args:
        device: where the weights go; one copy of each at a time passes through the processor's memory. None leaves
            them there.
        quantization: a transformers quantisation config.

    Raises:
        EngineError: it cannot be loaded, or some of its weights are absent.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as library_logging

    quiet: Any = library_logging.disable_progress_bar
    quiet()
    given: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "dtype": dtype}
    if quantization is not None:
        given["quantization_config"] = quantization
    # accelerate puts each weight where it belongs as it is read; without it all pass through the processor's memory.
    placed = device is not None and (quantization is not None or (device != "cpu" and _has_accelerate()))
    if placed:
        given["device_map"] = {"": torch.device(device or "cpu")}
    try:
        whole = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        config = text_config(whole)
        loader: Any = AutoModelForCausalLM
        if config is not whole:
            loader = text_class(config)
            given |= {"config": config, "key_mapping": _TEXT_PART}
        loud: Any = library_logging.get_verbosity()
        # It would list every weight of the parts that are left out; what is missing is told below.
        library_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        try:
            model, found = loader.from_pretrained(folder, output_loading_info=True, **given)
        finally:
            library_logging.set_verbosity(loud)
        if device is not None and not placed:
            model = model.to(device)
    except EngineError:
        raise
    except Exception as error:  # the library raises whatever its readers raise
        raise _told(folder, "the model cannot be loaded", error) from error
    missing = sorted(found["missing_keys"]) + sorted(str(entry) for entry in found["mismatched_keys"])
    if missing:
        raise EngineError(
            f"{folder}: {len(missing):,} weights of {type(model).__name__} are missing or have another shape, the "
            f"first is {missing[0]}.",
            hint="The weights and config.json do not belong together; take both from where the model came from.",
        )
    if config is not whole:
        # Written again it is a text model of its own, whose weights have the names of one.
        model._weight_conversions = None
    loaded: PreTrainedModel = model
    return loaded


def text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The config of the text part of a model that has other parts (Gemma 3 from 4B on), else the config itself."""
    text = config.get_text_config()
    if text is config or text_class(text) is None:
        return config
    text.tie_word_embeddings = bool(getattr(config, "tie_word_embeddings", text.tie_word_embeddings))
    return text


def text_class(config: PreTrainedConfig) -> type[PreTrainedModel] | None:
    """The class of causal language models with such a config."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    known: Any = MODEL_FOR_CAUSAL_LM_MAPPING
    found: type[PreTrainedModel] | None = known.get(type(config), None)
    return found


def with_adapters(model: Any, folder: Path, **options: Any) -> Any:
    """PEFT's model around `model` with the adapters of a folder beside its weights.

    Raises EngineError, and MissingDependencyError where PEFT is not installed.
    """
    require("peft", "train", "Loading adapters")
    import warnings

    from peft import PeftModel

    try:
        with peft_quiet():
            # Adapters of other layers would be left as they are made: doing nothing, and nobody told.
            warnings.filterwarnings("error", message="Found missing adapter keys")
            return PeftModel.from_pretrained(model, str(folder), local_files_only=True, **options)
    except Exception as error:  # shapes that differ, a method that is not known
        told = _told(folder, "the adapters do not fit the model", error)
        raise EngineError(
            told.message,
            hint=f"They belong to another model: name it in {ADAPTER_CONFIG} ({BASE_KEY}), or export with --base.",
        ) from error


@contextmanager
def peft_quiet() -> Iterator[None]:
    """Keep PEFT's use of a name that transformers gives up to itself."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
        yield


def merge(adapted: Any, what: str) -> PreTrainedModel:
    """The model with its adapters added into its weights, in place.

    Raises EngineError when a merged weight is not a number, or the kind of adapters cannot be merged.
    """
    try:
        model: PreTrainedModel = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise EngineError(
            f"{what}: the adapters cannot be merged ({error}).",
            hint="A training run that diverged leaves such adapters; take an earlier stage.",
        ) from error
    except (AttributeError, NotImplementedError) as error:
        raise EngineError(
            f"{what}: adapters of this kind cannot be merged ({error}).",
            hint="Merge them with the tool that made them, and name the merged folder.",
        ) from error
    return model


def load_merged(source: Source, dtype: torch.dtype, device: str | None = None) -> PreTrainedModel:
    """The source's model, with any adapters merged into the weights: as quick as a model without them."""
    model = load_weights(source.base, dtype, device)
    for folder in source.adapters:
        model = merge(with_adapters(model, folder), str(folder))
    return model


def check_fits(source: Source, model: Any, tokenizer: Any) -> None:
    """Raise EngineError when the tokenizer has more tokens than the model has embeddings."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise EngineError(
            f"{source.tokenizer}: the tokenizer has {len(tokenizer):,} tokens, the model {rows:,} embeddings.",
            hint="The tokenizer belongs to another model; adapters of an extended tokenizer need the extended base.",
        )


def _has_accelerate() -> bool:
    from importlib.util import find_spec

    return find_spec("accelerate") is not None


def _told(folder: Path, what: str, error: Exception) -> EngineError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    # A first line that ends in a colon only announces the second.
    first = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    if len(first) > _SHOWN:
        first = first[:_SHOWN] + " ..."
    return EngineError(f"{folder}: {what} ({type(error).__name__}: {first}).")
