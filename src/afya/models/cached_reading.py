"""Reading options behind a key-value cache: for models that take no block mask but keep a plain cache.

A batch goes through the model twice. First the prompts, padded on the right; the output at each prompt's end predicts
every option's first token. Then the options' own tokens but the last, each behind a copy of its prompt's cache; options
that begin alike share what they read, so single letters need no second pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from afya.models.output_layer import OutputLayer
from afya.models.prefix_trees import Query

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_Read = tuple[int, tuple[int, ...]]
"""A query's index, and what one or more of its options are read as: all but their last token."""


def takes_cache(model: Any, window: int) -> bool:
    """Whether a model may be tried. In a batch pads lie between a prompt and its options, and a window counts them."""
    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    return not window and kinds <= {"full_attention", "sliding_attention"}


def read_cached(
    queries: Sequence[Query], model: Any, layer: OutputLayer, budget: int
) -> list[list[NDArray[np.float64]]]:
    """Log-probabilities (nats) by query and option, one a token."""
    import numpy as np
    import torch
    from transformers import DynamicCache

    device = model.device
    width = max(len(query.prompt) for query in queries)
    reads = list(
        dict.fromkeys(
            (index, tuple(option[:-1]))
            for index, query in enumerate(queries)
            for option in query.options
            if len(option) > 1
        )
    )
    # A cache of plain layers, whatever the model would choose: it can be copied row by row.
    cache: Any = DynamicCache() if reads else None
    told = {"past_key_values": cache, "use_cache": True} if reads else {}
    outputs = layer.outputs(input_ids=_padded([query.prompt for query in queries], device), **told)
    found = [[np.empty(len(option)) for option in query.options] for query in queries]
    ends = [index * width + len(query.prompt) - 1 for index, query in enumerate(queries) for _ in query.options]
    firsts = layer.logprobs(
        outputs, np.asarray(ends), np.asarray([option[0] for query in queries for option in query.options])
    )
    for option, first in zip((option for row in found for option in row), firsts, strict=True):
        option[0] = first
    # Of like length together, so that padding stays small.
    reads.sort(key=lambda read: (-len(read[1]), read))
    step = max(1, 2 * budget // (width + len(reads[0][1]))) if reads else 1
    for low in range(0, len(reads), step):
        part = reads[low : low + step]
        rows = torch.tensor([index for index, _ in part], device=device)
        copied = DynamicCache(
            [(kept.keys.index_select(0, rows), kept.values.index_select(0, rows)) for kept in cache.layers]
        )
        _continue(queries, part, copied, width, layer, found, device)
    return found


def _continue(
    queries: Sequence[Query],
    reads: list[_Read],
    cache: Any,
    width: int,
    layer: OutputLayer,
    found: list[list[NDArray[np.float64]]],
    device: torch.device,
) -> None:
    """Read what options begin with behind their prompts, and fill in all but the first token of each option."""
    import numpy as np
    import torch

    ids = _padded([tokens for _, tokens in reads], device)
    length = ids.shape[1]
    starts = torch.tensor([len(queries[index].prompt) for index, _ in reads], device=device)
    steps = torch.arange(length, device=device)
    seen = torch.arange(width, device=device)[None] < starts[:, None]
    own = steps[None] < torch.tensor([len(tokens) for _, tokens in reads], device=device)[:, None]
    outputs = layer.outputs(
        input_ids=ids,
        attention_mask=torch.cat([seen, own], dim=1).long(),
        position_ids=starts[:, None] + steps[None],
        past_key_values=cache,
        use_cache=True,
    )
    places: list[int] = []
    targets: list[int] = []
    filled: list[NDArray[np.float64]] = []
    row_of = {read: row for row, read in enumerate(reads)}
    for index, query in enumerate(queries):
        for option, values in zip(query.options, found[index], strict=True):
            row = row_of.get((index, tuple(option[:-1])))
            if row is not None:
                places += range(row * length, row * length + len(option) - 1)
                targets += option[1:]
                filled.append(values)
    picked = iter(layer.logprobs(outputs, np.asarray(places), np.asarray(targets)))
    for values in filled:
        values[1:] = [next(picked) for _ in values[1:]]


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    import numpy as np
    import torch

    table = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    for index, row in enumerate(rows):
        table[index, : len(row)] = row
    return torch.from_numpy(table).to(device)
