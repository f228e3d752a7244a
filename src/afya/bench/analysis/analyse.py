"""All statistics of one or more runs, each a table: what the report shows and `tables` writes.

Every figure stands with n, its groups and an interval. A table that does not apply to the runs (no option scores, one
language, one model) is empty and keeps its columns. docs/statistics.md says what each figure means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.bills import bills
from afya.bench.analysis.calibration import calibrate, confidences, order_rows, order_sensitivity
from afya.bench.analysis.comparisons import compare_models, compare_settings, compare_with_english, no_comparisons
from afya.bench.analysis.decomposition import causes, gap_parts
from afya.bench.analysis.equity import disparity, relative_change, transfer_loss
from afya.bench.analysis.fidelity import fidelity, in_language
from afya.bench.analysis.ranks import rank_models
from afya.bench.analysis.run_tables import (
    CLOSED_KINDS,
    KEYS,
    REPLIES,
    judged_before,
    read_measures,
    read_orders,
    read_replied,
    read_scores,
)
from afya.bench.analysis.summary import REFERENCE, answers, measure_means, reference_pairs, summarise, summarise_tiers

if TYPE_CHECKING:
    import polars as pl

MOST_COMPARED = 12
"""Models that are compared two by two without being asked; more pairs would only raise the bar for all."""


_SCORED = (*KEYS, "lang", "item_id", "group_id", "outcome", "chosen", "option_logprobs")


@dataclass(frozen=True)
class Analysis:
    """The tables, as polars frames.

    "The keys" are label (what a report calls the model), model, setting, task. `lang` is a code, or 'all': over all
    languages, clusters running across them. Shares lie between 0 and 1, differences of shares between -1 and 1; what is
    not known is null. {x}_low and {x}_high are the ends of x's interval.
    """

    scores: pl.DataFrame
    """Every verdict of kinds choice and safety, one row an item: label, run (number of its folder), the columns of
    scores.parquet; rotation is 0."""

    summary: pl.DataFrame
    """Keys, lang, n, groups, accuracy, low, high, method, chance, correct, wrong, refused, unparseable, empty, errors
    (not in n), non_answer_rate. See `summary.summarise`."""

    tiers: pl.DataFrame
    """As summary; `lang` is 'high' or 'low', the languages' resource tiers."""

    gaps: pl.DataFrame
    """Each language against the reference on shared groups: keys, lang, n, groups, before (the reference's accuracy),
    after (the language's), difference (negative: behind), low, high, p_value, p_holm, test, gained, lost, detectable,
    low_bootstrap, high_bootstrap, p_bootstrap. See `comparisons.compare_with_english`."""

    disparity: pl.DataFrame
    """One row a model: keys, languages, left_out, groups, worst_lang, high, low (mean of the tiers), and mean,
    corrected, gap, worst, worst_to_best, gini, tier_gap, each with its _low and _high. See `equity.disparity`."""

    ranks: pl.DataFrame
    """Label, model, setting, task, lang, score, observed, best, worst, rank ('3', '2-5', or '–'), models. See
    `ranks.rank_models`."""

    transfer: pl.DataFrame
    """Keys, lang, n, groups, known, and loss (right in the reference, wrong here), gain (the reverse), lost_of_known,
    each with its _low and _high. See `equity.transfer_loss`."""

    parts: pl.DataFrame
    """What a gap is made of, free answers only: keys, lang, n, groups, and gap, refusal, truncation, wrong_language,
    unparseable, rest, each with its _low, _high and _rows. Positive: more of it here than in the reference. See
    `decomposition.gap_parts`."""

    relative: pl.DataFrame
    """Each language as a multiple of the reference: keys, lang, n, groups, before, after, points, times, times_low,
    times_high, defined. See `equity.relative_change`."""

    fidelity: pl.DataFrame
    """Free answers by the language they are in: keys, lang, replies, told, faithful, faithful_low, faithful_high,
    uncertain, mostly. See `fidelity.fidelity`."""

    calibration: pl.DataFrame
    """Where options were scored: keys, lang, n, groups, ece, low, high, floor, overconfidence, brier, reliability,
    resolution, uncertainty. See `calibration.calibrate`."""

    bins: pl.DataFrame
    """For the plot of calibration: keys, lang, bin, confidence, correct, n."""

    order: pl.DataFrame
    """What the order of the options does, where rotations were asked: keys, lang, items, groups, consistent, accuracy,
    right_in_all (each with its _low and _high but accuracy), spread, place_bias. See `calibration.order_sensitivity`.
    """

    billed: pl.DataFrame
    """Cost beside accuracy: keys, lang, items (asked and answered), prompt_tokens and completion_tokens a thousand
    items, usd a thousand items (null: no price known), tax (prompt tokens as a multiple of the reference language's on
    the same groups), n, groups, accuracy, low, high (null for open kinds)."""

    measures: pl.DataFrame
    """Means of open kinds' measures: keys, kind, measure, judge (null: none), lang, n, groups, missing (replies without
    a value, not in n), mean, low, high. No chance is taken off: open answers have none."""

    settings: pl.DataFrame
    """Each setting against the plain one of its formulation, same model, same items: label, model, task, plain (the
    setting compared with), setting, lang, n, groups, before (plain), after, difference (positive: it helps), low, high,
    p_value, p_holm (over the settings and languages of a label and task), test, gained, lost, detectable."""

    comparisons: pl.DataFrame
    """Every two models on the same items, where there are 2 to 12: setting, task, a, b, lang, n, groups, before (a),
    after (b), difference, low, high, p_value, p_holm, test, gained, lost, detectable, low_bootstrap, high_bootstrap,
    p_bootstrap. See `comparisons.compare_models`."""

    level: float = 0.95
    """Coverage of every interval."""

    reference: str = REFERENCE
    """The language that others are held against."""

    notes: tuple[str, ...] = field(default=())
    """Sentences on what could not be told and why (a table left empty, replies that are missing)."""


