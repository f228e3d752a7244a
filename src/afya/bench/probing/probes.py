"""Has a model seen the benchmark? Three probes, per language, none of which proves it alone.

*n-gram overlap*: how much of an item's text a model writes out when given its beginning (or: stands in a text that it
was trained on). *Min-K%*: the mean log-probability of the least likely tokens of an item's text; text seen in training
has few surprising tokens. It has no zero of its own, so it is compared with items that no model has seen, such as fresh
vignettes, by how well it tells the two apart. *Option swap*: whether the published order of the options is the most
likely of several; a model that has not seen the item has no reason to prefer it, and does so once in as many orders.

References: Golchin & Surdeanu 2024, "Time Travel in LLMs", arXiv:2308.08493, and Xu et al. 2024, "Benchmarking
Benchmark Leakage in Large Language Models", arXiv:2404.18824 (n-grams); Shi et al. 2024, "Detecting Pretraining Data
from Large Language Models", arXiv:2310.16789 (Min-K%); Oren et al. 2024, "Proving Test Set Contamination in Black-Box
Language Models", arXiv:2310.17623, and Ni et al. 2025, "Training on the Benchmark Is Not All You Need",
arXiv:2409.01790 (orders).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from afya.bench.analysis.summary import ALL
from afya.bench.scoring.longform import tokens
from afya.errors import DataError
from afya.languages import language
from afya.statistics import mean_interval
from afya.statistics.clusters import Floats
from afya.statistics.distributions import t_cdf, t_quantile
from afya.statistics.intervals import Estimate, accuracy_interval
from afya.statistics.separation import separation

if TYPE_CHECKING:
    import polars as pl

K = 0.2
"""The share of tokens that Min-K% looks at."""

RUN_WORDS, RUN_CHARACTERS = 5, 10
"""Tokens of a run: words, or characters where the script has no spaces."""

KEYS = ("model", "task")
"""What a probe's means are told apart by, beside the language."""


def ngram_overlap(text: str, other: str, lang: str, n: int | None = None) -> float | None:
    """The share of the runs of n tokens of `text` that stand in `other`, each as often as there; None without a run.

    `n` None takes 5 words or 10 characters.
    """
    size = n or (RUN_WORDS if language(lang).spaced else RUN_CHARACTERS)
    own, others = _runs(tokens(text, lang), size), _runs(tokens(other, lang), size)
    total = own.total()
    return (own & others).total() / total if total else None


def _runs(listed: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(listed[start : start + size]) for start in range(len(listed) - size + 1))


def min_k(log_probabilities: Sequence[float], k: float = K) -> float | None:
    """The mean of the lowest share k of the tokens' log-probabilities (nats), at least one; None without tokens.

    Raises DataError for a log-probability above 0 or not a number, ValueError for a k outside 0 to 1.
    """
    if not 0 < k <= 1:
        raise ValueError(f"Min-K% looks at a share above 0 and up to 1, not {k}.")
    known = np.sort(np.asarray(log_probabilities, dtype=np.float64))
    if not len(known):
        return None
    if math.isnan(known[-1]) or known[-1] > 1e-6:
        raise DataError(f"A token's log-probability is {known[-1]}; nats of 0 or less were expected.")
    return float(known[: max(1, math.floor(k * len(known)))].mean())


def published_first(log_likelihoods: Sequence[float]) -> float | None:
    """Whether the published order is the likeliest: 1, 0, or a share where orders tie; None with fewer than two orders.

    The first number is the published order's, the others those of other orders of the same options (nats).
    """
    if len(log_likelihoods) < 2:
        return None
    best = max(log_likelihoods)
    ties = sum(1 for value in log_likelihoods if value == best)
    return 1 / ties if log_likelihoods[0] == best else 0.0


def halves(text: str, lang: str) -> tuple[str, str]:
    """A text cut at the blank nearest its middle, or in its middle where the script has no blanks between words."""
    middle = len(text) // 2
    if language(lang).spaced:
        blanks = [place for place, sign in enumerate(text) if sign.isspace()]
        middle = min(blanks, key=lambda place: abs(place - middle), default=len(text))
    return text[:middle], text[middle:].strip()


def shuffled(count: int, orders: int, seed: str) -> list[tuple[int, ...]]:
    """The published order of `count` options and up to `orders` - 1 others, drawn by the seed, each once."""
    published = tuple(range(count))
    drawn = random.Random(seed)
    found = dict.fromkeys([published])
    for _ in range(50 * orders):
        if len(found) >= min(orders, math.factorial(count)):
            break
        found[tuple(drawn.sample(published, count))] = None
    return list(found)


def probe_means(rows: pl.DataFrame, value: str, chance: str | None = None, level: float = 0.95) -> pl.DataFrame:
    """A probe's mean for each model, task and language, and over all languages.

    Args:
        rows: the keys, lang, group_id and the probe's value for each item; null values are left out.
        chance: the column of what an unknowing model would reach on the item (1 / orders for the option swap).

    Columns: the keys, lang, n, groups, mean, low, high, and, with `chance`, excess (mean less chance), excess_low,
    excess_high and p (two-sided; exact where each group stands there once): an interval above 0 is a sign of having
    seen the items.
    """
    import polars as pl

    held = rows.drop_nulls(value)
    both = pl.concat([held.with_columns(lang=pl.lit(ALL)), held])
    made = []
    for key, part in both.group_by(*KEYS, "lang", maintain_order=True):
        found = _mean(part, pl.col(value), level)
        cells = [found.value, _bounded(found.low), _bounded(found.high)]
        if chance is not None:
            cells += _over_chance(part.select("group_id", pl.col(value), pl.col(chance)), level)
        made.append((*key, found.n, found.clusters, *cells))
    names = ["mean", "low", "high", *(("excess", "excess_low", "excess_high", "p") if chance is not None else ())]
    schema: dict[str, pl.DataType] = {name: pl.String() for name in (*KEYS, "lang")}
    schema |= {"n": pl.Int64(), "groups": pl.Int64()} | {name: pl.Float64() for name in names}
    return pl.DataFrame(made, schema=schema, orient="row")


