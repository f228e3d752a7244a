"""Confidence against correctness, and what the order of the options does to a choice.

Confidence is the probability of the chosen option among the item's options: the softmax of their scores, as the model
gave them (sums of log-probabilities). Generated replies have none.

Order: the same item asked with its options in several orders. A model that knows chooses the same option in all; one
that prefers a place does not.

References: `afya.statistics.calibration`; Zheng et al. 2024, "Large Language Models Are Not Robust Multiple Choice
Selectors", arXiv:2309.03882 (standard deviation of recalls over positions); Liu et al. 2023, "MMBench",
arXiv:2307.06281 (right only if right in every rotation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from afya.bench.summary import ALL, KEYS, in_order
from afya.errors import DataError
from afya.statistics import accuracy_interval, calibration, softmax
from afya.statistics.calibration import BINS

if TYPE_CHECKING:
    import polars as pl

_FIGURES = ("ece", "low", "high", "floor", "overconfidence", "brier", "reliability", "resolution", "uncertainty")


def confidences(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (scores `with_replies`) that have option scores and a choice, with `confidence` (0 to 1).

    Raises DataError where a row's choice is not among its option scores.
    """
    import polars as pl

    usable = pl.col("option_logprobs").is_not_null() & pl.col("chosen").list.len().eq(1)
    held = rows.filter(usable & (pl.col("outcome") != "error"))
    found = []
    for item, scores, chosen in held.select("item_id", "option_logprobs", pl.col("chosen").list.first()).rows():
        if not 0 <= chosen < len(scores):
            raise DataError(f"Item '{item}': option {chosen} was chosen of {len(scores)} that were scored.")
        found.append(float(softmax(scores)[chosen]))
    return held.with_columns(pl.Series("confidence", found, dtype=pl.Float64))


def calibrate(
    rows: pl.DataFrame, *, bins: int = BINS, level: float = 0.95, replicates: int = 2000, seed: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calibration of each label, model, setting, task and language, and over all languages.

    `rows` has the keys, lang, group_id, outcome, and confidence (from `confidences`).

    Returns two tables: (keys, lang, n, groups, ece, low, high, floor, overconfidence, brier, reliability, resolution,
    uncertainty; see `Calibration`) and the bins for a plot (keys, lang, bin, confidence, correct, n).
    """
    import polars as pl

    both = pl.concat([rows, rows.with_columns(lang=pl.lit(ALL))]).with_columns(group=pl.col("group_id").rank("dense"))
    made, points = [], []
    for key, part in both.group_by(*KEYS, "lang", maintain_order=True):
        found = calibration(
            part["confidence"].to_numpy(),
            (part["outcome"] == "correct").to_numpy(),
            part["group"].to_numpy(),
            bins=bins,
            level=level,
            replicates=replicates,
            seed=seed,
        )
        made.append((*key, found.n, found.clusters, *(getattr(found, name) for name in _FIGURES)))
        points += [(*key, place, row[0], row[1], int(row[2])) for place, row in enumerate(found.bins.tolist())]
    keys: dict[str, pl.DataType] = {name: pl.String() for name in (*KEYS, "lang")}
    figures = {"n": pl.Int64(), "groups": pl.Int64()} | {name: pl.Float64() for name in _FIGURES}
    drawn = {"bin": pl.Int64(), "confidence": pl.Float64(), "correct": pl.Float64(), "n": pl.Int64()}
    table = in_order(pl.DataFrame(made, schema={**keys, **figures}, orient="row"))
    return table, in_order(pl.DataFrame(points, schema={**keys, **drawn}, orient="row"))


def order_sensitivity(rows: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """What the order of the options does, for each label, model, setting, task and language, and over all languages.

    Args:
        rows: one for each item and order: the keys, lang, item_id, group_id, order (text or number), chosen_option
            (index in the item's own order), chosen_place and answer_place (index as shown). No choice is null.

    Columns: the keys, lang, items (with two or more orders), consistent (share with the same choice in every order) and
    its _low and _high, accuracy (mean over orders), right_in_all (share right in every order) with _low and _high,
    spread (best order's accuracy less the worst's), place_bias (standard deviation, over the places of the right
    answer, of the share chosen when it stood there; near 0 for a model without a favourite place).

    Raises DataError for an item whose right answer is missing a place.
    """
    import polars as pl

    lost = rows.filter(pl.col("answer_place").is_null())
    if lost.height:
        raise DataError(f"Item '{lost['item_id'][0]}': no place of the right answer.")
    keys = [*KEYS, "lang"]
    counted = rows.with_columns(
        correct=(pl.col("chosen_place") == pl.col("answer_place")).fill_null(False),
        orders=pl.col("order").n_unique().over(*keys, "item_id"),
    ).filter(pl.col("orders") >= 2)
    both = pl.concat([counted, counted.with_columns(lang=pl.lit(ALL))])
    both = both.with_columns(group=pl.col("group_id").rank("dense"))
    made = []
    for key, part in both.group_by(keys, maintain_order=True):
        items = part.group_by("item_id", maintain_order=True).agg(
            pl.col("group").first(),
            # A reply without a choice agrees with none.
            same=(pl.col("chosen_option").n_unique() == 1) & pl.col("chosen_option").is_not_null().all(),
            all_right=pl.col("correct").all(),
        )
        groups = items["group"].to_numpy()
        same = accuracy_interval(items["same"].to_numpy(), groups, level)
        always = accuracy_interval(items["all_right"].to_numpy(), groups, level)
        by_order = part.group_by("order").agg(pl.col("correct").mean())["correct"].to_numpy()
        recalls = part.group_by("answer_place").agg(pl.col("correct").mean())["correct"].to_numpy()
        cells = [same.value, same.low, same.high, float(np.mean(part["correct"].to_numpy()))]
        cells += [always.value, always.low, always.high, float(np.ptp(by_order)), float(np.std(recalls))]
        made.append((*key, items.height, *cells))
    names = ["consistent", "consistent_low", "consistent_high", "accuracy"]
    names += ["right_in_all", "right_in_all_low", "right_in_all_high", "spread", "place_bias"]
    schema: dict[str, pl.DataType] = {name: pl.String() for name in keys}
    schema |= {"items": pl.Int64()} | {name: pl.Float64() for name in names}
    return in_order(pl.DataFrame(made, schema=schema, orient="row"))
