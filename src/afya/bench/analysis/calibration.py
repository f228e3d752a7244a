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

from afya.bench.analysis.clustered import ALL, CELL, cells, coded, moments_in, table_of
from afya.bench.analysis.run_tables import KEYS
from afya.errors import DataError
from afya.statistics import softmax
from afya.statistics.calibration import BINS, calibrations
from afya.statistics.intervals import accuracy_of

if TYPE_CHECKING:
    import polars as pl

_FIGURES = ("ece", "low", "high", "floor", "overconfidence", "brier", "reliability", "resolution", "uncertainty")


def confidences(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (of `run_tables.read_replied`) that have option scores and a choice, with `confidence` (0 to 1).

    Raises DataError where a row's choice is not among its option scores.
    """
    import polars as pl

    usable = pl.col("option_logprobs").is_not_null() & pl.col("chosen").list.len().eq(1)
    held = rows.filter(usable & (pl.col("outcome") != "error"))
    numbered = held.with_row_index("row").with_columns(at=pl.col("chosen").list.first())
    outside = numbered.filter((pl.col("at") < 0) | (pl.col("at") >= pl.col("option_logprobs").list.len()))
    if outside.height:
        item, at, scores = outside.select("item_id", "at", "option_logprobs").row(0)
        raise DataError(f"Item '{item}': option {at} was chosen of {len(scores)} that were scored.")
    sure = np.empty(held.height)
    # Items with as many options make a table of their scores.
    for (options,), part in numbered.group_by(pl.col("option_logprobs").list.len()):
        table = part["option_logprobs"].explode().to_numpy().reshape(-1, int(str(options)))
        shares = softmax(table)
        sure[part["row"].to_numpy()] = shares[np.arange(len(shares)), part["at"].to_numpy()]
    return held.with_columns(pl.Series("confidence", sure, dtype=pl.Float64))


def calibrate(
    rows: pl.DataFrame, *, bins: int = BINS, level: float = 0.95, replicates: int = 2000, seed: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calibration of each label, model, setting, task and language, and over all languages.

    `rows` has the keys, lang, group_id, outcome, and confidence (from `confidences`).

    Returns two tables: (keys, lang, n, groups, ece, low, high, floor, overconfidence, brier, reliability, resolution,
    uncertainty; see `Calibration`) and the bins for a plot (keys, lang, bin, confidence, correct, n).
    """
    import polars as pl

    data = coded(rows, KEYS, ["confidence", (pl.col("outcome") == "correct").alias("correct")])
    made: list[tuple[object, ...]] = []
    points: list[tuple[object, ...]] = []
    for part in data.separate("setting", "task"):
        each = pl.concat([part.rows, part.rows.with_columns(lang=pl.lit(ALL, data.rows.schema["lang"]))])
        listed = each.select(CELL).unique().sort(CELL)
        each = each.join(listed.with_row_index("cell"), on=CELL, maintain_order="left")
        found = calibrations(
            each["confidence"].to_numpy(),
            each["correct"].cast(pl.Float64).to_numpy(),
            (each["group"].rank("dense") - 1).cast(pl.Int64).to_numpy().astype(np.intp),
            each["cell"].to_numpy().astype(np.intp),
            bins=bins,
            level=level,
            replicates=replicates,
            seed=seed,
        )
        for key, cell in zip(listed.rows(), found, strict=True):
            made.append((*key, cell.n, cell.clusters, *(getattr(cell, name) for name in _FIGURES)))
            points += [(*key, place, row[0], row[1], int(row[2])) for place, row in enumerate(cell.bins.tolist())]
    figures = {"n": pl.Int64(), "groups": pl.Int64()} | dict.fromkeys(_FIGURES, pl.Float64())
    drawn = {"bin": pl.Int64(), "confidence": pl.Float64(), "correct": pl.Float64(), "n": pl.Int64()}
    return table_of(data, made, figures), table_of(data, points, drawn)


def order_rows(scores: pl.DataFrame) -> pl.DataFrame:
    """What `order_sensitivity` takes, from scores of every order (`run_tables.read_orders`).

    An item with several right answers has no one place of the right answer, and an error says nothing of the order:
    both are left out.
    """
    import polars as pl

    single = pl.col("answer").list.len() == 1
    held = scores.filter(pl.col("outcome") != "error", single, pl.col("order").is_not_null())
    held = held.with_columns(
        right=pl.col("answer").list.first(),
        at=pl.when(pl.col("chosen").list.len() == 1).then(pl.col("chosen").list.first()),
    )
    most = held.select(pl.col("order").list.len().max()).item() or 0

    def place_of(option: str) -> pl.Expr:
        shown = pl.col("order").list
        return pl.coalesce(
            pl.lit(None, pl.Int64),
            *(pl.when(shown.get(place, null_on_oob=True) == pl.col(option)).then(place) for place in range(most)),
        )

    return held.select(
        *(*KEYS, "lang", "item_id", "group_id"),
        pl.col("rotation").alias("order"),
        pl.col("at").alias("chosen_option"),
        place_of("at").alias("chosen_place"),
        place_of("right").alias("answer_place"),
    )


def order_sensitivity(rows: pl.DataFrame, level: float = 0.95) -> pl.DataFrame:
    """What the order of the options does, for each label, model, setting, task and language, and over all languages.

    Args:
        rows: one for each item and order: the keys, lang, item_id, group_id, order (text or number), chosen_option
            (index in the item's own order), chosen_place and answer_place (index as shown). No choice is null.

    Columns: the keys, lang, items (with two or more orders), groups, consistent (share with the same choice in every
    order) and its _low and _high, accuracy (mean over orders), right_in_all (share right in every order) with its ends,
    spread (best order's accuracy less the worst's), place_bias (standard deviation, over the places of the right
    answer, of the share chosen when it stood there; near 0 for a model without a favourite place).

    Raises DataError for an item whose right answer is missing a place.
    """
    import polars as pl

    lost = rows.filter(pl.col("answer_place").is_null())
    if lost.height:
        raise DataError(f"Item '{lost['item_id'][0]}': no place of the right answer.")
    kept = ["item_id", "order", "chosen_option", "chosen_place", "answer_place"]
    data = coded(rows, KEYS, kept)
    asked = data.rows.with_columns(correct=(pl.col("chosen_place") == pl.col("answer_place")).fill_null(False))
    asked = asked.filter(pl.col("order").n_unique().over(*CELL, "item_id") >= 2)
    items = asked.group_by(*CELL, "group", "item_id", maintain_order=True).agg(
        # A reply without a choice agrees with none.
        same=(pl.col("chosen_option").n_unique() == 1) & pl.col("chosen_option").is_not_null().all(),
        all_right=pl.col("correct").all(),
    )
    each = pl.concat([asked, asked.with_columns(lang=pl.lit(ALL, asked.schema["lang"]))])
    share = pl.col("correct").mean()
    orders = (
        each.group_by(*CELL, "order")
        .agg(share)
        .group_by(CELL)
        .agg(spread=pl.col("correct").max() - pl.col("correct").min())
    )
    recalls = (
        each.group_by(*CELL, "answer_place").agg(share).group_by(CELL).agg(place_bias=pl.col("correct").std(ddof=0))
    )
    means = each.group_by(CELL).agg(accuracy=share).join(orders, on=CELL).join(recalls, on=CELL)
    found = cells(data.having(items), ["same", "all_right"]).join(means, on=CELL, maintain_order="left")
    made = []
    for row in found.iter_rows(named=True):
        same, always = moments_in(row, "same"), moments_in(row, "all_right")
        if same is None or always is None:
            continue
        agreed, right = accuracy_of(same, level), accuracy_of(always, level)
        shares = [agreed.value, agreed.low, agreed.high, row["accuracy"], right.value, right.low, right.high]
        made.append((row["view"], row["lang"], same.rows, same.clusters, *shares, row["spread"], row["place_bias"]))
    names = ["consistent", "consistent_low", "consistent_high", "accuracy"]
    names += ["right_in_all", "right_in_all_low", "right_in_all_high", "spread", "place_bias"]
    return table_of(data, made, dict.fromkeys(("items", "groups"), pl.Int64()) | dict.fromkeys(names, pl.Float64()))
