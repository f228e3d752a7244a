"""The data plan of a stage: which examples are seen in which order, in which packs. Made once, before the first step.

The plan is a pure function of the examples, the mixture and the seed. That is what makes a run that was killed and
continued equal to one that was not: the position in the plan is the step number, nothing else has to be remembered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afya.errors import ConfigError, DataError
from afya.training.examples.build import Example
from afya.training.packs.layout import document_layout
from afya.training.packs.mixture import draw_balanced, language_shares
from afya.training.packs.packing import best_fit
from afya.training.recipe import StageRecipe

if TYPE_CHECKING:
    import torch

# Steps whose examples are packed together. More fills packs better; fewer keeps the order of drawing closer.
_WINDOW_STEPS = 16
# A pack less full than this at a window's end is taken apart again and its examples go into the next window.
_FIRM = 0.95
# What stands before a language's code where its examples are rehearsal.
_AGAIN = "again:"


@dataclass(frozen=True)
class DataPlan:
    """The packs of a stage in order. `packs[step * packs_in_step : ...]` are those of one optimiser step."""

    examples: tuple[Example, ...]
    packs: tuple[tuple[int, ...], ...]
    langs: tuple[str, ...]
    shares: Mapping[str, float]
    available: Mapping[str, int]
    pack_tokens: int
    packs_in_step: int

    @property
    def steps(self) -> int:
        """Optimiser steps."""
        return len(self.packs) // self.packs_in_step

    @property
    def fill(self) -> float:
        """The share of the packs' room that holds tokens, 0 to 1."""
        return sum(self.tokens().values()) / (len(self.packs) * self.pack_tokens)

    def tokens(self) -> dict[str, int]:
        """Tokens of all packs by language."""
        counts: Counter[str] = Counter()
        for pack in self.packs:
            for number in pack:
                counts[self.examples[number].lang] += len(self.examples[number].tokens)
        return {code: counts[code] for code in self.langs}

    def rehearsed(self) -> float:
        """The share of the tokens that keep up what the model knew, 0 to 1."""
        sizes = [(len(self.examples[number].tokens), number) for pack in self.packs for number in pack]
        again = sum(size for size, number in sizes if self.examples[number].rehearsal)
        return again / max(sum(size for size, _ in sizes), 1)

    def repeats(self) -> dict[str, float]:
        """How often each language's examples are seen, on average."""
        return {code: tokens / self.available[code] for code, tokens in self.tokens().items()}


