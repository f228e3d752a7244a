"""A pair as tokens: the encoder is given exactly what the engines give it, the decoder learns the translation.

The decoder's tokens are its start, the target language's token where the family forces one, the translation and the
end. Start and language are given when the model is used, so they are not learned; the translation and its end are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from afya.errors import DataError
from afya.runs import Rejection
from afya.training.examples.build import Example
from afya.training.translating.model import Translating
from afya.training.translating.pairs import PairRow
from afya.training.translating.recipe import languages_of

# Rows whose texts are held and tokenised together.
_CHUNK = 2_000
# A source may hold a name or sign that the model does not know; a text that it cannot read teaches it nothing.
_MOST_UNKNOWN = 0.5


@dataclass(frozen=True, slots=True)
class PairExample(Example):
    """The encoder's tokens and the decoder's, end to end; the first `encoder` of them are the encoder's. `lang` is
    the pair, such as en-sw."""

    encoder: int = 0


@dataclass
class PairsBuilt:
    """rows in == len(examples) + len(rejections)."""

    examples: list[PairExample] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)


def build_pairs(rows: Sequence[PairRow], model: Translating, longest: int, stage: str) -> PairsBuilt:
    """The rows' examples: each gives one, or one rejection (too_long, unknown_pieces).

    Args:
        longest: tokens that either side may have, with its control tokens.

    Raises:
        DataError: the model has no token for a language.
    """
    built = PairsBuilt()
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        sources = model.pieces.encode([row.text for row in chunk])
        targets = model.pieces.encode_targets([row.translation for row in chunk])
        for row, source, target in zip(chunk, sources, targets, strict=True):
            fault = _unknown(source, target, model.pieces.unk)
            if fault is None:
                example = _example(row, source, target, model)
                decoder = len(example.tokens) - example.encoder
                # What is put into the decoder is one shorter than what stands there.
                if max(example.encoder, decoder - 1) <= longest:
                    built.examples.append(example)
                    continue
                fault = "too_long", f"{example.encoder} and {decoder - 1} tokens, {longest} are taken"
            built.rejections.append(Rejection(stage, row.row_id, *fault))
    return built


def _unknown(source: Sequence[str], target: Sequence[str], unk: str) -> tuple[str, str] | None:
    if unk in target:
        return "unknown_pieces", f"{target.count(unk)} of {len(target)} pieces of the translation cannot be written"
    if source.count(unk) > _MOST_UNKNOWN * len(source):
        return "unknown_pieces", f"{source.count(unk)} of {len(source)} pieces of the source cannot be read"
    return None


def _example(row: PairRow, source: Sequence[str], target: Sequence[str], model: Translating) -> PairExample:
    import numpy as np

    one, other = languages_of(row.pair)
    layout, numbers = model.layout, model.pieces.vocabulary
    if (one, other) not in layout.pairs:
        raise DataError(f"{row.row_id}: the model does not translate {row.pair}.")
    encoder = [numbers[token] for token in layout.source(source, one, other)]
    given = [model.start, *(numbers[token] for token in layout.prefix(other))]
    learned = [*(numbers[token] for token in target), numbers[model.pieces.eos]]
    return PairExample(
        item_id=row.row_id,
        lang=row.pair,
        tokens=np.asarray([*encoder, *given, *learned], dtype=np.int32),
        learned=np.asarray([False] * (len(encoder) + len(given)) + [True] * len(learned)),
        encoder=len(encoder),
    )
