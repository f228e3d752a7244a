"""The loss of a packed row: on answers only, their logits made a chunk at a time and never kept.

The logits of a large vocabulary are the largest thing in a training step: 8,192 answers of Qwen3 (151,936 tokens) need
5 GB in fp32, and several times that for the backward pass. Here the output layer is met inside the model's own
forward pass: for a chunk of answers logits, losses and gradients are made at once, and the logits are let go (the
method of Hsu et al. 2024, Liger Kernel). The backward pass finds the gradients ready and needs neither logits nor
weights, which suits weights that are spread over processes (FSDP2) as well.

Measured on a processor: forward and backward pass of 2,048 answers, 151,936 tokens, width 128, bf16. Memory at its
peak is 4,105 MiB above the start when logits are kept, 2,918 with all answers in one chunk, 1,137 in chunks of 512 and
359 in chunks of 128 (78 of them the gradient of the weights), and the time is no longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from afya.models.output_layer import finish_logits

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_PROBE = 8
_separable: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()


def document_losses(
    model: torch.nn.Module,
    inputs: dict[str, Any],
    by_documents: bool = True,
    keeps_logits: bool = True,
    chunk: int = 2048,
) -> tuple[torch.Tensor, Any]:
    """(answers) negative log-probability of each learned token, nats, in fp32; and the model's output.

    The output's logits are empty where the output layer was met; where it cannot be (the model does more to its logits
    than is known here, or has no linear output layer) they are those of the answers, all at once: the same losses.

    Args:
        inputs: a batch as `PackCollator` makes it.
        by_documents: the model's attention takes the layout; otherwise transformers finds the documents by their
            positions and masks between them.
        keeps_logits: the model can compute logits for chosen places only. Answers are a small part of the tokens and
            the vocabulary a large part of the work.
        chunk: answers whose logits are held at a time.
    """
    causal = _causal(model)
    head: Any = getattr(causal, "get_output_embeddings", lambda: None)()
    given = {"input_ids": inputs["input_ids"], "position_ids": inputs["position_ids"], "use_cache": False}
    if by_documents:
        given["documents"] = inputs["documents"]
    if keeps_logits:
        given["logits_to_keep"] = inputs["kept"]
    if causal is None or head is None or not _comes_apart(model, causal, head):
        outputs = model(**given)
        logits = outputs.logits[0] if keeps_logits else outputs.logits[0, inputs["kept"]]
        return torch.nn.functional.cross_entropy(logits.float(), inputs["labels"], reduction="none"), outputs

    def losses(hidden: torch.Tensor) -> torch.Tensor:
        answers = hidden[0] if keeps_logits else hidden[0, inputs["kept"]]
        weights = [weight for weight in head.parameters() if weight.requires_grad]
        finish = finish_logits(causal.config.get_text_config())
        chunked: Any = _ChunkedLosses
        found: torch.Tensor = chunked.apply(head, finish, chunk, inputs["labels"], answers, *weights)
        return found

    with _met_at(causal, head, losses):
        outputs = model(**given)
    return outputs.loss, outputs


@contextmanager
def _met_at(
    causal: PreTrainedModel, head: torch.nn.Module, losses: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[None]:
    """Inside, the model's output layer gets no hidden states and its output's `loss` is what `losses` makes of them.

    It is made while the model runs, and leaves with the output, because FSDP2 gathers weights before a module runs and
    looks for the beginning of the backward pass in what it returns.
    """
    made: list[torch.Tensor] = []

    def take(module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        made.append(losses(args[0]))
        return (args[0][:, :0], *args[1:])

    # PEFT calls the inner model's `forward` itself, past its hooks.
    forward, own = causal.forward, "forward" in vars(causal)

    def answered(*args: Any, **kwargs: Any) -> Any:
        outputs = forward(*args, **kwargs)
        outputs["loss"] = made.pop()
        return outputs

    handle = head.register_forward_pre_hook(take)
    vars(causal)["forward"] = answered
    try:
        yield
    finally:
        handle.remove()
        if own:
            vars(causal)["forward"] = forward
        else:
            del vars(causal)["forward"]


class _ChunkedLosses(torch.autograd.Function):
    """(answers) losses, with the gradients of their sum made at once, chunk by chunk.

    Inputs: the output layer, what the model does to its logits, the chunk, (answers) labels, (answers, width) hidden
    states, and the layer's weights that learn.
    """

    @staticmethod
    def forward(
        ctx: Any,
        head: torch.nn.Module,
        finish: Callable[[torch.Tensor], torch.Tensor],
        chunk: int,
        labels: torch.Tensor,
        hidden: torch.Tensor,
        *weights: torch.Tensor,
    ) -> torch.Tensor:
        kind = hidden.device.type
        ctx.cast = {
            "device_type": kind,
            "dtype": torch.get_autocast_dtype(kind),
            "enabled": torch.is_autocast_enabled(kind),
        }
        ctx.layer = head, finish, chunk
        ctx.save_for_backward(labels, hidden)
        losses, ctx.gradients = _chunks(head, finish, chunk, labels, hidden, weights, None, any(ctx.needs_input_grad))
        return losses

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        same = not any(upstream.stride()) or bool((upstream == upstream[0]).all())
        gradients, ctx.gradients = ctx.gradients, None
        if same and gradients is not None:
            # A sum or a mean: every answer counts alike.
            gradients = [gradient.mul_(upstream[0].to(gradient.dtype)) for gradient in gradients]
        else:
            head, finish, chunk = ctx.layer
            labels, hidden = ctx.saved_tensors
            weights = [weight for weight in head.parameters() if weight.requires_grad]
            with torch.autocast(**ctx.cast):
                _, gradients = _chunks(head, finish, chunk, labels, hidden, weights, upstream, True)
        return (None, None, None, None, *gradients)


def _chunks(
    head: torch.nn.Module,
    finish: Callable[[torch.Tensor], torch.Tensor],
    chunk: int,
    labels: torch.Tensor,
    hidden: torch.Tensor,
    weights: Any,
    upstream: torch.Tensor | None,
    wanted: bool,
) -> tuple[torch.Tensor, list[torch.Tensor] | None]:
    """The losses, and (if `wanted`) the gradients of hidden states and weights for the sum of the losses, or for their
    sum weighted by `upstream`."""
    losses = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
    of_hidden = torch.zeros_like(hidden)
    of_weights: list[torch.Tensor | None] = [None] * len(weights)
    for start in range(0, len(labels), chunk):
        here = slice(start, start + chunk)
        part = hidden[here].detach()
        with torch.set_grad_enabled(wanted):
            # The layer's own forward, not a call: the hooks (one of them is why we are here) have run.
            logits = finish(head.forward(part.requires_grad_(wanted)))
        with torch.no_grad():
            picked = labels[here, None]
            logs = torch.log_softmax(logits, -1, dtype=torch.float32)
            losses[here] = logs.gather(1, picked)[:, 0].neg_()
            if not wanted:
                continue
            slope = logs.exp_().scatter_add_(1, picked, logs.new_full(picked.shape, -1.0))
            if upstream is not None:
                slope *= upstream[here, None]
        gradients = torch.autograd.grad(logits, [part, *weights], slope.to(logits.dtype))
        of_hidden[here] = gradients[0]
        for place, gradient in enumerate(gradients[1:]):
            total = of_weights[place]
            # Sums of many chunks are kept in fp32, whatever the weights are in.
            of_weights[place] = gradient.float() if total is None else total.add_(gradient)
    if not wanted:
        return losses, None
    summed = [
        torch.zeros_like(weight) if total is None else total.to(weight.dtype)
        for weight, total in zip(weights, of_weights, strict=True)
    ]
    return losses, [of_hidden, *summed]


def _causal(model: torch.nn.Module) -> PreTrainedModel | None:
    """The language model inside adapters and wrappers of processes."""
    from transformers import PreTrainedModel

    return next((module for module in model.modules() if isinstance(module, PreTrainedModel)), None)


def _comes_apart(model: torch.nn.Module, causal: PreTrainedModel, head: torch.nn.Module) -> bool:
    """Whether the model's logits are what is known here of its output layer's outputs; found out once, by trying.

    Every process comes to the same answer, since all try the same tokens.
    """
    if head not in _separable:
        _separable[head] = _is_linear(head) and _logits_agree(model, causal, head)
    return _separable[head]


def _is_linear(head: torch.nn.Module) -> bool:
    """A linear layer, or adapters around one, without dropout."""
    random = any(isinstance(part, torch.nn.Dropout) and part.p > 0 for part in head.modules())
    return not random and any(isinstance(part, torch.nn.Linear) for part in head.modules())


def _logits_agree(model: torch.nn.Module, causal: PreTrainedModel, head: torch.nn.Module) -> bool:
    config = causal.config.get_text_config()
    finish = finish_logits(config)
    parts: list[torch.Tensor] = []

    def take(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if len(args) == 1 and not kwargs and args[0].ndim == 3:
            parts.append(finish(module.forward(args[0])).float())

    device = next(head.parameters()).device
    tokens = torch.arange(_PROBE, device=device)[None]
    handle = head.register_forward_pre_hook(take, with_kwargs=True)
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.train(False)
        with torch.no_grad():
            outputs = model(input_ids=tokens % config.vocab_size, position_ids=tokens, use_cache=False)
    finally:
        handle.remove()
        for module, training in modes:
            module.training = training
        # Weights that autocast cast while no gradients were wanted would stay without them.
        torch.clear_autocast_cache()
    whole = outputs.logits.float()
    if len(parts) != 1 or parts[0].shape != whole.shape:
        return False
    # Logits that are no numbers are found again in the loss.
    far = (parts[0] - whole).abs().nan_to_num().max()
    size = whole.abs().nan_to_num().max().clamp(min=1e-6)
    exact = outputs.logits.dtype == torch.float32 and not torch.is_autocast_enabled(device.type)
    return bool(far <= (1e-4 if exact else 2e-2) * size)
