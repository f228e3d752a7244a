"""A Llama in the Hugging Face layout written as one GGUF file, so that llama.cpp's own server can be asked in tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Nothing around the messages: what a model without a chat template is shown.
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "model.layers.": "blk.",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def write_gguf(source: Path, target: Path) -> Path:
    """Write a small Llama with a SentencePiece-like BPE tokenizer (byte fallback) to `target`, in float32."""
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    config = json.loads((source / "config.json").read_text())
    bpe = json.loads((source / "tokenizer.json").read_text())["model"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer: Any = gguf.GGUFWriter(str(target), "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(0)
    pieces = sorted(bpe["vocab"], key=bpe["vocab"].get)
    # SentencePiece joins the pair of the highest score first; the order of the merges says which that is.
    scores = {first + second: -float(rank) for rank, (first, second) in enumerate(bpe["merges"])}
    writer.add_tokenizer_model("llama")
    writer.add_token_list([piece.encode() for piece in pieces])
    writer.add_token_scores([scores.get(piece, -1e4) for piece in pieces])
    writer.add_token_types([_kind(place, piece) for place, piece in enumerate(pieces)])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)
    for name, values in load_file(source / "model.safetensors").items():
        tensor = np.asarray(values, dtype=np.float32)
        if "q_proj" in name or "k_proj" in name:
            # The two halves of a head's rotary pairs stand side by side here, one after the other there.
            count = heads if "q_proj" in name else kv_heads
            tensor = tensor.reshape(count, 2, -1, tensor.shape[1]).swapaxes(1, 2).reshape(tensor.shape)
        for ours, theirs in _NAMES.items():
            name = name.replace(ours, theirs)
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def _kind(place: int, piece: str) -> int:
    """GGUF's kind of token: 2 unknown, 3 control, 6 byte, 1 any other."""
    if place == 0:
        return 2
    if place in (1, 2):
        return 3
    return 6 if piece.startswith("<0x") else 1
