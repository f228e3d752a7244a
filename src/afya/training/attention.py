"""Attention that stays inside each document of a packed row, without a dense mask.

A packed row holds many documents end to end. A block mask of (tokens, tokens) would compute every pair and throw most
away. Here documents of similar length are gathered into small padded batches and attended causally: a key that only
pads stands behind every real query of its document, so the causal order alone keeps it out and no mask is needed.
Registered with transformers' AttentionInterface, so that any model that follows the interface can use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

NAME = "afya_documents"

# Padded tokens per real token that a batch of documents may cost. Fewer, larger batches against computing padding:
# 1.1 was the fastest of 1.1, 1.25 and 1.5 on a CPU with documents of 70 to 150 tokens.
_PADDING = 1.1


@dataclass(frozen=True)
class DocumentLayout:
    """Where the documents of a row lie, as batches of similar length.

    `gather` (padded tokens) indexes the row's tokens batch by batch; a place that pads repeats its document's last
    token. `restore` (tokens) indexes the padded order and brings the row's order back. `batches` holds each batch's
    (documents, padded length).
    """

    gather: torch.Tensor
    restore: torch.Tensor
    batches: tuple[tuple[int, int], ...]


def document_layout(lengths: Sequence[int]) -> DocumentLayout:
    """The layout of a row that holds documents of these lengths, in this order."""
    import numpy as np
    import torch

    starts = np.concatenate([[0], np.cumsum(lengths)])
    gather: list[Any] = []
    restore = np.empty(int(starts[-1]), dtype=np.int64)
    batches: list[tuple[int, int]] = []
    offset = 0
    for members in _similar(lengths):
        longest = max(lengths[index] for index in members)
        for index in members:
            start, length = int(starts[index]), lengths[index]
            gather.append(start + np.minimum(np.arange(longest), length - 1))
            restore[start : start + length] = offset + np.arange(length)
            offset += longest
        batches.append((len(members), longest))
    return DocumentLayout(torch.from_numpy(np.concatenate(gather)), torch.from_numpy(restore), tuple(batches))


def _similar(lengths: Sequence[int]) -> list[list[int]]:
    """Document numbers grouped so that padding each group to its longest costs little."""
    groups: list[list[int]] = []
    total = 0
    for index in sorted(range(len(lengths)), key=lambda index: (lengths[index], index)):
        padded = lengths[index] * (len(groups[-1]) + 1) if groups else 0
        if not groups or padded > _PADDING * (total + lengths[index]):
            groups.append([])
            total = 0
        groups[-1].append(index)
        total += lengths[index]
    return groups


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
    """Causal attention inside each document.

    Args:
        query: (1, heads, tokens, size), the row's documents end to end.
        key, value: (1, key heads, tokens, size); key heads divide the heads (grouped-query attention).
        documents: the row's layout; None means that every row is one document.

    Returns:
        (1, tokens, heads, size) and None (weights are never materialised).

    Raises:
        ValueError: a sliding window is shorter than a document, or a layout meets more than one row.
    """
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    if documents is None:
        whole = scaled_dot_product_attention(
            query, key, value, dropout_p=dropout, scale=scaling, is_causal=query.shape[2] > 1
        )
        return whole.transpose(1, 2).contiguous(), None
    if query.shape[0] != 1:
        raise ValueError(f"A document layout describes one row, {query.shape[0]} rows were given.")
    if sliding_window is not None and max(length for _, length in documents.batches) > sliding_window:
        raise ValueError(f"A document is longer than the model's sliding window of {sliding_window} tokens.")
    heads, size = query.shape[1], query.shape[3]
    packed = torch.stack((query[0], key[0], value[0])).transpose(1, 2)  # (3, tokens, heads, size)
    padded = packed.index_select(1, documents.gather)
    outputs = []
    start = 0
    for count, length in documents.batches:
        part = padded.narrow(1, start, count * length)
        start += count * length
        queries, keys, values = part.reshape(3, count, length, heads, size).transpose(2, 3)
        attended = scaled_dot_product_attention(
            queries, keys, values, dropout_p=dropout, scale=scaling, is_causal=length > 1
        )
        outputs.append(attended.transpose(1, 2).reshape(count * length, heads, size))
    return torch.cat(outputs).index_select(0, documents.restore).unsqueeze(0), None


def use_document_attention(model: PreTrainedModel) -> bool:
    """Make `model` attend by documents; False when its architecture cannot.

    Those (models with their own attention code) fall back to transformers' packed position ids: the same result by a
    block mask, slower.
    """
    from transformers import AttentionInterface

    windows = getattr(model.config, "sliding_window", None) if getattr(model.config, "use_sliding_window", True) else 0
    if not getattr(model, "_supports_attention_backend", False) or windows:
        return False
    AttentionInterface.register(NAME, document_attention)
    model.set_attn_implementation(NAME)
    return True