def make_plan(
    examples: Sequence[Example],
    langs: Sequence[str],
    stage: StageRecipe,
    seed: Sequence[int],
    *,
    lost: Iterable[tuple[str, str]] = (),
) -> DataPlan:
    """The data plan of a stage.

    `shares` of the plan are those of all its tokens: the mixture's, less what rehearsal takes, and rehearsal's own.

    Args:
        lost: (language, reason) of each item that gave no example, for the error that names an empty language.

    Raises:
        ConfigError: a language has no examples, the mixture cannot be met, or rehearsal has nothing to rehearse.
        DataError: nothing is learned from an example.
    """
    import numpy as np

    for example in examples:
        if not example.learned.any():
            raise DataError(f"{example.item_id}: nothing of this example is learned, so its pack may have no labels.")
    tokens = dict.fromkeys(langs, 0) | _tokens(examples, rehearsal=False)
    _refuse_empty(stage, tokens, lost)
    rule = stage.mixture
    try:
        shares = language_shares(tokens, temperature=rule.temperature, weights=rule.weights, floor=rule.floor)
    except ConfigError as error:
        raise ConfigError(f"Stage '{stage.name}', mixture: {error.message}", hint=error.hint) from None
    numbers: dict[str, list[int]] = {code: [] for code in langs}
    everyone = list(langs)
    if stage.rehearsal is not None:
        again = _tokens(examples, rehearsal=True)
        if not again:
            raise ConfigError(
                f"Stage '{stage.name}': nothing is left to rehearse, all of the rehearsal items were rejected.",
                hint="Look at the reasons in the stage's ledger, or leave 'rehearsal' out of the recipe.",
            )
        part = stage.rehearsal.share
        shares = {code: (1 - part) * share for code, share in shares.items()}
        shares |= {_AGAIN + code: part * share for code, share in language_shares(again, temperature=1.0).items()}
        numbers |= {_AGAIN + code: [] for code in again}
        everyone += [code for code in again if code not in langs]
    for number, example in enumerate(examples):
        numbers[(_AGAIN if example.rehearsal else "") + example.lang].append(number)
    lengths = {code: [len(examples[number].tokens) for number in mine] for code, mine in numbers.items()}
    in_step = stage.packs_per_step * stage.accumulate
    sizes = [len(example.tokens) for example in examples]

    def packed(budget: int, wanted: int | None) -> list[tuple[int, ...]]:
        drawn = [numbers[code][index] for code, index in draw_balanced(lengths, shares, budget, [*seed, 0])]
        order = np.random.default_rng([*seed, 1])
        return _pack(drawn, sizes, stage.pack_tokens, _WINDOW_STEPS * in_step, wanted, order)

    if stage.length.steps is not None:
        packs = packed(_most(stage.length.steps, stage.pack_tokens * in_step), stage.length.steps * in_step)
    else:
        packs = packed(_budget(stage, sum(tokens.values()), in_step), None)
        if len(packs) % in_step:
            # The last step is filled up with further draws. Leaving its packs out would leave out their examples.
            steps = len(packs) // in_step + 1
            packs = packed(_most(steps, stage.pack_tokens * in_step), steps * in_step)
    available = Counter(tokens) + Counter(_tokens(examples, rehearsal=True))
    whole = {code: shares.get(code, 0.0) + shares.get(_AGAIN + code, 0.0) for code in everyone}
    return DataPlan(tuple(examples), tuple(packs), tuple(everyone), whole, available, stage.pack_tokens, in_step)


def _tokens(examples: Sequence[Example], *, rehearsal: bool) -> dict[str, int]:
    """Tokens by language of the examples that are rehearsal, or of those that are not."""
    counts: Counter[str] = Counter()
    for example in examples:
        if example.rehearsal == rehearsal:
            counts[example.lang] += len(example.tokens)
    return dict(counts)


def _refuse_empty(stage: StageRecipe, tokens: Mapping[str, int], lost: Iterable[tuple[str, str]]) -> None:
    empty = [code for code in tokens if not tokens[code]]
    if not empty:
        return
    reasons = Counter(reason for code, reason in lost if code in empty)
    counts = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    why = f" Items were rejected there: {counts}." if reasons else ""
    left = [code for code in tokens if code not in empty]
    if not left:
        raise ConfigError(
            f"Stage '{stage.name}' has no training examples.", hint=f"Add data, or leave the stage out.{why}"
        )
    raise ConfigError(
        f"Stage '{stage.name}': no training examples in: {', '.join(empty)}.",
        hint=f"Add data in these languages, or leave them out: --set 'stages.{stage.name}.langs="
        f"[{', '.join(left)}]'.{why}",
    )


def _budget(stage: StageRecipe, available: int, in_step: int) -> int:
    """Tokens to draw for a stage whose length is in tokens or epochs (of its own data); at least a step's."""
    length = stage.length
    part = 1.0 - (stage.rehearsal.share if stage.rehearsal is not None else 0.0)
    wanted = length.tokens if length.tokens is not None else int((length.epochs or 1) * available / part)
    return max(wanted, stage.pack_tokens * in_step)


def _most(steps: int, step_tokens: int) -> int:
    """As many tokens as so many steps could ever need: best fit leaves packs more than half full."""
    return 2 * steps * step_tokens


