"""What a grid came to: a row for every run and language, means over seeds, and variants compared seed by seed.

Intervals and tests here are over seeds: a run's score is one observation, the measured cases are the same for all and
count as fixed. They say what another seed (first weights, order, training cases) would change, not what other cases
would; those intervals stand in each bench run's own report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.summary import ALL, languages_in, summarise, summarise_tiers
from afya.errors import RunError
from afya.runs import read_json
from afya.statistics import Estimate, holm, mean_difference, mean_interval
from afya.statistics.intervals import cut
from afya.training.grid.declare import START, Grid
from afya.training.grid.job import Done, Job
from afya.training.grid.runner import Failure, plan_jobs
from afya.training.proof.held_out import ProofSet, noted
from afya.training.proof.measuring import place_of, scores_of

if TYPE_CHECKING:
    import polars as pl

LOW, WORST, GAP = "low-resource", "worst", "gap"
"""Beside languages and 'all': all low-resource languages, the run's worst language, and its best less its worst."""

WHOLE = (ALL, LOW, WORST, GAP)
_MUCH = 0.02
"""Variants whose tokens differ by more than this share are not on an equal budget."""
_LEVEL = 0.95


@dataclass(frozen=True)
class Results:
    """The tables of a grid, shares between 0 and 1.

    `runs`: variant, seed, data, lang, accuracy, n, groups, tokens (as grid.csv). `means`: data, variant, what (a
    language or one of `WHOLE`), seeds, mean, low, high. `differences`: data, variant, against, what, seeds, difference,
    low, high, p_value, p_holm. Ends are null where nothing is known of the spread: one seed, or seeds all alike.
    `budgets`: variant, seeds, tokens (mean over seeds), least, most, ratio to what it is compared with. `remarks`: what
    a reader must know before the numbers.
    """

    grid: Grid
    runs: pl.DataFrame
    means: pl.DataFrame
    differences: pl.DataFrame
    budgets: pl.DataFrame
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...]

    @property
    def data(self) -> list[str]:
        """The measured data sets, in the grid's order."""
        return self.runs["data"].unique(maintain_order=True).to_list()


def read_runs(grid: Grid, out: Path) -> pl.DataFrame:
    """The rows of grid.csv: see `Results`. Raises RunError when no run is done."""
    import polars as pl

    plan = plan_jobs(grid, out)
    if not any(job.finished() for job in plan.runs):
        raise RunError(f"{out}: no run of the grid '{grid.name}' is done.", hint="Start the same command again.")
    sets = noted(out)
    parts = [_rows(job, sets) for job in (*plan.starts, *plan.runs) if job.finished()]
    order = {name: rank for rank, name in enumerate((START, *grid.variants))}
    ranked = pl.col("variant").replace_strict(order, return_dtype=pl.Int64)
    return pl.concat(parts).sort(ranked, "seed", maintain_order=True)


def _rows(job: Job, sets: Sequence[ProofSet]) -> pl.DataFrame:
    import polars as pl

    done = Done.model_validate(read_json(job.done))
    tables = [_scored(scores_of(place_of(job.out, job.name, one.name), one), one.name) for one in sets]
    return pl.concat(tables).select(
        variant=pl.lit(job.variant),
        seed=pl.lit(job.settled.seed if job.trains else None, pl.Int64),
        data="data",
        lang="lang",
        accuracy="accuracy",
        n="n",
        groups="groups",
        tokens=pl.lit(sum(done.tokens.values()), pl.Int64),
    )


def _scored(scores: pl.DataFrame, name: str) -> pl.DataFrame:
    """Accuracy by language, over all, over the low-resource ones and in the worst; tasks are data sets of their own."""
    import polars as pl

    summary = summarise(scores).filter(pl.col("n") > 0)
    tiers = summarise_tiers(scores).filter(pl.col("lang") == "low", pl.col("n") > 0)
    columns = ("data", "lang", "accuracy", "n", "groups")
    tasks = summary["task"].unique(maintain_order=True).to_list()
    parts = []
    for task in tasks:
        own = summary.filter(pl.col("task") == task)
        worst = own.filter(pl.col("lang") != ALL).sort("accuracy", maintain_order=True).head(1)
        low = tiers.filter(pl.col("task") == task)
        tables = (own, low.with_columns(lang=pl.lit(LOW)), worst.with_columns(lang=pl.lit(WORST)))
        told = name if len(tasks) == 1 else f"{name}: {task}"
        parts += [table.with_columns(data=pl.lit(told)).select(columns) for table in tables]
    return pl.concat(parts)


def analyse(grid: Grid, runs: pl.DataFrame, failures: Sequence[Failure] = ()) -> Results:
    """The tables over seeds of the rows of grid.csv."""
    budgets = _budgets(grid, runs)
    missing = [failure.name for failure in failures]
    remarks = [
        *_unequal(budgets, grid),
        *([f"Runs that failed and are not counted: {', '.join(missing)}."] * bool(missing)),
    ]
    return Results(
        grid=grid,
        runs=runs,
        means=_means(runs),
        differences=_differences(grid, runs),
        budgets=budgets,
        failures=tuple(failures),
        remarks=tuple(remarks),
    )


