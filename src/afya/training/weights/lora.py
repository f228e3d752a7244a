"""Matrices that learn beside frozen weights (Hu et al. 2022), and frozen weights of four bits (Dettmers et al. 2023).

A stage that follows another one goes on training the same matrices beside the same frozen weights: nothing is merged,
so nothing is rounded between stages, and a stage's folder is some megabytes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError, require
from afya.models.adapters import ADAPTER_CONFIG, Source
from afya.models.weights import load_weights, merge, peft_quiet, with_adapters
from afya.runs import read_json
from afya.training.recipe import Lora, Recipe, RunSettings

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig, PeftModel
    from transformers import BitsAndBytesConfig, PreTrainedModel


def frozen_dtype(recipe: Recipe) -> torch.dtype:
    """How the weights that do not learn are held: bf16 where the recipe computes in bf16, else fp32."""
    import torch

    return torch.bfloat16 if recipe.precision == "bf16" else torch.float32


def with_lora(source: Source, recipe: Recipe, device: str | None) -> PeftModel:
    """The source's model frozen, with matrices beside its layers that learn (fp32): the source's own, or new ones.

    New ones change nothing at first: one of each pair is zero, the other drawn by the recipe's seed.

    Raises:
        ConfigError: the recipe names a layer that the model does not have, or wants other matrices than the source has.
        EngineError: the model cannot be loaded.
        MissingDependencyError: PEFT, or bitsandbytes for qlora, is missing.
    """
    require("peft", "train", "LoRA")
    base = _frozen(source, recipe, device)
    if not source.adapters:
        return add_lora(base, recipe)
    own = source.adapters[-1]
    config = lora_config(base, recipe)
    _check_same(own, config, recipe)
    config.base_model_name_or_path = str(source.base)
    model: PeftModel = with_adapters(base, own, is_trainable=True, config=config)
    return _ready(model, recipe)


def add_lora(model: PreTrainedModel, recipe: RunSettings) -> PeftModel:
    """The model frozen, with new matrices by the recipe. Raises ConfigError (see `target_names`)."""
    require("peft", "train", "LoRA")
    import torch
    from peft import get_peft_model

    model.requires_grad_(False)
    config = lora_config(model, recipe)
    with torch.random.fork_rng(), peft_quiet():
        torch.manual_seed(recipe.seed)
        made: Any = get_peft_model(model, config)
    return _ready(made, recipe)


def _ready(model: PeftModel, recipe: RunSettings) -> PeftModel:
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.register_forward_pre_hook(_cast_once)
    if recipe.gradient_checkpointing:
        # The embeddings are frozen: without this no layer's input would need a gradient, and none would be computed.
        model.enable_input_require_grads()
    return model


def _cast_once(module: Any, args: tuple[torch.Tensor, ...]) -> None:
    """Leave casting to autocast, where it is on.

    PEFT would cast each layer's input to fp32, only for autocast to cast it back: the same numbers, more work, and a
    copy for every layer that the backward pass holds. Without autocast PEFT's cast is needed.
    """
    import torch

    module.cast_input_dtype_enabled = not torch.is_autocast_enabled(args[0].device.type)


def lora_config(model: PreTrainedModel, recipe: RunSettings) -> LoraConfig:
    """PEFT's settings for the recipe's matrices beside the model's layers. Raises ConfigError (see `target_names`)."""
    from peft import LoraConfig

    lora = recipe.lora
    return LoraConfig(
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]
        lora_dropout=lora.dropout,
        target_modules=target_names(model, lora),
    )


def target_names(model: PreTrainedModel, lora: Lora) -> list[str]:
    """The last parts of the names of the layers that get matrices, such as q_proj, sorted.

    Without `targets` every linear layer but the output layer. Raises ConfigError for a name that no layer has.
    """
    import torch

    output = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    known = sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not output
        }
    )
    unknown = [name for name in lora.targets if name not in known]
    if unknown:
        raise ConfigError(
            f"lora.targets: {type(model).__name__} has no linear layer called {', '.join(unknown)}.",
            hint=f"It has: {', '.join(known)}. The output layer cannot be one of them.",
        )
    return sorted(set(lora.targets)) or known


def four_bits(compute: torch.dtype) -> BitsAndBytesConfig:
    """4-bit NormalFloat with the scales quantised again, as in QLoRA; products are computed in `compute`."""
    from transformers import BitsAndBytesConfig

    settings: Any = BitsAndBytesConfig
    made: BitsAndBytesConfig = settings(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )
    return made


def _frozen(source: Source, recipe: Recipe, device: str | None) -> Any:
    """The base with all adapters merged but the last, whose training goes on; nothing in it learns."""
    inner = source.adapters[:-1]
    if recipe.method == "lora":
        model: Any = load_weights(source.base, frozen_dtype(recipe), device)
        for folder in inner:
            model = merge(with_adapters(model, folder), str(folder))
    else:
        if inner:
            raise ConfigError(
                f"{source.folder}: these are adapters on adapters, which qlora cannot start from.",
                hint=f"Merge them first: afya train export {source.folder} --out FOLDER, and start from that folder.",
            )
        model = _quantised(source.base, recipe, device)
    model.requires_grad_(False)
    return model


def _quantised(base: Path, recipe: Recipe, device: str | None) -> Any:
    require("bitsandbytes", "qlora", "The method qlora")
    import torch

    if device is None:
        # One process of several: every one holds all of these weights, and they are made where they will be used.
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    dtype = frozen_dtype(recipe)
    model: Any = load_weights(base, dtype, device, four_bits(dtype))
    for module in model.modules():
        # On some processors a layer that is merely asked would turn its weights into another form for good, with
        # coarser scales (bfloat16), which cannot be trained beside.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def _check_same(folder: Path, wanted: LoraConfig, recipe: Recipe) -> None:
    """Raise ConfigError when the matrices in a folder are not those of the recipe."""
    told = read_json(folder / ADAPTER_CONFIG)
    names = sorted(told.get("target_modules") or ())
    found = {"rank": told.get("r"), "alpha": told.get("lora_alpha"), "targets": names}
    asked = {"rank": wanted.r, "alpha": wanted.lora_alpha, "targets": sorted(wanted.target_modules or ())}
    if told.get("peft_type") != "LORA":
        raise ConfigError(
            f"{folder}: adapters of the kind {told.get('peft_type')}, but recipe '{recipe.name}' trains LoRA matrices.",
            hint=f"Merge them first: afya train export {folder} --out FOLDER, and start from that folder.",
        )
    apart = [f"{key} {found[key]} there, {asked[key]} in the recipe" for key in asked if found[key] != asked[key]]
    if apart:
        raise ConfigError(
            f"{folder}: its matrices are not those of recipe '{recipe.name}': {'; '.join(apart)}.",
            hint="Set the recipe's lora to what is there, or merge them first (afya train export) and start from that.",
        )
