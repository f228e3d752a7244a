"""From verdicts to scores: K-QA's comprehensiveness and hallucinations, HealthBench's rubric score, their means.

    kqa_comprehensiveness  share of the must-have facts that follow from the reply, 0 to 1
    kqa_hallucination      how many of all facts the reply contradicts; its mean is K-QA's hallucination rate
    rubric                 points of the criteria met over all positive points; below 0 where harm outweighs, its mean
                           is cut to 0 to 1

A reply with a verdict missing has no score from that judge: a missing verdict is never taken for "no". With several
judges the majority's verdicts are scored as well, as one more judge; two judges who differ have no majority.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from afya.bench.analysis.summary import ALL, RUBRIC
from afya.bench.judging.judge_agreement import PANEL, Gate
from afya.bench.judging.judge_questions import REPLY
from afya.bench.judging.rubrics import Criterion, fact_score, majority, mean_rubric_score, rubric_score
from afya.bench.scoring.measures import measures_schema
from afya.statistics import mean_interval

if TYPE_CHECKING:
    import polars as pl

COMPREHENSIVENESS, HALLUCINATION = "kqa_comprehensiveness", "kqa_hallucination"
MEASURES = {COMPREHENSIVENESS: "facts", HALLUCINATION: "facts", RUBRIC: "rubric"}
"""By measure: what is asked for it."""

REPLY_ERROR = "the reply is an error"


@cache
def judged_schema() -> dict[str, pl.DataType]:
    """Columns of judged.parquet: measures.parquet's, the judge (or "majority"), and why a value is null."""
    import polars as pl

    return {**measures_schema(), "judge": pl.String(), "detail": pl.String()}


def majorities(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts of more than half of the judges, as one more judge's rows; null where none has so many."""
    import polars as pl

    units = [name for name in verdicts.columns if name not in ("judge", "verdict")]
    told = verdicts.group_by(*units, maintain_order=True).agg("verdict")
    found = [majority(given) for given in told["verdict"].to_list()]
    return told.with_columns(pl.Series("verdict", found, dtype=pl.String), pl.lit(PANEL).alias("judge")).select(
        verdicts.columns
    )


def score_replies(verdicts: pl.DataFrame, failed: pl.DataFrame) -> pl.DataFrame:
    """judged.parquet's rows, before anything is withheld.

    Args:
        verdicts: judge, the reply's columns, group_id, lang, kind, asking, criterion, points, verdict; a reply's
            criteria stand together.
        failed: the replies that are errors: the reply's columns, group_id, lang, kind and asking.
    """
    import polars as pl

    head = (*REPLY, "group_id", "lang", "kind")
    made: list[dict[str, object]] = []
    grouped = verdicts.group_by("judge", *head, "asking", maintain_order=True).agg("criterion", "points", "verdict")
    for row in grouped.iter_rows(named=True):
        for measure, value, detail in _values(row):
            made.append({**{name: row[name] for name in head}, "judge": row["judge"], "measure": measure,
                         "value": value, "detail": detail})  # fmt: skip
    judges = verdicts["judge"].unique(maintain_order=True).to_list()
    for row in failed.iter_rows(named=True):
        names = [name for name, asking in MEASURES.items() if asking == row["asking"]]
        told = {name: row[name] for name in head} | {"value": None, "detail": REPLY_ERROR}
        made += [{**told, "judge": judge, "measure": name} for judge in judges for name in names]
    return pl.DataFrame(made, schema=judged_schema(), orient="row")


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, float | None, str | None]]:
    verdicts: list[Any] = row["verdict"]
    missing = sum(verdict is None for verdict in verdicts)
    why = f"{missing} of {len(verdicts)} verdicts are missing" if missing else None
    if row["asking"] == "rubric":
        rubric = [Criterion(points) for points in row["points"]]
        met = [None if verdict is None else verdict == "met" for verdict in verdicts]
        value = rubric_score(rubric, met)
        nothing = None if any(points > 0 for points in row["points"]) else "the rubric has no positive points"
        yield RUBRIC, value, None if value is not None else why or nothing
        return
    must = [verdict for name, verdict in zip(row["criterion"], verdicts, strict=True) if name.startswith("must:")]
    nice = [verdict for name, verdict in zip(row["criterion"], verdicts, strict=True) if name.startswith("nice:")]
    if must:
        told = fact_score(must)
        yield COMPREHENSIVENESS, None if told is None else told.completeness, why if told is None else None
    every = fact_score(must, nice)
    yield HALLUCINATION, None if every is None else float(every.hallucinations), why


