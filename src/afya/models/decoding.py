"""Token by token: greedy or sampled decoding of one left-padded batch with a key-value cache.

Written here rather than taken from the library because each row's draw must not depend on its neighbours, a row that is
done must leave the batch, and logits that are not numbers must be an error and not a token.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from afya.models.base import NOT_NUMBERS, FinishReason, Sampling

if TYPE_CHECKING:
    import torch

    from afya.models.hf import HfModel

Decoded = tuple[str, FinishReason, int, str | None]
"""A reply's text, why it ended, its number of tokens, and an error or None."""


class _Reply:
    """The state of one row."""

    def __init__(self, prompt: list[int], sampling: Sampling) -> None:
        import torch

        self.tokens: list[int] = []
        self.text: str | None = None
        self.reason: FinishReason | None = None
        self.error: str | None = None
        self.generator: torch.Generator | None = None
        if sampling.temperature > 0:
            # Seeded by the prompt itself: the same prompt draws the same reply in any batch.
            digest = hashlib.sha256(f"{sampling.seed}:{prompt}".encode()).digest()
            self.generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def decode_batch(engine: HfModel, prompts: list[list[int]], sampling: Sampling) -> list[Decoded]:
    """Replies to token-id prompts, each of which leaves room for a token in the model's context."""
    import torch

    model: Any = engine.model
    device = model.device
    replies = [_Reply(prompt, sampling) for prompt in prompts]
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.zeros((len(prompts), longest), dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for index, prompt in enumerate(prompts):
        ids[index, longest - len(prompt) :] = torch.tensor(prompt)
        mask[index, longest - len(prompt) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    live = list(range(len(prompts)))
    cache: Any = None
    with torch.inference_mode():
        while live:
            out = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = out.past_key_values
            chosen = _choose(out.logits[:, -1].float(), [replies[index] for index in live], sampling)
            for index, token in zip(live, chosen, strict=True):
                _take(engine, replies[index], token, len(prompts[index]), sampling)
            kept = [row for row, index in enumerate(live) if replies[index].reason is None]
            if not kept:
                break
            ids = torch.tensor([[token or 0] for token in chosen], device=device)
            mask = torch.cat([mask, mask.new_ones((len(live), 1))], dim=-1)
            positions = positions[:, -1:] + 1
            # Copying the cache costs about a step, so rows that are done leave it a quarter at a time.
            if len(kept) <= len(live) * 3 // 4 and hasattr(cache, "batch_select_indices"):
                rows = torch.tensor(kept, device=device)
                cache.batch_select_indices(rows)
                ids, mask, positions = ids[rows], mask[rows], positions[rows]
                live = [live[row] for row in kept]
    return [_finished(engine, reply) for reply in replies]


def _choose(logits: torch.Tensor, replies: list[_Reply], sampling: Sampling) -> list[int | None]:
    """The next token of each row of (rows, vocabulary) logits; None where they are not numbers."""
    import torch

    # A mask of minus infinity on some tokens is a model's right; anything else that is not a number is a fault.
    sound = (~(logits.isnan() | logits.eq(float("inf"))).any(-1) & logits.isfinite().any(-1)).tolist()
    if sampling.temperature <= 0:
        greedy: list[int] = logits.nan_to_num().argmax(-1).tolist()
        return [token if good else None for token, good in zip(greedy, sound, strict=True)]
    probabilities = torch.softmax(logits.double().cpu() / sampling.temperature, dim=-1)
    drawn: list[int | None] = []
    for row, good, reply in zip(probabilities, sound, replies, strict=True):
        drawn.append(_draw(row, sampling.top_p, reply.generator) if good else None)
    return drawn


def _draw(probabilities: torch.Tensor, top_p: float, generator: torch.Generator | None) -> int:
    """A token from the smallest set of most probable tokens that holds `top_p` of the probability."""
    import torch

    values, order = probabilities.sort(descending=True, stable=True)
    if top_p < 1.0:
        before = values.cumsum(-1) - values
        values = torch.where(before < top_p, values, torch.zeros_like(values))
    return int(order[torch.multinomial(values, 1, generator=generator)])


def _take(engine: HfModel, reply: _Reply, token: int | None, prompt_tokens: int, sampling: Sampling) -> None:
    if reply.reason is not None:
        return
    if token is None:
        reply.reason, reply.error = "error", NOT_NUMBERS
        return
    reply.tokens.append(token)
    if token in engine.end_ids:
        reply.reason = "stop"
        return
    if sampling.stop and _near_stop(engine, reply.tokens, sampling.stop):
        text = _text(engine, reply.tokens)
        cuts = [place for place in (text.find(stop) for stop in sampling.stop) if place >= 0]
        if cuts:
            reply.text, reply.reason = text[: min(cuts)], "stop"
            return
    if len(reply.tokens) >= sampling.max_tokens or prompt_tokens + len(reply.tokens) >= engine.context:
        reply.reason = "length"


def _near_stop(engine: HfModel, tokens: list[int], stop: tuple[str, ...]) -> bool:
    """Whether the reply's end holds a stop text. Only the end is decoded: the whole would cost its length squared."""
    window = max(len(text.encode()) for text in stop) + 8
    tail = _text(engine, tokens[-window:])
    return any(text in tail for text in stop)


def _text(engine: HfModel, tokens: list[int]) -> str:
    return str(engine.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _finished(engine: HfModel, reply: _Reply) -> Decoded:
    text = reply.text
    if text is None:
        text = "" if reply.error else _text(engine, reply.tokens)
    return text, reply.reason or "length", len(reply.tokens), reply.error
