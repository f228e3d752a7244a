"""What a run's proof found: figures by language and stage, paired differences, means, disparity, what became worse.

Every figure is of the statistics that benchmark reports use (`afya.bench.analysis`). A stage is compared with the one
before it and with the model before the first, on the items that both answered, clusters being groups. P-values are
adjusted (Holm) over the languages and comparisons of a data set; the rows over all languages are a family of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afya.bench.analysis.clustered import ALL
from afya.bench.analysis.equity import disparity, relative_change
from afya.bench.analysis.run_tables import SCORES
from afya.bench.analysis.summary import (
    in_order,
    languages_in,
    paired_rows,
    percent,
    shared_items,
    summarise,
)
from afya.bench.page.cells import plain_name, signed
from afya.errors import RunError
from afya.training.proof.averages import average_changes, averages
from afya.training.proof.held_out import ProofSet, noted
from afya.training.proof.measuring import BEFORE, model_sha256, place_of, scores_of
from afya.training.recipe import Proof, Recipe

if TYPE_CHECKING:
    import polars as pl

LEVEL = 0.95
PAIR = ("setting", "task", "a", "b")


@dataclass(frozen=True)
class Flag:
    """A stage that made a language significantly worse than `against` (the stage before, or `before`) on a data set.

    Shares between 0 and 1; `p` is adjusted (Holm). `lang` is a code, or 'all': over all languages.
    """

    stage: str
    against: str
    data: str
    role: str
    lang: str
    n: int
    groups: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float

    def sentence(self) -> str:
        """'After stage2 the model is worse than it was before training in Swahili on exams (taught): ...'"""
        where = "over all languages" if self.lang == ALL else f"in {plain_name(self.lang)}"
        than = "it was before training" if self.against == BEFORE else f"after {self.against}"
        told = "< 0.001" if self.p < 0.001 else f"= {self.p:.3f}"
        return (
            f"After {self.stage} the model is worse than {than} {where} on {self.data} ({self.role}): from "
            f"{percent(self.before)} to {percent(self.after)} %, "
            f"{signed(self.difference)} [{signed(self.low)}, {signed(self.high)}] points, p (Holm) {told}, "
            f"n = {self.n:,} in {self.groups:,} groups."
        )


@dataclass(frozen=True)
class Findings:
    """The tables; `task` is the data set's name (with its task, where it has several).

    `summary`: as `summary.summarise`. `changes`: a, b (labels), then as `summary.paired_rows`, and times, times_low,
    times_high, defined of `equity.relative_change`. `averages`, `average_changes`: see averages.py. `disparity`: as
    `equity.disparity`. `roles`: taught or general, by task. `models`: the hash of each label's model.
    """

    recipe: str
    fingerprint: str
    proof: Proof
    sets: tuple[ProofSet, ...]
    labels: tuple[str, ...]
    roles: dict[str, str]
    models: dict[str, str]
    summary: pl.DataFrame
    changes: pl.DataFrame
    averages: pl.DataFrame
    average_changes: pl.DataFrame
    disparity: pl.DataFrame
    flags: tuple[Flag, ...]
    notes: tuple[str, ...]
    level: float = LEVEL

    def described(self) -> dict[str, Any]:
        """Everything as plain values, shares to six decimals: what proof.json holds."""
        data = [
            {
                "name": one.name,
                "role": one.entry.role,
                "source": one.entry.source,
                "split": one.entry.split,
                "setting": one.entry.setting,
                "langs": list(one.langs),
                "left_out": list(one.left_out),
            }
            for one in self.sets
        ]
        return {
            "recipe": self.recipe,
            "run": self.fingerprint,
            "alpha": self.proof.alpha,
            "level": self.level,
            "few_groups": self.proof.few_groups,
            "labels": list(self.labels),
            "models": self.models,
            "data": data,
            "scores": _rows(self.summary, self.roles),
            "changes": _rows(self.changes, self.roles),
            "averages": _rows(self.averages, self.roles),
            "average_changes": _rows(self.average_changes, self.roles),
            "disparity": _rows(self.disparity, self.roles),
            "flags": [{key: _rounded(value) for key, value in asdict(flag).items()} for flag in self.flags],
            "notes": list(self.notes),
        }


def _rows(table: pl.DataFrame, roles: dict[str, str]) -> list[dict[str, Any]]:
    named = table.drop("model") if "model" in table.columns else table
    return [
        {"data": row["task"], "role": roles[row["task"]]}
        | {key: _rounded(value) for key, value in row.items() if key != "task"}
        for row in named.iter_rows(named=True)
    ]


def _rounded(value: object) -> object:
    return round(value, 6) if isinstance(value, float) else value


def find(recipe: Recipe, proof: Proof, run: Path, fingerprint: str) -> Findings:
    """What the measurements that are finished come to.

    Raises RunError where none is.
    """
    import polars as pl

    sets = noted(run)
    labels = [BEFORE, *(stage.name for stage in recipe.stages)]
    frames = [
        _named(scores_of(place, one, label), one)
        for one in sets
        for label in labels
        if ((place := place_of(run, label, one.name)) / SCORES).is_file()
    ]
    if not frames:
        raise RunError(f"{run}: nothing was measured.", hint=f"Measure it: afya train prove {run}")
    # The labels' order is the stages' order.
    scores = pl.concat(frames, how="diagonal_relaxed").sort(
        pl.col("label").replace_strict({label: place for place, label in enumerate(labels)}, return_dtype=pl.Int64),
        maintain_order=True,
    )
    held = [label for label in labels if label in set(scores["label"])]
    by_name = {one.name: one.entry.role for one in sets}
    roles: dict[str, str] = {
        str(task): by_name[str(name)] for task, name in scores.select("task", "set").unique().iter_rows()
    }
    summary = in_order(summarise(scores, LEVEL))
    changes = _changes(scores, held)
    flags = _flags(changes, roles, held, proof.alpha)
    unequal = disparity(scores, level=LEVEL)
    return Findings(
        recipe.name,
        fingerprint,
        proof,
        tuple(sets),
        tuple(held),
        roles,
        {label: sha for label in held if (sha := model_sha256(run, label, sets)) is not None},
        summary,
        changes,
        averages(scores, LEVEL),
        average_changes(scores, _pairs(held), LEVEL),
        unequal,
        flags,
        tuple(_notes(summary, unequal, sets, proof)),
    )


def _named(scores: pl.DataFrame, one: ProofSet) -> pl.DataFrame:
    """The scores with the data set's name for a task; with the task beside it where it has several."""
    import polars as pl

    several = scores["task"].n_unique() > 1
    name = pl.format("{} ({})", pl.lit(one.name), "task") if several else pl.lit(one.name)
    return scores.with_columns(task=name, set=pl.lit(one.name))