def withhold(scores: pl.DataFrame, gate: Gate) -> pl.DataFrame:
    """The scores without those that may not be shown: value null, and the detail says why."""
    import polars as pl

    keys = scores.select("measure", "judge", "lang").unique(maintain_order=True).rows()
    why = [(*key, gate.withheld(MEASURES[key[0]], key[1], key[2])) for key in keys]
    schema = dict.fromkeys(("measure", "judge", "lang", "withheld"), pl.String())
    told = pl.DataFrame(why, schema=schema, orient="row")
    shut = pl.col("withheld").is_not_null()
    return scores.join(told, on=["measure", "judge", "lang"], how="left", maintain_order="left").select(
        *(name for name in judged_schema() if name not in ("value", "detail", "judge")),
        pl.when(shut).then(None).otherwise("value").alias("value"),
        "judge",
        pl.when(shut).then("withheld").otherwise("detail").alias("detail"),
    )


@dataclass(frozen=True)
class Mean:
    """A row of the printed table.

    `value` None: withheld, or no reply was scored; `note` says which, and how far to trust it. `low` and `high` None:
    one group alone, or replies that all have the same score. `missing`: replies without a score, errors among them.
    """

    model: str
    setting: str
    task: str
    lang: str
    measure: str
    judge: str
    n: int
    groups: int
    missing: int
    value: float | None
    low: float | None
    high: float | None
    note: str

    @property
    def withheld(self) -> bool:
        """Whether there is a score that is not shown."""
        return self.note.startswith("withheld")


def means(scores: pl.DataFrame, gate: Gate, level: float = 0.95) -> list[Mean]:
    """Means with cluster-robust intervals by model, setting, task, language and over all, measure and judge.

    `scores` after `withhold`. "all" is the mean over the languages that are not withheld, and says so.
    """
    import polars as pl

    made: list[Mean] = []
    several = scores["lang"].n_unique() > 1
    told = scores.with_columns(own=pl.col("lang"))
    both = pl.concat([told.with_columns(lang=pl.lit(ALL)), told]) if several else told
    keys = ("model", "setting", "task", "measure", "judge", "lang")
    for key, part in both.group_by(*keys, maintain_order=True):
        model, setting, task, measure, judge, lang = (str(value) for value in key)
        held = part.drop_nulls("value")
        note = gate.note(MEASURES[measure], judge, lang)
        if lang == ALL and not note.startswith("withheld"):
            hidden = part.filter(pl.col("detail").fill_null("").str.starts_with("withheld"))
            shut = sorted(hidden["own"].unique())
            note += f"; without {', '.join(shut)} (withheld)" if shut else ""
        groups = held["group_id"].to_list()
        of = mean_rubric_score if measure == RUBRIC else mean_interval
        found = of(held["value"].to_numpy(), np.asarray(groups, dtype=str), level)
        shown = found.n > 0
        # Replies that all have the same score leave an interval without width, which would read as certainty.
        bounded = shown and bool(found.standard_error) and math.isfinite(found.low) and math.isfinite(found.high)
        made.append(
            Mean(
                model, setting, task, lang, measure, judge, found.n, found.clusters, part.height - found.n,
                found.value if shown else None,
                found.low if bounded else None,
                found.high if bounded else None,
                note,
            )
        )  # fmt: skip
    return made


def ordered(rows: Sequence[Mean]) -> list[Mean]:
    """The rows in the order of a table: by task, measure and judge, then model, all languages first."""
    return sorted(
        rows,
        key=lambda row: (
            row.task,
            row.measure,
            row.judge == PANEL,
            row.judge,
            row.model,
            row.setting,
            row.lang != ALL,
            row.lang,
        ),
    )