def analyse(
    runs: Sequence[Path],
    labels: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    reference: str = REFERENCE,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> Analysis:
    """All tables of the runs.

    Args:
        runs: run folders (or scores files, which give the tables that need scores alone).
        labels: a name for each run, in order; see `summary.read_scores`.
        pairs: labels to compare two by two; None compares all where there are at most 12.

    Raises ConfigError and DataError as `summary.read_scores` does.
    """
    import polars as pl

    runs = [Path(run) for run in runs]
    scores = read_scores(runs, labels)
    replied = read_replied(runs, labels)
    data = answers(scores)
    summary = summarise(data, level)
    written = in_language(replied.with_columns(reply_lang=_reply_lang()), runs)
    closed = written.rows.filter(pl.col("kind").is_in(list(CLOSED_KINDS)))
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
        fidelity=fidelity(written.rows, level),
        calibration=calibration,
        bins=bins,
        order=order_sensitivity(order_rows(read_orders(runs, labels)), level),
        billed=bills(replied, summary, reference),
        measures=measure_means(read_measures(runs, labels), level),
        settings=compare_settings(data, level),
        comparisons=compare_models(data, pairs, level=level, needed=pairs is not None)
        if compared
        else no_comparisons(),
        level=level,
        reference=reference,
        notes=(*_notes(runs, models, compared), *written.notes),
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
    notes += [
        f"{run}: the judges read other replies than the run holds now, and their scores are left out. Judge these: "
        "afya bench judge."
        for run in runs
        if judged_before(Path(run))
    ]
    if models > 1 and not compared:
        pairs = models * (models - 1) // 2
        notes.append(
            f"{models} models make {pairs:,} pairs, and each comparison raises the bar for all: models are compared "
            f"two by two where there are at most {MOST_COMPARED}, or where pairs are named (afya bench compare)."
        )
    return tuple(notes)
