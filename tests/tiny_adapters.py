"""Adapters for the tiny models, with weights that matter; and a tiny model that also reads images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiny_models import make_model, make_tokenizer

TARGETS = ("q_proj", "v_proj", "down_proj")


def make_adapters(base: Path, folder: Path, *, rank: int = 4, seed: int = 1, targets: Sequence[str] = TARGETS) -> Path:
    """LoRA adapters in `folder` for the model in `base`, which is made (a Qwen3 with a chat template) if need be."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    if not base.exists():
        make_model(base, "qwen3", chat=True)
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(seed)
    lora = LoraConfig(
        r=rank, lora_alpha=8, target_modules=list(targets), init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(model, lora).save_pretrained(str(folder))
    return folder


def make_gemma_that_sees(folder: Path) -> Path:
    """A random Gemma 3 of the kind that 4B and MedGemma are: text layers, a vision tower, a projector between them."""
    import torch
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    tokenizer = make_tokenizer(chat=True)
    text: dict[str, Any] = {
        "vocab_size": 400,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "sliding_window": 16,
        "max_position_embeddings": 256,
        "initializer_range": 0.4,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    torch.manual_seed(0)
    config: Any = Gemma3Config
    Gemma3ForConditionalGeneration(
        config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=399)
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
