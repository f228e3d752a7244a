"""From a model's outputs to log-probabilities of tokens: the output layer at chosen positions only, sums in fp32.

The logits of a large vocabulary are made a part at a time, and only their log-sum-exp is kept, in fp32. Where weights
are in half precision the logits of the wanted tokens are made again in fp32 from the same weights: rounded to a half's
eight or eleven bits, the logits of two letters are often equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

# A part's logits stay in the processor's cache, or fill a GPU.
_LOGITS_AT_ONCE = {"cpu": 1 << 21, "cuda": 1 << 27}
_SMALLEST_PART = 1024


class OutputLayer:
    """The body of a model apart from its output layer, where they come apart.

    Some models do more between hidden states and logits than multiply: scaling and capping, by their configuration, are
    done here too. The first call compares with the model's own logits; where they differ, or the model has no such
    parts, the model's own logits are used.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._model: Any = model
        self._finish = finish_logits(model.config.get_text_config())
        self._apart: bool | None = None

    def outputs(self, **inputs: Any) -> torch.Tensor:
        """(rows, tokens, width) outputs of the body; (rows, tokens, vocabulary) where it does not come apart."""
        if self._apart is None:
            self._apart = self._comes_apart(inputs["input_ids"])
        inputs.setdefault("use_cache", False)
        if self._apart:
            hidden: torch.Tensor = self._model.base_model(**inputs).last_hidden_state
            return hidden
        logits: torch.Tensor = self._model(**inputs).logits
        return logits

    def logprobs(
        self, outputs: torch.Tensor, places: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """log p(target) in nats at each place: (rows, tokens, width) outputs, flat indices, token ids."""
        import numpy as np
        import torch

        flat = outputs.reshape(-1, outputs.shape[-1])
        wanted, rows = np.unique(places, return_inverse=True)
        hidden = flat[torch.from_numpy(wanted).to(flat.device)]
        at = torch.from_numpy(rows.reshape(-1)).to(flat.device)
        of = torch.from_numpy(targets).to(flat.device)
        picked = self._picked(hidden, at, of) if self._apart else _of_logits(hidden.float(), at, of)
        return picked.double().cpu().numpy()

    def _picked(self, hidden: torch.Tensor, at: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        import torch

        weight, bias = self._head()
        exact = (hidden.float()[at] * weight[of].float()).sum(-1)
        exact = self._finish(exact if bias is None else exact + bias[of].float())
        total = exact.new_full((len(hidden),), -torch.inf)
        step = max(_SMALLEST_PART, _LOGITS_AT_ONCE.get(hidden.device.type, 1 << 24) // len(hidden))
        for low in range(0, len(weight), step):
            part = None if bias is None else bias[low : low + step]
            logits = self._finish(torch.nn.functional.linear(hidden, weight[low : low + step], part).float())
            here = (of >= low) & (of < low + step)
            # A sum over rounded logits and an exact one could make a probability above 1.
            logits[at[here], of[here] - low] = exact[here]
            total = torch.logaddexp(total, logits.logsumexp(-1))
        return exact - total[at]

    def _head(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        head = self._model.get_output_embeddings()
        return head.weight, head.bias

    def _comes_apart(self, ids: torch.Tensor) -> bool:
        import torch

        head, body = self._model.get_output_embeddings(), self._model.base_model
        if type(head) is not torch.nn.Linear or body is self._model:
            return False
        probe = ids[:1, : min(8, ids.shape[1])]
        whole = self._model(input_ids=probe, use_cache=False).logits.float()
        hidden = getattr(body(input_ids=probe, use_cache=False), "last_hidden_state", None)
        if hidden is None or hidden.shape[-1] != head.in_features:
            return False
        parts = self._finish(head(hidden).float())
        # Logits that are no numbers are found again, and reported, when options are scored.
        far = (parts - whole).abs().nan_to_num().max()
        exact = whole.abs().nan_to_num().max().clamp(min=1e-6)
        return bool(far <= (1e-3 if head.weight.dtype == torch.float32 else 1e-2) * exact)


def _of_logits(logits: torch.Tensor, at: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    return logits[at, of] - logits.logsumexp(-1)[at]


def finish_logits(config: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    """What the model does to its logits at last: Gemma caps them, Granite divides, Cohere multiplies."""
    cap = getattr(config, "final_logit_softcapping", None)
    scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)

    def finish(logits: torch.Tensor) -> torch.Tensor:
        if scale != 1.0:
            logits = logits * scale
        return (logits / cap).tanh() * cap if cap else logits

    return finish
