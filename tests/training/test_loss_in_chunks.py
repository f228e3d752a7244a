"""The chunked loss is the loss: values and gradients, for every family, adapter, precision and number of processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from warm import sharded_losses

from afya.training.examples.build import Example
from afya.training.loop.attention import use_document_attention
from afya.training.loop.loss import document_losses
from afya.training.packs.plan import PackCollator

VOCABULARY = 331
# fp32, relative, of the worst weight. Losses alone are equal within 1e-7; the layers' backward pass widens it.
ROUNDING = 2e-6
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
    "initializer_range": 0.2,
}
# What each does to its logits beyond the output layer: Gemma caps, Granite divides, Cohere multiplies.
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Qwen3": {"head_dim": 8},
    "Mistral": {"head_dim": 8, "sliding_window": 16},
    "Gemma2": {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8, "final_logit_softcapping": 5.0},
    "Gemma3": {"head_dim": 8, "sliding_window": 16, "query_pre_attn_scalar": 8, "final_logit_softcapping": 5.0},
    "Granite": {"logits_scaling": 4.0, "residual_multiplier": 0.7},
    "Cohere": {"logit_scale": 0.25},
}


def make(family: str, *, tied: bool = False) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}TextConfig" if family == "Gemma3" else f"{family}Config")
    model = getattr(transformers, f"{family}ForCausalLM")
    return model(config(**SHAPE, **FAMILIES[family], tie_word_embeddings=tied)).train()


def batch() -> dict[str, Any]:
    source = np.random.default_rng(0)
    rows = []
    for length in (17, 40, 2, 23):
        learned = np.arange(length) >= max(1, length // 3)
        rows.append(Example(f"item-{length}", "en", source.integers(0, VOCABULARY, length).astype(np.int32), learned))
    return PackCollator(["en"])([rows])


def of(model: Any, losses: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The losses and the gradients of their mean."""
    model.zero_grad()
    mean: Any = losses.mean()
    mean.backward()
    learned = [(name, weight.grad) for name, weight in model.named_parameters() if weight.requires_grad]
    return losses.detach().float(), {name: gradient.float() for name, gradient in learned}


def whole(model: Any, inputs: dict[str, Any], own: bool) -> torch.Tensor:
    """All logits of the model, as it makes them itself."""
    extra = {"documents": inputs["documents"]} if own else {}
    logits = model(input_ids=inputs["input_ids"], position_ids=inputs["position_ids"], use_cache=False, **extra).logits
    return torch.nn.functional.cross_entropy(logits[0, inputs["kept"]].float(), inputs["labels"], reduction="none")


Learned = tuple[torch.Tensor, dict[str, torch.Tensor]]
Weigh = Callable[[torch.Tensor], torch.Tensor]


def as_given(losses: torch.Tensor) -> torch.Tensor:
    return losses


def both(model: Any, *, chunk: int = 13, weigh: Weigh = as_given) -> tuple[Learned, Learned]:
    """Losses and gradients made in chunks, and made whole."""
    inputs = batch()
    own = use_document_attention(model.get_base_model() if hasattr(model, "peft_config") else model)
    losses, outputs = document_losses(model, inputs, own, True, chunk)
    assert outputs.logits.shape[1] == 0
    return of(model, weigh(losses)), of(model, weigh(whole(model, inputs, own)))


def distance(ours: Learned, right: Learned) -> float:
    """The largest relative distance of the losses and of any weight's gradient."""
    assert ours[1].keys() == right[1].keys()
    pairs = [(ours[0], right[0]), *((ours[1][name], right[1][name]) for name in right[1])]
    return max(float((one - two).norm() / two.norm().clamp(min=1e-12)) for one, two in pairs)


def apart(model: Any, *, chunk: int = 13, weigh: Weigh = as_given) -> float:
    return distance(*both(model, chunk=chunk, weigh=weigh))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_are_the_whole_ones(family: str, tied: bool) -> None:
    assert apart(make(family, tied=tied)) < ROUNDING


@pytest.mark.parametrize("chunk", [1, 54, 2048])
def test_any_chunk_gives_the_same(chunk: int) -> None:
    assert apart(make("Qwen3", tied=True), chunk=chunk) < ROUNDING


def test_answers_may_count_differently() -> None:
    assert apart(make("Gemma3", tied=True), weigh=lambda losses: losses * torch.linspace(0, 2, len(losses))) < ROUNDING


