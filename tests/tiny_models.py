"""Real but tiny models for tests: random weights, a tokenizer trained on a few lines, in the Hugging Face layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

LINES = [
    "Answer: A child has fever and cough for three days. Give water, salt and sugar.",
    "Jibu: Mtoto ana homa na kikohozi kwa siku tatu. Mpe maji, chumvi na sukari.",
    "Question: How many breaths in one minute is fast breathing? Options: A. 30 B. 40 C. 50 D. 60",
]
CHAT = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def make_tokenizer(*, chat: bool) -> Any:
    """A byte-level BPE tokenizer of 400 pieces; with `chat` a template that ends turns with <|end|>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<|start|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(_lines(), trainer)
    wrap: Any = PreTrainedTokenizerFast
    tokenizer = wrap(tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    if chat:
        tokenizer.chat_template = CHAT
    return tokenizer


def _lines() -> Iterator[str]:
    yield from LINES


def make_model(folder: Path, kind: str = "llama", *, chat: bool = False, context: int = 256, seed: int = 0) -> Path:
    """Write a random model of two layers to `folder`. `kind`: llama, qwen3, mistral (sliding window) or gemma3."""
    import torch
    from transformers import (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        LlamaConfig,
        LlamaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    tokenizer = make_tokenizer(chat=chat)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": context,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        # Random weights of the usual size give near-uniform outputs, which would hide differences.
        "initializer_range": 0.4,
    }
    torch.manual_seed(seed)
    made: dict[str, Any] = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**shape)),
        "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**shape)),
        "mistral": lambda: MistralForCausalLM(MistralConfig(**shape, sliding_window=16)),
        "gemma3": lambda: Gemma3ForCausalLM(
            Gemma3TextConfig(**shape, sliding_window=16, query_pre_attn_scalar=8, final_logit_softcapping=5.0)
        ),
    }
    model = made[kind]()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
