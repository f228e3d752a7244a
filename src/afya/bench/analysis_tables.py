"""How the tables of an analysis are made: what is read of the runs, and which statistic gets which rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis import MOST_COMPARED, Analysis
from afya.bench.bills import bills
from afya.bench.calibration import calibrate, confidences, order_rows, order_sensitivity
from afya.bench.comparisons import compare_models, compare_settings, compare_with_english, no_comparisons
from afya.bench.decomposition import causes, gap_parts
from afya.bench.equity import disparity, relative_change, transfer_loss
from afya.bench.fidelity import fidelity, in_language
from afya.bench.ranks import rank_models
from afya.bench.run_tables import CLOSED_KINDS, KEYS, REPLIES, read_measures, read_orders, read_replied, read_scores
from afya.bench.summary import answers, measure_means, reference_pairs, summarise, summarise_tiers

if TYPE_CHECKING:
    import polars as pl


_SCORED = (*KEYS, "lang", "item_id", "group_id", "outcome", "chosen", "option_logprobs")


def built(
    runs: Sequence[Path],
    labels: Sequence[str] | None,
    level: float,
    reference: str,
    pairs: Sequence[tuple[str, str]] | None,
) -> Analysis:
    """See `analysis.analyse`."""
    import polars as pl

    scores = read_scores(runs, labels)
    replied = read_replied(runs, labels)
    data = answers(scores)
    summary = summarise(data, level)
    written = in_language(replied.filter(pl.col("text").is_not_null()).with_columns(reply_lang=_reply_lang()))
    closed = written.filter(pl.col("kind").is_in(list(CLOSED_KINDS)))
    calibration, bins = calibrate(confidences(replied.select(_SCORED)), level=level)
    models = scores["label"].n_unique()
    compared = pairs is not None or 2 <= models <= MOST_COMPARED
    return Analysis(
        scores=scores,
        summary=summary,
        tiers=summarise_tiers(data, level),
        gaps=compare_with_english(data, reference, level=level),
        disparity=disparity(data, reference, level=level),
        ranks=rank_models(data, level=level),
        transfer=transfer_loss(data, reference, level),
        parts=gap_parts(causes(closed), reference, level),
        relative=relative_change(reference_pairs(data, reference), KEYS, level),
        fidelity=fidelity(written, level),
        calibration=calibration,
        bins=bins,
        order=order_sensitivity(order_rows(read_orders(runs, labels)), level),
        billed=bills(replied, summary, reference),
        measures=measure_means(read_measures(runs, labels), level),
        settings=compare_settings(data, level),
        comparisons=compare_models(data, pairs, level=level) if compared else no_comparisons(),
        level=level,
        reference=reference,
        notes=_notes(runs, models, compared),
    )


def _reply_lang() -> pl.Expr:
    """The language that a reply was asked for in: English where the item was translated to it, unless the reply was
    carried back."""
    import polars as pl

    in_english = pl.col("setting").str.split("+").list.contains("translated") & pl.col("kind").is_in(list(CLOSED_KINDS))
    return pl.when(in_english).then(pl.lit("en")).otherwise(pl.col("lang"))


def _notes(runs: Sequence[Path], models: int, compared: bool) -> tuple[str, ...]:
    notes = [
        f"{run}: there is no {REPLIES} beside the scores, so that cost, calibration and the language of its replies "
        "are not known."
        for run in runs
        if not (Path(run) / REPLIES).exists()
    ]
    if models > 1 and not compared:
        pairs = models * (models - 1) // 2
        notes.append(
            f"{models} models make {pairs:,} pairs, and each comparison raises the bar for all: models are compared "
            f"two by two where there are at most {MOST_COMPARED}, or where pairs are named (afya bench compare)."
        )
    return tuple(notes)