def _pack(
    drawn: Sequence[int], sizes: Sequence[int], capacity: int, window_packs: int, wanted: int | None, order: Any
) -> list[tuple[int, ...]]:
    """The drawn examples in packs, window by window; `wanted` packs exactly, or as many as there are.

    Packs of a window that are not nearly full are taken apart and their examples go into the next window.
    """
    packs: list[tuple[int, ...]] = []
    waiting: list[int] = []
    place = 0
    while place < len(drawn) or waiting:
        room = window_packs if wanted is None else min(window_packs, wanted - len(packs))
        if room == 0:
            break
        window, size = waiting, sum(sizes[number] for number in waiting)
        while place < len(drawn) and size < room * capacity:
            window.append(drawn[place])
            size += sizes[drawn[place]]
            place += 1
        last = place == len(drawn) or (wanted is not None and room == wanted - len(packs))
        if wanted is not None and last:
            window = _just_enough(window, sizes, capacity, room)
        made = [[window[item] for item in pack] for pack in best_fit([sizes[number] for number in window], capacity)]
        firm = [pack for pack in made if last or sum(sizes[number] for number in pack) >= _FIRM * capacity] or made
        kept = {id(pack) for pack in firm}
        waiting = [number for pack in made if id(pack) not in kept for number in pack]
        # Best fit puts the longest first; without mixing, long and short examples would take turns as a curriculum.
        packs += [tuple(firm[index]) for index in order.permutation(len(firm)).tolist()]
    return packs if wanted is None else packs[:wanted]


def _just_enough(window: list[int], sizes: Sequence[int], capacity: int, room: int) -> list[int]:
    """The longest beginning of the window that fits into `room` packs: dropping whole packs instead would cut into the
    mixture of languages."""
    low, high = 0, len(window)
    while low < high:
        middle = (low + high + 1) // 2
        if len(best_fit([sizes[number] for number in window[:middle]], capacity)) <= room:
            low = middle
        else:
            high = middle - 1
    return window[:low]


class PackDataset:
    """The plan's packs as a map-style dataset for the Trainer: item i is the examples of pack i."""

    def __init__(self, plan: DataPlan) -> None:
        self.plan = plan

    def __len__(self) -> int:
        return len(self.plan.packs)

    def __getitem__(self, index: int) -> list[Example]:
        return [self.plan.examples[number] for number in self.plan.packs[index]]


class PackCollator:
    """Packs -> one row of tokens, documents end to end, without padding.

    The batch holds `input_ids` and `position_ids` (1, tokens), positions starting anew in each document; `kept`
    (answers) the places whose next token is learned; `labels` (answers) those next tokens; `label_langs` (answers) the
    number of each label's language in `langs`; `langs_tokens` (langs) tokens of each language; `documents` the layout
    for attention; `item_ids`.
    """

    def __init__(self, langs: Sequence[str]) -> None:
        self.numbers = {code: number for number, code in enumerate(langs)}

    def __call__(self, packs: Sequence[Sequence[Example]]) -> dict[str, Any]:
        import numpy as np
        import torch

        for pack in packs:
            if not any(row.learned.any() for row in pack):
                told = ", ".join(row.item_id for row in pack)
                raise DataError(f"A pack without a single label is refused; it holds {told or 'no example'}.")
        rows = [example for pack in packs for example in pack]
        lengths = [len(row.tokens) for row in rows]
        tokens = np.concatenate([row.tokens for row in rows])
        learned = np.concatenate([row.learned for row in rows])
        positions = np.concatenate([np.arange(length) for length in lengths])
        langs = np.repeat([self.numbers[row.lang] for row in rows], lengths)
        # A document's first token is never learned, so the place before a learned token is in the same document.
        places = np.flatnonzero(learned)

        def tensor(values: Any) -> torch.Tensor:
            return torch.from_numpy(values.astype(np.int64))

        return {
            "input_ids": tensor(tokens)[None],
            "position_ids": tensor(positions)[None],
            "kept": tensor(places - 1),
            "labels": tensor(tokens[places]),
            "shift_labels": tensor(tokens[places]),
            "label_langs": tensor(langs[places]),
            "langs_tokens": tensor(np.bincount(langs, minlength=len(self.numbers))),
            "documents": document_layout(lengths),
            "item_ids": [row.item_id for row in rows],
        }
