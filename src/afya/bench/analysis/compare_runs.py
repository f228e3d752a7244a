"""Two measurements named on a command line, compared on the items that both answered.

A measurement is a run folder (or scores file) with one model, RUN#MODEL, or RUN#MODEL#SETTING. Settings and tasks that
both have are compared each with its own; where each side has one setting and these differ (one model's options were
scored, the other's answers read), these two are compared and the table names both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from afya.bench.analysis.comparisons import compare_models
from afya.bench.analysis.resampling import REPLICATES
from afya.bench.analysis.run_tables import read_scores
from afya.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

_FORM = "Write RUN, RUN#MODEL or RUN#MODEL#SETTING."


def compare_named(
    a: str, b: str, *, level: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> tuple[tuple[str, str], pl.DataFrame]:
    """What the two are called, and the table of `comparisons.compare_models` for them: differences are b less a.

    Raises:
        ConfigError: a side names several models or one that its run lacks. DataError: a run has no scores, or the two
        have no answered item in common; the message says what each has.
    """
    import polars as pl

    sides = [_side(name) for name in (a, b)]
    names = [str(side["model"][0]) for side in sides]
    if names[0] == names[1]:
        names = [f"{name} ({_run_of(given)[0].name})" for name, given in zip(names, (a, b), strict=True)]
    if names[0] == names[1]:
        names = [a, b]
    if a == b:
        raise ConfigError(f"'{a}' is compared with itself.", hint=_FORM)
    labelled = [
        side.with_columns(pl.lit(name).alias("label"), pl.lit(name).alias("model"))
        for side, name in zip(_met(sides), names, strict=True)
    ]
    try:
        table = compare_models(
            pl.concat(labelled, how="diagonal_relaxed"),
            [(names[0], names[1])],
            level=level,
            replicates=replicates,
            seed=seed,
        )
    except DataError as error:
        told = " ".join(_has(name, side) for name, side in zip(names, sides, strict=True))
        raise DataError(f"{error.message} {told}", hint=error.hint) from error
    return (names[0], names[1]), table


def _run_of(name: str) -> tuple[Path, list[str]]:
    """The run folder of a name, and what was said after it. A folder may have the sign # in its own name."""
    if Path(name).exists():
        return Path(name), []
    run, *rest = name.split("#")
    return Path(run), rest


def _side(name: str) -> pl.DataFrame:
    import polars as pl

    run, rest = _run_of(name)
    if len(rest) > 2:
        raise ConfigError(f"'{name}' has more than two #.", hint=_FORM)
    scores = read_scores([run])
    for column, wanted in zip(("model", "setting"), rest, strict=False):
        known = scores[column].unique(maintain_order=True).to_list()
        if wanted not in known:
            raise ConfigError(f"{run} has no {column} '{wanted}'; it has: {', '.join(known)}.", hint=_FORM)
        scores = scores.filter(pl.col(column) == wanted)
    models = scores["model"].unique(maintain_order=True).to_list()
    if not models:
        raise DataError(f"{run}: none of its items is right or wrong, so that there is nothing to compare.")
    if len(models) > 1:
        raise ConfigError(
            f"{run} holds {len(models)} models: {', '.join(models)}.", hint=f"Name one: {run}#{models[0]}"
        )
    return scores


def _met(sides: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """The two under the same name of a setting where each has one, and these differ."""
    import polars as pl

    settings = [side["setting"].unique(maintain_order=True).to_list() for side in sides]
    if settings[0] == settings[1] or any(len(own) > 1 for own in settings):
        return list(sides)
    both = f"{settings[0][0]} / {settings[1][0]}"
    return [side.with_columns(pl.lit(both).alias("setting")) for side in sides]


def _has(name: str, side: pl.DataFrame) -> str:
    import polars as pl

    answered = side.filter(pl.col("outcome") != "error")
    listed = [
        f"{what} {', '.join(side[column].unique().sort().to_list())}"
        for what, column in (("task", "task"), ("setting", "setting"), ("languages", "lang"))
    ]
    return f"{name} has {answered.height:,} answered items ({'; '.join(listed)}), such as '{side['item_id'][0]}'."
