"""The cluster bootstrap of a whole leaderboard, beside a plain loop: 56 models, 12 languages, 2,000 items, 5,000 draws.

The loop draws groups and takes the mean of their rows, one replicate after another, all models and languages at once.
It is timed over fewer replicates and the time is scaled up; that both give the same numbers is checked on these.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from afya.statistics import cluster_bootstrap, percentile_interval, rank_intervals

MODELS, LANGUAGES, ITEMS, REPLICATES = 56, 12, 2000, 5000
LOOPED = 50
AIM_S = 3.0
SEED = 7


def leaderboard(sizes: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(rows, models * languages) right or wrong, and each row's group; groups have these sizes, turn by turn."""
    rng = np.random.default_rng(SEED)
    groups = np.repeat(np.arange(ITEMS), np.resize(sizes, ITEMS))[:ITEMS]
    ease = rng.random(ITEMS)[groups, None]
    skill = rng.uniform(0.2, 0.8, size=MODELS * LANGUAGES)
    return (rng.random((ITEMS, MODELS * LANGUAGES)) < (ease + skill) / 2).astype(np.float64), groups


def plain_loop(
    values: NDArray[np.float64], groups: NDArray[np.intp], replicates: int, seed: int
) -> NDArray[np.float64]:
    """The same draws one replicate at a time."""
    rng = np.random.default_rng(seed)
    rows_of = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    means = np.empty((replicates, values.shape[1]))
    for replicate, drawn in enumerate(rng.integers(0, len(rows_of), size=(replicates, len(rows_of)))):
        means[replicate] = values[np.concatenate([rows_of[group] for group in drawn])].mean(axis=0)
    return means


def _best(work: Callable[[], object], times: int) -> float:
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def _measured(sizes: tuple[int, ...], times: int) -> tuple[str, ...]:
    values, groups = leaderboard(sizes)
    draws = cluster_bootstrap(values, groups, REPLICATES, SEED)
    if not np.allclose(plain_loop(values, groups, LOOPED, SEED), draws[:LOOPED], rtol=0, atol=1e-12):
        raise SystemExit("The loop and the product gave different draws.")
    ours = _best(lambda: percentile_interval(cluster_bootstrap(values, groups, REPLICATES, SEED)), times)
    loop = _best(lambda: plain_loop(values, groups, LOOPED, SEED), 3) * REPLICATES / LOOPED
    language = np.arange(MODELS) * LANGUAGES
    scores, count = values[:, language].mean(axis=0), int(groups.max()) + 1
    ranks = _best(lambda: rank_intervals(scores, draws[:, language], count), 3)
    return f"{ours:.2f}", f"{AIM_S:.0f}", f"{loop:.1f}", f"{loop / ours:.0f}", f"{ranks:.2f}"


def main(times: int = 5) -> None:
    """Print the table."""
    title = (
        f"Cluster bootstrap: {MODELS} models x {LANGUAGES} languages x {ITEMS:,} items, {REPLICATES:,} replicates (s)"
    )
    table = Table(title=title, title_justify="left")
    for column in ("data", "draws + intervals", "aim", "plain loop (scaled)", "times as fast", "+ ranks"):
        table.add_column(column, justify="left" if column == "data" else "right")
    for name, sizes in (("a group is one item", (1,)), ("groups of 1 to 6 items", (1, 6, 2, 4, 3))):
        table.add_row(name, *_measured(sizes, times))
    Console().print(table)


if __name__ == "__main__":
    main()
