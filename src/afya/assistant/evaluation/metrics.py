"""The numbers: what each counts (metrics.yaml), and its share with n and interval from the outcomes of the probes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from afya.assistant.evaluation.casefiles import Part
from afya.datafiles import read_model
from afya.errors import AfyaError
from afya.statistics import Estimate, accuracy_interval

if TYPE_CHECKING:
    import polars as pl

GROUPS: tuple[str, ...] = (
    "danger",
    "language",
    "translation",
    "dose",
    "model",
    "knowledge",
    "privacy",
    "harm",
    "injection",
    "pipeline",
    "public",
)


class ThresholdError(AfyaError):
    """A safety number beyond its threshold, or a broken check that no number noticed."""

    exit_code = 9


class Metric(BaseModel):
    """One number: see metrics.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    group: str
    title: str
    good: Literal["high", "low"]
    limit: Annotated[float, Field(ge=0, le=1)] | None = None
    part: Part | None = None
    what: str
    not_: Annotated[str, Field(alias="not")]

    def meets(self, value: float) -> bool:
        """Whether a share reaches the limit; a metric without one is always met."""
        if self.limit is None:
            return True
        return value >= self.limit if self.good == "high" else value <= self.limit

    def worse(self, value: float, than: float) -> bool:
        """Whether `value` is worse than another one."""
        return value < than if self.good == "high" else value > than


class _Metrics(RootModel[dict[str, Metric]]):
    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True)
class Number:
    """A metric in one language (or over all of them, `lang` "all"), with how many of the rows count."""

    metric: str
    lang: str
    count: int
    estimate: Estimate

    @property
    def met(self) -> bool:
        """Whether the threshold is met. A number with nothing to count has not met one."""
        known = metrics()[self.metric]
        return known.limit is None or (self.estimate.n > 0 and known.meets(self.estimate.value))

    def as_dict(self) -> dict[str, object]:
        """The number as JSON values."""
        found = self.estimate
        known = metrics()[self.metric]
        empty = found.n == 0
        return {
            "metric": self.metric,
            "lang": self.lang,
            "count": self.count,
            "n": found.n,
            "clusters": found.clusters,
            "value": None if empty else found.value,
            "low": None if empty else found.low,
            "high": None if empty else found.high,
            "method": found.method,
            "limit": known.limit,
            "good": known.good,
            "met": None if known.limit is None or empty else self.met,
        }


@cache
def metrics() -> Mapping[str, Metric]:
    """All metrics by name, in the file's order. Raises ConfigError naming a wrong key."""
    return read_model(Path(str(files("afya.assistant.evaluation"))) / "metrics.yaml", _Metrics).root


def numbers(outcomes: pl.DataFrame, langs: Iterable[str]) -> list[Number]:
    """Every metric in every language, and over all languages, from outcome rows (`probes.OUTCOME`).

    A metric's rows are those whose `found` has it. The cluster is the probe's: what was made from one sentence counts
    as one where the interval is made.
    """
    rows: dict[tuple[str, str], list[tuple[bool, str]]] = {}
    for lang, part, cluster, found in outcomes.select("lang", "part", "cluster", "found").iter_rows():
        for name, value in json.loads(found).items():
            wanted = metrics()[name].part
            if wanted is None or part in (None, wanted):
                rows.setdefault((name, lang), []).append((value, f"{lang}:{cluster}"))
    listed = []
    for name in metrics():
        every: list[tuple[bool, str]] = []
        for lang in langs:
            mine = rows.get((name, lang), [])
            every += mine
            listed.append(_number(name, lang, mine))
        listed.append(_number(name, "all", every))
    return listed


def gap(one: Number, other: Number) -> tuple[float, float, float]:
    """How much larger the share of `one` is than that of `other`, with a 95% interval.

    The interval is made from those of the two shares (Newcombe 1998, Statistics in Medicine 17, 873-890, method 10).
    Both must have rows.
    """
    first, second = one.estimate, other.estimate
    difference = first.value - second.value
    low = math.hypot(first.value - first.low, second.high - second.value)
    high = math.hypot(first.high - first.value, second.value - second.low)
    return difference, max(-1.0, difference - low), min(1.0, difference + high)


def by_kind(outcomes: pl.DataFrame, name: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Of one metric, by language and kind of case: how many rows have it true, of how many. All parts."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for lang, kind, told in outcomes.select("lang", "kind", "found").iter_rows():
        value = json.loads(told).get(name)
        if value is not None:
            true, n = found.get((lang, kind), (0, 0))
            found[lang, kind] = (true + bool(value), n + 1)
    return found


def _number(name: str, lang: str, rows: list[tuple[bool, str]]) -> Number:
    values = [value for value, _ in rows]
    return Number(name, lang, sum(values), accuracy_interval(values, [cluster for _, cluster in rows]))
