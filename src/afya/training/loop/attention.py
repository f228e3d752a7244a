"""Attention that stays inside each document of a packed row, without a dense mask.

A packed row holds many documents end to end. A block mask of (tokens, tokens) would compute every pair and throw most
away. Here every document is attended causally by itself: on a GPU all in one call of flash attention for uneven
lengths, on a processor one after another, as views of the row that nothing copies or pads. Registered with
transformers' AttentionInterface, so that any model that follows the interface can use it.

On a processor the sums are in fp32, whatever the layers compute in: its kernel is faster so (rows of 2,000 tokens in
documents of 30, 110 and 130 tokens, forward and backward: 19, 28 and 46 ms, against 94, 86 and 88 in bf16 with
documents gathered into padded batches).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError
from afya.training.packs.layout import DocumentLayout, document_layout

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

NAME = "afya_documents"

# What some layers want of their attention and sdpa cannot give: capped scores, sinks.
_NOT_COMPUTED = ("softcap", "s_aux")


def document_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    documents: DocumentLayout | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention inside each document, and inside the layer's sliding window where it has one.

    Args:
        query: (1, heads, tokens, size), the row's documents end to end.
        key, value: (1, key heads, tokens, size); key heads divide the heads (grouped-query attention).
        attention_mask: what `_padding_mask` made; only without `documents`, when a model in training is asked.
        documents: the row's layout; None means that every row is one document.

    Returns:
        (1, tokens, heads, size) and None (weights are never materialised).

    Raises:
        ValueError: a layout meets more than one row, or the layer wants something that is not computed here.
    """
    from torch.nn.functional import scaled_dot_product_attention

    for name in _NOT_COMPUTED:
        if kwargs.get(name) is not None:
            raise ValueError(f"Attention by documents does not compute '{name}', which {type(module).__name__} wants.")
    if documents is not None:
        if query.shape[0] != 1:
            raise ValueError(f"A document layout describes one row, {query.shape[0]} rows were given.")
        at_once = query.device.type == "cuda" and _flash_fits(query, value, dropout)
        attend = _all_at_once if at_once else _one_by_one
        return attend(query, key, value, documents, dropout, scaling, sliding_window), None
    key, value = _repeated(key, query), _repeated(value, query)
    if attention_mask is None:
        attention_mask = _window_mask(query.shape[2], key.shape[2], sliding_window, query.device)
    causal = attention_mask is None and query.shape[2] > 1
    whole = scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling, is_causal=causal
    )
    return whole.transpose(1, 2).contiguous(), None


def _one_by_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    documents: DocumentLayout,
    dropout: float,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """(1, tokens, heads, size) in the values' type, a call a document."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    kind, device = value.dtype, query.device
    processor = device.type == "cpu"
    query, key, value = (part.to(torch.float32 if processor else kind) for part in (query, key, value))
    # The processor's kernel, and not every other, lets several query heads share a key head without copies.
    shared = processor and query.shape[1] != key.shape[1]
    if not shared:
        key, value = _repeated(key, query), _repeated(value, query)
    rows = zip(*(torch.split(part, list(documents.lengths), dim=2) for part in (query, key, value)), strict=True)
    outputs = []
    with torch.autocast(device.type, enabled=False):
        for length, (queries, keys, values) in zip(documents.lengths, rows, strict=True):
            mask = _window_mask(length, length, window, device)
            attended = scaled_dot_product_attention(
                queries,
                keys,
                values,
                attn_mask=mask,
                dropout_p=dropout,
                scale=scaling,
                is_causal=mask is None and length > 1,
                enable_gqa=shared,
            )
            outputs.append(attended.transpose(1, 2))
    return torch.cat(outputs, dim=1).to(kind)


def _flash_fits(query: torch.Tensor, value: torch.Tensor, dropout: float) -> bool:
    """Flash attention wants half precision, heads of at most 256, no dropout, and a GPU since Ampere."""
    import torch

    halves = value.dtype in (torch.bfloat16, torch.float16)
    return halves and not dropout and query.shape[3] <= 256 and torch.cuda.get_device_capability(query.device) >= (8, 0)


def _all_at_once(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    documents: DocumentLayout,
    dropout: float,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """(1, tokens, heads, size), one call of flash attention for documents of uneven length."""
    del dropout  # `_flash_fits` let none through
    from torch.nn.attention.varlen import varlen_attn

    if documents.bounds.device != query.device:
        documents = documents.to(query.device)
    queries, keys, values = (part[0].transpose(0, 1).to(value.dtype) for part in (query, key, value))
    longest = max(documents.lengths)
    flash: Any = varlen_attn
    attended: torch.Tensor = flash(
        queries,
        keys,
        values,
        documents.bounds,
        documents.bounds,
        longest,
        longest,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return attended.unsqueeze(0)


def _repeated(part: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """Keys or values, each head as often as query heads share it."""
    groups = query.shape[1] // part.shape[1]
    return part if groups == 1 else part.repeat_interleave(groups, dim=1)


def _window_mask(queries: int, keys: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """(queries, keys) the keys each query may see, the last query being the last key; None where plain causal order
    says the same."""
    import torch

    narrow = window is not None and keys > window
    if not narrow and queries in (1, keys):
        return None
    places = torch.arange(keys, device=device)
    behind = places[keys - queries :, None] - places
    return (behind >= 0) & (behind < (window if window is not None else keys))


def _padding_mask(*, attention_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor | None:
    """The mask of padded rows, for transformers' mask interface. Rows of documents have none and get none."""
    from transformers.masking_utils import sdpa_mask

    return None if attention_mask is None else sdpa_mask(attention_mask=attention_mask, **kwargs)


