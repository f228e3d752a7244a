"""The loss of a batch of pairs: on the translation and its end only, logits a few tokens at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from afya.training.loop.sharding import inner_model


def pair_losses(
    model: torch.nn.Module, inputs: dict[str, Any], *, hidden_token: int | None = None, chunk: int = 2_048
) -> tuple[torch.Tensor, torch.Tensor, Any]:
    """(answers) negative log-probability of each learned token, (answers) the mean of it over all tokens of the
    vocabulary, both nats in fp32; and the model's output, whose logits mean nothing.

    The vocabulary is most of a small translation model: NLLB's has 256,000 tokens. The output layer is therefore asked
    for learned tokens only, `chunk` of them at a time, and again in the backward pass.

    Args:
        inputs: a batch as `PairCollator` makes it.
        hidden_token: a token that the model never writes (Marian's padding): out of the distribution, so that its row
            of weights, which the decoder starts from, is not moved.
    """
    whole: Any = inner_model(model)
    head = whole.get_output_embeddings()
    caught: list[torch.Tensor] = []
    device = inputs["input_ids"].device.type
    mixed: list[tuple[bool, torch.dtype]] = []

    def catch(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        caught.append(args[0])
        mixed.append((torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)))
        return (args[0][:1, :1],)

    handle = head.register_forward_pre_hook(catch)
    try:
        outputs = model(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            decoder_input_ids=inputs["decoder_input_ids"],
            use_cache=False,
        )
    finally:
        handle.remove()
    hidden = caught[0].flatten(0, 1)[inputs["kept"]]
    bias = getattr(whole, "final_logits_bias", None)
    enabled, dtype = mixed[0]

    def measured(part: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(device, dtype=dtype, enabled=enabled):
            logits = head(part)
        logits = logits.float() if bias is None else logits.float() + bias
        if hidden_token is not None:
            away = torch.zeros(logits.shape[-1], dtype=torch.bool, device=logits.device)
            away[hidden_token] = True
            logits = logits.masked_fill(away, float("-inf"))
        total = logits.logsumexp(-1)
        chosen = logits.gather(-1, labels[:, None]).squeeze(-1)
        if hidden_token is not None:
            logits = logits.masked_fill(away, 0.0)
        tokens = logits.shape[-1] - (hidden_token is not None)
        return total - chosen, total - logits.sum(-1) / tokens

    again: Any = checkpoint
    parts = [
        again(measured, part, labels, use_reentrant=False)
        for part, labels in zip(torch.split(hidden, chunk), torch.split(inputs["labels"], chunk), strict=True)
    ]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts]), outputs