@pytest.mark.parametrize("how", ["autocast", "weights"])
@pytest.mark.parametrize("family", ["Qwen3", "Gemma2", "Granite"])
def test_bf16_is_as_near_to_fp32_as_bf16_made_whole(family: str, how: str) -> None:
    """Measured: both are 3 to 7% away from fp32, and 1 to 2% from each other."""
    truth = both(make(family, tied=True))[1]
    model = make(family, tied=True)
    if how == "weights":
        model = model.to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=how == "autocast"):
        ours, theirs = both(model)
    assert distance(ours, truth) < 1.1 * distance(theirs, truth)
    assert torch.allclose(ours[0], theirs[0], rtol=1e-2)


@pytest.mark.parametrize("family", ["Qwen3", "Gemma3"])
def test_with_gradient_checkpointing(family: str) -> None:
    model = make(family, tied=True)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    assert apart(model) < ROUNDING


@pytest.mark.parametrize("targets", [["q_proj", "down_proj"], ["v_proj", "lm_head"]])
@pytest.mark.parametrize("family", ["Qwen3", "Gemma2"])
def test_adapters_learn_the_same(family: str, targets: list[str]) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(make(family), LoraConfig(r=4, target_modules=targets, init_lora_weights=False))
    assert apart(model) < ROUNDING


def test_an_output_layer_that_learns_whole_beside_adapters() -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(make("Llama"), LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]))
    assert apart(model) < ROUNDING


def test_the_model_is_left_as_it_was() -> None:
    model = make("Qwen3")
    own = use_document_attention(model)
    before, inputs = dict(vars(model)), batch()
    model.model.eval()
    document_losses(model, inputs, own)
    assert vars(model).keys() == before.keys()
    assert not model.lm_head._forward_pre_hooks
    assert (model.training, model.model.training) == (True, False)
    assert model(input_ids=inputs["input_ids"]).logits.shape[1] == inputs["input_ids"].shape[1]


def test_without_gradients_only_losses_are_made() -> None:
    model = make("Qwen3")
    own = use_document_attention(model)
    with torch.no_grad():
        losses, _ = document_losses(model, batch(), own, chunk=7)
    assert not losses.requires_grad
    assert torch.allclose(losses, whole(model, batch(), own), atol=1e-5)


class Odd(transformers.LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """Does to its logits what no configuration says."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super().forward(*args, **kwargs)
        outputs.logits = outputs.logits.sin()
        return outputs


@pytest.mark.parametrize("kept", [True, False])
def test_a_model_that_cannot_be_taken_apart_has_its_own_loss(kept: bool) -> None:
    torch.manual_seed(0)
    model: Any = Odd(transformers.LlamaConfig(**SHAPE))
    own, inputs = use_document_attention(model), batch()
    losses, outputs = document_losses(model, inputs, own, kept, chunk=7)
    assert outputs.logits.shape[1] > 0
    assert torch.allclose(losses, whole(model, inputs, own), atol=1e-6)


def test_a_model_that_makes_all_its_logits_is_met_at_the_answers() -> None:
    model = make("Llama")
    own, inputs = use_document_attention(model), batch()
    losses, outputs = document_losses(model, inputs, own, keeps_logits=False, chunk=7)
    assert outputs.logits.shape[1] == 0
    assert torch.allclose(losses, whole(model, inputs, own), atol=1e-6)


@pytest.mark.parametrize("cap", [None, 5.0])
def test_a_model_of_pictures_and_text_has_its_language_models_loss(cap: float | None) -> None:
    """Gemma 3 from 4B on, and MedGemma, wrap the language model with one for pictures. The wrapper does not cap the
    logits, whatever the language model's configuration says: what it does counts."""
    torch.manual_seed(0)
    text = {**SHAPE, **FAMILIES["Gemma3"], "final_logit_softcapping": cap}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 28, "patch_size": 14}
    config: Any = transformers.Gemma3Config
    shape = config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    model: Any = transformers.Gemma3ForConditionalGeneration(shape).train()
    inputs = batch()
    losses, outputs = document_losses(model, inputs, by_documents=False, chunk=7)
    assert (outputs.logits.shape[1] == 0) == (cap is None)
    assert torch.allclose(losses, whole(model, inputs, own=False), atol=1e-5)


def test_weights_spread_over_two_processes(tmp_path: Path) -> None:
    """FSDP2 over gloo, tied and untied; the program says how the parts are laid."""
    told = [line.split() for line in sharded_losses(tmp_path).splitlines()]
    assert [len(far) for far in told] == [2, 2]
    assert max(float(far) for both_ways in told for far in both_ways) < ROUNDING