def use_document_attention(model: PreTrainedModel) -> bool:
    """Make `model` attend by documents; False when its architecture cannot.

    Those (models with their own attention code) fall back to transformers' packed position ids: the same result by a
    block mask, slower.

    Raises:
        ConfigError: layers of the model carry a state from token to token, which would cross from example to example.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    stateful = sorted(kinds - {"full_attention", "sliding_attention", "chunked_attention"})
    if stateful:
        raise ConfigError(
            f"{type(model).__name__} has layers of the kind {', '.join(stateful)}. They carry a state from one packed "
            "example into the next, so that examples would not be learned on their own.",
            hint="Choose a model whose layers all attend.",
        )
    beyond = (
        "chunked_attention" in kinds
        or getattr(config, "attn_logit_softcapping", None) is not None
        or getattr(config, "use_bidirectional_attention", None)
    )
    if beyond or not getattr(model, "_supports_attention_backend", False):
        return False
    AttentionInterface.register(NAME, document_attention)
    AttentionMaskInterface.register(NAME, _padding_mask)
    model.set_attn_implementation(NAME)
    return True


def check_isolation(model: PreTrainedModel, by_documents: bool) -> None:
    """Prove on the model itself that a packed example is not changed by the one before it.

    Two rows of 12 + 12 tokens that differ in their first example only: the second's logits must be equal up to
    rounding (1e-3 of their spread in fp32, 5e-2 in bf16).

    Raises:
        ConfigError: they are not.
    """
    import torch

    size, length = int(model.config.get_text_config().vocab_size), 12
    drawn = torch.Generator().manual_seed(0)
    first, other, second = (torch.randint(size, (length,), generator=drawn) for _ in range(3))
    layout = document_layout([length, length]).to(model.device)
    extra: dict[str, Any] = {"documents": layout} if by_documents else {}
    places = torch.arange(length).repeat(2)[None].to(model.device)
    training = model.training
    model.train(False)
    with torch.no_grad():
        seen = [
            model(
                input_ids=torch.cat([before, second])[None].to(model.device),
                position_ids=places,
                use_cache=False,
                **extra,
            )
            .logits[0, length:]
            .float()
            for before in (first, other)
        ]
    model.train(training)
    apart = float((seen[0] - seen[1]).abs().max() / seen[0].std())
    # A comparison with NaN is False: it must not pass.
    if not apart <= (1e-3 if model.dtype == torch.float32 else 5e-2):
        raise ConfigError(
            f"In {type(model).__name__} a packed example is changed by the one before it (its logits by {apart:.2g} of "
            "their spread).",
            hint="Choose another architecture: Llama, Qwen3, Gemma 3 and Mistral keep packed examples apart.",
        )
