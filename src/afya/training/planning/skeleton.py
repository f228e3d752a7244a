"""The model as it will learn, without its weights: on the meta device, with the recipe's adapters and precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError
from afya.models.weights import text_class, text_config
from afya.training.planning.shapes import first_line
from afya.training.recipe import Recipe, RunSettings
from afya.training.weights.lora import add_lora, frozen_dtype

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Parameters:
    """Parameters counted on the meta device.

    `published`: of the whole model, with parts that read images; `all`: of the language model, which alone is loaded;
    `trained`: those that learn; `embeddings`: the input embedding and the output layer, once where they are tied;
    `adapters`: beside the model's own; `quantised`: those that the method qlora holds in four bits.
    """

    published: int
    all: int
    trained: int
    embeddings: int
    adapters: int
    quantised: int


def skeleton(config: PreTrainedConfig, recipe: Recipe) -> Any:
    """The recipe's model on the meta device, as `load_for_training` would give it: adapters in place, what learns
    marked, each weight in its precision (the method qlora as lora; memory.py knows what four bits are).

    Raises:
        ConfigError: transformers has no causal language model of this kind, or an adapter finds no layer.
    """
    import torch

    model = _made(text_config(config), torch.float32 if recipe.method == "full" else frozen_dtype(recipe))
    if recipe.method == "full":
        return model
    with torch.device("meta"):
        return add_lora(model, recipe)


def count(model: Any, config: PreTrainedConfig, recipe: Recipe) -> Parameters:
    """The parameters of a skeleton of this configuration."""
    base: Any = model.get_base_model() if hasattr(model, "get_base_model") else model
    outer = {base.get_input_embeddings().weight}
    head = base.get_output_embeddings()
    if head is not None:
        outer.add(head.weight)
    sizes = {name: weight.numel() for name, weight in model.named_parameters()}
    adapters = sum(size for name, size in sizes.items() if ".lora_" in name)
    own = sum(sizes.values()) - adapters
    whole = own
    if text_config(config) is not config:
        import torch

        whole = sum(weight.numel() for weight in _made(config, torch.float32).parameters())
    return Parameters(
        published=whole,
        all=own,
        trained=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        embeddings=sum(weight.numel() for weight in outer),
        adapters=adapters,
        quantised=sum(weight.numel() for weight in four_bit_weights(model, recipe)),
    )


def four_bit_weights(model: Any, recipe: RunSettings) -> list[torch.Tensor]:
    """The weights that the method qlora holds in four bits: of every linear layer but the output layer."""
    import torch

    if recipe.method != "qlora":
        return []
    base: Any = model.get_base_model()
    head = base.get_output_embeddings()
    return [
        module.weight
        for name, module in base.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head and ".lora_" not in f".{name}"
    ]


def _made(config: PreTrainedConfig, dtype: torch.dtype) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    known: Any = text_class(config)
    any_model: Any = AutoModelForCausalLM
    try:
        with torch.device("meta"):
            return known._from_config(config, dtype=dtype) if known else any_model.from_config(config, dtype=dtype)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"A run of a model of the kind '{config.model_type}' cannot be planned: {first_line(error)}"
        ) from error
