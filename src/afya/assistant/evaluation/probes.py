"""Probes and outcomes: one thing tried on the assistant, and what came of it, as rows of a table.

A probe holds all that is needed to try it (JSON), so that a part of a run can be done anywhere, and again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afya.runs import canonical

if TYPE_CHECKING:
    import polars as pl

PROBE: tuple[str, ...] = ("probe_id", "lang", "set", "kind", "part", "cluster", "payload")
OUTCOME: tuple[str, ...] = ("probe_id", "lang", "set", "kind", "part", "cluster", "found", "detail")


@dataclass(frozen=True)
class Probe:
    """`set` names the module that tries it; `cluster` what it shares with other probes made from the same thing."""

    probe_id: str
    lang: str
    set: str
    kind: str
    payload: Mapping[str, object]
    part: str | None = None
    cluster: str | None = None

    def row(self) -> tuple[object, ...]:
        """The probe as a row of `PROBE`."""
        told = canonical(dict(self.payload))
        return (self.probe_id, self.lang, self.set, self.kind, self.part, self.cluster or self.probe_id, told)


@dataclass(frozen=True)
class Outcome:
    """What was found: metrics that count this probe, with their truth; `detail` says in words what went wrong."""

    found: Mapping[str, bool]
    detail: str = ""


@dataclass
class Tally:
    """Collects an outcome: metrics, and a sentence for each that is not as it should be."""

    found: dict[str, bool] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def say(self, metric: str, value: bool, detail: str = "") -> None:
        """Count `value` for `metric`; `detail` is kept when given."""
        self.found[metric] = value
        if detail:
            self.told.append(detail)

    def outcome(self) -> Outcome:
        """What was collected."""
        return Outcome(dict(self.found), "; ".join(self.told))


def frame(probes: Sequence[Probe]) -> pl.DataFrame:
    """Probes as a table."""
    import polars as pl

    return pl.DataFrame([probe.row() for probe in probes], schema=dict.fromkeys(PROBE, pl.String), orient="row")


def from_row(row: Mapping[str, str]) -> Probe:
    """The probe of a table's row."""
    return Probe(
        row["probe_id"], row["lang"], row["set"], row["kind"], json.loads(row["payload"]), row["part"], row["cluster"]
    )


def outcome_row(probe: Probe, outcome: Outcome) -> tuple[object, ...]:
    """An outcome as a row of `OUTCOME`."""
    head = (probe.probe_id, probe.lang, probe.set, probe.kind, probe.part, probe.cluster or probe.probe_id)
    return (*head, canonical(dict(outcome.found)), outcome.detail)