def by_seed(runs: pl.DataFrame, data: str, variant: str, what: str) -> dict[int | None, float]:
    """A variant's values by seed, in the order of the seeds; `what` is a language or one of `WHOLE`."""
    import polars as pl

    own = runs.filter(pl.col("data") == data, pl.col("variant") == variant)
    if what == GAP:
        named = own.filter(~pl.col("lang").is_in([ALL, LOW, WORST]))
        own = named.group_by("seed", maintain_order=True).agg(
            (pl.col("accuracy").max() - pl.col("accuracy").min()).alias("accuracy")
        )
    else:
        own = own.filter(pl.col("lang") == what)
    return dict(own.select("seed", "accuracy").iter_rows())


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of one value a seed with its t interval, cut to 0 to 1."""
    return cut(mean_interval(values, range(len(values)), _LEVEL))


def whats(runs: pl.DataFrame, data: str) -> list[str]:
    """What is told of a data set: its languages and those of `WHOLE` that there are."""
    import polars as pl

    own = runs.filter(pl.col("data") == data)
    present = set(own["lang"])
    langs = languages_in(own.filter(~pl.col("lang").is_in([LOW, WORST])))
    return [*langs, *(what for what in WHOLE if what in present or what == GAP)]


def _means(runs: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    rows = []
    for data in runs["data"].unique(maintain_order=True).to_list():
        for variant in runs["variant"].unique(maintain_order=True).to_list():
            for what in whats(runs, data):
                values = list(by_seed(runs, data, variant, what).values())
                if values:
                    found = over_seeds(values)
                    # One seed, or seeds all alike, tell nothing of the spread.
                    ends = (found.low, found.high) if found.standard_error else (None, None)
                    rows.append((data, variant, what, len(values), found.value, *ends))
    shares = dict.fromkeys(("mean", "low", "high"), pl.Float64())
    names = {"data": pl.String(), "variant": pl.String(), "what": pl.String(), "seeds": pl.Int64(), **shares}
    return pl.DataFrame(rows, schema=names, orient="row")


def _differences(grid: Grid, runs: pl.DataFrame) -> pl.DataFrame:
    """Each variant less what it is compared with, seed by seed. Holm's families: the comparisons over all languages,
    those in the low-resource ones, the worst, and the gap; and those of all single languages together."""
    import polars as pl

    rows = []
    for data in runs["data"].unique(maintain_order=True).to_list():
        for variant in grid.variants:
            against = grid.against(variant)
            for what in whats(runs, data) if against is not None else ():
                after, before = (by_seed(runs, data, name, what) for name in (variant, str(against)))
                seeds = [seed for seed in after if seed in before]
                if not seeds:
                    continue
                pairs = [before[seed] for seed in seeds], [after[seed] for seed in seeds]
                found = mean_difference(*pairs, range(len(seeds)), _LEVEL)
                p_value = found.p_value if len(seeds) > 1 else None
                spread = p_value is not None and found.high > found.low
                ends = (max(found.low, -1.0), min(found.high, 1.0)) if spread else (None, None)
                rows.append((data, variant, against, what, len(seeds), found.value, *ends, p_value))
    texts = dict.fromkeys(("data", "variant", "against", "what"), pl.String())
    shares = dict.fromkeys(("difference", "low", "high", "p_value"), pl.Float64())
    table = pl.DataFrame(rows, schema={**texts, "seeds": pl.Int64(), **shares}, orient="row")
    family = pl.when(pl.col("what").is_in(list(WHOLE))).then("what").otherwise(pl.lit("")).alias("family")
    adjusted: list[float | None] = [None] * table.height
    for _, part in table.with_row_index("row").with_columns(family).group_by("data", "family", maintain_order=True):
        values = holm(part["p_value"].fill_null(float("nan")).to_numpy()).tolist()
        for place, value, given in zip(part["row"].to_list(), values, part["p_value"].to_list(), strict=True):
            adjusted[place] = None if given is None else value
    return table.with_columns(pl.Series("p_holm", adjusted, dtype=pl.Float64))


def _budgets(grid: Grid, runs: pl.DataFrame) -> pl.DataFrame:
    """The tokens that each variant's runs saw, beside those of what it is compared with, on the seeds of both."""
    import polars as pl

    seen = runs.filter(pl.col("variant") != START).select("variant", "seed", "tokens").unique(maintain_order=True)
    rows = []
    for variant in grid.variants:
        own: dict[int, int] = dict(seen.filter(pl.col("variant") == variant).select("seed", "tokens").iter_rows())
        if not own:
            continue
        against = seen.filter(pl.col("variant") == (grid.against(variant) or ""))
        other: dict[int, int] = dict(against.select("seed", "tokens").iter_rows())
        ratios = [own[seed] / other[seed] for seed in own if other.get(seed)]
        ratio = sum(ratios) / len(ratios) if ratios else None
        rows.append(
            (variant, len(own), round(sum(own.values()) / len(own)), min(own.values()), max(own.values()), ratio)
        )
    counts = dict.fromkeys(("seeds", "tokens", "least", "most"), pl.Int64())
    return pl.DataFrame(rows, schema={"variant": pl.String(), **counts, "ratio": pl.Float64()}, orient="row")


def _unequal(budgets: pl.DataFrame, grid: Grid) -> list[str]:
    return [
        f"{row['variant']} saw {row['tokens']:,} tokens, {abs(row['ratio'] - 1):.1%} "
        f"{'more' if row['ratio'] > 1 else 'fewer'} than {grid.against(row['variant'])}: their budgets are not equal, "
        "and a difference between them may be due to that."
        for row in budgets.iter_rows(named=True)
        if row["ratio"] is not None and abs(row["ratio"] - 1) > _MUCH
    ]