def against_fresh(rows: pl.DataFrame, fresh: pl.DataFrame, value: str, level: float = 0.95) -> pl.DataFrame:
    """A probe on the benchmark beside items that the model cannot have seen, for each language and over all.

    Both frames have the keys, lang, group_id and the value. Columns: the keys, lang, n, n_fresh, mean_fresh, `excess`
    (the benchmark's mean less that of the fresh items) with excess_low, excess_high and p (Welch's t on clusters,
    two-sided), and `area` under the ROC curve (0.5: the two are alike, 1: every benchmark item has the larger value)
    with area_low, area_high. Texts of another kind differ too, so that fresh items should be of the same kind and
    length. Languages without fresh items are left out, in "all" as well.
    """
    import polars as pl

    keys = [*KEYS, "lang"]
    one, other = (frame.drop_nulls(value) for frame in (rows, fresh))
    shared = [frame.join(against, on=keys, how="semi", maintain_order="left") for frame, against in
              ((one, other), (other, one))]  # fmt: skip
    seen, unseen = (
        dict(iter(pl.concat([frame.with_columns(lang=pl.lit(ALL)), frame]).group_by(keys, maintain_order=True)))
        for frame in shared
    )
    made = []
    for key, part in seen.items():
        found, base = _mean(part, pl.col(value), level), _mean(unseen[key], pl.col(value), level)
        low, high, p = _welch(found, base, level)
        sides = [(side[value].to_numpy(), side["group_id"].rank("dense").to_numpy()) for side in (part, unseen[key])]
        told = separation(*sides[0], *sides[1], level)
        excess = found.value - base.value
        made.append((*key, found.n, base.n, base.value, excess, low, high, p, told.area, _bounded(told.low),
                     _bounded(told.high)))  # fmt: skip
    schema: dict[str, pl.DataType] = {name: pl.String() for name in keys} | {"n": pl.Int64(), "n_fresh": pl.Int64()}
    names = ("mean_fresh", "excess", "excess_low", "excess_high", "p", "area", "area_low", "area_high")
    return pl.DataFrame(made, schema=schema | {name: pl.Float64() for name in names}, orient="row")


def _over_chance(part: pl.DataFrame, level: float) -> list[float | None]:
    """[excess, low, high, p] of how often something happened over how often it would by chance."""
    groups = part["group_id"].rank("dense").to_numpy()
    happened, chances = part.to_series(1).to_numpy(), part.to_series(2).to_numpy()
    expected = float(chances.mean())
    found = mean_interval(happened - chances, groups, level)
    if not np.isin(happened, (0.0, 1.0)).all():
        p = _p(found.value, found.standard_error, found.clusters - 1)
        return [found.value, _bounded(found.low), _bounded(found.high), p]
    # Where all or none happened the t interval has no width, and t no meaning.
    share = accuracy_interval(happened, groups, level)
    if found.clusters == len(happened):
        p = _poisson_binomial_p(round(happened.sum()), chances)
    else:
        p = _p(found.value, found.standard_error, found.clusters - 1)
    return [found.value, share.low - expected, share.high - expected, p]


def _poisson_binomial_p(count: int, chances: Floats) -> float:
    """The exact two-sided p-value of `count` events of these chances: outcomes as likely as it, or less, together."""
    mass = np.ones(1)
    for chance in chances:
        mass = np.append(mass * (1 - chance), 0.0) + np.append(0.0, mass * chance)
    return float(min(1.0, mass[mass <= mass[count] * (1 + 1e-9)].sum()))


def _mean(part: pl.DataFrame, value: pl.Expr, level: float) -> Estimate:
    return mean_interval(part.select(value).to_series().to_numpy(), part["group_id"].rank("dense").to_numpy(), level)


def _welch(one: Estimate, other: Estimate, level: float) -> tuple[float | None, float | None, float | None]:
    """(low, high, p) of the difference of two means that share no cluster; Welch 1947, Biometrika 34, 28-35."""
    if one.standard_error is None or other.standard_error is None:
        return None, None, None
    parts = [(side.standard_error or 0.0) ** 2 for side in (one, other)]
    error = math.sqrt(sum(parts))
    difference = one.value - other.value
    if error == 0.0:
        # The clusters of each side are all alike, so that t would be infinite. Dealt out at random, they fall apart as
        # completely in 2 of so many ways.
        ways = math.comb(one.clusters + other.clusters, one.clusters)
        return difference, difference, 1.0 if difference == 0.0 else min(1.0, 2 / ways)
    degrees = sum(parts) ** 2 / sum(
        part**2 / (side.clusters - 1) for part, side in zip(parts, (one, other), strict=True)
    )
    half = t_quantile((1 + level) / 2, degrees) * error
    return difference - half, difference + half, _p(difference, error, degrees)


def _p(difference: float, error: float | None, degrees: float) -> float | None:
    if not error or degrees <= 0:
        return None
    return min(1.0, 2.0 * t_cdf(-abs(difference) / error, degrees))


def _bounded(value: float) -> float | None:
    return value if math.isfinite(value) else None
