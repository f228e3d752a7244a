"""The stage trainer for pairs: the same loop, checkpoints and log; other batches, another loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from afya.training.loop.trainer import StageTrainer
from afya.training.translating.examples import PairExample
from afya.training.translating.loss import pair_losses

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class PairCollator:
    """Batches of pairs -> one padded batch.

    It holds `input_ids` and `attention_mask` (pairs, longest source), `decoder_input_ids` (pairs, longest target),
    padded at their ends; `kept` (answers) the places of the flattened decoder whose next token is learned; `labels`
    (answers) those next tokens; `label_langs` (answers) the number of each label's direction in `pairs`;
    `langs_tokens` (pairs) tokens of each direction without padding; `item_ids`.
    """

    def __init__(self, pairs: Sequence[str], pad: int) -> None:
        self.numbers = {pair: number for number, pair in enumerate(pairs)}
        self.pad = pad

    def __call__(self, packs: Sequence[Sequence[PairExample]]) -> dict[str, Any]:
        rows = [example for pack in packs for example in pack]
        sources = [row.tokens[: row.encoder] for row in rows]
        # The last token is only learned, never put in.
        inputs = [row.tokens[row.encoder : -1] for row in rows]
        width = max(len(given) for given in inputs)
        places, labels, langs = [], [], []
        for number, row in enumerate(rows):
            learned = np.flatnonzero(row.learned[row.encoder :])
            places.append(number * width + learned - 1)
            labels.append(row.tokens[row.encoder :][learned])
            langs.append(np.full(len(learned), self.numbers[row.lang]))
        encoder, mask = self._padded(sources)
        decoder, _ = self._padded(inputs)
        counts = np.bincount(
            [self.numbers[row.lang] for row in rows],
            weights=[len(row.tokens) for row in rows],
            minlength=len(self.numbers),
        )
        wanted = _tensor(np.concatenate(labels))
        return {
            "input_ids": encoder,
            "attention_mask": mask,
            "decoder_input_ids": decoder,
            "kept": _tensor(np.concatenate(places)),
            "labels": wanted,
            "shift_labels": wanted,
            "label_langs": _tensor(np.concatenate(langs)),
            "langs_tokens": _tensor(counts),
            "item_ids": [row.item_id for row in rows],
        }

    def _padded(self, rows: Sequence[Any]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(len(row) for row in rows)
        filled = np.full((len(rows), width), self.pad)
        mask = np.zeros((len(rows), width))
        for number, row in enumerate(rows):
            filled[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return _tensor(filled), _tensor(mask)


def _tensor(values: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values).astype(np.int64))


class PairTrainer(StageTrainer):
    """Trains one stage of a translation run.

    Args:
        pad: the number of the padding token.
        hidden_token: a token that the model never writes, see `pair_losses`.
        label_smoothing: how much of each learned token's probability is spread over all tokens. The table shows the
            loss without it, which tells how likely the translation is.
    """

    def __init__(self, *args: Any, pad: int, hidden_token: int | None, label_smoothing: float, **settings: Any) -> None:
        self.pad, self.hidden_token, self.label_smoothing = pad, hidden_token, label_smoothing
        super().__init__(*args, **settings)

    def prepare(self, model: PreTrainedModel) -> None:
        """Pairs are padded, not packed: each attends to itself alone by the model's own masks."""

    def collator(self) -> Callable[[Any], dict[str, Any]]:
        return PairCollator(self.plan.langs, self.pad)

    def losses(self, model: torch.nn.Module, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor, Any]:
        losses, spread, outputs = pair_losses(
            model, inputs, hidden_token=self.hidden_token, chunk=self.recipe.loss_chunk
        )
        share = self.label_smoothing
        return losses, (1 - share) * losses + share * spread, outputs