def _pairs(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Each stage against the one before it, and against the first of all."""
    found = []
    for place in range(1, len(labels)):
        found += [(labels[place - 1], labels[place]), (labels[0], labels[place])]
    return list(dict.fromkeys(found))


def _changes(scores: pl.DataFrame, labels: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    frames = []
    for (_, _), own in scores.group_by("setting", "task", maintain_order=True):
        have = [label for label in labels if label in set(own["label"])]
        for a, b in _pairs(have):
            met = shared_items(own.filter(pl.col("label") == a), own.filter(pl.col("label") == b))
            frames.append(met.with_columns(a=pl.lit(a), b=pl.lit(b)))
    if not frames:
        names = dict.fromkeys(("setting", "task", "item_id", "group_id", "lang", "a", "b"), pl.String())
        frames = [pl.DataFrame(schema={**names, "before": pl.Boolean(), "after": pl.Boolean()})]
    pairs = pl.concat(frames)
    table = paired_rows(pairs, PAIR, LEVEL, family=PAIR[:2])
    times = relative_change(pairs, PAIR, LEVEL).select(*PAIR, "lang", "times", "times_low", "times_high", "defined")
    table = table.join(times, on=[*PAIR, "lang"], how="left", maintain_order="left")
    order = {label: place for place, label in enumerate(labels)}
    # By stage; what it is compared with first is the model before everything.
    places = [pl.col(side).replace_strict(order, return_dtype=pl.Int64) for side in ("b", "a")]
    return table.sort("setting", "task", *places, maintain_order=True)


def _flags(changes: pl.DataFrame, roles: dict[str, str], labels: Sequence[str], alpha: float) -> tuple[Flag, ...]:
    found = []
    for row in changes.iter_rows(named=True):
        p = row["p_value"] if row["p_holm"] is None else row["p_holm"]
        if row["difference"] < 0 and p < alpha:
            told = {key: row[key] for key in ("lang", "n", "groups", "before", "after", "difference", "low", "high")}
            found.append(Flag(stage=row["b"], against=row["a"], data=row["task"], role=roles[row["task"]], p=p, **told))
    return tuple(sorted(found, key=lambda flag: labels.index(flag.stage)))


def _notes(summary: pl.DataFrame, unequal: pl.DataFrame, sets: Sequence[ProofSet], proof: Proof) -> list[str]:
    import polars as pl

    notes = []
    for (task,), own in summary.group_by("task", maintain_order=True):
        few = own.filter(pl.col("lang") != ALL, pl.col("groups") < proof.few_groups)
        if few.height:
            sizes = dict(few.sort("groups", descending=True).select("lang", "groups").iter_rows())
            named = ", ".join(f"{plain_name(code)} {sizes[code]}" for code in languages_in(few))
            notes.append(
                f"{task}: fewer than {proof.few_groups} groups in {named}. There only large changes can be seen, and "
                "intervals are uncertain themselves."
            )
        if own.filter(pl.col("lang") != ALL)["lang"].n_unique() > 1:
            even = unequal.filter(pl.col("task") == task)
            if not even.height or even["mean"].null_count() == even.height:
                notes.append(
                    f"{task}: no groups are answered in all languages, so that disparity cannot be told from a "
                    "difference between questions."
                )
        errors = int(own.filter(pl.col("lang") == ALL)["errors"].sum())
        if errors:
            notes.append(f"{task}: {errors:,} requests failed (prompts too long for the model) and are not in n.")
    notes += [
        f"{one.name}: {len(one.left_out):,} groups read, word for word, as a lesson does and are in no figure."
        for one in sets
        if one.left_out
    ]
    return notes
