"""Is the evaluation able to notice? Each safety check is broken in turn, and some number must become worse.

A mutation changes one thing in the running program: a check is switched off, masks nothing, passes everything. Its sets
of probes are tried again; since the evaluation is deterministic, any number that is worse than before is noticed. A
mutation that nothing notices means that the evaluation would not see that check fail, and is a failure with its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from afya.assistant.evaluation.metrics import Number, metrics, numbers
from afya.assistant.evaluation.mutations import MUTATIONS, Mutation
from afya.assistant.evaluation.probes import OUTCOME, Probe, outcome_row
from afya.assistant.evaluation.run import SEED, make_probes, measure
from afya.assistant.evaluation.subject import PIVOT, Subject, identity
from afya.executor import Output, Stage
from afya.executor import run as run_stage
from afya.runs import write_frame

if TYPE_CHECKING:
    import polars as pl

PROBES_A_KIND = 6
"""So many probes of each kind of a set are tried for a mutation, evenly drawn: it must be noticed, not measured."""
OTHERS: tuple[str, ...] = ("sw", "yo", "zu", "wo", "fr")
"""Beside the pivot's language one in which messages are translated: the first of these that is measured."""


@dataclass(frozen=True)
class Mutated:
    """One mutation: whether it was noticed, and by which numbers (language in brackets)."""

    name: str
    what: str
    noticed: bool
    by: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The result as JSON values."""
        return {"name": self.name, "what": self.what, "noticed": self.noticed, "by": list(self.by)}


def mutate(
    langs: Sequence[str],
    *,
    seed: int = SEED,
    cases: Path | None = None,
    workers: int = 1,
    only: Sequence[str] | None = None,
) -> tuple[Mutated, ...]:
    """Every mutation (or those named), tried in the pivot's language and one other of `langs`."""
    import polars as pl

    wanted = [mutation for mutation in MUTATIONS if only is None or mutation.name in only]
    tried = _languages(langs)
    with TemporaryDirectory(prefix="afya-mutations-") as name:
        folder = Path(name)
        sources = []
        for mutation in wanted:
            path = folder / "in" / f"{mutation.name}.parquet"
            write_frame(path, pl.DataFrame({"name": [mutation.name]}))
            sources.append(path)
        stage = Stage(
            "mutate",
            _try,
            config={
                "langs": list(tried),
                "seed": seed,
                "cases": None if cases is None else str(cases),
                "assistant": identity(tried),
            },
            reads=("name",),
            writes=("name", "noticed", "by"),
        )
        parts = run_stage(stage, sources, folder / "out", workers=workers)
        rows = {row["name"]: row for part in parts for row in pl.read_parquet(part.path).iter_rows(named=True)}
    return tuple(Mutated(m.name, m.what, rows[m.name]["noticed"], tuple(rows[m.name]["by"])) for m in wanted)


def _languages(langs: Sequence[str]) -> tuple[str, ...]:
    other = next((lang for lang in (*OTHERS, *langs) if lang in langs and lang != PIVOT), None)
    return (PIVOT,) if other is None else (PIVOT, other)


def _try(listed: pl.DataFrame, config: Mapping[str, Any], state: object) -> Output:
    import polars as pl

    by_name = {mutation.name: mutation for mutation in MUTATIONS}
    rows = []
    for name in listed["name"]:
        found = _noticed(by_name[name], tuple(config["langs"]), config["seed"], config["cases"])
        rows.append((name, bool(found), found))
    frame = pl.DataFrame(
        rows, schema={"name": pl.String, "noticed": pl.Boolean, "by": pl.List(pl.String)}, orient="row"
    )
    return Output(frame)


def _noticed(mutation: Mutation, langs: tuple[str, ...], seed: int, cases: str | None) -> list[str]:
    """The numbers that are worse under the mutation than without it."""
    before = {
        (entry.metric, entry.lang): entry
        for name in mutation.sets
        for lang in langs
        for entry in _sound(lang, name, seed, cases)
    }
    after: list[Number] = []
    with ExitStack() as changes:
        mutation.apply(changes)
        for lang in langs:
            # A new one: what is compiled into the old one would not be broken.
            subject = Subject(lang)
            for name in mutation.sets:
                after += _numbers(lang, _probes(lang, name, seed, cases), subject)
    worse = []
    for entry in after:
        old = before[entry.metric, entry.lang]
        known = metrics()[entry.metric]
        if entry.estimate.n and old.estimate.n and known.worse(entry.estimate.value, old.estimate.value):
            worse.append(f"{known.title} ({entry.lang})")
    return list(dict.fromkeys(worse))


@lru_cache(maxsize=64)
def _sound(lang: str, name: str, seed: int, cases: str | None) -> tuple[Number, ...]:
    """The numbers of one set without any mutation."""
    return tuple(_numbers(lang, _probes(lang, name, seed, cases), _subject(lang)))


@lru_cache(maxsize=4)
def _subject(lang: str) -> Subject:
    return Subject(lang)


@lru_cache(maxsize=64)
def _probes(lang: str, name: str, seed: int, cases: str | None) -> tuple[Probe, ...]:
    made = [probe for probe in _all_probes(lang, seed, cases) if probe.set == name]
    chosen: list[Probe] = []
    for kind in dict.fromkeys(probe.kind for probe in made):
        mine = [probe for probe in made if probe.kind == kind]
        step = max(1, len(mine) // PROBES_A_KIND)
        chosen += mine[::step][:PROBES_A_KIND]
    return tuple(chosen)


@lru_cache(maxsize=4)
def _all_probes(lang: str, seed: int, cases: str | None) -> tuple[Probe, ...]:
    from afya.assistant.evaluation import sets

    return tuple(make_probes(lang, sets.names(), seed, None if cases is None else Path(cases)))


def _numbers(lang: str, probes: Sequence[Probe], subject: Subject) -> list[Number]:
    import polars as pl

    rows = [outcome_row(probe, measure(probe, subject)) for probe in probes]
    outcomes = pl.DataFrame(rows, schema=dict.fromkeys(OUTCOME, pl.String), orient="row")
    return [entry for entry in numbers(outcomes, [lang]) if entry.lang == lang and entry.estimate.n]
